"""Where to cut the sound of a clause that is made in pieces. Pure."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np

_FIRST_S, _GROWTH, _LONGEST_S = 0.3, 2.0, 2.4
"""Sound in the first piece, how pieces grow, and the longest one, seconds.

The first is short, since the student waits for it; later ones grow with the sound that is
already made, since every piece costs a margin computed twice.
"""


class PiecePlan:
    """Hands out pieces of ``columns`` columns of sound, cut near phoneme boundaries.

    Args:
        boundaries: columns at which a phoneme ends, ascending; may be empty.
        columns: of the whole clause.
        second: columns in a second of sound.
    """

    def __init__(self, boundaries: Sequence[float], columns: int, second: float) -> None:
        self._boundaries = np.array(boundaries, dtype=np.float64)
        self._columns = columns
        self._second = second
        self._goal_s = _FIRST_S
        self._at = 0

    @property
    def done(self) -> bool:
        """Everything was handed out."""
        return self._at >= self._columns

    def next(self) -> tuple[int, int]:
        """Start and end column of the next piece; the last one takes in what would be a scrap."""
        start, goal = self._at, self._at + self._goal_s * self._second
        self._goal_s = min(self._goal_s * _GROWTH, _LONGEST_S)
        near = self._boundaries[np.abs(self._boundaries - goal) < _FIRST_S / 2 * self._second]
        end = round(float(near[np.argmin(np.abs(near - goal))])) if len(near) else round(goal)
        scrap = self._columns - end < _FIRST_S * self._second
        self._at = self._columns if scrap or end <= start else end
        return start, self._at
