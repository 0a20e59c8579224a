"""What the student has heard of a reply: pure bookkeeping of what was sent and what was played.

Positions are ms of the reply's audio; ``now`` is seconds on any one clock.
"""

from __future__ import annotations

from engine.items import FRAME_MS, Word

EXTRAPOLATE_S = 1.0
"""Seconds. A client that reported its playback position this recently is assumed to have played on since then. A
judgement: clients report about four times a second."""


class Playback:
    """Sent and played positions of one reply."""

    def __init__(self) -> None:
        self.sent_ms = 0.0
        """Audio handed to the client so far."""
        self.words: list[Word] = []
        """Words of the reply with their times, in order."""
        self._first_sent_at: float | None = None
        self._acknowledged_ms: float | None = None
        self._acknowledged_at = 0.0

    def sent(self, frames: int, now: float) -> None:
        """``frames`` more frames have left for the client."""
        if self._first_sent_at is None:
            self._first_sent_at = now
        self.sent_ms += frames * FRAME_MS

    def acknowledge(self, position_ms: float, now: float) -> None:
        """The client has played up to ``position_ms``. Limited to what was sent; never moves back."""
        position = min(max(0.0, position_ms), self.sent_ms)
        self._acknowledged_ms = max(position, self._acknowledged_ms or 0.0)
        self._acknowledged_at = now

    def correct(self, position_ms: float, now: float) -> None:
        """The client's last position after an interruption; it may be earlier than the assumed one."""
        self._acknowledged_ms = min(max(0.0, position_ms), self.sent_ms)
        self._acknowledged_at = now - EXTRAPOLATE_S * 2

    def heard_ms(self, now: float) -> float:
        """How much was played, as far as is known.

        That is the client's last report, moved on by the time since while it is fresh. Without any report it is
        the time since the first frame was sent.
        """
        if self._first_sent_at is None:
            return 0.0
        if self._acknowledged_ms is not None:
            since = now - self._acknowledged_at
            extra = since * 1000 if 0 <= since <= EXTRAPOLATE_S else 0.0
            return min(self._acknowledged_ms + extra, self.sent_ms)
        return min((now - self._first_sent_at) * 1000, self.sent_ms)

    def heard_text(self, said: str, position_ms: float) -> str:
        """The heard text: the prefix of ``said`` up to the last word of which more than half was played.

        Words that are not found in ``said``, because the voice got them in another spelling, are skipped.
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
