"""Which idle pictures are worth drawing: those that look different from the last one shown.

A face that waits moves little: it breathes, drifts by a pixel a second and blinks every four. Pictures
of it are due often, so that a blink is smooth, and most of them would show what is seen already.
Pure, told the time; one for each viewer, nothing to stop.
"""

from __future__ import annotations

import numpy as np

from engine.animation.pose import POSE_CHANNELS
from engine.items import FloatArray

VISIBLE_PX = 0.6
"""What has moved by less, in a picture 512 pixels wide, may wait."""

LONGEST_S = 1.0
"""There is a picture at least this often, for whoever lost one on the way."""

_REACH_PX = {
    "blink_left": 12.0, "blink_right": 12.0, "look_x": 7.0, "look_y": 5.0,
    "head_yaw": 28.0, "head_pitch": 22.0, "head_roll": 32.0, "breath": 4.0, "jaw_open": 38.0,
}  # fmt: skip
"""How far a channel moves the face between 0 and 1; lips, cheeks and brows move by up to 9 pixels."""

_REACH: FloatArray = np.array([_REACH_PX.get(name, 9.0) for name in POSE_CHANNELS], np.float32)


class Stillness:
    """Compares poses with the one that was shown last."""

    def __init__(self) -> None:
        self._shown: FloatArray | None = None
        self._shown_at = 0.0

    def shows(self, pose: FloatArray, now: float) -> bool:
        """Whether ``pose`` is to be drawn at ``now`` (seconds). What is said to be shown is taken for shown."""
        if (
            self._shown is not None
            and now - self._shown_at < LONGEST_S
            and float((np.abs(pose - self._shown) * _REACH).max()) < VISIBLE_PX
        ):
            return False
        self._shown, self._shown_at = pose, now
        return True

    def forget(self) -> None:
        """Something else was shown, or nothing: the next picture is drawn."""
        self._shown = None
