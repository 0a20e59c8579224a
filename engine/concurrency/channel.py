"""The bounded channel between two stages: capacity, an overflow policy, and statistics.

One event loop; not thread safe. A closed channel still gives out what it holds, then ends
its readers' iteration. A cancelled ``put`` leaves nothing in the channel; a cancelled ``get``
takes nothing out of it.
"""

from __future__ import annotations

import asyncio
from collections import deque
from collections.abc import AsyncIterator, Callable
from dataclasses import dataclass
from typing import Generic, Literal, TypeVar

T = TypeVar("T")

Overflow = Literal["block", "drop_oldest"]


class ChannelClosed(Exception):
    """Put on a closed channel, or get from one that is closed and empty."""


@dataclass(slots=True)
class ChannelStats:
    """Counters since the channel was made."""

    puts: int = 0
    gets: int = 0
    dropped: int = 0
    peak: int = 0
    """Largest number of items held at once."""
    waits: int = 0
    """Puts that had to wait for room."""


class Channel(Generic[T]):
    """A FIFO of at most ``capacity`` items.

    Args:
        name: for metrics and logs.
        capacity: limit of items held, at least 1.
        overflow: what ``put`` does when full: wait (``block``) or discard the oldest item.
    """

    def __init__(self, name: str, capacity: int, overflow: Overflow = "block") -> None:
        if capacity < 1:
            raise ValueError(f"channel {name}: capacity {capacity} is below 1")
        self.name = name
        self.capacity = capacity
        self.overflow = overflow
        self.stats = ChannelStats()
        self._items: deque[T] = deque()
        self._getters: deque[asyncio.Future[None]] = deque()
        self._putters: deque[asyncio.Future[None]] = deque()
        self._closed = False

    def __len__(self) -> int:
        return len(self._items)

    @property
    def closed(self) -> bool:
        return self._closed

    def put_nowait(self, item: T) -> bool:
        """Add without waiting. False if the channel is full under ``block``; the item is then not taken.

        Raises:
            ChannelClosed: the channel is closed.
        """
        if self._closed:
            raise ChannelClosed(self.name)
        if len(self._items) >= self.capacity:
            if self.overflow == "block":
                return False
            self._items.popleft()
            self.stats.dropped += 1
        self._items.append(item)
        self.stats.puts += 1
        self.stats.peak = max(self.stats.peak, len(self._items))
        _wake_one(self._getters)
        return True

    def put_front(self, item: T) -> None:
        """Put ``item`` before all that waits, even when the channel is full. For what must not queue.

        Raises:
            ChannelClosed: the channel is closed.
        """
        if self._closed:
            raise ChannelClosed(self.name)
        self._items.appendleft(item)
        self.stats.puts += 1
        self.stats.peak = max(self.stats.peak, len(self._items))
        _wake_one(self._getters)

    async def put(self, item: T) -> None:
        """Add, waiting for room under ``block``.

        Raises:
            ChannelClosed: closed before or while waiting.
        """
        waited = False
        while not self.put_nowait(item):
            if not waited:
                self.stats.waits += 1
                waited = True
            await self._wait(self._putters)

    async def get(self) -> T:
        """Take the oldest item, waiting for one.

        Raises:
            ChannelClosed: closed and nothing left.
        """
        while not self._items:
            if self._closed:
                raise ChannelClosed(self.name)
            await self._wait(self._getters)
        item = self._items.popleft()
        self.stats.gets += 1
        _wake_one(self._putters)
        return item

    def drain(self) -> list[T]:
        """Take all items without waiting, oldest first."""
        items = list(self._items)
        self._items.clear()
        self.stats.gets += len(items)
        for _ in items:
            _wake_one(self._putters)
        return items

    def discard(self, unwanted: Callable[[T], bool]) -> int:
        """Remove the items for which ``unwanted`` is true, also from a closed channel; gives how many."""
        kept = deque(item for item in self._items if not unwanted(item))
        removed = len(self._items) - len(kept)
        self._items = kept
        self.stats.dropped += removed
        for _ in range(removed):
            _wake_one(self._putters)
        return removed

    def close(self) -> None:
        """Refuse further puts and wake waiting getters and putters. Idempotent."""
        self._closed = True
        for waiters in (self._getters, self._putters):
            while waiters:
                _wake_one(waiters)

    async def __aiter__(self) -> AsyncIterator[T]:
        while True:
            try:
                item = await self.get()
            except ChannelClosed:
                return
            yield item

    async def _wait(self, waiters: deque[asyncio.Future[None]]) -> None:
        waiter: asyncio.Future[None] = asyncio.get_running_loop().create_future()
        waiters.append(waiter)
        try:
            await waiter
        except asyncio.CancelledError:
            # A wake-up that this waiter cannot use must reach the next one.
            if waiter.done() and not waiter.cancelled():
                _wake_one(waiters)
            elif waiter in waiters:
                waiters.remove(waiter)
            raise


def _wake_one(waiters: deque[asyncio.Future[None]]) -> None:
    while waiters:
        waiter = waiters.popleft()
        if not waiter.done():
            waiter.set_result(None)
            return
