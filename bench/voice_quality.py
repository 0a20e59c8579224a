"""What can be measured of a voice without ears: what a recognizer gets wrong, its pitch, and how joints sound.

None of it tells whether a voice pleases. The reference and what was heard are both turned into words by the engine's
own reading of numbers and formulas, so "37" and "thirty-seven" are the same.
"""

from __future__ import annotations

import re
import sys
from collections.abc import Sequence
from types import ModuleType

import numpy as np
import torch
from faster_whisper import WhisperModel
from word_errors import distance

from engine.audio.resampling import resample
from engine.items import INPUT_RATE, OUTPUT_RATE, FloatArray
from engine.text.speakable import speakable

_PITCH_HZ = (60.0, 420.0)
_JUDGED = 7 * INPUT_RATE
"""Samples that the predictor of quality judges at once."""

_SAME = {
    "ok": "okay", "meters": "metres", "kilometers": "kilometres", "centimeters": "centimetres",
    "twentieth": "20th", "ii": "two", "2": "two", "dr": "doctor",
}  # fmt: skip
"""Spellings of one word."""


def words(text: str) -> list[str]:
    """The words of a text in lower case, numbers and formulas spelled out."""
    said = speakable(text, "en").lower().replace("-", " ").replace("'s", "s")
    return [_SAME.get(word, word) for word in re.findall(r"[a-z0-9']+", said)]


def noisy(pcm: FloatArray, snr_db: float, rng: np.random.Generator) -> FloatArray:
    """The recording in a hissing room, the noise ``snr_db`` below the speech."""
    level = float(np.sqrt(np.mean(pcm[np.abs(pcm) > 0.003] ** 2))) * 10 ** (-snr_db / 20)
    return pcm + (rng.standard_normal(len(pcm)) * level).astype(np.float32)


def word_errors(
    texts: Sequence[str], recordings: Sequence[FloatArray], whisper: WhisperModel, verbose: bool = False
) -> float:
    """Share of the words that Whisper gets wrong, 0..1.

    Args:
        texts: what is said, as written.
        recordings: (n,) float32 at 24 kHz each.
        whisper: the recognizer.
        verbose: print every sentence that is not understood.
    """
    wrong = total = 0
    for text, pcm in zip(texts, recordings, strict=True):
        heard = resample(pcm, OUTPUT_RATE, INPUT_RATE)
        segments, _ = whisper.transcribe(heard, language="en", beam_size=5, without_timestamps=True)
        found = "".join(segment.text for segment in segments)
        errors = distance(words(text), words(found))
        if errors and verbose:
            print(f"    {errors}: {text}  ->  {found.strip()}")
        wrong += errors
        total += len(words(text))
    return wrong / max(1, total)


def roughness(pcm: FloatArray, at: int) -> float:
    """The largest bend (second difference) at sample ``at`` over the largest in the 10 ms on either side."""
    bend = np.abs(np.diff(pcm, 2))
    beside = np.concatenate([bend[max(0, at - 240) : at - 4], bend[at + 4 : at + 240]])
    return float(bend[max(0, at - 3) : at + 3].max() / max(beside.max(initial=0), 2e-3))


def pitch_of(pcm: FloatArray) -> FloatArray:
    """Pitch in Hz of every voiced stretch of 40 ms, (n,) float32, by autocorrelation; steps of 10 ms."""
    size, hop = OUTPUT_RATE // 25, OUTPUT_RATE // 100
    if len(pcm) < size:
        return np.zeros(0, np.float32)
    frames = np.lib.stride_tricks.sliding_window_view(pcm, size)[::hop]
    frames = (frames - frames.mean(axis=1, keepdims=True)) * np.hanning(size)
    spectrum = np.fft.rfft(frames, 2 * size)
    correlation = np.fft.irfft(np.abs(spectrum) ** 2)[:, :size]
    window = np.fft.irfft(np.abs(np.fft.rfft(np.hanning(size), 2 * size)) ** 2)[:size]
    low, high = int(OUTPUT_RATE / _PITCH_HZ[1]), int(OUTPUT_RATE / _PITCH_HZ[0])
    similarity = correlation[:, : high + 1] / (correlation[:, :1] + 1e-9) / (window[: high + 1] / window[0])
    # The shortest lag that is nearly as good as the best one: multiples of the period are as good.
    inside = similarity[:, low:]
    good = inside > 0.9 * inside.max(axis=1, keepdims=True)
    peak = (inside >= np.roll(inside, 1, axis=1)) & (inside >= np.roll(inside, -1, axis=1)) & good
    lags = low + np.argmax(peak, axis=1)
    voiced = (inside.max(axis=1) > 0.6) & (np.sqrt(np.mean(frames**2, axis=1)) > 0.01) & peak.any(axis=1)
    pitch: FloatArray = (OUTPUT_RATE / lags[voiced]).astype(np.float32)
    return pitch


def predicted_quality(recordings: Sequence[FloatArray]) -> float | None:
    """Predicted mean opinion of listeners, 1 to 5, by Distill-MOS (Stahl and Gamper 2025, arXiv:2502.05356).

    None if the package, which carries the weights (MIT), is not installed:
    ``pip install --no-deps distillmos==0.9.1 xls-r-sqa==0.1.0``.
    """
    # Only the package's command line needs torchaudio.
    sys.modules.setdefault("torchaudio", ModuleType("torchaudio"))
    try:
        from distillmos import ConvTransformerSQAModel
    except ImportError:
        return None
    model = ConvTransformerSQAModel().eval()
    pcm = resample(np.concatenate(recordings), OUTPUT_RATE, INPUT_RATE)
    stretches = np.split(pcm, range(_JUDGED, len(pcm), _JUDGED))[:-1]
    with torch.no_grad():
        return round(float(np.mean([float(model(torch.from_numpy(part.copy())[None])) for part in stretches])), 2)
