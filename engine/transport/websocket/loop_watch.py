"""How late the event loop is: an answer that came while it was busy was there before it was seen."""

from __future__ import annotations

import asyncio
from collections.abc import Callable

TICK_S = 0.02


class LoopWatch:
    """Wakes up every ``TICK_S`` while there is something to measure, and tells how late that was.

    Args:
        late: told the delay in seconds, and when it ended.
        wanted: whether to go on.
    """

    def __init__(self, late: Callable[[float, float], None], wanted: Callable[[], bool]) -> None:
        self._late = late
        self._wanted = wanted
        self._timer: asyncio.TimerHandle | None = None

    def start(self) -> None:
        """Begin, unless it is under way already."""
        if self._timer is None:
            loop = asyncio.get_running_loop()
            self._timer = loop.call_at(loop.time() + TICK_S, self._tick)

    def stop(self) -> None:
        """End."""
        if self._timer is not None:
            self._timer.cancel()
            self._timer = None

    def _tick(self) -> None:
        if self._timer is None:
            return
        now = asyncio.get_running_loop().time()
        due, self._timer = self._timer.when(), None
        self._late(max(0.0, now - due), now)
        if self._wanted():
            self.start()
