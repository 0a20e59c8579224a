"""The ``events`` data channel's way out: JSON messages in order, bounded, none of an interrupted turn.

Messages wait until the browser has opened the channel. One task, ``write``, sends; a peer that
takes nothing for too long is given up.
"""

from __future__ import annotations

import asyncio
from contextlib import suppress

from aiortc import RTCDataChannel

from engine.concurrency.channel import Channel, ChannelClosed
from engine.protocol.outgoing import Event

WAITING_MESSAGES = 256
BUFFERED_BYTES = 256_000
"""What SCTP may hold for a slow peer before messages wait here."""

GOODBYE_S = 0.2
"""So long the last message has to arrive before the connection is closed under it."""


class PeerTooSlow(Exception):
    """The peer has taken no event for longer than it may."""


class EventChannel:
    """Events on their way to one peer.

    Args:
        slow_s: seconds a full channel may stay full.
    """

    def __init__(self, slow_s: float) -> None:
        self._slow_s = slow_s
        self._waiting: Channel[Event] = Channel("peer-events", WAITING_MESSAGES)
        self._channel: RTCDataChannel | None = None
        self._opened = asyncio.Event()
        self._drained = asyncio.Event()
        self._dropped_through = 0

    def open(self, channel: RTCDataChannel) -> None:
        """The browser opened ``channel``; a later one replaces an earlier one."""
        channel.bufferedAmountLowThreshold = BUFFERED_BYTES // 2
        channel.on("bufferedamountlow", self._drained.set)
        self._channel = channel
        self._opened.set()

    async def put(self, event: Event) -> None:
        """Queue an event; waits for room. Ignored once closed."""
        try:
            await self._waiting.put(event)
        except ChannelClosed:
            return

    def put_nowait(self, event: Event) -> None:
        """Queue an event if there is room; for answers to floods."""
        if not self._waiting.closed:
            self._waiting.put_nowait(event)

    def drop(self, turn: int) -> None:
        """Nothing of ``turn`` or before leaves any more, but that it was interrupted."""
        self._dropped_through = max(self._dropped_through, turn)
        for event in self._waiting.drain():
            if not self._stale(event):
                self._waiting.put_nowait(event)

    def close(self) -> None:
        """Take no more. Idempotent."""
        self._waiting.close()

    async def say_goodbye(self, event: Event) -> None:
        """Send a last event past all that waits, once ``write`` has ended, and wait until it has arrived or cannot."""
        channel = self._channel
        if channel is None or channel.readyState != "open":
            return
        channel.bufferedAmountLowThreshold = 0
        self._drained.clear()
        _send(channel, event)
        with suppress(TimeoutError):
            async with asyncio.timeout(GOODBYE_S):
                await self._drained.wait()

    async def write(self) -> None:
        """Send until closed.

        Raises:
            PeerTooSlow: the peer takes nothing.
        """
        await self._opened.wait()
        async for event in self._waiting:
            channel = self._channel
            if channel is None or channel.readyState != "open" or self._stale(event):
                continue
            _send(channel, event)
            if channel.bufferedAmount > BUFFERED_BYTES:
                self._drained.clear()
                try:
                    async with asyncio.timeout(self._slow_s):
                        await self._drained.wait()
                except TimeoutError:
                    raise PeerTooSlow from None

    def _stale(self, event: Event) -> bool:
        return 0 < event.reply_number <= self._dropped_through


def _send(channel: RTCDataChannel, event: Event) -> None:
    channel.send(event.to_json())
