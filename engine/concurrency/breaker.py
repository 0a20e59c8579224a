"""The circuit breaker of a neighbour: after some failures in a row, stop asking for a while.

Pure: it is handed the time and says whether a call may go out. One event loop; no clock.
"""

from __future__ import annotations

from dataclasses import dataclass


@dataclass(slots=True)
class CircuitBreaker:
    """Closed lets all through; open lets none; after the pause one call probes the neighbour.

    Each call that ``allow`` let through must be answered with exactly one of ``succeeded``,
    ``failed`` or ``abandoned``.
    """

    threshold: int = 4
    """Failures in a row that open it."""

    pause_s: float = 1.0
    """First pause; doubles with every failed probe."""

    longest_pause_s: float = 30.0

    _failures: int = 0
    _open_until: float | None = None
    _pause: float = 0.0
    _probing: bool = False

    @property
    def open(self) -> bool:
        """Calls are being refused, or one is out to see whether they may go on."""
        return self._open_until is not None

    def retry_after_s(self, now: float) -> float:
        """Seconds until a call may be let through; 0 when it may be now."""
        return 0.0 if self._open_until is None else max(0.0, self._open_until - now)

    def allow(self, now: float) -> bool:
        """Whether a call may go out at ``now`` (seconds, any steady clock)."""
        if self._open_until is None:
            return True
        if self._probing or now < self._open_until:
            return False
        self._probing = True
        return True

    def succeeded(self) -> None:
        """The neighbour answered."""
        self._failures, self._open_until, self._pause, self._probing = 0, None, 0.0, False

    def failed(self, now: float) -> None:
        """The neighbour is at fault."""
        self._failures += 1
        if self._probing or self._failures >= self.threshold:
            self._pause = min(self._pause * 2 or self.pause_s, self.longest_pause_s)
            self._open_until = now + self._pause
        self._probing = False

    def abandoned(self) -> None:
        """The caller went away before the neighbour proved good or bad."""
        self._probing = False
