"""Where people speak, and windows cut at pauses."""

from __future__ import annotations

import itertools

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from engine.items import VAD_FRAME
from engine.recognition.speech_spans import (
    CLOSING_FRAMES,
    FRAMES_PER_S,
    PADDING_FRAMES,
    Span,
    SpeechTrack,
    closed,
    cut_windows,
    find_speech,
    interpolate,
)


def track(*pieces: tuple[float, float]) -> SpeechTrack:
    """P(speech) of pieces of (seconds, probability)."""
    parts = [np.full(round(seconds * FRAMES_PER_S), p, np.float32) for seconds, p in pieces]
    return SpeechTrack(np.concatenate(parts))


@pytest.mark.parametrize("heard", [0, 2, 4, 10])
def test_a_closed_window_ends_in_silence_whatever_was_heard_of_it(heard: int) -> None:
    probabilities = SpeechTrack(np.array([0.9] * 30 + [0.0] * heard, np.float32))
    pcm = np.ones(len(probabilities) * VAD_FRAME, np.float32)
    sound = closed(Span(0, len(probabilities)), pcm, probabilities)
    assert len(sound) == (30 + max(heard, CLOSING_FRAMES)) * VAD_FRAME
    assert sound[: len(pcm)].all() and not sound[len(pcm) :].any()


def test_silence_has_no_speech_and_no_windows() -> None:
    assert find_speech(track((3, 0.1))) == [] and cut_windows(track((3, 0.1))) == []
    assert cut_windows(SpeechTrack(np.zeros(0, np.float32))) == []


def test_a_click_is_not_speech_and_a_short_gap_does_not_split() -> None:
    assert find_speech(track((1, 0), (0.05, 0.9), (1, 0))) == []
    assert len(find_speech(track((1, 0), (0.5, 0.9), (0.1, 0), (0.5, 0.9), (1, 0)))) == 1
    assert len(find_speech(track((1, 0), (0.5, 0.9), (0.4, 0), (0.5, 0.9), (1, 0)))) == 2


def test_hysteresis_keeps_a_weak_word_end() -> None:
    (span,) = find_speech(track((1, 0), (0.5, 0.9), (0.3, 0.4), (1, 0)))
    assert abs(span.seconds - 0.8) < 0.05


def test_the_thresholds_given_decide_what_is_speech() -> None:
    weak = track((1, 0), (0.5, 0.4), (1, 0)).probabilities
    assert find_speech(SpeechTrack(weak)) == []
    (span,) = find_speech(SpeechTrack(weak, start=0.35, stop=0.2))
    assert abs(span.seconds - 0.5) < 0.05


def test_silence_around_is_left_out_but_for_the_padding() -> None:
    (window,) = cut_windows(track((5, 0), (2, 0.9), (5, 0)))
    assert abs(window.seconds - (2 + 2 * PADDING_FRAMES / FRAMES_PER_S)) < 0.1


def test_a_long_recording_is_cut_at_its_longest_pauses() -> None:
    probabilities = track((10, 0.9), (0.3, 0), (8, 0.9), (0.8, 0), (10, 0.9), (0.3, 0), (9, 0.9))
    windows = cut_windows(probabilities)
    assert len(windows) == 2
    assert abs(windows[0].end / FRAMES_PER_S - 18.7) < 0.5, "cut in the pause of 0.8 s"


def test_after_a_long_pause_recognition_begins_anew() -> None:
    assert len(cut_windows(track((2, 0.9), (4, 0), (2, 0.9)))) == 2
    assert len(cut_windows(track((2, 0.9), (1, 0), (2, 0.9)))) == 1


def test_a_minute_without_a_pause_is_cut_where_it_is_least_like_speech() -> None:
    probabilities = track((20, 0.9), (0.064, 0.5), (40, 0.9))
    windows = cut_windows(probabilities)
    assert abs(windows[0].end / FRAMES_PER_S - 20) < 0.2
    assert all(window.seconds <= 25 for window in windows)


@given(st.lists(st.tuples(st.floats(0.03, 30), st.sampled_from([0.0, 0.4, 0.6, 1.0])), min_size=1, max_size=12))
def test_windows_hold_all_speech_once_and_are_never_too_long(pieces: list[tuple[float, float]]) -> None:
    probabilities = track(*pieces)
    windows = cut_windows(probabilities)
    covered = np.zeros(len(probabilities), int)
    for window in windows:
        assert 0 <= window.start < window.end <= len(probabilities) and window.seconds <= 25
        covered[window.start : window.end] += 1
    assert covered.max(initial=0) <= 1
    assert all(covered[span.start : span.end].all() for span in find_speech(probabilities))


def test_word_times_lie_within_speech_and_follow_each_other() -> None:
    probabilities = track((1, 0), (1, 0.9), (1, 0), (1, 0.9))
    words = interpolate(("four", "five", "nine", "ten."), probabilities, first_frame=0)
    assert [word.text for word in words] == ["four", "five", "nine", "ten."]
    assert abs(words[0].start_ms - 1000) < 40 and abs(words[-1].end_ms - 4000) < 40
    assert words[1].end_ms <= 2040 and words[2].end_ms >= 3000
    assert all(a.end_ms <= b.start_ms + 1e-6 for a, b in itertools.pairwise(words))
    assert interpolate(("late",), probabilities, first_frame=100)[0].end_ms > 7000


def test_no_words_have_no_times() -> None:
    assert interpolate((), track((1, 0.9)), 0) == ()
    assert len(interpolate(("odd",), track((1, 0)), 0)) == 1


def test_a_span_cuts_its_sound() -> None:
    assert len(Span(1, 3).of(np.zeros(512 * 5, np.float32))) == 1024
