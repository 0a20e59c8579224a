"""A turn that ended in a pause is reopened by the words that follow."""

from __future__ import annotations

from typing import TypeVar

import pytest

from engine.items import VAD_FRAME_MS, Transcript
from engine.turn_taking.actions import Action, AskWords, BeginUtterance, EndUtterance
from engine.turn_taking.events import Duck, Interrupt, PreemptiveReplyDropped, Resume, UserTurnEnded, UserTurnReopened
from engine.turn_taking.reopening import AFTERTHOUGHT_MS, LONGEST_MS, PAUSE_MS, Reopening
from engine.turn_taking.turn_taker import TurnTaker

QUESTION = "What is a metaphor?"

A = TypeVar("A", bound=Action)


@pytest.mark.parametrize(("late", "start"), [(0, 100.0), (AFTERTHOUGHT_MS, 100.0), (AFTERTHOUGHT_MS + 1, None)])
def test_only_an_afterthought_reopens(late: float, start: float | None) -> None:
    turn = Reopening()
    assert turn.start_ms(500) is None and turn.pause_ms(500) is None
    turn.ended(100, 2000, 2400, QUESTION)
    assert turn.start_ms(2400 + late) == start


@pytest.mark.parametrize(("pause", "told"), [(0, 0), (PAUSE_MS, PAUSE_MS), (PAUSE_MS + 1, None)])
def test_a_long_pause_is_no_habit(pause: float, told: float | None) -> None:
    turn = Reopening()
    turn.ended(100, 2000, 2400, QUESTION)
    assert turn.pause_ms(2000 + pause) == told


def test_a_long_turn_is_not_read_again_but_its_pause_is_known() -> None:
    turn = Reopening()
    turn.ended(0, LONGEST_MS, LONGEST_MS + 400, QUESTION)
    assert turn.start_ms(LONGEST_MS + 500) is None
    assert turn.pause_ms(LONGEST_MS + 500) == 500


class Student:
    """Speaks to a turn taker whose recognizer answers at once."""

    def __init__(self) -> None:
        self.taker = TurnTaker()
        self.now = 0.0
        self.words, self.logprob = "", 0.0
        self.answers = True
        self.asked: AskWords | None = None
        self.said: list[Action] = []

    def take(self, actions: list[Action]) -> None:
        self.said += actions
        for action in actions:
            if isinstance(action, AskWords):
                self.asked = action
                if self.answers:
                    self.answer()

    def answer(self) -> None:
        asked, self.asked = self.asked, None
        if asked is not None:
            transcript = Transcript(self.words, no_speech=0.1, logprob=self.logprob)
            self.take(self.taker.words(asked.utterance, asked.kind, transcript))

    def hear(self, ms: int, words: str | None = None, logprob: float = 0.0) -> None:
        if words is not None:
            self.words, self.logprob = words, logprob
        for _ in range(int(ms // VAD_FRAME_MS)):
            self.now += VAD_FRAME_MS
            self.take(self.taker.frame(0.05 if words is None else 0.9, self.now))

    def asks(self) -> None:
        """The question, taken for whole; then the tutor begins to answer."""
        self.hear(320)
        self.hear(1200, QUESTION)
        while not self.of(UserTurnEnded):
            self.hear(int(VAD_FRAME_MS))
        self.take(self.taker.tutor(True, "A metaphor"))

    def of(self, kind: type[A]) -> list[A]:
        return [action for action in self.said if isinstance(action, kind)]


def test_going_on_is_heard_from_the_beginning_of_the_turn() -> None:
    student = Student()
    student.asks()
    first = student.of(BeginUtterance)[0]
    student.hear(640, "in a poem?")
    assert student.of(Interrupt) and student.of(UserTurnReopened) == [UserTurnReopened(first.start_ms)]
    student.hear(640, "What is a metaphor in a poem?")
    student.hear(1500)
    begun = [action.start_ms for action in student.of(BeginUtterance)]
    assert begun[2] == begun[0] < begun[1]
    ended = student.of(UserTurnEnded)
    assert [turn.transcript.text for turn in ended] == [QUESTION, "What is a metaphor in a poem?"]
    numbers = [action.utterance for action in student.of(EndUtterance)]
    assert numbers == sorted(set(numbers)), "an answer to what was asked before could be taken for one to all"


def test_the_tutors_own_words_reopen_nothing() -> None:
    student = Student()
    student.asks()
    student.take(student.taker.tutor(False))
    student.hear(640, "a metaphor")
    student.hear(1500)
    assert not student.of(UserTurnReopened) and len(student.of(UserTurnEnded)) == 1


class Whole(Student):
    """What was said is understood otherwise with the question before it."""

    whole = ""

    def answer(self) -> None:
        if len(self.of(BeginUtterance)) > 2:
            self.words, self.logprob = self.whole, -0.2
        super().answer()


def test_an_ending_that_is_no_word_by_itself_is_understood_with_its_beginning() -> None:
    student = Whole()
    student.whole = "What is a metaphor to me?"
    student.asks()
    student.hear(480, "Jimmy.", logprob=-1.0)
    student.hear(2500)
    assert [type(a) for a in student.said if isinstance(a, Interrupt | UserTurnReopened | Resume)] == [
        Interrupt,
        UserTurnReopened,
    ]
    assert student.of(UserTurnEnded)[-1].transcript.text == student.whole


@pytest.mark.parametrize(
    ("alone", "whole"),
    [
        ("", QUESTION),
        ("You.", "What is a matter?"),
        ("Jimmy.", f"{QUESTION} Mm-hm."),
        ("You.", f"{QUESTION} Thank you."),
        ("You.", f"{QUESTION} A metaphor."),
    ],
)
def test_a_cough_a_nod_or_an_echo_reopens_nothing(alone: str, whole: str) -> None:
    student = Whole()
    student.whole = whole
    student.asks()
    student.hear(480, alone, logprob=-1.0)
    student.hear(2500)
    assert not student.of(UserTurnReopened) and not student.of(Interrupt) and len(student.of(UserTurnEnded)) == 1
    assert len(student.of(Duck)) == len(student.of(Resume)) == 1
    assert len(student.of(BeginUtterance)) == 3, "it was heard anew with the question"


def test_a_nod_needs_no_second_look() -> None:
    student = Student()
    student.asks()
    student.hear(480, "mm-hm")
    student.hear(1500)
    assert len(student.of(BeginUtterance)) == 2 and len(student.of(UserTurnEnded)) == 1


@pytest.mark.parametrize(("whole", "turns"), [(QUESTION, 1), ("What is a metaphor to me?", 2)])
def test_the_tutor_falls_silent_before_it_is_settled(whole: str, turns: int) -> None:
    student = Student()
    student.asks()
    student.hear(480, "")
    while len(student.of(BeginUtterance)) < 3:
        student.answers = len(student.of(EndUtterance)) < 2
        student.hear(int(VAD_FRAME_MS))
        student.answers = False
    student.take(student.taker.tutor(False))
    student.words, student.answers = whole, True
    student.answer()
    student.hear(2500)
    assert not student.taker.engaged and len(student.of(UserTurnEnded)) == turns
    assert len(student.of(UserTurnReopened)) == turns - 1


def test_a_reply_begun_ahead_to_the_second_half_alone_is_dropped() -> None:
    student = Student()
    student.hear(320)
    student.hear(1200, QUESTION)
    while not student.of(UserTurnEnded):
        student.hear(int(VAD_FRAME_MS))
    student.hear(640, "in a poem?")  # before the tutor's first sound
    student.hear(1500)
    reopened = student.said.index(student.of(UserTurnReopened)[0])
    last = student.of(UserTurnEnded)[-1]
    before = [action for action in student.said[:reopened] if isinstance(action, PreemptiveReplyDropped)]
    assert len(before) <= 1 and last.preemptive_id is not None
