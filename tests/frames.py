"""Frames by which a test sees and hears when each of them is played."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np

from engine.items import FRAME_SAMPLES, OUTPUT_RATE, MediaFrame, Picture

SIZE = 128
"""Edge of the pictures in pixels."""

BEEP = (0.5 * np.sin(2 * np.pi * 1000 * np.arange(FRAME_SAMPLES) / OUTPUT_RATE)).astype(np.float32)
SILENCE = np.zeros(FRAME_SAMPLES, np.float32)

LEAD = {"aac": 1024 / OUTPUT_RATE, "opus": 0.0}
"""Seconds by which a stream of fragments begins before its first frame: AAC's priming is played."""


def grey(brightness: int, size: int = SIZE) -> Picture:
    """A square of one grey; ``brightness`` 16 is black, 235 white."""
    yuv = np.full((size * 3 // 2, size), 128, np.uint8)
    yuv[:size] = brightness
    return Picture(yuv, size, size)


DARK, BRIGHT = grey(16), grey(235)


def beeps(turn: int, count: int, marks: Sequence[int] = (), loud: bool = False, flash: int = 1) -> list[MediaFrame]:
    """Dark silent frames, but for the marks, which beep and are bright for ``flash`` frames; ``loud`` beeps throughout.

    A busy encoder may leave one picture out, so a flash of one may never be seen.
    """
    return [
        MediaFrame(
            turn,
            i,
            BEEP if loud or i in marks else SILENCE,
            BRIGHT if loud or any(0 <= i - mark < flash for mark in marks) else DARK,
            True,
        )
        for i in range(count)
    ]
