"""Decides where to cut a clause whose audio is computed in pieces. Pure."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np

FIRST_S, _GROWTH, _MAX_S = 0.3, 2.0, 2.4
"""Length of the first piece (s), factor by which pieces grow, and the greatest length (s). Judgements.

The first piece is short, since the student waits for it. Later ones grow, since each costs a margin that is computed
twice, and there is audio to play meanwhile.
"""


class PiecePlan:
    """Divides a clause into pieces that end near phoneme boundaries.

    Args:
        boundaries: the columns at which phonemes end, ascending; may be empty.
        columns: length of the clause.
        second: columns per second.
    """

    def __init__(self, boundaries: Sequence[float], columns: int, second: float) -> None:
        self._boundaries = np.array(boundaries, dtype=np.float64)
        self._columns = columns
        self._second = second
        self._goal_s = FIRST_S
        self._at = 0

    @property
    def done(self) -> bool:
        """Whether ``next`` has returned the last piece."""
        return self._at >= self._columns

    def next(self) -> tuple[int, int]:
        """Start and end column of the next piece. A remainder too short for a piece is added to the last one."""
        start, goal = self._at, self._at + self._goal_s * self._second
        self._goal_s = min(self._goal_s * _GROWTH, _MAX_S)
        near = self._boundaries[np.abs(self._boundaries - goal) < FIRST_S / 2 * self._second]
        end = round(float(near[np.argmin(np.abs(near - goal))])) if len(near) else round(goal)
        too_little_left = self._columns - end < FIRST_S * self._second
        self._at = self._columns if too_little_left or end <= start else end
        return start, self._at
