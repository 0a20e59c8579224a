"""A client's sink that the lesson record is told of too."""

from __future__ import annotations

from collections.abc import Sequence

from engine.conversation.sink import Sink
from engine.items import MediaFrame
from engine.lessons import LessonRecord
from engine.protocol.outgoing import Event


class RecordedSink:
    """Hands everything on to ``sink``, and tells ``record`` of it.

    Messages are recorded before they are sent, frames once the sink has taken them.
    """

    def __init__(self, sink: Sink, record: LessonRecord) -> None:
        self.live = sink.live
        self._sink = sink
        self._record = record

    @property
    def picture_every(self) -> int:
        """See ``Sink``."""
        return self._sink.picture_every

    async def event(self, event: Event) -> None:
        """See ``Sink``."""
        self._record.event(event)
        await self._sink.event(event)

    async def media(self, frames: Sequence[MediaFrame]) -> None:
        """See ``Sink``."""
        await self._sink.media(frames)
        self._record.frames(frames)

    async def finish(self, reply: int) -> None:
        """See ``Sink``."""
        await self._sink.finish(reply)
        self._record.sent(reply)

    def drop(self, reply: int) -> None:
        """See ``Sink``."""
        self._sink.drop(reply)
