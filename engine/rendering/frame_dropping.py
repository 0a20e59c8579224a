"""Frame dropping: which pictures are left out when there are more than the machine can draw.

A dropped picture repeats the one before, so that the audio and the pictures that are drawn stay in time. A pure
decision: it is told the time and what was measured. No clock, no I/O, nothing to stop.
"""

from __future__ import annotations

import math

DECISION_S = 0.5
"""How often the rate is reconsidered, on what happened since the last decision."""

FORGET_S = 2.0
"""After this long without a picture, nothing is known about the load."""

TIGHT_S = 0.04
"""A picture finished closer to its deadline than one frame (40 ms) had no slack to speak of."""

FULL = 0.93
"""Share of the time spent drawing above which it is the drawing that makes pictures late. A judgement."""

ROOMY = 0.88
"""More pictures are drawn again once that would take less than this share of the time. Below ``FULL``, so that the
rate does not flip back and forth."""

MAX_EVERY = 5
"""At worst every fifth picture is drawn: 5 a second."""


class FrameDropping:
    """The share of every reply's pictures that is drawn while there is too much to draw.

    All sessions drop evenly and alike: every second picture of each is drawn, or every third.
    Lack of slack alone does not count: a reply begins with none, and a slow voice makes pictures late too. Pictures
    are dropped only when the renderer was busy nearly all the time and still had no slack.
    """

    def __init__(self) -> None:
        self.every = 1
        """One picture in this many is drawn."""
        self.busy = 0.0
        """Share of the time up to the last decision that went into drawing, 0..1."""
        self._since = 0.0
        self._drawing_s = 0.0

    def draws(self, index: int, every: int = 1) -> bool:
        """Whether picture ``index`` of a reply is drawn; the first always is.

        Args:
            every: one picture in so many is wanted; of those, as few are left out as the load allows.
        """
        return index % (every * math.ceil(self.every / every)) == 0

    def observe(self, began: float, ended: float, slack_s: float) -> None:
        """A batch was drawn from ``began`` to ``ended`` (seconds); ``slack_s`` was left before its first deadline."""
        if ended - self._since > FORGET_S:
            self.every, self._since, self._drawing_s = 1, began, 0.0
        self._drawing_s += ended - began
        elapsed = ended - self._since
        if elapsed < DECISION_S:
            return
        self.busy = self._drawing_s / elapsed
        if self.busy > FULL and slack_s < TIGHT_S:
            self.every = min(self.every + 1, MAX_EVERY)
        elif self.every > 1 and self.busy * self.every / (self.every - 1) < ROOMY:
            self.every -= 1
        self._since, self._drawing_s = ended, 0.0

    def active_at(self, now: float) -> bool:
        """Whether pictures are being dropped; what was measured more than ``FORGET_S`` ago does not count."""
        return self.every > 1 and now - self._since <= FORGET_S

    def busy_at(self, now: float) -> float:
        """Share of the time that goes into drawing at ``now``, 0..1; 0 when nothing was drawn for ``FORGET_S``."""
        return self.busy if now - self._since <= FORGET_S else 0.0
