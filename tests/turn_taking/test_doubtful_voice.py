"""Voices that the detector does not know."""

from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from engine.items import VAD_FRAME, FloatArray
from engine.turn_taking.doubtful_voice import DOUBT, DoubtfulVoice

CERTAIN = 0.5


def frame(level: float) -> FloatArray:
    """A square wave of this RMS."""
    return np.tile(np.array([level, -level], np.float32), VAD_FRAME // 2)


def heard(
    probabilities: list[float], level: float = 0.1, *, tutor_speaks: bool = False, room: float = 0.001
) -> list[float]:
    """What each frame counts for, after a second of a quiet room."""
    doubt = DoubtfulVoice(CERTAIN)
    for _ in range(31):
        doubt.feed(frame(room), 0.01, tutor_speaks=False)
    return [doubt.feed(frame(level), each, tutor_speaks=tutor_speaks) for each in probabilities]


def test_a_voice_the_detector_doubts_becomes_speech_after_half_a_second() -> None:
    counted = heard([0.3] * 40)
    assert counted[:14] == [0.3] * 14
    assert counted[14:] == [CERTAIN] * 26


@pytest.mark.parametrize(
    "counted",
    [
        heard([0.3] * 12 + [0.0] * 5 + [0.3] * 12),
        heard([DOUBT - 0.01] * 60),
        heard([0.3] * 60, level=0.003),
        heard([0.3] * 60, tutor_speaks=True),
    ],
    ids=["a cough", "a fan", "hardly louder than the room", "the tutor's own voice"],
)
def test_what_does_not_last_or_is_no_voice_stays_as_the_detector_says(counted: list[float]) -> None:
    assert max(counted) < CERTAIN


def test_a_noise_that_goes_on_becomes_the_room() -> None:
    counted = heard([0.3] * 400)
    assert counted[100] == CERTAIN
    assert counted[-1] == 0.3


@given(st.lists(st.floats(0, 1), max_size=80))
def test_no_probability_is_lowered_and_the_end_of_a_known_voice_is_not_delayed(probabilities: list[float]) -> None:
    assert all(counted >= p for counted, p in zip(heard(probabilities), probabilities, strict=True))
    known = [0.9] * 30
    assert heard(known + [0.3] * 9) == known + [0.3] * 9
