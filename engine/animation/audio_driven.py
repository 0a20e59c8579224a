"""The mouth from audio alone, for voices that give no phoneme times.

A small convolutional network predicts from log-mel features the mouth track that ``coarticulation.py`` would make of
the phonemes; lip closures are then enforced as there. It was trained by ``scripts/train_audio_face.py`` on speech
whose phoneme times are known. It uses audio up to 120 ms after the middle of a picture.

Plain numpy on the calling thread, a few milliseconds for a second of speech. An
``AudioFace`` is read-only once loaded, so many threads may share it. Nothing needs closing.
"""

from __future__ import annotations

from collections.abc import Mapping
from functools import lru_cache
from pathlib import Path

import numpy as np
import numpy.typing as npt

from engine.animation.coarticulation import close_lips
from engine.animation.energy import loudness_db
from engine.animation.mel import STEPS_PER_FRAME, log_mel
from engine.animation.visemes import MOUTH_CHANNELS
from engine.items import FRAME_SAMPLES, FloatArray

WEIGHTS = Path(__file__).parent / "data" / "audio_face.npz"
TAPS = 5
"""Kernel size of the hidden layers."""

DILATIONS = (1, 2, 4, 8)
"""Of the hidden layers. The first takes the features in; the last has a stride of one picture."""

AHEAD_STEPS = 10
"""Feature vectors after the middle of a picture that it depends on: 100 ms, and 20 ms of the last one's window."""

REACH_STEPS = (TAPS - 1) * sum(DILATIONS)
"""Feature vectors a picture depends on, less one."""

SHUT = MOUTH_CHANNELS
"""Index of the output after the mouth channels: probability that the lips are closed (p, b, m)."""

OUTPUTS = MOUTH_CHANNELS + 1
"""Width of the network's last layer."""

_SURE, _UNSURE = 0.55, 0.35
"""Above the first probability the lips are drawn closed; below the second they are left as predicted."""

_SILENT_DB = -58.0
"""Level in dB of full scale below which the mouth rests. A judgement: below any microphone's speech."""


class AudioFace:
    """The loaded network; a ``reply_animator.AudioDriven``.

    Args:
        weights: ``w0 b0 ... w4 b4``: kernels (TAPS * in, out) and biases (out,), any float type.
    """

    def __init__(self, weights: Mapping[str, npt.NDArray[np.floating]]) -> None:
        count = len(DILATIONS) + 1
        self._layers = [
            (weights[f"w{i}"].astype(np.float32), weights[f"b{i}"].astype(np.float32)) for i in range(count)
        ]

    def __call__(self, pcm: FloatArray) -> FloatArray:
        """(n,) float32 mono 24 kHz to (n // 960, 12) float32, 0..1. Silence is assumed before and after."""
        frames = len(pcm) // FRAME_SAMPLES
        if frames == 0:
            return np.zeros((0, MOUTH_CHANNELS), dtype=np.float32)
        pcm = pcm[: frames * FRAME_SAMPLES]
        predicted = self.predict(log_mel(pcm))
        track = np.ascontiguousarray(predicted[:, :MOUTH_CHANNELS])
        track *= _audible(loudness_db(pcm))[:, None]
        shut = np.clip((predicted[:, SHUT] - _UNSURE) / (_SURE - _UNSURE), 0, 1)
        return close_lips(track, shut)

    def predict(self, mel: FloatArray) -> FloatArray:
        """The network alone: (steps, 48) log-mel features to (steps // 4, OUTPUTS) float32, 0..1."""
        frames = len(mel) // STEPS_PER_FRAME
        # A picture's middle lies two steps after its first step; the network sees ten steps beyond it.
        lead = REACH_STEPS - AHEAD_STEPS - STEPS_PER_FRAME // 2
        trail = AHEAD_STEPS + STEPS_PER_FRAME // 2
        silence = log_mel(np.zeros(FRAME_SAMPLES, dtype=np.float32))[:1]
        hidden = np.concatenate((np.repeat(silence, lead, 0), mel, np.repeat(silence, trail, 0)))
        last = len(DILATIONS) - 1
        for i, dilation in enumerate(DILATIONS):
            stride = STEPS_PER_FRAME if i == last else 1
            outputs = frames if i == last else len(hidden) - (TAPS - 1) * dilation
            fresh = np.maximum(_convolve(hidden, *self._layers[i], dilation, stride, outputs), 0)
            if i == 0:
                hidden = fresh
            else:
                start = (TAPS - 1) * dilation - dilation
                hidden = fresh + hidden[start::stride][:outputs]
        weight, bias = self._layers[-1]
        logits = hidden @ weight + bias
        probabilities: FloatArray = 1 / (1 + np.exp(-logits))
        return probabilities


@lru_cache(maxsize=1)
def default_audio_face() -> AudioFace:
    """The network that comes with the engine, loaded once."""
    with np.load(WEIGHTS, allow_pickle=False) as stored:
        return AudioFace({name: stored[name] for name in stored.files})


def _convolve(
    x: FloatArray, weight: FloatArray, bias: FloatArray, dilation: int, stride: int, outputs: int
) -> FloatArray:
    """A dilated 1-D convolution: x (steps, in), weight (TAPS * in, out), to (outputs, out)."""
    span = (outputs - 1) * stride + 1
    taps = [x[tap * dilation : tap * dilation + span : stride] for tap in range(TAPS)]
    y: FloatArray = np.concatenate(taps, axis=1) @ weight + bias
    return y


def _audible(level_db: FloatArray) -> FloatArray:
    """(n,) levels in dB to (n,) 0..1: 0 where a frame and its neighbours are silent, so that noise opens no mouth."""
    padded = np.pad(level_db, 1, constant_values=-100)
    loudest = np.maximum(np.maximum(padded[:-2], padded[1:-1]), padded[2:])
    audible: FloatArray = np.clip((loudest - _SILENT_DB) / 8, 0, 1).astype(np.float32)
    return audible
