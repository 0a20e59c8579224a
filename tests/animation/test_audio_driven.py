"""The mouth from sound alone: bounded, cheap, and nearer to the phoneme track than loudness is."""

from __future__ import annotations

import time

import numpy as np
import pytest

from engine.animation.audio_driven import REACH_STEPS, WEIGHTS, AudioFace, default_audio_face
from engine.animation.coarticulation import mouth_track, segments
from engine.animation.energy import energy_track
from engine.animation.idle_motion import IdleMotion
from engine.animation.mel import BANDS, log_mel
from engine.animation.pose import CHANNEL
from engine.animation.reply_animator import ReplyAnimator
from engine.animation.visemes import MOUTH_CHANNELS
from engine.items import FPS, FRAME_SAMPLES, OUTPUT_RATE, Clause, FloatArray, Phoneme, Speech
from engine.speaking.espeak_library import library
from engine.speaking.ipa import symbol_of

JAW, CLOSE = CHANNEL["jaw_open"], CHANNEL["mouth_close"]
TEXTS = (
    "My uncle Bob bought a beautiful piano, but nobody may play it.",
    "People remember the simple things, but maps help them move about.",
)
LOOK_AHEAD_S = 0.12
"""From the middle of a picture to the end of the audio that may change it."""

UNHEARD_VOICES = ("en-us+f3", "en-us+m7")
"""Not among the voices of ``scripts/train_audio_face.py``."""


@pytest.fixture(scope="module")
def face() -> AudioFace:
    return default_audio_face()


def speak(text: str, voice: str) -> tuple[FloatArray, FloatArray]:
    """Sound at the engine's level and rate, and the phoneme track of it."""
    made, ms = library().speak(text, voice, bool), 1000 / library().rate
    ends = [mark.sample for mark in made.phonemes[1:]] + [len(made.pcm)]
    phonemes = [
        Phoneme(symbol_of(mark.name)[0], mark.sample * ms, end * ms)
        for mark, end in zip(made.phonemes, ends, strict=True)
    ]
    count = int(len(made.pcm) * OUTPUT_RATE / library().rate)
    positions = np.arange(count) * library().rate / OUTPUT_RATE
    pcm = np.interp(positions, np.arange(len(made.pcm)), made.pcm).astype(np.float32)
    pcm *= np.float32(0.1) / np.sqrt(np.mean(pcm[np.abs(pcm) > 0.01] ** 2))
    frames = count // FRAME_SAMPLES
    times = ((np.arange(frames) + 0.5) / FPS).astype(np.float32)
    return pcm, mouth_track(segments(phonemes, language="en"), times)


@pytest.fixture(scope="module", params=UNHEARD_VOICES)
def spoken(request: pytest.FixtureRequest) -> list[tuple[FloatArray, FloatArray]]:
    return [speak(text, request.param) for text in TEXTS]


def noise(seconds: float, seed: int = 0) -> FloatArray:
    return np.random.default_rng(seed).normal(0, 0.1, int(seconds * OUTPUT_RATE)).astype(np.float32)


def test_the_weights_are_small_and_plain_numbers() -> None:
    assert WEIGHTS.stat().st_size < 1_000_000
    with np.load(WEIGHTS, allow_pickle=False) as stored:
        assert all(stored[name].dtype == np.float16 and np.isfinite(stored[name]).all() for name in stored.files)


def test_mel_bands_rise_with_the_pitch_of_a_tone() -> None:
    time_s = np.arange(OUTPUT_RATE) / OUTPUT_RATE
    loudest = [
        int(log_mel((0.3 * np.sin(2 * np.pi * hz * time_s)).astype(np.float32))[50].argmax())
        for hz in (150, 400, 1000, 2500, 6000)
    ]
    assert loudest == sorted(set(loudest))
    assert log_mel(noise(1)).shape == (100, BANDS) and log_mel(noise(0.005)).shape == (0, BANDS)


def test_shape_and_range(face: AudioFace) -> None:
    track = face(noise(1.03))
    assert track.shape == (25, MOUTH_CHANNELS) and track.dtype == np.float32
    assert track.min() >= 0 and track.max() <= 1
    assert face(noise(0.03)).shape == (0, MOUTH_CHANNELS)


def test_silence_and_faint_noise_rest(face: AudioFace) -> None:
    assert face(np.zeros(OUTPUT_RATE, dtype=np.float32)).max() < 0.01
    assert face(noise(1) * np.float32(0.005)).max() < 0.05


def test_what_comes_later_than_the_look_ahead_changes_nothing(face: AudioFace) -> None:
    pcm, frame = noise(3), 30
    cut = int(((frame + 0.5) / FPS + LOOK_AHEAD_S) * OUTPUT_RATE)
    changed = np.concatenate((pcm[:cut], noise(3, 1)[cut:]))
    assert np.allclose(face(pcm)[: frame + 1], face(changed)[: frame + 1], atol=1e-5)
    assert not np.allclose(face(pcm)[frame + 4], face(changed)[frame + 4], atol=1e-3)


def test_what_is_long_past_changes_nothing(face: AudioFace) -> None:
    pcm, frame = noise(3), 40
    past = int(((frame + 0.5) / FPS - (REACH_STEPS + 2) / 100) * OUTPUT_RATE)
    changed = np.concatenate((noise(3, 1)[:past], pcm[past:]))
    assert np.allclose(face(pcm)[frame:], face(changed)[frame:], atol=1e-5)


def test_nearer_to_the_phoneme_track_than_loudness(
    face: AudioFace, spoken: list[tuple[FloatArray, FloatArray]]
) -> None:
    heard = np.concatenate([face(pcm) for pcm, _ in spoken])
    loud = np.concatenate([energy_track(pcm) for pcm, _ in spoken])
    wanted = np.concatenate([track for _, track in spoken])
    error, baseline = (np.abs(track[:, JAW] - wanted[:, JAW]).mean() for track in (heard, loud))
    assert error < 0.75 * baseline
    assert np.corrcoef(heard[:, JAW], wanted[:, JAW])[0, 1] > 0.65
    closed, open_ = wanted[:, CLOSE] > 0.9, wanted[:, CLOSE] < 0.1
    assert heard[closed, CLOSE].mean() > 2.5 * heard[open_, CLOSE].mean()


def test_streamed_pieces_move_the_mouth_as_the_whole_does(
    face: AudioFace, spoken: list[tuple[FloatArray, FloatArray]]
) -> None:
    pcm = spoken[0][0][: 2 * OUTPUT_RATE]
    clause = Clause("x", "x", "en", 0)
    whole = ReplyAnimator(IdleMotion(1), 0.0, face).feed(Speech(clause, pcm))
    animator, pieces = ReplyAnimator(IdleMotion(1), 0.0), []
    for at in range(0, len(pcm), 4000):
        pieces += animator.feed(Speech(clause, pcm[at : at + 4000], last=at + 4000 >= len(pcm)))
    difference = np.abs(np.stack([f.pose for f in pieces]) - np.stack([f.pose for f in whole]))[:, :MOUTH_CHANNELS]
    assert difference[8:].max() < 0.05


def test_it_takes_less_than_two_hundredths_of_real_time(face: AudioFace) -> None:
    pcm = noise(6)
    face(pcm)
    spent = []
    for _ in range(5):
        start = time.process_time()
        face(pcm)
        spent.append(time.process_time() - start)
    assert min(spent) / 6 < 0.02
