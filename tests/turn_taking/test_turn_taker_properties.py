"""Whatever happens in whatever order, the turn taker keeps its promises."""

from __future__ import annotations

from itertools import zip_longest
from typing import Any

from hypothesis import given, settings
from hypothesis import strategies as st

from engine.errors import RecognitionFailed
from engine.items import VAD_FRAME_MS, Transcript
from engine.settings import ListeningOptions
from engine.turn_taking.actions import Action, AskCompletion, AskTurnModel, AskWords, BeginUtterance, EndUtterance
from engine.turn_taking.events import (
    BeginPreemptiveReply,
    Duck,
    Interrupt,
    ListeningFailed,
    NoSpeechHeard,
    PreemptiveReplyDropped,
    Resume,
    SpeechStarted,
    SpeechStopped,
    UserTurnEnded,
)
from engine.turn_taking.turn_taker import TurnTaker

TEXTS = (
    "",
    "okay",
    "stop that",
    "What is a star?",
    "What is a star made of?",
    "because the",
    "I like it.",
    "plants make sugar",
    "thank you",
)

steps = st.one_of(
    st.tuples(st.just("voice"), st.integers(1, 40)),
    st.tuples(st.just("silence"), st.integers(1, 60)),
    st.tuples(st.just("murmur"), st.integers(1, 10)),
    st.tuples(st.just("words"), st.sampled_from(TEXTS)),
    st.tuples(st.just("mumbled"), st.sampled_from(TEXTS)),
    st.tuples(st.just("fail"), st.none()),
    st.tuples(st.just("verdict"), st.none() | st.floats(0, 1)),
    st.tuples(st.just("score"), st.none() | st.floats(0, 1)),
    st.tuples(st.just("tutor"), st.sampled_from(["", "plants make sugar from light"])),
    st.tuples(st.just("hush"), st.none()),
    st.tuples(st.just("end"), st.none()),
    st.tuples(st.just("discard"), st.none()),
)


class Bench:
    """Drives a turn taker as the shell does, and keeps what it said."""

    def __init__(
        self, options: ListeningOptions | None = None, barge_in: bool = True, word_model: bool = False
    ) -> None:
        self.taker = TurnTaker(options, barge_in=barge_in, word_model=word_model)
        self.said: list[Action] = []
        self.words: AskWords | None = None
        self.model: AskTurnModel | None = None
        self.completion: AskCompletion | None = None
        self.now = 0.0

    def take(self, actions: list[Action]) -> None:
        for action in actions:
            if isinstance(action, AskWords):
                assert self.words is None or action.kind == "preview", "a revision got in the way"
                self.words = action
            elif isinstance(action, AskTurnModel):
                assert self.model is None
                self.model = action
            elif isinstance(action, AskCompletion):
                assert self.completion is None or self.completion.text != action.text
                self.completion = action
            elif isinstance(action, EndUtterance):
                self.words = self.model = self.completion = None
        self.said += actions

    def hear(self, probability: float, frames: int = 1) -> None:
        for _ in range(frames):
            self.now += VAD_FRAME_MS
            self.take(self.taker.frame(probability, self.now))

    def answer(self, text: str, logprob: float = 0.0) -> None:
        if self.words is not None:
            question, self.words = self.words, None
            transcript = Transcript(text, no_speech=0.1, logprob=logprob)
            self.take(self.taker.words(question.utterance, question.kind, transcript))

    def step(self, kind: str, value: Any) -> None:
        if kind in ("voice", "silence", "murmur"):
            self.hear({"voice": 0.9, "silence": 0.05, "murmur": 0.42}[kind], value)
        elif kind in ("words", "mumbled"):
            self.answer(value, 0.0 if kind == "words" else -1.2)
        elif kind == "fail" and self.words is not None:
            question, self.words = self.words, None
            self.take(self.taker.words_failed(question.utterance, question.kind, RecognitionFailed("no")))
        elif kind == "verdict" and self.model is not None:
            asked, self.model = self.model, None
            self.take(self.taker.verdict(asked.utterance, value))
        elif kind == "score" and self.completion is not None:
            judged, self.completion = self.completion, None
            self.take(self.taker.completion(judged.utterance, judged.text, value))
        elif kind in ("tutor", "hush"):
            self.take(self.taker.tutor(kind == "tutor", value or ""))
        elif kind == "end":
            self.take(self.taker.end_turn())
        elif kind == "discard":
            self.take(self.taker.discard())


def check(said: list[Action]) -> None:
    """Promises of ``events.py``, on everything said until nothing is in progress."""
    speaking = ducked = False
    open_utterance: int | None = None
    preemptive: int | None = None
    for action, following in zip_longest(said, said[1:]):
        match action:
            case BeginUtterance(utterance=utterance):
                assert open_utterance is None
                open_utterance = utterance
            case EndUtterance(utterance=utterance):
                assert open_utterance == utterance
                assert preemptive is None
                assert not ducked or isinstance(following, BeginUtterance), "but for a second look"
                open_utterance = None
            case AskWords(utterance=utterance) | AskTurnModel(utterance=utterance) | AskCompletion(utterance=utterance):
                assert utterance == open_utterance
            case SpeechStarted():
                assert not speaking
                speaking = True
            case SpeechStopped():
                assert speaking
                speaking = False
            case Duck():
                assert not ducked
                ducked = True
            case Resume() | Interrupt():
                assert ducked or isinstance(action, Interrupt)
                ducked = False
            case BeginPreemptiveReply(id=number, transcript=transcript):
                assert preemptive is None
                assert not ducked
                assert transcript.text
                preemptive = number
            case PreemptiveReplyDropped(id=number):
                assert preemptive == number
                preemptive = None
            case UserTurnEnded():
                assert not ducked
                assert not speaking
                assert action.transcript.text
                assert action.transcript.final
                assert action.preemptive_id == preemptive
                assert action.timings["commit"] >= 0
                preemptive = None
            case NoSpeechHeard() | ListeningFailed():
                assert not ducked
    assert open_utterance is None
    assert preemptive is None
    assert not speaking
    assert not ducked


@settings(max_examples=3 * settings().max_examples)
@given(st.lists(steps, max_size=40), st.booleans(), st.booleans(), st.integers(0, 2))
def test_every_promise_is_kept_and_every_turn_ends(
    script: list[tuple[str, Any]], barge_in: bool, word_model: bool, ahead: int
) -> None:
    bench = Bench(ListeningOptions(preemptive_replies=ahead, max_turn_s=8), barge_in, word_model)
    for kind, value in script:
        bench.step(kind, value)
    bench.hear(0.05, 500)  # 16 s of silence in which no model answers any more
    assert not bench.taker.engaged
    check(bench.said)


@settings(max_examples=settings().max_examples * 3 // 5)
@given(st.lists(st.tuples(st.integers(3, 30), st.integers(1, 12)), min_size=1, max_size=8), st.floats(0, 1))
def test_pauses_below_the_floor_never_end_a_turn(parts: list[tuple[int, int]], opinion: float) -> None:
    """Voice and pauses shorter than the floor, with a model and words as hasty as can be."""
    bench = Bench()
    floor_frames = int(ListeningOptions().endpoint.floor_ms // VAD_FRAME_MS) - 2
    for voice, pause in parts:
        bench.hear(0.9, voice)
        for _ in range(min(pause, floor_frames)):
            bench.hear(0.05)
            bench.answer("What is a star?")
            bench.step("verdict", opinion)
        bench.hear(0.9, 3)
    assert not [action for action in bench.said if isinstance(action, UserTurnEnded)]


@settings(max_examples=settings().max_examples * 3 // 5)
@given(st.sampled_from(TEXTS), st.none() | st.floats(0, 1), st.integers(0, 30))
def test_words_end_a_turn_within_the_ceiling(text: str, opinion: float | None, decode_frames: int) -> None:
    options = ListeningOptions()
    bench = Bench(options)
    bench.hear(0.9, 20)
    while bench.taker.engaged:
        bench.hear(0.05)
        bench.step("verdict", opinion)
        if bench.words and bench.now - 20 * VAD_FRAME_MS >= decode_frames * VAD_FRAME_MS:
            bench.answer(text)
        assert bench.now <= 20 * VAD_FRAME_MS + options.endpoint.ceiling_ms + 100
    last = bench.said[-2]
    assert isinstance(last, UserTurnEnded if text else NoSpeechHeard)


def test_a_student_who_pauses_for_long_is_given_more_time() -> None:
    """After some long inner pauses the same statement waits longer than at first."""
    waits = []
    bench = Bench()
    for _ in range(4):
        bench.hear(0.9, 20)
        bench.hear(0.05, 8)
        bench.answer("because the")
        bench.step("verdict", 0.5)
        bench.hear(0.05, 26)
        bench.hear(0.9, 20)
        before = len(bench.said)
        while bench.taker.engaged:
            bench.hear(0.05)
            bench.answer("because the sun is hot.")
            bench.step("verdict", 0.8)
        ended = next(action for action in bench.said[before:] if isinstance(action, UserTurnEnded))
        waits.append(ended.timings["waited"])
        bench.hear(0.05, 100)
    assert waits[-1] > 1.3 * waits[0]
