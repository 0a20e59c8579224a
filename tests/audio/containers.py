"""Containers as clients send them, made with libav."""

from __future__ import annotations

import io

import av
import numpy as np
import numpy.typing as npt

KINDS = {
    "wav": ("wav", "pcm_s16le", 22_050),
    "webm": ("webm", "libopus", 48_000),
    "ogg": ("ogg", "libopus", 48_000),
    "mp3": ("mp3", "libmp3lame", 44_100),
    "m4a": ("ipod", "aac", 44_100),
    "flac": ("flac", "flac", 44_100),
    "aac": ("adts", "aac", 44_100),
}
"""Kind of file: libav's container, codec, sample rate."""


def encode(
    pcm: npt.NDArray[np.float32], rate: int, kind: str, *, live: bool = False, codec_rate: int | None = None
) -> bytes:
    """(n,) float32 mono as a file of this kind; ``live`` as a recorder streams it (no length, no seeking back)."""
    container_format, codec, usual_rate = KINDS[kind]
    codec_rate = codec_rate or usual_rate
    out = io.BytesIO()
    options = {"live": "1", "cluster_time_limit": "100"} if live and kind == "webm" else {}
    with av.open(out, "w", format=container_format, options=options) as container:
        stream = container.add_stream(codec, rate=codec_rate, layout="mono")
        assert isinstance(stream, av.AudioStream)
        resampler = av.AudioResampler(stream.format, stream.layout, codec_rate)
        frame = av.AudioFrame.from_ndarray(np.ascontiguousarray(pcm[None], np.float32), "flt", "mono")
        frame.sample_rate = rate
        for piece in [*resampler.resample(frame), *resampler.resample(None)]:
            piece.pts = None  # counted by the encoder
            container.mux(stream.encode(piece))
        container.mux(stream.encode(None))
    return out.getvalue()


def tone(seconds: float, hz: float = 440.0, rate: int = 16_000) -> npt.NDArray[np.float32]:
    """A sine at half of full scale."""
    return (0.5 * np.sin(2 * np.pi * hz * np.arange(int(seconds * rate)) / rate)).astype(np.float32)
