"""The ``events`` data channel's way out: JSON messages in order, bounded, none of an interrupted reply.

Messages wait until the browser has opened the channel. One task, ``write``, sends; a peer that
takes nothing for too long is disconnected.
"""

from __future__ import annotations

import asyncio
from contextlib import suppress

from aiortc import RTCDataChannel

from engine.protocol.outgoing import Event
from engine.transport.outbox import Outbox

WAITING_MESSAGES = 256
BUFFERED_BYTES = 256_000
"""What SCTP may hold for a slow peer before messages wait here."""

GOODBYE_S = 0.2
"""How long the last message has to arrive before the connection is closed."""


class PeerTooSlow(Exception):
    """The peer has taken no event for longer than it may."""


class EventChannel:
    """Events on their way to one peer.

    Args:
        outbox: what is sent.
        slow_s: seconds a full channel may stay full.
    """

    def __init__(self, outbox: Outbox, slow_s: float) -> None:
        self._outbox = outbox
        self._slow_s = slow_s
        self._channel: RTCDataChannel | None = None
        self._opened = asyncio.Event()
        self._drained = asyncio.Event()

    def open(self, channel: RTCDataChannel) -> None:
        """The browser opened ``channel``; a later one replaces an earlier one."""
        channel.bufferedAmountLowThreshold = BUFFERED_BYTES // 2
        channel.on("bufferedamountlow", self._drained.set)
        self._channel = channel
        self._opened.set()

    async def say_goodbye(self, event: Event) -> None:
        """Send a last event past all that waits, once ``write`` has ended, and wait until it has arrived or cannot."""
        channel = self._channel
        if channel is None or not _carries(channel):
            return
        channel.bufferedAmountLowThreshold = 0
        self._drained.clear()
        channel.send(event.to_json())
        with suppress(TimeoutError):
            async with asyncio.timeout(GOODBYE_S):
                await self._drained.wait()

    async def write(self) -> None:
        """Send until closed.

        Raises:
            PeerTooSlow: the peer takes nothing.
        """
        await self._opened.wait()
        async for message in self._outbox:
            text = message.text
            channel = self._channel
            if channel is None or not _carries(channel):
                continue
            channel.send(text)
            if channel.bufferedAmount > BUFFERED_BYTES:
                self._drained.clear()
                try:
                    async with asyncio.timeout(self._slow_s):
                        await self._drained.wait()
                except TimeoutError:
                    raise PeerTooSlow from None


def _carries(channel: RTCDataChannel) -> bool:
    """Whether something sent now goes out. A browser that hangs up closes the layer below; the channel stays open."""
    return channel.readyState == "open" and channel.transport.transport.state == "connected"
