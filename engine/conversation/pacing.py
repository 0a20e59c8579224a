"""How fast the frames of a reply are made: batch sizes and deadlines. Pure; ``now`` is seconds on any one clock."""

from __future__ import annotations

from engine.items import FRAME_MS

MAX_BATCH = 5
"""Frames drawn and sent together once there is slack (200 ms of speech)."""


class Pacing:
    """Counts the frames of one reply and knows when the client plays them."""

    def __init__(self) -> None:
        self.made = 0
        """Frames drawn so far."""
        self.sent = 0
        """Frames handed to the sink so far."""
        self._playing_since: float | None = None
        """When the client began to play, plus the time in which it had nothing to play."""

    def batch_size(self, now: float) -> int:
        """How many frames to draw together: 1, then 2, then half of the client's buffer, at most ``MAX_BATCH``."""
        if self.made < 3:
            return 1 if self.made == 0 else 2
        if self._playing_since is None:
            return 2
        ahead_ms = self.made * FRAME_MS - (now - self._playing_since) * 1000
        return max(1, min(MAX_BATCH, int(ahead_ms / 2 / FRAME_MS)))

    def deadline(self, index: int, now: float) -> float:
        """When frame ``index`` will be played; until something was sent, as if the first one were played now."""
        start = self._playing_since if self._playing_since is not None else now
        return start + index * FRAME_MS / 1000

    def played_s(self, now: float) -> float:
        """Seconds of the reply that a client has played which plays without a pause."""
        if self._playing_since is None:
            return 0.0
        return min(now - self._playing_since, self.sent * FRAME_MS / 1000)

    def add_sent(self, frames: int, now: float) -> None:
        """``frames`` more were handed to the sink."""
        latest_start = now - self.sent * FRAME_MS / 1000  # for a client that has played without a pause until now
        self._playing_since = now if self._playing_since is None else max(self._playing_since, latest_start)
        self.sent += frames
