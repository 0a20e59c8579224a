"""The mouth does what the sounds demand, at the time they demand it."""

from __future__ import annotations

import time

import numpy as np
import pytest
from hypothesis import example, given, settings
from hypothesis import strategies as st

from engine.animation.coarticulation import (
    BITE_JAW,
    SIBILANT_JAW,
    blend,
    mouth_track,
    no_segments,
    segments,
)
from engine.animation.pose import CHANNEL
from engine.animation.visemes import GROUP_CHANNELS, MOUTH_CHANNELS, TARGETS, VISEME, viseme_pose
from engine.items import FPS, FloatArray, Phoneme

JAW, CLOSE, BITE = CHANNEL["jaw_open"], CHANNEL["mouth_close"], CHANNEL["lip_bite"]
ROUND = [CHANNEL["mouth_funnel"], CHANNEL["mouth_pucker"]]
SYMBOLS = ["p", "b", "m", "f", "v", "s", "ʃ", "t", "n", "k", "l", "ɹ", "w", "θ", "a", "iː", "uː", "ɔ", "ə", "aɪ", ""]


def say(*parts: tuple[str, float], start_ms: float = 0) -> list[Phoneme]:
    phonemes = []
    for symbol, length in parts:
        phonemes.append(Phoneme(symbol, start_ms, start_ms + length))
        start_ms += length
    return phonemes


def picture_times(seconds: float, phase: float = 0.0) -> FloatArray:
    return ((np.arange(int(seconds * FPS)) + 0.5 + phase) / FPS).astype(np.float32)


def track_of(phonemes: list[Phoneme], seconds: float, phase: float = 0.0) -> FloatArray:
    return mouth_track(segments(phonemes), picture_times(seconds, phase))


def test_every_mouth_channel_is_in_exactly_one_group() -> None:
    assert sorted(c for group in GROUP_CHANNELS for c in group) == list(range(MOUTH_CHANNELS))


def test_targets_are_blendshapes_and_all_visemes_differ() -> None:
    assert TARGETS.min() >= 0 and TARGETS.max() <= 1
    for a in range(len(TARGETS)):
        for b in range(a):
            assert np.abs(TARGETS[a] - TARGETS[b]).max() > 0.03, (a, b)
    assert not viseme_pose("sil").any()


@pytest.mark.parametrize("phase", [-0.5, -0.25, 0.0, 0.25, 0.49])
@pytest.mark.parametrize("length_ms", [20, 30, 45, 80])
@pytest.mark.parametrize("symbol", ["p", "b", "m"])
def test_lips_shut_fully_in_at_least_one_picture_even_when_fast(symbol: str, length_ms: float, phase: float) -> None:
    phonemes = say(("", 200), ("a", 60), (symbol, length_ms), ("a", 60), ("", 400))
    track = track_of(phonemes, 0.8, phase)
    times = picture_times(0.8, phase)
    middle = 0.26 + length_ms / 2000
    near = np.abs(times - middle) <= 0.04
    assert track[near, CLOSE].max() > 0.999
    assert track[track[:, CLOSE] > 0.999, JAW].max() < 0.1
    assert track[:, CLOSE].max() <= 1


def test_lips_part_between_two_closures() -> None:
    track = track_of(say(("", 200), ("p", 60), ("a", 110), ("p", 60), ("", 300)), 0.7)
    shut = track[:, CLOSE] > 0.99
    first, last = np.flatnonzero(shut)[[0, -1]]
    assert track[first:last, CLOSE].min() < 0.4
    assert track[first:last, JAW].max() > 0.25


def test_f_and_v_bite_the_lip_and_do_not_close() -> None:
    for symbol in ("f", "v"):
        track = track_of(say(("", 200), ("a", 100), (symbol, 60), ("a", 100), ("", 300)), 0.8)
        bitten = track[:, BITE] > 0.99
        assert bitten.any()
        assert track[bitten, CLOSE].max() < 0.1
        assert track[bitten, JAW].max() <= BITE_JAW + 1e-5


@pytest.mark.parametrize("symbol", ["s", "z", "ʃ", "ʒ", "tʃ", "dʒ", "ts", "ɕ"])
def test_sibilants_keep_the_jaw_small(symbol: str) -> None:
    phonemes = say(("", 200), ("a", 100), (symbol, 90), ("a", 100), ("", 300))
    track = mouth_track(segments(phonemes), np.array([0.345], dtype=np.float32))
    assert track[0, JAW] <= SIBILANT_JAW + 1e-5


@pytest.mark.parametrize("symbol", ["t", "n", "k", "l", "h", "ŋ"])
def test_tongue_sounds_leave_the_lips_to_their_neighbours(symbol: str) -> None:
    middle = np.array([0.385], dtype=np.float32)
    between_oo = mouth_track(segments(say(("", 200), ("uː", 150), (symbol, 70), ("uː", 150))), middle)
    between_ee = mouth_track(segments(say(("", 200), ("iː", 150), (symbol, 70), ("iː", 150))), middle)
    assert between_oo[0, CHANNEL["mouth_pucker"]] > 0.6 > between_ee[0, CHANNEL["mouth_pucker"]] + 0.5


def test_the_mouth_opens_about_120_ms_before_the_sound_and_not_long_before() -> None:
    track = mouth_track(
        segments(say(("", 1000), ("a", 200), ("", 500))), np.array([0.5, 0.9, 0.93, 0.98], dtype=np.float32)
    )
    assert track[0, JAW] < 0.01
    assert track[1, JAW] > 0.02
    assert track[3, JAW] > 0.15


def test_rounding_starts_before_its_vowel_and_reaches_further_than_the_jaw() -> None:
    timeline = segments(say(("", 300), ("iː", 200), ("n", 80), ("uː", 200), ("", 400)))
    onset = np.array([0.58 - 0.15, 0.58 - 0.05, 0.58 + 0.1], dtype=np.float32)
    pucker = mouth_track(timeline, onset)[:, CHANNEL["mouth_pucker"]]
    assert 0.03 < pucker[0] < pucker[1] < pucker[2]
    assert pucker[1] > 0.4 * pucker[2]


def test_rest_within_200_ms_of_the_end() -> None:
    for symbol in SYMBOLS[:-1]:
        times = 0.3 + np.arange(0.2, 0.6, 0.02, dtype=np.float32)
        track = mouth_track(segments(say(("", 100), ("a", 80), (symbol, 120))), times)
        assert track.max() < 0.05, symbol


def test_lips_are_shut_in_a_pause_but_not_in_a_join_of_words() -> None:
    pause = track_of(say(("a", 200), ("", 500), ("a", 200)), 0.9)
    assert pause[10:13, JAW].max() < 0.1
    join = mouth_track(segments(say(("a", 200), ("", 40), ("a", 200))), np.array([0.22], dtype=np.float32))
    assert join[0, JAW] > 0.4


def test_stress_opens_wider() -> None:
    def opening(stress: int) -> float:
        timeline = segments([Phoneme("a", 200, 400, stress)])
        return float(mouth_track(timeline, np.array([0.3], dtype=np.float32))[0, JAW])

    assert opening(0) < opening(1) < opening(2)


def test_segments_merge_silences_lengthen_marks_and_fill_gaps() -> None:
    timeline = segments([*say(("", 50), (",", 40), ("a", 60), ("ː", 50)), *say(("p", 40), start_ms=260)])
    assert list(timeline.viseme) == [VISEME[v] for v in ("sil", "aa", "sil", "PP")]
    assert timeline.end_s == pytest.approx([0.09, 0.2, 0.26, 0.3])


def test_joining_timelines_puts_silence_between() -> None:
    joined = segments(say(("a", 100))).then(segments(say(("b", 100), start_ms=400)))
    assert list(joined.viseme) == [VISEME[v] for v in ("aa", "sil", "PP")]
    assert len(no_segments().then(joined)) == 3 and len(joined.then(no_segments())) == 3


def test_cutting_the_past_away_changes_nothing_now() -> None:
    timeline = segments(say(*[(s, 90.0) for s in SYMBOLS * 3]))
    times = picture_times(5.0)[100:110]
    whole = mouth_track(timeline, times)
    cut = mouth_track(timeline.between(float(times[0]), float(times[-1])), times)
    assert np.abs(whole - cut).max() < 1e-3


def test_nothing_said_is_rest() -> None:
    assert not mouth_track(no_segments(), picture_times(1)).any()
    assert mouth_track(segments(say(("a", 100))), picture_times(0)).shape == (0, MOUTH_CHANNELS)


@settings(max_examples=settings().max_examples * 3 // 2)
@given(st.lists(st.tuples(st.sampled_from(SYMBOLS), st.floats(8, 300)), min_size=1, max_size=25), st.floats(-0.5, 0.5))
@example([("p", 8.0), ("p", 20.0)], 0.5)
def test_any_phonemes_keep_the_rules(parts: list[tuple[str, float]], phase: float) -> None:
    phonemes = say(*parts)
    seconds = phonemes[-1].end_ms / 1000 + 0.6
    # The tutor is seen before it speaks: pictures begin one before the first phoneme. A closure lasts a little more
    # than the distance of two pictures, so every one is seen, however short its phoneme is and wherever pictures fall.
    times = np.concatenate([picture_times(1 / FPS, phase - 1), picture_times(seconds, phase)])
    track = mouth_track(segments(phonemes), times)
    assert track.dtype == np.float32 and np.isfinite(track).all()
    assert track.min() >= 0 and track.max() <= 1.0001
    assert track[-4:].max() < 0.06  # at rest at the end
    for phoneme in phonemes:
        if phoneme.symbol in ("p", "b", "m"):
            near = np.abs(times - (phoneme.start_ms + phoneme.end_ms) / 2000) <= 0.0401
            inside = (times >= phoneme.start_ms / 1000) & (times <= phoneme.end_ms / 1000)
            assert track[near | inside, CLOSE].max() > 0.999, phoneme


def test_less_than_a_millisecond_for_a_second_of_speech() -> None:
    phonemes = say(*[(s, 75.0) for s in SYMBOLS * 6])
    timeline, seconds = segments(phonemes), phonemes[-1].end_ms / 1000
    times = picture_times(seconds)
    spent = []
    for _ in range(7):
        start = time.thread_time()
        blend(timeline, times)
        mouth_track(timeline, times)
        spent.append(time.thread_time() - start)
    assert min(spent) / seconds < 0.001 * 2  # both, so twice
