"""What a client sees and hears of an MP4, or of the fragments of a stream joined together."""

from __future__ import annotations

import io
from collections.abc import Iterator

import av
import numpy as np

from engine.items import ByteArray, FloatArray


def pictures_of(data: bytes, pixels: str = "rgb24") -> Iterator[ByteArray]:
    """Every picture, uint8: (H, W, 3) as ``rgb24``, (H, W) as ``gray``."""
    with av.open(io.BytesIO(data), "r") as container:
        for frame in container.decode(video=0):
            yield frame.to_ndarray(format=pixels).astype(np.uint8, copy=False)


def sound_of(data: bytes) -> tuple[FloatArray, int]:
    """The audio, (n,) float32 mono, and its sample rate in Hz."""
    with av.open(io.BytesIO(data), "r") as container:
        pieces = [frame.to_ndarray().mean(axis=0) for frame in container.decode(audio=0)]
        return np.concatenate(pieces).astype(np.float32, copy=False), container.streams.audio[0].rate
