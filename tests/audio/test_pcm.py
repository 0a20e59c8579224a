"""Samples to 16-bit PCM and WAV and back."""

from __future__ import annotations

import numpy as np

from engine.audio.decoding import decode
from engine.audio.pcm import float_to_pcm16, pcm16_to_float, to_wav
from tests.audio.containers import tone


def test_pcm16_there_and_back() -> None:
    pcm = np.array([0.0, 0.5, -0.5, 1.5, -1.5], np.float32)
    assert np.allclose(pcm16_to_float(float_to_pcm16(pcm) + b"\x01"), [0, 0.5, -0.5, 1, -1], atol=1e-4)


def test_wav_reads_back() -> None:
    assert np.allclose(decode(to_wav(tone(0.5), 16_000)), tone(0.5), atol=1e-4)
