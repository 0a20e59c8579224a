"""A turn that ended in what was only a pause: the student goes on, and it is one turn after all. Pure."""

from __future__ import annotations

AFTERTHOUGHT_MS = 1500.0
"""Speech so soon after a turn was taken for over belongs to it: the tutor's first words, which began some
130 ms after, do not yet call for an answer, and a real second question is well answered with the first."""

PAUSE_MS = 1200.0
"""Silence before it that is still taken for one of the student's usual pauses."""

LONGEST_MS = 10_000.0
"""A turn is heard anew as a whole only while it is not longer: its sound is kept, and read again, for so long."""


class Reopening:
    """The latest turn of a student, as long as it may turn out not to have been over."""

    def __init__(self) -> None:
        self.text = ""
        """What was understood of it."""
        self._turn: tuple[float, float] | None = None
        self._until_ms = float("-inf")

    def ended(self, start_ms: float, end_ms: float, commit_ms: float, text: str) -> None:
        """A turn was taken for over at ``commit_ms``; the other times are of its sound."""
        self.text = text
        self._turn = start_ms, end_ms
        self._until_ms = commit_ms + AFTERTHOUGHT_MS

    def pause_ms(self, start_ms: float) -> float | None:
        """The pause before speech that begins now, where it seems to be one within the turn."""
        if self._turn is None or start_ms - self._turn[1] > PAUSE_MS:
            return None
        return start_ms - self._turn[1]

    def start_ms(self, start_ms: float) -> float | None:
        """Where the turn began that speech at ``start_ms`` goes on with; None when there is none."""
        if self._turn is None or start_ms > self._until_ms or start_ms - self._turn[0] > LONGEST_MS:
            return None
        return self._turn[0]
