"""Decides where a clause is cut into slices whose audio is computed one after the other. Pure.

The first slice is the shortest after which the rest can be computed while it plays, given what the machine needs for
a second of audio. Each of the next ones is as long as what is left to play allows. Cuts are made where the voice is
quiet.
"""

from __future__ import annotations

import numpy as np

from engine.items import FloatArray
from engine.speaking.kokoro_graph import FRAMES_PER_S, LEAD, MARGIN

_SHORTEST = 16
"""Frames of the shortest slice (0.4 s). A judgement: shorter ones sound worse and cost more than they bring."""

_LONGEST_S = 4.0
"""Length of the longest slice. A judgement: longer ones hold up other sessions."""

_SAFETY = 0.9
"""Share of the time left to play that computing the next slice may take. A judgement."""

_SEARCH = 6
"""Frames (0.15 s) among which the quietest is looked for. A judgement."""

_OVERHEAD_S = (2 * MARGIN + LEAD) / FRAMES_PER_S
"""Seconds of audio that are computed with every slice and thrown away."""


class SlicePlan:
    """Divides a clause into slices.

    Args:
        energy: loudness of every half frame, (2 * T,).
        start: first frame to compute.
        end: one past the last.
        cost: seconds of computing for a second of audio.
    """

    def __init__(self, energy: FloatArray, start: int, end: int, cost: float) -> None:
        self._energy = energy.reshape(-1, 2).mean(axis=1)
        self._at = start
        self._end = end
        self._cost = cost
        self._first = True

    @property
    def done(self) -> bool:
        """Whether ``next`` has returned the last slice."""
        return self._at >= self._end

    def next(self, ahead_s: float) -> tuple[int, int]:
        """Start and end frame of the next slice.

        Args:
            ahead_s: seconds of audio of this clause that have been computed and not yet played.
        """
        start, left = self._at, self._end - self._at
        goal = round(self._goal_s(ahead_s) * FRAMES_PER_S)
        # The first slice may be a little longer than it must be, the others a little shorter than they may be.
        low, high = (goal, goal + _SEARCH) if self._first else (goal - _SEARCH, goal)
        self._first = False
        if left <= max(high, 2 * _SHORTEST):
            self._at = self._end
        else:
            high = min(max(high, _SHORTEST), left - _SHORTEST)
            low = min(max(low, _SHORTEST), high)
            self._at = start + low + int(np.argmin(self._energy[start + low : start + high + 1]))
        return start, self._at

    def _goal_s(self, ahead_s: float) -> float:
        if not self._first:
            return min(ahead_s * _SAFETY / self._cost - _OVERHEAD_S, _LONGEST_S)
        left_s = (self._end - self._at) / FRAMES_PER_S
        # While this much plays, all the rest can be computed at once ...
        goal_s = (left_s + _OVERHEAD_S) * self._cost / (_SAFETY + self._cost)
        spare = _SAFETY / self._cost - 1
        if spare > 0:
            # ... and while this much does, a slice of the same length, and so on.
            goal_s = min(goal_s, (_OVERHEAD_S + _SEARCH / FRAMES_PER_S) / spare)
        return max(goal_s, _SHORTEST / FRAMES_PER_S)
