"""A user turn that was ended in a mere pause: the student goes on, and it is reopened. Pure.

Two clocks count here. Positions in the student's stream are ms of audio, and that clock stands still while a
client sends nothing (push to talk). How long the student was silent is the audio's silence and the time in
which nothing was sent, taken together.
"""

from __future__ import annotations

AFTERTHOUGHT_MS = 1500.0
"""Speech this soon after the end of a user turn belongs to it. The tutor's first words, which began about 130 ms after
the end, do not call for an answer yet, and a real second question is well answered together with the first."""

PAUSE_MS = 1200.0
"""Longest silence that still counts as one of the student's usual pauses. A judgement."""

LONGEST_MS = 10_000.0
"""A longer user turn is not reopened, because no more audio than this is kept to be recognised again."""


class Reopening:
    """The student's latest user turn, while it may still be reopened."""

    def __init__(self) -> None:
        self.text = ""
        """What was understood of it."""
        self._start_ms: float | None = None
        self._end_ms = 0.0
        self._commit_ms = 0.0
        self._unsent_ms = 0.0

    def ended(self, start_ms: float, end_ms: float, commit_ms: float, text: str, unsent_ms: float = 0.0) -> None:
        """A user turn was taken for over.

        Args:
            start_ms: where in the stream its speech began.
            end_ms: where it ended.
            commit_ms: where the stream was when that was decided.
            text: its words.
            unsent_ms: time, since any fixed moment, in which nothing was sent; the same moment for all calls.
        """
        self.text = text
        self._start_ms, self._end_ms, self._commit_ms, self._unsent_ms = start_ms, end_ms, commit_ms, unsent_ms

    def pause_ms(self, start_ms: float, unsent_ms: float = 0.0) -> float | None:
        """The pause before speech that begins now; None if it is too long to be one within a user turn."""
        if self._start_ms is None:
            return None
        pause_ms = start_ms - self._end_ms + self._muted_ms(unsent_ms)
        return pause_ms if pause_ms <= PAUSE_MS else None

    def start_ms(self, start_ms: float, unsent_ms: float = 0.0) -> float | None:
        """Where the user turn began that speech at ``start_ms`` continues; None if it continues none."""
        if self._start_ms is None or start_ms - self._start_ms > LONGEST_MS:
            return None
        late_ms = start_ms - self._commit_ms + self._muted_ms(unsent_ms)
        return self._start_ms if late_ms <= AFTERTHOUGHT_MS else None

    def _muted_ms(self, unsent_ms: float) -> float:
        """How long nothing was sent since the user turn. A line that stalled and caught up counts as sending."""
        return max(0.0, unsent_ms - self._unsent_ms)
