"""Push to talk: nothing is sent between two questions, so the student's stream has no silence there."""

from __future__ import annotations

import asyncio

import pytest

from engine.items import VAD_FRAME_MS, FloatArray, Transcript
from engine.settings import Settings
from engine.turn_taking.actions import Action, AskWords
from engine.turn_taking.events import ListenEvent, NoSpeechHeard, UserTurnEnded, UserTurnReopened
from engine.turn_taking.listener import Listener
from engine.turn_taking.reopening import AFTERTHOUGHT_MS, PAUSE_MS, Reopening
from engine.turn_taking.turn_taker import TurnTaker
from tests.fakes import FakeDetector, FakeEndOfTurn, FakeRecognizer, Script, play
from tests.virtual_time import run_virtual

FIRST, SECOND = "What is a star?", "And what is a moon?"


def ask_twice(pause_s: float, *, end: bool, tail_ms: int = 300, tutor: str = "") -> list[ListenEvent]:
    """Two questions in one unbroken stream, the second pushed ``pause_s`` after the first.

    Args:
        pause_s: in which nothing is sent.
        end: the client tells when the button is released.
        tail_ms: of silence that is sent after each question.
        tutor: what the tutor says in the pause, up to half a second before its end.
    """

    async def main() -> list[ListenEvent]:
        heard: list[ListenEvent] = []
        listener = Listener(FakeRecognizer(), FakeDetector(), FakeEndOfTurn(), Settings())
        sent = 0

        async def push(text: str) -> None:
            nonlocal sent
            script = Script().say(100, text)
            pcm: FloatArray = script.pcm(int(script.end_of()) + tail_ms)
            await play(listener.push, pcm, start_sample=sent)
            sent += len(pcm)
            if end:
                listener.end_turn()

        async def collect() -> None:
            heard.extend([event async for event in listener.events])

        async with asyncio.TaskGroup() as group:
            group.create_task(collect())
            async with listener:
                await push(FIRST)
                if tutor:
                    await asyncio.sleep(1)
                    listener.tutor_speaking(True, tutor)
                    await asyncio.sleep(pause_s - 2)
                    listener.tutor_speaking(False)
                    await asyncio.sleep(1)
                else:
                    await asyncio.sleep(pause_s)
                await push(SECOND)
                await asyncio.sleep(5)
        return heard

    return run_virtual(main())


def turns(heard: list[ListenEvent]) -> list[str]:
    return [event.transcript.text for event in heard if isinstance(event, UserTurnEnded)]


@pytest.mark.parametrize("tail_ms", [300, 450, 600])
@pytest.mark.parametrize("end", [True, False], ids=["with end", "without end"])
def test_two_questions_with_nothing_sent_between_them_are_two_user_turns(end: bool, tail_ms: int) -> None:
    heard = ask_twice(6, end=end, tail_ms=tail_ms)
    assert turns(heard) == [FIRST, SECOND]
    assert not [event for event in heard if isinstance(event, UserTurnReopened)]


def test_a_question_right_after_the_button_was_released_is_another_user_turn() -> None:
    heard = ask_twice(0.4, end=True)
    assert turns(heard) == [FIRST, SECOND]
    assert not [event for event in heard if isinstance(event, UserTurnReopened)]


def test_without_an_end_a_short_gap_in_what_is_sent_is_a_pause() -> None:
    heard = ask_twice(0.9, end=False)
    assert [event for event in heard if isinstance(event, UserTurnReopened)]
    assert len(turns(heard)) == 2


def test_the_tutors_words_asked_back_long_after_it_fell_silent_are_no_echo() -> None:
    heard = ask_twice(6, end=True, tutor="I wonder, and what is a moon")
    assert turns(heard) == [FIRST, SECOND]
    assert not [event for event in heard if isinstance(event, NoSpeechHeard)]


@pytest.mark.parametrize(("unsent", "start"), [(0, 100.0), (AFTERTHOUGHT_MS - 200, 100.0), (AFTERTHOUGHT_MS, None)])
def test_time_in_which_nothing_is_sent_counts_towards_an_afterthought(unsent: float, start: float | None) -> None:
    turn = Reopening()
    turn.ended(100, 2000, 2400, FIRST, unsent_ms=7000)
    assert turn.start_ms(2600, 7000 + unsent) == start


@pytest.mark.parametrize(("unsent", "pause"), [(0, 600), (PAUSE_MS - 600, PAUSE_MS), (PAUSE_MS - 599, None)])
def test_time_in_which_nothing_is_sent_counts_towards_a_pause(unsent: float, pause: float | None) -> None:
    turn = Reopening()
    turn.ended(100, 2000, 2400, FIRST, unsent_ms=7000)
    assert turn.pause_ms(2600, 7000 + unsent) == pause


def test_sound_that_came_faster_than_real_time_shortens_no_pause() -> None:
    turn = Reopening()
    turn.ended(100, 2000, 2400, FIRST, unsent_ms=7000)
    assert turn.pause_ms(2600, 6000) == 600


class Talker:
    """A student whose recognizer answers at once, and who may press a button."""

    def __init__(self) -> None:
        self.taker = TurnTaker()
        self.now = 0.0
        self.said: list[Action] = []
        self.words = ""

    def take(self, actions: list[Action]) -> None:
        self.said += actions
        for action in actions:
            if isinstance(action, AskWords):
                self.take(self.taker.words(action.utterance, action.kind, Transcript(self.words, no_speech=0.1)))

    def hear(self, ms: int, words: str | None = None) -> None:
        self.words = self.words if words is None else words
        for _ in range(int(ms // VAD_FRAME_MS)):
            self.now += VAD_FRAME_MS
            self.take(self.taker.frame(0.05 if words is None else 0.9, self.now))

    def count(self, kind: type) -> int:
        return sum(isinstance(action, kind) for action in self.said)


@pytest.mark.parametrize(("pressed", "reopened"), [(True, 0), (False, 1)])
def test_an_end_that_comes_after_the_turn_was_ended_by_silence_closes_it_too(pressed: bool, reopened: int) -> None:
    talker = Talker()
    talker.hear(320)
    talker.hear(1200, FIRST)
    while not talker.count(UserTurnEnded):
        talker.hear(32)
    if pressed:
        talker.take(talker.taker.end_turn())
    talker.hear(640, SECOND)
    talker.hear(2000)
    assert talker.count(UserTurnReopened) == reopened
    assert talker.count(UserTurnEnded) == 2


def test_noise_at_the_end_of_a_press_does_not_leave_the_turn_before_open() -> None:
    talker = Talker()
    talker.hear(320)
    talker.hear(1200, FIRST)
    while not talker.count(UserTurnEnded):
        talker.hear(32)
    talker.hear(160, "")
    talker.take(talker.taker.end_turn())
    talker.hear(320)
    assert talker.count(NoSpeechHeard) == 1
    talker.hear(640, SECOND)
    talker.hear(2000)
    assert talker.count(UserTurnReopened) == 0 and talker.count(UserTurnEnded) == 2
