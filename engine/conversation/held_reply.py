"""A reply made ahead: begun at the first silence, silent until it is known what the student said.

At most one at a time. Synchronous; the reply's tasks are the conversation's.
"""

from __future__ import annotations

from engine.conversation.reply import Reply
from engine.telemetry import Metrics


class HeldReply:
    """Keeps one speculative reply by the number the listener gave it."""

    def __init__(self, metrics: Metrics) -> None:
        self._metrics = metrics
        self._reply: tuple[int, Reply] | None = None

    def __bool__(self) -> bool:
        """One is being made or waits."""
        return self._reply is not None

    def hold(self, number: int, reply: Reply) -> None:
        """``reply`` was begun for speculation ``number``; an older one is dropped."""
        self.drop()
        self._reply = number, reply

    def drop(self) -> None:
        """The student went on, or said something else: nothing of it is left."""
        if self._reply is not None:
            self._reply[1].abandon()
            self._reply = None
            self._metrics.speculations.labels("dropped").inc()

    def take(self, number: int | None) -> Reply | None:
        """The reply of speculation ``number``, to be spoken now; any other is dropped."""
        if self._reply is None or self._reply[0] != number:
            self.drop()
            return None
        reply = self._reply[1]
        self._reply = None
        self._metrics.speculations.labels("used").inc()
        return reply
