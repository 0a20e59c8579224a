"""The task of one peer's media clock: fifty times a second audio leaves, with the picture that belongs to it.

In: frames of replies in a ``Playout``, and a callable that draws the idle face. Out: packets in
two tracks that aiortc's senders read. ``run`` is the pacing loop, until it is cancelled. Encoding is
done in worker threads, audio in its own so that no picture delays it. RTP time is the tick
number and nothing else, so audio and video cannot drift apart: pictures that come too late
are dropped.
"""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable
from dataclasses import dataclass
from typing import Any

import structlog
from aiortc import clock
from aiortc.mediastreams import MediaStreamError, MediaStreamTrack
from av.packet import Packet

from engine.concurrency.channel import Channel, ChannelClosed
from engine.concurrency.worker import Worker
from engine.conversation.sink import NO_PICTURES
from engine.errors import EngineError
from engine.items import FRAME_MS, Picture
from engine.transport.webrtc.congestion import Congestion
from engine.transport.webrtc.playout import TICK_S, Playout, Tick
from engine.transport.webrtc.rtp_encoders import OpusPackets, VideoPackets

log = structlog.get_logger(__name__)

STALL_S = 0.5
"""When the whole process stood still for longer, the missed audio is skipped instead of sent in a burst."""

KEYFRAME_GAP_TICKS = 15
"""A receiver gets at most one keyframe in 300 ms, however often it asks."""


SILENCE_TICKS = 25
"""After half a second of silence the last packet is repeated instead of encoding another one. (Sending nothing, as DTX
does, makes a browser hold back 10 ms more when the voice begins.)"""


class PacketTrack(MediaStreamTrack):
    """A track of encoded packets for a sender to pass through."""

    def __init__(self, kind: str, capacity: int) -> None:
        super().__init__()
        self.kind = kind
        self.newest_pts: int | None = None
        """RTP time of the last packet a sender took."""
        self.waiting = False
        """The sender has sent all it took and asks for more."""
        self.queue = f"{kind}-packets"
        """The name of its queue, for metrics."""
        self._packets: Channel[Packet[Any]] = Channel(self.queue, capacity, "drop_oldest")

    def put(self, packet: Packet[Any]) -> bool:
        """Send a packet; False when the sender is so far behind that an older one was discarded."""
        dropped = self._packets.stats.dropped
        if not self._packets.closed:
            self._packets.put_nowait(packet)
        return self._packets.stats.dropped == dropped

    async def recv(self) -> Packet[Any]:
        """The next packet, for aiortc."""
        self.waiting = True
        try:
            packet = await self._packets.get()
        except ChannelClosed:
            raise MediaStreamError from None
        finally:
            self.waiting = False
        self.newest_pts = packet.pts
        return packet

    def stop(self) -> None:
        """End the sender that reads it."""
        super().stop()
        self._packets.close()
        self._packets.drain()


@dataclass(frozen=True, slots=True)
class _Due:
    """A picture to encode and the tick it belongs to."""

    picture: Picture
    tick: int


class Broadcast:
    """Audio and video of one peer.

    Args:
        playout: decides what leaves.
        opus, video: encoders; ``video`` is None when the peer takes no pictures.
        congestion: the bit rate of pictures.
        audio_worker, picture_worker: threads that encode.
        idle_picture: draws the idle face as it is now. Gives None if it looks like the last one or cannot be drawn in
            time; called with True, it does not compare, since the last one is not what the client shows.
        on_tick: called with what left, on the event loop.
        on_left_out: called with the number of speaking pictures that were left out.
        on_packet_dropped: called with the name of a packet queue that discarded its oldest packet.
    """

    def __init__(
        self,
        playout: Playout,
        opus: OpusPackets,
        video: VideoPackets | None,
        congestion: Congestion,
        *,
        audio_worker: Worker,
        picture_worker: Worker,
        idle_picture: Callable[[bool], Awaitable[Picture | None]],
        on_tick: Callable[[Tick], None],
        on_left_out: Callable[[int], None] = lambda _: None,
        on_packet_dropped: Callable[[str], None] = lambda _: None,
    ) -> None:
        self.playout = playout
        self.audio_track = PacketTrack("audio", 50)
        self.video_track = PacketTrack("video", 25)
        self._opus: OpusPackets | None = opus
        self._video = video
        self._congestion = congestion
        self._audio_worker = audio_worker
        self._picture_worker = picture_worker
        self._idle_picture = idle_picture
        self._on_tick = on_tick
        self._on_left_out = on_left_out
        self._on_packet_dropped = on_packet_dropped
        self._watched = True
        # One place: while the encoder is busy, a newer picture replaces the one that waits.
        self._due: Channel[_Due] = Channel("picture-due", 1, "drop_oldest")
        self._drawing: asyncio.Task[None] | None = None
        self._tick = 0
        self._silent_ticks = 0
        self._began_ntp = 0
        self._keyframe_wanted = True
        self._keyframe_tick = -KEYFRAME_GAP_TICKS
        self._idle_tick = -KEYFRAME_GAP_TICKS
        self._idle_seen = False
        """The last picture is one of the idle face."""

    @property
    def picture_every(self) -> int:
        """One picture in this many frames is sent."""
        return self._congestion.quality.every if self._watched else NO_PICTURES

    def watch(self, watched: bool) -> None:
        """Whether anybody sees the pictures; none are drawn or sent while nobody does.

        The first one after that is a keyframe. A reply that has begun shows its pictures again within a second: those
        of the frames that wait already were not drawn.
        """
        if watched and not self._watched:
            self._idle_seen = False
            self.request_keyframe()
        self._watched = watched

    def request_keyframe(self) -> None:
        """The receiver cannot decode without one."""
        self._keyframe_wanted = True

    def ntp_of(self, seconds: float) -> int:
        """The wall clock (64-bit NTP) at which RTP time ``seconds`` was due, on either track."""
        return self._began_ntp + int(seconds * (1 << 32))

    def drop(self, reply: int) -> None:
        """Reply ``reply`` was interrupted; what has not left of its audio and pictures is discarded."""
        self.playout.drop(reply)
        self._due.drain()

    def close(self) -> None:
        """End the tracks, and release encoders and pictures. ``run`` must have been cancelled.

        A closed peer is a reference cycle, which the garbage collector may leave for minutes; with its encoders and
        the pictures that waited it would keep 10 MB.
        """
        self.audio_track.stop()
        self.video_track.stop()
        self.playout.clear()
        self._due.close()
        self._due.drain()
        self._opus = self._video = None

    async def run(self) -> None:
        """The pacing loop: one tick of media every 20 ms, until cancelled."""
        loop = asyncio.get_running_loop()
        began = loop.time()
        self._began_ntp = clock.current_ntp_time()
        opus = self._opus
        assert opus is not None, "closed"
        async with asyncio.TaskGroup() as group:
            if self._video is not None:
                group.create_task(self._code_pictures(self._video), name="code-pictures")
            while True:
                late = loop.time() - began - self._tick * TICK_S
                if late < 0:
                    await asyncio.sleep(-late)
                elif late > STALL_S:
                    self._tick += int(late / TICK_S)
                tick = self.playout.tick()
                self._show(tick, group)
                self._silent_ticks = self._silent_ticks + 1 if tick.silent else 0
                if self._silent_ticks <= SILENCE_TICKS:
                    bitrate = self._congestion.quality.audio_bitrate
                    packet = await self._audio_worker.run(opus.encode, tick.pcm, self._tick, bitrate)
                else:
                    packet = opus.repeat(self._tick)
                self._send(self.audio_track, packet)
                self._on_tick(tick)
                self._tick += 1

    def _show(self, tick: Tick, group: asyncio.TaskGroup) -> None:
        if self._video is None or not self._watched:
            return
        if tick.picture is not None:
            self._idle_seen = False
            if int(tick.played_ms / FRAME_MS) % self.picture_every:
                self._leave_out(1)
                return
            self._put(_Due(tick.picture, self._tick))
        elif tick.idle and (self._drawing is None or self._drawing.done()) and self._idle_due():
            self._idle_tick = self._tick
            self._drawing = group.create_task(self._draw_idle(), name="draw-idle")

    def _idle_due(self) -> bool:
        """Idle pictures are no more frequent than speaking ones."""
        return self._tick - self._idle_tick >= 2 * self.picture_every

    def _put(self, due: _Due) -> None:
        dropped = self._due.stats.dropped
        self._due.put_nowait(due)
        self._leave_out(self._due.stats.dropped - dropped)

    def _leave_out(self, count: int) -> None:
        if count:
            self._on_left_out(count)

    def _send(self, track: PacketTrack, packet: Packet[Any]) -> bool:
        """As ``PacketTrack.put``; tells when a packet was dropped."""
        complete = track.put(packet)
        if not complete:
            self._on_packet_dropped(track.queue)
        return complete

    async def _draw_idle(self) -> None:
        try:
            picture = await self._idle_picture(self._keyframe_wanted or not self._idle_seen)
        except EngineError as error:
            log.warning("idle_picture_failed", code=error.code)
            return
        # A reply may have begun meanwhile; then its own pictures are on their way.
        if picture is not None and not self.playout.busy:
            self._idle_seen = True
            self._put(_Due(picture, self._tick))

    async def _code_pictures(self, video: VideoPackets) -> None:
        last_tick = -1
        async for due in self._due:
            if due.tick <= last_tick:
                continue
            last_tick = due.tick
            keyframe = self._keyframe_wanted and due.tick - self._keyframe_tick >= KEYFRAME_GAP_TICKS
            if keyframe:
                self._keyframe_wanted, self._keyframe_tick = False, due.tick
            packet = await self._picture_worker.run(
                video.encode, due.picture, due.tick,
                keyframe=keyframe, bitrate=self._congestion.bitrate, every=self._congestion.quality.every,
            )  # fmt: skip
            if not self._send(self.video_track, packet):
                self.request_keyframe()
