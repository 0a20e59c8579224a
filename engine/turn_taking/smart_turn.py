"""Has the student finished, judged by the sound of it? The Smart Turn v3 model.

In: the turn so far, 16 kHz. Out: P(finished). The model (a Whisper-tiny encoder with a head) hears
the last 8 s as a log-mel picture; features and model run in one worker thread shared by all
sessions, which ``close`` ends.
"""

from __future__ import annotations

import math
from functools import cache
from pathlib import Path

import numpy as np
import numpy.typing as npt

from engine.concurrency.worker import Worker
from engine.items import INPUT_RATE, FloatArray
from engine.models.onnx import open_session

WINDOW_S = 8
WINDOW_SAMPLES = WINDOW_S * INPUT_RATE
FFT = 400
HOP = 160
MELS = 80


class SmartTurn:
    """``contracts.EndOfTurn`` with the file the catalog calls ``smart-turn``."""

    def __init__(self, model: Path, threads: int = 1) -> None:
        self._session = open_session(model)
        self._worker = Worker("smart-turn", threads)
        self.judge(np.zeros(INPUT_RATE, np.float32))  # the first run allocates

    async def probability(self, pcm: FloatArray) -> float:
        """``pcm``: (n,) float32 16 kHz, the turn so far with its trailing silence; about 30 ms of work."""
        return await self._worker.run(self.judge, pcm)

    def judge(self, pcm: FloatArray) -> float:
        """The same, in the calling thread."""
        features = log_mel(pcm)[np.newaxis]
        (output,) = self._session.run(None, {"input_features": features})
        return float(np.asarray(output).reshape(-1)[0])

    def close(self) -> None:
        self._worker.close()


def log_mel(pcm: FloatArray) -> FloatArray:
    """(80, 800) float32: the last 8 s as Whisper hears them, zero-padded on the left.

    The padded sound is brought to zero mean and unit variance first, as the model was trained.
    """
    sound = np.zeros(WINDOW_SAMPLES, np.float32)
    tail = pcm[-WINDOW_SAMPLES:]
    if len(tail):
        sound[-len(tail) :] = tail
    sound = (sound - sound.mean()) / np.sqrt(sound.var() + 1e-7)
    padded = np.pad(sound, FFT // 2, mode="reflect")
    frames = np.lib.stride_tricks.sliding_window_view(padded, FFT)[::HOP][: WINDOW_SAMPLES // HOP]
    spectrum = np.fft.rfft(frames * _hann(), axis=1)
    power = spectrum.real**2 + spectrum.imag**2
    levels = np.log10(np.maximum(_mel_filters() @ power.T, 1e-10))
    levels = np.maximum(levels, levels.max() - 8.0)
    scaled: FloatArray = ((levels + 4.0) / 4.0).astype(np.float32)
    return scaled


@cache
def _hann() -> FloatArray:
    return (0.5 - 0.5 * np.cos(2 * np.pi * np.arange(FFT) / FFT)).astype(np.float32)


@cache
def _mel_filters() -> FloatArray:
    """(80, 201) triangles on Slaney's mel scale, each of unit area."""
    edges = _mel_to_hz(np.linspace(0.0, _hz_to_mel(INPUT_RATE / 2), MELS + 2))
    bins = np.linspace(0.0, INPUT_RATE / 2, FFT // 2 + 1)
    rising = (bins - edges[:-2, None]) / (edges[1:-1] - edges[:-2])[:, None]
    falling = (edges[2:, None] - bins) / (edges[2:] - edges[1:-1])[:, None]
    triangles = np.maximum(0.0, np.minimum(rising, falling))
    return (triangles * (2.0 / (edges[2:] - edges[:-2]))[:, None]).astype(np.float32)


# Slaney's scale: linear below 1 kHz (66.7 Hz a mel), logarithmic above (27 mels for a factor of 6.4).
_BREAK_HZ, _HZ_PER_MEL, _LOG_STEP = 1000.0, 200.0 / 3, math.log(6.4) / 27


def _hz_to_mel(hz: float) -> float:
    if hz < _BREAK_HZ:
        return hz / _HZ_PER_MEL
    return _BREAK_HZ / _HZ_PER_MEL + math.log(hz / _BREAK_HZ) / _LOG_STEP


def _mel_to_hz(mels: npt.NDArray[np.float64]) -> npt.NDArray[np.float64]:
    linear = mels * _HZ_PER_MEL
    above = mels - _BREAK_HZ / _HZ_PER_MEL
    return np.asarray(np.where(above < 0, linear, _BREAK_HZ * np.exp(_LOG_STEP * above)))
