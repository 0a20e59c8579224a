"""Samples as 16-bit PCM and WAV. Pure functions; the first two are cheap enough for the event loop."""

from __future__ import annotations

import io
import wave

import numpy as np

from engine.items import FloatArray


def pcm16_to_float(data: bytes) -> FloatArray:
    """Little-endian signed 16-bit samples to (n,) float32 in [-1, 1). An odd last byte is dropped."""
    return np.frombuffer(data, "<i2", count=len(data) // 2).astype(np.float32) / 32768.0


def float_to_pcm16(pcm: FloatArray) -> bytes:
    """(n,) float32 samples to little-endian signed 16-bit; values beyond [-1, 1] are clipped."""
    return bytes(np.rint(np.clip(pcm, -1.0, 1.0) * 32767.0).astype("<i2"))


def to_wav(pcm: FloatArray, rate: int) -> bytes:
    """(n,) float32 mono at ``rate`` Hz as a 16-bit WAV file; values beyond [-1, 1] are clipped."""
    out = io.BytesIO()
    with wave.open(out, "wb") as file:
        file.setnchannels(1)
        file.setsampwidth(2)
        file.setframerate(rate)
        file.writeframes(float_to_pcm16(pcm))
    return out.getvalue()
