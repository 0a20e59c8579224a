"""A conversation's output on a WebRTC peer: events on the data channel, frames to the media clock.

On the event loop. Holds what the face should look like while it is silent, since that follows
from the events that pass here.
"""

from __future__ import annotations

import asyncio
from collections.abc import Callable, Sequence

from engine.animation.moods import Mood
from engine.items import MediaFrame
from engine.protocol.outgoing import Event, InterruptedEvent
from engine.transport.outbox import Outbox
from engine.transport.webrtc.broadcast import Broadcast
from engine.transport.webrtc.playout import Tick

_MOODS: dict[str, Mood] = {
    "speech_started": "listening", "transcription": "thinking", "duck": "listening", "resume": "idle",
    "no_speech": "idle", "turn_done": "idle", "interrupted": "idle", "error": "idle",
}  # fmt: skip


class PeerSink:
    """See ``engine.conversation.sink.Sink``. ``touch`` is called when the student is heard to speak."""

    live = True

    def __init__(self, outbox: Outbox, broadcast: Broadcast, touch: Callable[[], None]) -> None:
        self.mood: Mood = "idle"
        self._touch = touch
        self._outbox = outbox
        self._broadcast = broadcast
        self._room = asyncio.Event()

    @property
    def picture_every(self) -> int:
        """One picture in this many frames is of use; the others are not sent."""
        return self._broadcast.picture_every

    async def event(self, event: Event) -> None:
        kind = event.type
        if kind in ("speech_started", "transcription"):
            self._touch()
        self.mood = _MOODS.get(kind, self.mood)
        if isinstance(event, InterruptedEvent) and event.reason == "voice":
            self.mood = "listening"
        if kind in ("duck", "resume"):
            self._broadcast.playout.duck(kind == "duck")
        await self._outbox.put(event)

    async def media(self, frames: Sequence[MediaFrame]) -> None:
        while self._broadcast.playout.room < len(frames):
            self._room.clear()
            await self._room.wait()
        self._broadcast.playout.push(frames)

    async def finish(self, reply: int) -> None:
        self._broadcast.playout.finish(reply)

    def drop(self, reply: int) -> None:
        self._broadcast.drop(reply)
        self._outbox.drop(reply)
        self._room.set()

    def ticked(self, tick: Tick) -> None:
        """A tick has left: there may be room for more frames."""
        if tick.reply:
            self._room.set()
