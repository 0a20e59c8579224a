"""A circuit breaker: after some failures in a row, an external service is not called for a while.

Pure: it is told the time and says whether a call may go out. One event loop; no clock.
"""

from __future__ import annotations

from dataclasses import dataclass


@dataclass(slots=True)
class CircuitBreaker:
    """Closed, it lets every call through; open, none. After a pause one call probes the service.

    Each call that ``allow`` let through must be followed by exactly one of ``succeeded``,
    ``failed`` or ``abandoned``.
    """

    threshold: int = 4
    """Failures in a row that open it."""

    pause_s: float = 1.0
    """First pause, in seconds; doubled with every failed probe."""

    longest_pause_s: float = 30.0
    """Limit of the pause, in seconds."""

    _failures: int = 0
    _open_until: float | None = None
    _pause: float = 0.0
    _probing: bool = False

    @property
    def open(self) -> bool:
        """Calls are being refused, or one is probing the service."""
        return self._open_until is not None

    def retry_after_s(self, now: float) -> float:
        """Seconds until a call may go out; 0 if one may now."""
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
        """The service answered the call."""
        self._failures, self._open_until, self._pause, self._probing = 0, None, 0.0, False

    def failed(self, now: float) -> None:
        """The call failed by the service's fault, at ``now``."""
        self._failures += 1
        if self._probing or self._failures >= self.threshold:
            self._pause = min(self._pause * 2 or self.pause_s, self.longest_pause_s)
            self._open_until = now + self._pause
        self._probing = False

    def abandoned(self) -> None:
        """The call ended before it showed whether the service works, for example because it was cancelled."""
        self._probing = False
