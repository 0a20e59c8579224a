"""What the student has heard of a turn: pure bookkeeping of what was sent and what was played.

Times on the turn's own timeline are ms of its sound; ``now`` is seconds on any one clock.
"""

from __future__ import annotations

from engine.items import FRAME_MS, Word

EXTRAPOLATE_S = 1.0
"""A client that acknowledged this recently is taken to have played on since."""


class Playback:
    """Sent and heard positions of one turn."""

    def __init__(self) -> None:
        self.sent_ms = 0.0
        """Sound handed to the client so far."""
        self.words: list[Word] = []
        """Words of the turn with their times, in order."""
        self._first_sent_at: float | None = None
        self._acknowledged_ms: float | None = None
        self._acknowledged_at = 0.0

    def sent(self, frames: int, now: float) -> None:
        """``frames`` more pictures with their sound have left for the client."""
        if self._first_sent_at is None:
            self._first_sent_at = now
        self.sent_ms += frames * FRAME_MS

    def acknowledge(self, position_ms: float, now: float) -> None:
        """The client says it has played up to here. Never past what was sent, never back."""
        position = min(max(0.0, position_ms), self.sent_ms)
        self._acknowledged_ms = max(position, self._acknowledged_ms or 0.0)
        self._acknowledged_at = now

    def correct(self, position_ms: float, now: float) -> None:
        """The client's last word after an interruption: may be earlier than what we guessed."""
        self._acknowledged_ms = min(max(0.0, position_ms), self.sent_ms)
        self._acknowledged_at = now - EXTRAPOLATE_S * 2

    def heard_ms(self, now: float) -> float:
        """Best knowledge of the played position.

        From the client's acknowledgement, moved on by the time since while it is fresh; without
        one, from the clock since the first frame was sent.
        """
        if self._first_sent_at is None:
            return 0.0
        if self._acknowledged_ms is not None:
            since = now - self._acknowledged_at
            extra = since * 1000 if 0 <= since <= EXTRAPOLATE_S else 0.0
            return min(self._acknowledged_ms + extra, self.sent_ms)
        return min((now - self._first_sent_at) * 1000, self.sent_ms)

    def heard_text(self, said: str, position_ms: float) -> str:
        """The prefix of ``said`` that was heard: up to the last word whose larger part was played.

        A word that the voice spelt otherwise, and so is not found in ``said``, is passed over.
        """
        cursor = 0
        for word in self.words:
            if (word.start_ms + word.end_ms) / 2 > position_ms:
                break
            at = said.find(word.text, cursor)
            if at >= 0:
                cursor = at + len(word.text)
        if self.sent_ms and self.words and cursor and position_ms >= self.words[-1].end_ms:
            trailing = said[cursor:]
            if not any(char.isalnum() for char in trailing):
                cursor = len(said)
        return said[:cursor].strip()
