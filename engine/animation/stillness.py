"""Which idle pictures are worth drawing: those that look different from the last one shown.

An idle face moves little: it breathes, drifts by a pixel a second and blinks every four seconds. Its pictures are due
often, so that a blink is smooth, but most of them would look like the one before. Pure, told the time; one object per
viewer, nothing to stop.
"""

from __future__ import annotations

import numpy as np

from engine.animation.pose import POSE_CHANNELS
from engine.items import FloatArray

VISIBLE_PX = 0.6
"""Motion by less than this, in a picture 512 pixels wide, is not drawn. Judged by eye."""

MAX_GAP_S = 1.0
"""A picture is drawn at least this often, for viewers that lost one on the way."""

_REACH_PX = {
    "blink_left": 12.0, "blink_right": 12.0, "look_x": 7.0, "look_y": 5.0,
    "head_yaw": 28.0, "head_pitch": 22.0, "head_roll": 32.0, "breath": 4.0, "jaw_open": 38.0,
}  # fmt: skip
"""Pixels by which a channel moves the face between 0 and 1; lips, cheeks and brows move by up to 9."""

_REACH: FloatArray = np.array([_REACH_PX.get(name, 9.0) for name in POSE_CHANNELS], np.float32)


class Stillness:
    """Compares poses with the last one shown."""

    def __init__(self) -> None:
        self._shown: FloatArray | None = None
        self._shown_at = 0.0

    def shows(self, pose: FloatArray, now: float) -> bool:
        """Whether to draw ``pose`` (channels,) at ``now`` (seconds). If True, it counts as the last one shown."""
        if (
            self._shown is not None
            and now - self._shown_at < MAX_GAP_S
            and float((np.abs(pose - self._shown) * _REACH).max()) < VISIBLE_PX
        ):
            return False
        self._shown, self._shown_at = pose, now
        return True

    def forget(self) -> None:
        """Something else was shown, or nothing: draw the next picture in any case."""
        self._shown = None
