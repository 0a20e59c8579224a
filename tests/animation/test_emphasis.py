"""Where a speaker stresses: by pitch where it is told, else by loudness."""

from __future__ import annotations

import itertools

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from engine.animation.emphasis import APART_S, PitchRange, accents, falls
from engine.animation.gestures import NodPace, plan
from engine.animation.pose import CHANNEL
from engine.items import OUTPUT_RATE, PITCH_STEP_MS, Clause, Phoneme, Speech

STEPS = 1000 // PITCH_STEP_MS
"""Values of pitch per second."""


def speech(pitch: np.ndarray, stressed_ms: tuple[float, ...] = (), text: str = "so it is") -> Speech:
    """A steady tone with this pitch track, and stressed vowels of 120 ms that begin at ``stressed_ms``."""
    pcm = np.full(len(pitch) * OUTPUT_RATE // STEPS, 0.1, np.float32)
    vowels = tuple(Phoneme("ɑ", at, at + 120, 2) for at in stressed_ms)
    return Speech(Clause(text, text, "en", 0), pcm, phonemes=vowels, pitch=pitch.astype(np.float32))


def with_peak(at_s: float, semitones: float, seconds: float = 4.0) -> np.ndarray:
    pitch = np.full(int(seconds * STEPS), 200.0)
    peak = int(at_s * STEPS)
    pitch[peak - 6 : peak + 6] *= 2 ** (semitones / 12)
    return pitch


def found(piece: Speech) -> list[tuple[float, bool]]:
    usual = PitchRange()
    assert piece.pitch is not None
    usual.hear(piece.pitch)
    return [(accent.at_s, accent.strong) for accent in accents(piece, usual, np.random.default_rng(0))]


def test_an_accent_is_a_stressed_vowel_that_is_raised() -> None:
    piece = speech(with_peak(2.0, 5), stressed_ms=(500, 1940, 3000))
    ((at_s, strong),) = found(piece)
    assert at_s == pytest.approx(2.0, abs=0.07) and not strong


@pytest.mark.parametrize("piece", [speech(with_peak(2.0, 5)), speech(with_peak(2.0, 3), (1940,))])
def test_neither_pitch_nor_stress_alone_is_one(piece: Speech) -> None:
    assert found(piece) == []


def test_a_high_accent_is_strong_and_raises_the_brows() -> None:
    brow = CHANNEL["brow_outer_up"]
    calm, strong = (plan(speech(with_peak(2.0, by), (1940,)), 0.0, 0.0, np.random.default_rng(0)) for by in (5, 8))
    assert not any(gesture.channel == brow for gesture in calm)
    assert any(gesture.channel == brow and abs(gesture.start_s + gesture.attack_s - 2.0) < 0.1 for gesture in strong)


def test_a_man_nods_where_a_woman_does() -> None:
    woman = with_peak(2.0, 5)
    assert found(speech(woman, (1940,))) == found(speech(woman * 0.6, (1940,)))


def test_what_is_usual_is_learned_from_the_pieces_before() -> None:
    usual = PitchRange()
    plan(speech(np.full(300, 200.0)), 0.0, 0.0, np.random.default_rng(0), usual)
    raised = speech(np.full(30, 270.0), (100,))
    assert plan(raised, 3.0, 3.0, np.random.default_rng(0), usual)
    assert not plan(raised, 3.0, 3.0, np.random.default_rng(0), PitchRange())


def test_a_clause_that_ends_low_is_finished() -> None:
    usual = PitchRange()
    usual.hear(np.full(300, 200, np.float32))
    low, level = (speech(np.concatenate([np.full(100, 200.0), np.full(20, end)])) for end in (150.0, 200.0))
    assert falls(low, usual) and not falls(level, usual)


@given(
    st.lists(st.one_of(st.just(0.0), st.floats(50, 500)), min_size=1, max_size=300),
    st.lists(st.floats(0, 3000), max_size=12),
)
def test_accents_are_apart_and_inside_whatever_the_voice_claims(pitch: list[float], stressed: list[float]) -> None:
    piece = speech(np.array(pitch), tuple(sorted(stressed)))
    times = [at for at, _ in found(piece)]
    assert all(0 <= at <= len(pitch) / STEPS for at in times)
    assert all(later - at >= APART_S for at, later in itertools.pairwise(times))


@pytest.mark.parametrize("every_s", [0.9, 2.0, 4.0])
def test_a_speaker_nods_six_to_fifteen_times_a_minute_however_many_accents_there_are(every_s: float) -> None:
    rng, usual, pace = np.random.default_rng(0), PitchRange(), NodPace()
    heights, nods = np.random.default_rng(1), 0
    for clause in range(40):
        peaks = np.arange(0.5, 3.5, every_s)
        pitch = np.full(400, 200.0)
        for at_s in peaks:
            middle = int(at_s * STEPS)
            pitch[middle - 6 : middle + 6] *= 2 ** (heights.uniform(4.5, 9) / 12)
        piece = speech(pitch, tuple(1000 * peaks - 60))
        found = plan(piece, clause * 4.0, clause * 4.0, rng, usual, pace)
        nods += sum(gesture.channel == CHANNEL["head_pitch"] for gesture in found)
    assert 6 < nods * 60 / 160 < 15
