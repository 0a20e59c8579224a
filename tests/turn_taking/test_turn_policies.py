"""The pure policies of turn taking, each alone."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from engine.items import VAD_FRAME_MS, AudioChunk, Transcript
from engine.recognition.level import LevelFollower
from engine.settings import EndpointOptions, GateOptions, Settings
from engine.turn_taking.barge_in import BargeInPolicy, Judgement, OverlappingSound
from engine.turn_taking.end_of_turn import Clues, features, log_odds, probability
from engine.turn_taking.endpointing import EndpointPolicy, PauseHabit
from engine.turn_taking.framing import FrameAssembler, RecentAudio
from engine.turn_taking.speech_gate import GateEvent, SpeechGate
from engine.turn_taking.transcript_cues import (
    added_words,
    asks,
    breaks_off,
    content,
    echo_share,
    equivalent,
    is_backchannel,
    may_become_backchannel,
    trails_off,
)


@pytest.mark.parametrize(
    ("text", "language", "expected"),
    [
        ("What is a star?", "en", (True, False, False)),
        ("I was wondering if the...", "en", (False, True, True)),
        ("Well, first,", "en", (False, True, False)),
        ("My brother and", "en", (False, False, True)),
        ("Ich weiß nicht, ob das ein", "de", (False, False, True)),
        ("你知道答案吗", "zh", (True, False, False)),
        ("你好，请问什么是光合作用。", "zh", (True, False, False)),
        ("我觉得", "zh", (False, False, True)),
        ("我知道了。", "zh", (False, False, False)),
        ("私は", "ja", (False, False, True)),
        ("", "en", (False, False, False)),
    ],
)
def test_what_the_words_say_about_the_end(text: str, language: str, expected: tuple[bool, bool, bool]) -> None:
    assert (asks(text), trails_off(text), breaks_off(text, language)) == expected


def test_equivalence_is_of_words() -> None:
    assert equivalent("What is a cell?", "what is, um, a cell")
    assert equivalent("你好，嗯，什么是光", "你好 什么是光。")
    assert not equivalent("What is a cell?", "What is a cell wall?")
    assert not equivalent("两个", "二个")
    assert equivalent("It’s ok", "it's OK.")


@pytest.mark.parametrize(
    "text", ["mm-hmm", "Uh-huh.", "Okay.", "嗯", "对对对", "好的", "yeah, right", "I see.", "I see, I see."]
)
def test_nods(text: str) -> None:
    assert is_backchannel(text)
    assert content(text) == []


@pytest.mark.parametrize("text", ["stop", "okay but why", "好的老师我想问", "no", "I see a bird"])
def test_bids(text: str) -> None:
    assert content(text)
    assert not is_backchannel(text)


def test_invented_words_are_neither() -> None:
    assert not content("Thank you.")
    assert not is_backchannel("Thank you.")


def test_the_beginning_of_a_nod_is_not_yet_a_bid() -> None:
    assert may_become_backchannel("I")
    assert not may_become_backchannel("I want")


@pytest.mark.parametrize(
    ("before", "whole", "added"),
    [
        ("What makes me?", "What makes the tide rise?", "the tide rise"),
        ("What is a metaphor?", "What is a metaphor? To me.", "to me"),
        ("What makes me?", "What makes the?", ""),
        ("I got.", "I got.", ""),
        ("我觉得", "我觉得很难", "很 难"),
        ("", "Anything", "anything"),
    ],
)
def test_what_a_second_look_adds(before: str, whole: str, added: str) -> None:
    assert added_words(before, whole) == added


def test_echo_is_what_the_tutor_just_said() -> None:
    spoken = "Plants use sunlight to make sugar. " * 20 + "The leaves take in carbon dioxide."
    assert echo_share("leaves take in carbon", spoken) == 1.0
    assert echo_share("what about the roots", spoken) <= 0.5
    assert echo_share("", spoken) == 0.0
    assert echo_share("二氧化碳", "叶子吸收二氧化碳") == 1.0


@given(st.floats(-50, 50), st.lists(st.floats(0, 10_000), max_size=30))
def test_every_wait_is_between_floor_and_ceiling(log_odds: float, pauses: list[float]) -> None:
    policy, options = EndpointPolicy(), EndpointOptions()
    for pause in pauses:
        policy.habit.learn(pause)
    assert options.floor_ms <= policy.wait_ms(log_odds) <= options.ceiling_ms


@given(st.floats(-50, 50), st.floats(-50, 50), st.floats(1, 1000), st.floats(1, 1000))
def test_the_surer_the_end_and_the_less_patience_the_shorter_the_wait(
    one: float, other: float, less: float, more: float
) -> None:
    (low, high), (less, more) = sorted((one, other)), sorted((less, more))
    hasty, patient = (EndpointPolicy(EndpointOptions(patience=patience)) for patience in (less, more))
    assert hasty.wait_ms(high) <= hasty.wait_ms(low) <= patient.wait_ms(low)


heard = st.builds(Transcript, st.sampled_from(["", "Why", "Why is", "It is a star.", "Is it?"]), language=st.just("en"))
shares = st.none() | st.floats(0, 1)


@given(heard, shares, shares)
def test_log_odds_are_those_of_a_probability(transcript: Transcript, completion: float | None, by_ear: float) -> None:
    odds = log_odds(Clues(transcript, completion, by_ear))
    assert 0 < probability(odds) < 1


@given(heard, st.floats(0, 1), st.floats(0, 1), shares)
def test_the_more_complete_the_words_and_the_voice_the_likelier_the_end(
    transcript: Transcript, one: float, other: float, constant: float | None
) -> None:
    low, high = sorted((one, other))
    assert log_odds(Clues(transcript, low, constant)) <= log_odds(Clues(transcript, high, constant))
    assert log_odds(Clues(transcript, constant, low)) <= log_odds(Clues(transcript, constant, high))


def test_one_word_is_an_answer_once_the_tutor_has_asked() -> None:
    word = Transcript("Twelve.")
    assert log_odds(Clues(word, 0.1, 0.5, answering=True)) > log_odds(Clues(word, 0.1, 0.5)) + 1
    sentence = Transcript("It is twelve.")
    assert log_odds(Clues(sentence, 0.1, 0.5, answering=True)) == log_odds(Clues(sentence, 0.1, 0.5))


def test_the_score_counts_only_in_a_language_the_small_model_knows() -> None:
    chinese = Transcript("我觉得", language="zh")
    assert "completion" not in features(Clues(chinese, 0.9, 0.5))
    assert "completion" in features(Clues(Transcript("I think"), 0.9, 0.5))


def test_habits_stretch_and_shrink_within_limits() -> None:
    slow, quick = PauseHabit(), PauseHabit()
    for _ in range(50):
        slow.learn(5000)
        quick.learn(210)
    assert slow.mean_ms == 2 * PauseHabit.USUAL_MS
    assert quick.mean_ms == 0.8 * PauseHabit.USUAL_MS
    quick.learn(50)
    assert quick.average_ms > 200


def frames(gate: SpeechGate, probabilities: list[float], start: int = 0) -> list[GateEvent]:
    fed = (gate.feed(p, (start + i + 1) * VAD_FRAME_MS) for i, p in enumerate(probabilities))
    return [event for event in fed if event is not None]


def test_the_gate_tells_when_it_was_heard_not_when_it_was_sure() -> None:
    events = frames(SpeechGate(), [0.0] * 10 + [0.9] * 20 + [0.1] * 20)
    assert [event.kind for event in events] == ["start", "stop"]
    assert abs(events[0].ms - 10 * VAD_FRAME_MS) <= 32
    assert abs(events[1].ms - 30 * VAD_FRAME_MS) <= 48


def test_the_gate_ignores_clicks_and_bridges_short_silences() -> None:
    assert frames(SpeechGate(), [0.0] * 5 + [0.9] + [0.1] * 5) == []
    events = frames(SpeechGate(), [0.9] * 10 + [0.1] * 4 + [0.9] * 10 + [0.1] * 20)
    assert [event.kind for event in events] == ["start", "stop"]


def test_between_the_thresholds_nothing_changes() -> None:
    gate = SpeechGate()
    assert frames(gate, [0.45] * 50) == []
    assert [event.kind for event in frames(gate, [0.9, 0.9] + [0.45] * 50, 50)] == ["start"]


@given(st.lists(st.floats(0, 1), max_size=300), st.floats(0.4, 0.9), st.floats(0.05, 0.4), st.floats(0, 200))
def test_the_gate_alternates_and_time_does_not_run_back(
    probabilities: list[float], start: float, stop: float, min_speech_ms: float
) -> None:
    gate = SpeechGate(GateOptions(start, stop, min_speech_ms, 200))
    events = frames(gate, probabilities + [0.0] * 20)
    assert [event.kind for event in events] == ["start", "stop"] * (len(events) // 2)
    for begin, end in zip(events[::2], events[1::2], strict=True):
        assert begin.ms <= end.ms
    assert not gate.speaking
    assert not gate.stirring


@given(st.lists(st.floats(0, 1), min_size=1, max_size=400))
def test_gain_never_clips_and_never_turns_down(peaks: list[float]) -> None:
    level = LevelFollower()
    for peak in peaks:
        gain = level.gain(peak)
        assert 1.0 <= gain <= 15.0
        assert gain == 1.0 or gain * peak <= LevelFollower.TARGET_PEAK * 1.0001


def sound(
    text: str | None, voiced: float = 400, silent: float = 0, logprob: float = -0.2, **more: Any
) -> OverlappingSound:
    fields = {"tutor_ms": 2000.0, "tutor_text": "Plants turn light into sugar", "complete": False, **more}
    transcript = None if text is None else Transcript(text, no_speech=0.85, logprob=logprob)
    return OverlappingSound(voiced, silent, transcript=transcript, **fields)


@pytest.mark.parametrize(
    ("heard", "expected"),
    [
        (sound("stop please"), Judgement.WORDS),
        (sound("stop", voiced=150), Judgement.WAIT),
        (sound("stop please", voiced=250, tutor_ms=100.0), Judgement.WAIT),
        (sound("stop please", voiced=450, tutor_ms=100.0), Judgement.WORDS),
        (sound(None), Judgement.WAIT),
        (sound(None, voiced=1100), Judgement.SPEECH),
        (sound("", voiced=1100), Judgement.WAIT),
        (sound("okay"), Judgement.WAIT),
        (sound("okay", silent=150, complete=True), Judgement.BACKCHANNEL),
        (sound("", silent=150, complete=True), Judgement.NOISE),
        (sound(None, silent=150), Judgement.WAIT),
        (sound(None, silent=400), Judgement.WAIT),
        (sound(None, silent=1000), Judgement.NOISE),
        (sound("wait", logprob=-0.7), Judgement.WORDS),
        (sound("and the mates", logprob=-0.8), Judgement.WAIT),
        (sound("and the mates", logprob=-0.8, silent=150, complete=True), Judgement.WAIT),
        (sound("and the mates", logprob=-0.8, silent=400, complete=True), Judgement.NOISE),
        (sound("and the mates", logprob=-0.8, voiced=950), Judgement.WORDS),
        (sound("the mate", logprob=-0.3), Judgement.WORDS),
        (sound("turn light into sugar"), Judgement.WAIT),
        (sound("turn light into sugar", silent=150, complete=True), Judgement.ECHO),
        (sound("okay but why", silent=150, complete=True), Judgement.WORDS),
    ],
)
def test_what_a_sound_over_the_tutor_means(heard: OverlappingSound, expected: Judgement) -> None:
    assert BargeInPolicy().judge(heard) is expected


OVERLAPS = [
    line.split("\t")
    for line in Path(__file__).with_name("overlaps.tsv").read_text().splitlines()
    if not line.startswith("#")
]


def test_what_students_say_over_the_tutor_is_told_apart() -> None:
    """At most 3 % of nods interrupt, and at most 3 % of bids do not."""
    for kind, expected in (("nod", Judgement.BACKCHANNEL), ("bid", Judgement.WORDS)):
        texts = [text for what, text in OVERLAPS if what == kind]
        wrong = [t for t in texts if BargeInPolicy().judge(sound(t, silent=200, complete=True)) is not expected]
        assert len(wrong) <= 0.03 * len(texts), wrong


@pytest.mark.parametrize("text", ["Okay.", "Right.", "Yes.", "I see."])
def test_a_nod_right_after_a_question_of_the_tutor_is_an_answer(text: str) -> None:
    asked = "Light makes sugar. Do you see why?"
    assert BargeInPolicy().judge(sound(text, silent=200, complete=True, tutor_text=asked)) is Judgement.WORDS
    assert BargeInPolicy().judge(sound(text, silent=200, complete=True)) is Judgement.BACKCHANNEL


def chunk(start: int, samples: int, level: float = 0.5) -> AudioChunk:
    return AudioChunk(np.full(samples, level, np.float32), start)


@given(st.lists(st.integers(0, 3000), max_size=30))
def test_the_timeline_loses_nothing_of_what_comes_whole(sizes: list[int]) -> None:
    timeline, position, frames = FrameAssembler(), 0, 0
    for size in sizes:
        frames += len(timeline.add(chunk(position, size)))
        position += size
    assert frames == position // 512
    assert timeline.received_ms == pytest.approx(position / 16)


def test_the_timeline_fills_holes_and_cuts_what_comes_twice() -> None:
    timeline = FrameAssembler()
    assert len(timeline.add(chunk(0, 512))) == 1
    holed = timeline.add(chunk(1024, 512))
    assert [float(frame.pcm.max()) for frame in holed] == [0.0, 0.5]
    assert timeline.add(chunk(1024, 512)) == []
    assert len(timeline.add(chunk(1280, 768))) == 1
    assert timeline.received_ms == 4 * 32


def test_silence_made_up_is_not_made_up_again() -> None:
    timeline = FrameAssembler()
    timeline.add(chunk(0, 512))
    assert len(timeline.fill(0.32)) == 10
    assert len(timeline.add(chunk(512 * 12, 512))) == 2
    assert timeline.received_ms == 13 * 32


@given(st.lists(st.tuples(st.integers(-(10**9), 10**9), st.integers(0, 2000)), max_size=20))
def test_no_position_makes_the_timeline_run_away(chunks: list[tuple[int, int]]) -> None:
    timeline = FrameAssembler()
    for start, samples in chunks:
        assert len(timeline.add(chunk(start, samples))) <= (3 * 16000 + samples) // 512 + 1


def test_the_past_is_bounded_and_starts_where_it_is_asked_to() -> None:
    timeline, past = FrameAssembler(), RecentAudio(1.0)
    for frame in timeline.add(chunk(0, 512 * 100)):
        past.add(frame, 0.5)
    for ms, frames in ((99 * 32, 1), (98.5 * 32, 2), (0, 31), (100 * 32, 0)):
        pcm, probabilities = past.since(ms)
        assert len(pcm) == frames * 512 and probabilities.tolist() == [0.5] * frames


def test_thresholds_in_the_wrong_order_are_refused() -> None:
    with pytest.raises(ValueError, match=r"listening.vad\n.*stop .0.6. is above start .0.3."):
        Settings(listening={"vad": {"start": 0.3, "stop": 0.6}})
    with pytest.raises(ValueError, match=r"floor_ms .3000.* is above ceiling_ms"):
        Settings(listening={"endpoint": {"floor_ms": 3000, "ceiling_ms": 2000}})
