"""The client a conversation is attached to, and what it is told."""

from __future__ import annotations

import structlog

from engine.contracts import Avatar
from engine.conversation.recorded_sink import RecordedSink
from engine.conversation.sink import Sink
from engine.errors import EngineError
from engine.lessons import LessonRecord
from engine.protocol.outgoing import ErrorEvent, Event
from engine.telemetry import Metrics

log = structlog.get_logger(__name__)


class AttachedClient:
    """At most one client at a time; messages are lost while there is none.

    Args:
        session_id: for the log.
        record: is told what the client is.
        metrics: count errors.
    """

    def __init__(self, session_id: str, record: LessonRecord, metrics: Metrics) -> None:
        self.sink: Sink | None = None
        """Where its messages go, by way of the record; None while no client is attached."""
        self.streaming = False
        """It plays while it receives, and a new message interrupts the reply before it."""
        self.avatar: Avatar | None = None
        """The avatar for replies to live speech; None: text only."""
        self._attached: Sink | None = None
        """The client's own."""
        self._session_id = session_id
        self._record = record
        self._metrics = metrics

    def attach(self, sink: Sink, *, streaming: bool, avatar: Avatar | None) -> None:
        """Send to ``sink`` from now on."""
        self._attached, self.sink = sink, RecordedSink(sink, self._record)
        self.streaming, self.avatar = streaming, avatar

    def detach(self, sink: Sink) -> bool:
        """``sink`` is gone. False when it is not the attached one (any more)."""
        if self._attached is not sink:
            return False
        self._attached = self.sink = None
        self.streaming, self.avatar = False, None
        return True

    async def tell(self, event: Event) -> None:
        """Send a message; waits when the client is slow."""
        if self.sink is not None:
            await self.sink.event(event)
        else:
            self._record.event(event)

    async def tell_error(self, error: EngineError, number: int | None = None) -> None:
        """Report an error, as that of reply ``number`` if it belongs to one."""
        self._metrics.errors.labels(error.code).inc()
        log.info("error_told", session=self._session_id, code=error.code, reply=number)
        await self.tell(ErrorEvent.of(error, number))
