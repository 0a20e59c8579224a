"""Memory of ended sessions, and of the C library, given back while nobody speaks."""

from __future__ import annotations

import asyncio
import gc
from collections.abc import Awaitable, Callable

from engine.malloc import give_back_memory

MAX_UNCOLLECTED = 20
"""Ended sessions whose reference cycles may wait for a moment in which nobody speaks."""

GIVE_BACK_EVERY_S = 60.0
"""How often free memory is returned to the system while sessions run. Measured: a conversation leaves some 5 MB a
minute in the C library's allocator."""


async def _free_in_thread() -> None:
    await asyncio.to_thread(give_back_memory)


class MemoryKeeper:
    """Collects what ended sessions left and returns free memory to the system, now and then.

    Args:
        free: returns free memory to the system; takes milliseconds, so not on the event loop.
    """

    def __init__(self, free: Callable[[], Awaitable[None]] = _free_in_thread) -> None:
        self._free = free
        self._uncollected = 0
        self._given_back_at: float | None = None

    def session_ended(self) -> None:
        """One more has left reference cycles: audio encoders with their threads and megabytes."""
        self._uncollected += 1

    async def tidy(self, now: float, *, speaking: bool) -> None:
        """Do what is due. Called every few seconds.

        Args:
            now: on the event loop's clock.
            speaking: some tutor speaks, so a pause would be noticed.
        """
        if self._given_back_at is None:
            self._given_back_at = now
        collected = self._collect(speaking)
        if not speaking and (collected or now - self._given_back_at > GIVE_BACK_EVERY_S):
            self._given_back_at = now
            await self._free()

    def _collect(self, speaking: bool) -> bool:
        """Collect cycles, if there may be some. True when it was done.

        It takes 10 to 80 ms (what was there at the start is frozen, see ``app.serve``), so it is done when
        nobody speaks, or when it cannot be put off any longer.
        """
        if self._uncollected and (not speaking or self._uncollected >= MAX_UNCOLLECTED):
            self._uncollected = 0
            gc.collect()
            return True
        return False
