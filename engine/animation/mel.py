"""Log-mel features of speech, the input of ``audio_driven.py``. Pure; safe from any thread.

Not Whisper's features: the rate is 24 kHz, and nothing depends on the loudest value of the whole recording. The numbers
are fixed by what the network was trained on.
"""

from __future__ import annotations

import numpy as np

from engine.items import FRAME_SAMPLES, OUTPUT_RATE, FloatArray

BANDS = 48
HOP = OUTPUT_RATE // 100
"""Samples between two feature vectors: 10 ms, so four per picture."""

STEPS_PER_FRAME = FRAME_SAMPLES // HOP
_WINDOW = 600
_FFT = 1024
_LOWEST_HZ, _HIGHEST_HZ = 60.0, 8000.0
_FLOOR = 1e-6


def log_mel(pcm: FloatArray) -> FloatArray:
    """(n,) float32 mono 24 kHz to (n // 240, 48) float32, about -1..1.5.

    Each vector covers 25 ms around the middle of its own 10 ms. Silence is assumed before and after.
    """
    steps = len(pcm) // HOP
    if steps == 0:
        return np.zeros((0, BANDS), dtype=np.float32)
    margin = (_WINDOW - HOP) // 2
    padded = np.pad(pcm[: steps * HOP], (margin, margin))
    windows = np.lib.stride_tricks.sliding_window_view(padded, _WINDOW)[::HOP] * _HANN
    power = np.abs(np.fft.rfft(windows, _FFT, axis=1)).astype(np.float32) ** 2
    mel: FloatArray = (np.log10(power @ _FILTERS + _FLOOR) + 2) / 3
    return mel.astype(np.float32, copy=False)


def _filters() -> FloatArray:
    """(513, 48) triangles, evenly spaced in mel (2595 log10(1 + f / 700)), each of unit sum."""
    low, high = (2595 * np.log10(1 + hz / 700) for hz in (_LOWEST_HZ, _HIGHEST_HZ))
    edges = 700 * (10 ** (np.linspace(low, high, BANDS + 2) / 2595) - 1)
    hz = np.arange(_FFT // 2 + 1) * OUTPUT_RATE / _FFT
    rising = (hz[:, None] - edges[:-2]) / (edges[1:-1] - edges[:-2])
    falling = (edges[2:] - hz[:, None]) / (edges[2:] - edges[1:-1])
    triangles = np.maximum(np.minimum(rising, falling), 0)
    filters: FloatArray = (triangles / triangles.sum(axis=0)).astype(np.float32)
    return filters


_HANN: FloatArray = np.hanning(_WINDOW).astype(np.float32) / np.float32(_WINDOW / 16)
_FILTERS: FloatArray = _filters()
