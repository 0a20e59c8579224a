"""What happens when more is asked of a machine than it can draw.

Two pure decisions, told the time and what was measured. ``Thinning`` says which pictures are
drawn and which repeat the one before, so that sound and the pictures that are drawn stay in
time. ``Admission`` says whether one more session fits. No clock, no I/O, nothing to stop.
"""

from __future__ import annotations

from engine.items import FPS

WINDOW_S = 0.5
"""Decisions are taken this often, on what happened since the last one."""

FORGET_S = 2.0
"""After so long without a picture nothing is known about the load."""

TIGHT_S = 0.04
"""A picture that is done closer to its deadline than this had no slack worth the name."""

FULL = 0.93
"""Share of the time spent drawing from which on drawing is what makes pictures late."""

ROOMY = 0.88
"""Pictures come back when drawing them too would take no more than this share of the time."""

FEWEST = 5
"""At the worst every fifth picture is drawn: a face at 5 pictures a second."""


class Thinning:
    """How many pictures of every session are drawn while there is too much to draw.

    All sessions are thinned alike and evenly: every second picture of each, or every third.
    Slack alone says little: a reply begins with none, and a slow voice makes pictures late too. Only
    when the renderer was busy nearly all of a window and still has none are pictures left out.
    """

    def __init__(self) -> None:
        self.every = 1
        """One picture in so many is drawn."""
        self.busy = 0.0
        """Share of the last window that went into drawing, 0..1."""
        self._since = 0.0
        self._drawing_s = 0.0

    def draws(self, index: int) -> bool:
        """Whether picture ``index`` of a reply is drawn; the first always is."""
        return index % self.every == 0

    def observe(self, began: float, ended: float, slack_s: float) -> None:
        """A batch was drawn from ``began`` to ``ended`` (seconds); ``slack_s`` was left of its first deadline."""
        if ended - self._since > FORGET_S:
            self.every, self._since, self._drawing_s = 1, began, 0.0
        self._drawing_s += ended - began
        window = ended - self._since
        if window < WINDOW_S:
            return
        self.busy = self._drawing_s / window
        if self.busy > FULL and slack_s < TIGHT_S:
            self.every = min(self.every + 1, FEWEST)
        elif self.every > 1 and self.busy * self.every / (self.every - 1) < ROOMY:
            self.every -= 1
        self._since, self._drawing_s = ended, 0.0

    def thins_at(self, now: float) -> bool:
        """Whether pictures are being left out; not by what was long ago."""
        return self.every > 1 and now - self._since <= FORGET_S


HEADROOM = 0.9
"""Share of a drawing thread's time that admitted sessions may need."""

LEAST_TALK = 0.25
"""Tutors are reckoned to speak at least this share of the time, however quiet it is just now."""

RETRY_FULL_S, RETRY_BUSY_S = 5, 2


class Admission:
    """Whether one more session fits.

    Args:
        most: sessions at once, whatever was measured.
        measured: also refuse what the renderer could not draw in time.
    """

    def __init__(self, most: int, *, measured: bool) -> None:
        self.most = most
        self.measured = measured

    def refuse(
        self, sessions: int, present: int, speaking: int, picture_s: float, thinning: bool
    ) -> tuple[str, int] | None:
        """Why a session must wait and for how many seconds; None when it may begin.

        Args:
            sessions: how many there are.
            present: how many of them have a student; the others need no pictures.
            speaking: how many of their tutors are speaking.
            picture_s: measured cost of a picture.
            thinning: pictures are being left out already.
        """
        if sessions >= self.most:
            return f"all {self.most} sessions are taken", RETRY_FULL_S
        if not self.measured:
            return None
        if thinning:
            return "the engine draws as many faces as it can", RETRY_BUSY_S
        talking = max(speaking, present * LEAST_TALK) + 1
        if present and talking * FPS * picture_s > HEADROOM:
            return f"{present} sessions are as many as this engine can draw in time", RETRY_BUSY_S
        return None
