"""The messages that wait for one client: bounded, in order, none of an interrupted reply.

Used by the WebSocket and by the data channel, each of which has one task that takes messages out
and sends them. On the event loop.
"""

from __future__ import annotations

from collections.abc import AsyncIterator
from contextlib import suppress
from dataclasses import dataclass

from engine.concurrency.channel import Channel, ChannelClosed
from engine.protocol.outgoing import Event, InterruptedEvent, MediaEvent
from engine.telemetry import Metrics
from engine.transport.dropped_replies import DroppedReplies


@dataclass(frozen=True, slots=True)
class Outgoing:
    """A message on its way."""

    reply_number: int
    """Of the reply it belongs to; 0 for none."""

    text: str
    """Its JSON."""

    media_end_ms: int = 0
    """Up to where the client has the reply with it; 0 for what is no media."""


class Outbox:
    """Messages on their way to one client; iterate over it to send them.

    Args:
        name: of the queue in metrics.
        capacity: messages held before ``put`` waits.
        metrics: count what waits and what was dropped.
    """

    def __init__(self, name: str, capacity: int, metrics: Metrics) -> None:
        self._queue: Channel[Outgoing] = Channel(name, capacity)
        metrics.watch_queue(self._queue)
        self._dropped = metrics.queue_dropped.labels(name)
        self._interrupted = DroppedReplies()

    @property
    def closed(self) -> bool:
        """No more messages are taken."""
        return self._queue.closed

    @property
    def waiting(self) -> int:
        """How many messages wait."""
        return len(self._queue)

    async def put(self, event: Event) -> None:
        """Queue a message; waits for room. ``interrupted`` neither waits nor queues behind others.

        Ignored once closed, and for a reply that was dropped.
        """
        if isinstance(event, InterruptedEvent):
            self.put_urgent(event)
            return
        with suppress(ChannelClosed):
            await self._queue.put(_pack(event))

    def put_nowait(self, event: Event) -> bool:
        """Queue a message if there is room; False, and counted as dropped, if there is none."""
        if self._queue.closed:
            return False
        taken = self._queue.put_nowait(_pack(event))
        if not taken:
            self._dropped.inc()
        return taken

    def put_urgent(self, event: Event) -> None:
        """Put a message before all that wait, whether there is room or not. Ignored once closed."""
        if not self._queue.closed:
            self._queue.put_front(_pack(event))

    def drop(self, number: int) -> None:
        """Discard what waits of reply ``number`` and earlier replies, and all that is still put of them."""
        self._interrupted.drop(number)
        self._dropped.inc(self._queue.discard(self._stale))

    def close(self) -> None:
        """Take no more; what waits can still be sent. Idempotent."""
        self._queue.close()

    async def __aiter__(self) -> AsyncIterator[Outgoing]:
        async for item in self._queue:
            if self._stale(item):
                self._dropped.inc()
            else:
                yield item

    def _stale(self, item: Outgoing) -> bool:
        return item.reply_number in self._interrupted


def _pack(event: Event) -> Outgoing:
    end_ms = event.start_ms + event.duration_ms if isinstance(event, MediaEvent) else 0
    return Outgoing(event.reply_number, event.to_json(), end_ms)
