"""How often something may happen: at most a given number of times in a sliding window. Pure."""

from __future__ import annotations

from collections import deque

from engine.errors import TooFast


class RateLimit:
    """Counts what was admitted. Times are seconds on any one clock.

    Args:
        limit: how many are let in during any ``window_s`` seconds.
        what: their name in the error, in the plural.
    """

    def __init__(self, limit: int, window_s: float, what: str) -> None:
        self._limit = limit
        self._window_s = window_s
        self._what = what
        self._admitted: deque[float] = deque()
        self._refused_at: float | None = None

    def check(self, now: float) -> None:
        """Let one in. What is refused does not count.

        Raises:
            TooFast: the limit is reached.
        """
        if not self._admit(now):
            raise self._refusal()

    def check_once(self, now: float) -> bool:
        """As ``check``, but raises once in a window and gives False for further refusals: for floods."""
        if self._admit(now):
            return True
        if self._refused_at is not None and now - self._refused_at < self._window_s:
            return False
        self._refused_at = now
        raise self._refusal()

    def _admit(self, now: float) -> bool:
        while self._admitted and now - self._admitted[0] >= self._window_s:
            self._admitted.popleft()
        if len(self._admitted) >= self._limit:
            return False
        self._admitted.append(now)
        return True

    def _refusal(self) -> TooFast:
        every = "a second" if self._window_s == 1 else f"in {self._window_s:.0f} s"
        return TooFast(f"more than {self._limit} {self._what} {every}", retry_after_s=self._window_s)
