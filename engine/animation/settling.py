"""From a reply back to idle motion without a jump, wherever the reply ended or was cut off.

The idle face begins exactly as the reply's last picture looked, and the difference fades. Pure, told the time; one
object per viewer, nothing to stop.
"""

from __future__ import annotations

import numpy as np

from engine.animation.moods import EYES_CHANGE_S, MOOD_CHANGE_S
from engine.animation.pose import POSE_CHANNELS, in_range
from engine.animation.visemes import MOUTH_CHANNELS
from engine.items import FloatArray

MOUTH_S = 0.24
"""A mouth that was cut off closes in this time, as at the end of a reply. Eyelids take as long."""

_FADES_S: FloatArray = np.array(
    [
        MOOD_CHANGE_S if name in ("mouth_smile", "mouth_frown")
        else MOUTH_S if i < MOUTH_CHANNELS or name.startswith("blink")
        else EYES_CHANGE_S if name.startswith("look") else MOOD_CHANGE_S
        for i, name in enumerate(POSE_CHANNELS)
    ],
    np.float32,
)  # fmt: skip


class Settling:
    """Remembers what was shown last of a reply."""

    def __init__(self) -> None:
        self._spoken: FloatArray | None = None
        self._difference: FloatArray | None = None
        self._began_s = 0.0

    def spoken(self, pose: FloatArray) -> None:
        """A picture of a reply was shown, of this pose."""
        self._spoken = pose

    def settle(self, pose: FloatArray, now: float) -> FloatArray:
        """The idle ``pose`` (channels,) of ``now`` (seconds), or on the way to it."""
        if self._spoken is not None:
            self._difference, self._began_s, self._spoken = self._spoken - pose, now, None
        if self._difference is None:
            return pose
        if now - self._began_s >= MOOD_CHANGE_S:
            self._difference = None
            return pose
        done = np.clip((now - self._began_s) / _FADES_S, 0, 1)
        return in_range(pose + self._difference * (1 - done * done * (3 - 2 * done)).astype(np.float32))
