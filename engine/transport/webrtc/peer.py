"""One WebRTC peer of a session: microphone and commands in, voice, face and events out.

``Peer.answer`` takes an offer; from then on the peer lives by itself on the event loop until it
is closed: by the client (``DELETE``, a closed connection, silence on the line for 12 s), by the
session's end, or by another connection of the session. ``close`` ends every task, track, encoder
and socket it has; the conversation and its history stay with the session.
"""

from __future__ import annotations

import asyncio
import time
import uuid
from collections.abc import Awaitable, Callable, Coroutine
from contextlib import suppress
from dataclasses import dataclass
from typing import Any, cast

import structlog
from aiortc import RTCConfiguration, RTCDataChannel, RTCPeerConnection, RTCRtpSender, RTCSessionDescription
from aiortc.rtcconfiguration import RTCBundlePolicy

from engine.concurrency.worker import Worker
from engine.contracts import Avatar
from engine.errors import EngineError
from engine.items import Picture
from engine.protocol.outgoing import ClosedEvent, PlayingEvent
from engine.rendering.shared_pictures import SharedPictures
from engine.sessions import Session
from engine.transport.commands import ready
from engine.transport.outbox import Outbox
from engine.transport.picture_size import video_bitrate
from engine.transport.webrtc import ice
from engine.transport.webrtc.aiortc_hooks import replace_jitter_buffer, share_one_transport, stop_transports
from engine.transport.webrtc.broadcast import Broadcast
from engine.transport.webrtc.commands import Commands
from engine.transport.webrtc.congestion import Congestion
from engine.transport.webrtc.events import WAITING_MESSAGES, EventChannel, PeerTooSlow
from engine.transport.webrtc.feedback import watch_feedback
from engine.transport.webrtc.idle_face import IdleFace
from engine.transport.webrtc.microphone import OpusMicrophone
from engine.transport.webrtc.offers import Offer, prefer
from engine.transport.webrtc.playout import TICK_S, Playout, Tick
from engine.transport.webrtc.reassembly import bound_reassembly
from engine.transport.webrtc.reports import bytes_carried, report_media_time
from engine.transport.webrtc.rtp_encoders import AUDIO_CLOCK, VIDEO_CLOCK, OpusPackets, VideoCodecName, VideoPackets
from engine.transport.webrtc.sink import PeerSink

log = structlog.get_logger(__name__)

CONNECT_S = 15
"""A peer that is not connected this long after its answer is closed."""

SILENT_LINE_S = 12
"""A peer that has sent no packet for this long has vanished (reports come every second)."""

UNKNOWN_LINE_BITRATE = 300_000
"""What pictures begin with: the first one then fits into the queues of a line of 300 kbit/s."""

CHECK_LINE_S = 2
CLOSE_S = 5

CLIENT_DELAY_MS = 80
"""About what network, jitter buffer and sound card add before the student hears what has left."""

TELL_PLAYED_TICKS = 10


@dataclass(frozen=True, slots=True)
class PeerParts:
    """What all peers share besides the session's parts."""

    sound: Worker
    """Encodes audio, so that no picture delays it."""

    pictures: SharedPictures
    """Idle pictures of all of them."""


class Peer:
    """See above.

    Args:
        session: whose conversation this is.
        shared: what all peers share.
        avatar: the face.
        on_closed: called once, when the peer is gone.
    """

    def __init__(
        self, session: Session, shared: PeerParts, avatar: Avatar, on_closed: Callable[[Peer], None] = lambda _: None
    ) -> None:
        self.id = uuid.uuid4().hex
        self.session = session
        self._avatar = avatar
        self._shared = shared
        self._settings = session.parts.settings
        self._outbox = Outbox("peer-events", WAITING_MESSAGES, session.parts.metrics)
        self._events = EventChannel(self._outbox, self._settings.sessions.slow_client_s)
        self._commands = Commands(session, self._outbox, avatar, self._watch)
        self._connection = RTCPeerConnection(
            RTCConfiguration(
                iceServers=ice.own_servers(self._settings, time.time()), bundlePolicy=RTCBundlePolicy.MAX_BUNDLE
            )
        )
        self._congestion = Congestion(
            video_bitrate(self._settings.video, avatar.size[0]),
            self._settings.webrtc.voice_bitrate,
            UNKNOWN_LINE_BITRATE,
        )
        self._broadcast: Broadcast | None = None
        self._sink: PeerSink | None = None
        self._tasks: set[asyncio.Task[None]] = set()
        self._closing: asyncio.Task[None] | None = None
        self._connected = asyncio.Event()
        self._ticks = 0
        self._idle_ticks = round(1 / self._settings.webrtc.idle_fps / TICK_S)
        self._idle_face = IdleFace(session, avatar, shared.pictures, self._idle_ticks * TICK_S)
        self._playing = 0
        self._played = (0, 0.0)
        self._on_closed = on_closed

    # --- life cycle

    async def answer(self, offer: Offer) -> str:
        """Negotiate; gives the answer's SDP. The caller closes the peer when this fails.

        Raises:
            ValueError, LookupError, TypeError, AttributeError, AssertionError, OperationError,
                InvalidAccessError, InvalidStateError: aiortc cannot use the offer.
        """
        pc = self._connection
        pc.on("datachannel", self._on_data_channel)
        pc.on("connectionstatechange", self._on_state)
        codec: VideoCodecName | None = offer.video_codec(self._settings.webrtc.codec)
        self._broadcast = await self._make_broadcast(codec)
        pc.addTrack(self._broadcast.audio_track)
        if codec is not None:
            pc.addTrack(self._broadcast.video_track)
        prefer(pc, codec)
        share_one_transport(pc)
        await pc.setRemoteDescription(RTCSessionDescription(ice.without_mdns(offer.sdp), "offer"))
        if pc.sctp is not None:
            bound_reassembly(pc.sctp, lambda: self._begin_close("too much unfinished on a data channel", 1008))
        ice.prepare(pc, ice.port_range(self._settings.webrtc.ports))
        for transceiver in pc.getTransceivers():
            if transceiver.kind == "audio":
                replace_jitter_buffer(transceiver.receiver, OpusMicrophone(self.session.conversation.listen))
            watch_feedback(transceiver.sender, self._broadcast, self._congestion)
            self._tell_media_time(transceiver.sender, self._broadcast)
        await pc.setLocalDescription(await pc.createAnswer())
        self._spawn(self._watch_line(), "peer-line")
        return ice.advertise(pc.localDescription.sdp, self._settings.webrtc.public_address)

    @staticmethod
    def _tell_media_time(sender: RTCRtpSender, broadcast: Broadcast) -> None:
        if sender.kind == "audio":
            report_media_time(sender, broadcast.audio_track, AUDIO_CLOCK, broadcast)
        else:
            report_media_time(sender, broadcast.video_track, VIDEO_CLOCK, broadcast)

    async def close(self, code: int = 1000, reason: bytes = b"closed") -> None:
        """End the peer and wait until it is gone. Idempotent."""
        self._begin_close(reason.decode(errors="replace"), code)
        if self._closing is not None and asyncio.current_task() not in self._tasks:
            await asyncio.shield(self._closing)

    def _begin_close(self, reason: str, code: int | None = None) -> None:
        """``code`` is sent to the client, as a WebSocket's would be; None if there is no client to send it to."""
        if self._closing is None:
            self._closing = asyncio.create_task(self._close(reason, code), name="peer-close")

    async def _close(self, reason: str, code: int | None) -> None:
        log.info("peer_closed", session=self.session.id, peer=self.id, reason=reason)
        try:
            if self._sink is not None:
                self.session.conversation.detach(self._sink)
            if self._connected.is_set():
                self.session.parts.metrics.sockets.labels("webrtc").dec()
            self.session.drop_connection(self)
            self._outbox.close()
            for task in self._tasks:
                task.cancel()
            if self._tasks:
                await asyncio.wait(self._tasks)
            if code is not None:
                await self._events.say_goodbye(ClosedEvent(code=code, reason=reason))
        finally:
            if self._broadcast is not None:
                self._broadcast.close()
            if self._connected.is_set():
                received, sent = await bytes_carried(self._connection)
                self.session.lesson.record.carried(received=received, sent=sent)
            await self._close_connection()
            self._on_closed(self)

    async def _close_connection(self) -> None:
        """End the connection whatever state it is in: a bad offer may leave one that aiortc itself cannot close."""
        try:
            async with asyncio.timeout(CLOSE_S):
                await self._connection.close()
        except TimeoutError:
            log.warning("peer_close_timed_out", session=self.session.id, peer=self.id)
        except Exception:
            log.warning("peer_close_failed", session=self.session.id, peer=self.id, exc_info=True)
            with suppress(Exception):
                async with asyncio.timeout(CLOSE_S):
                    await stop_transports(self._connection)
        finally:
            self._connection.remove_all_listeners()

    def _spawn(self, work: Coroutine[Any, Any, None], name: str) -> None:
        task = asyncio.create_task(self._guard(work), name=name)
        self._tasks.add(task)
        task.add_done_callback(self._tasks.discard)

    async def _guard(self, work: Awaitable[None]) -> None:
        """A task of this peer that fails takes the peer with it, and nothing else."""
        try:
            await work
        except PeerTooSlow:
            self._begin_close("too slow")
        except EngineError as error:
            self._begin_close(error.code)
        except Exception:
            log.exception("peer_failed", session=self.session.id, peer=self.id)
            self._begin_close("failed")

    # --- what aiortc tells

    def _on_state(self) -> None:
        state = self._connection.connectionState
        if state == "connected" and not self._connected.is_set() and self._closing is None:
            self._connected.set()
            self._begin_talking()
        elif state in ("failed", "closed"):
            self._begin_close(state)

    def _on_data_channel(self, channel: RTCDataChannel) -> None:
        if channel.label == "events":
            channel.on("message", self._commands.receive)
            self._events.open(channel)

    # --- at work

    async def _make_broadcast(self, codec: VideoCodecName | None) -> Broadcast:
        settings, parts = self._settings, self.session.parts
        width, height = self._avatar.size
        video = None
        if codec is not None:
            video = await parts.encoder.run(VideoPackets, codec, width, height, video_bitrate(settings.video, width))
        opus = await self._shared.sound.run(OpusPackets, settings.webrtc.voice_bitrate)
        return Broadcast(
            Playout(idle_ticks=self._idle_ticks), opus, video, self._congestion,
            audio_worker=self._shared.sound, picture_worker=parts.encoder, idle_picture=self._idle_picture,
            on_tick=self._on_tick, on_left_out=parts.metrics.frames.labels("dropped").inc,
            on_packet_dropped=lambda queue: parts.metrics.queue_dropped.labels(queue).inc(),
        )  # fmt: skip

    def _begin_talking(self) -> None:
        assert self._broadcast is not None
        conversation, avatar = self.session.conversation, self._avatar
        self._sink = PeerSink(self._outbox, self._broadcast, self.session.touch)
        conversation.attach(self._sink, streaming=True, avatar=avatar)
        self._outbox.put_nowait(ready(self.session, avatar, webrtc=True))
        self.session.parts.metrics.sockets.labels("webrtc").inc()
        self._spawn(self._broadcast.run(), "peer-clock")
        self._spawn(self._events.write(), "peer-events")

    def _on_tick(self, tick: Tick) -> None:
        """Report to both sides what was played, which the engine's media clock knows best."""
        assert self._sink is not None and self._broadcast is not None
        self._sink.ticked(tick)
        if tick.pose is not None:
            self._idle_face.spoken(tick.pose)
        self._ticks += 1
        begun = tick.reply not in (0, self._playing)
        playout = self._broadcast.playout
        silent = tick.reply == 0 and self._playing != 0 and (playout.resting or playout.paused)
        if begun or silent or (tick.reply and self._ticks % TELL_PLAYED_TICKS == 0):
            self._playing = tick.reply
            self._outbox.put_nowait(PlayingEvent(turn=tick.reply, position_ms=round(tick.played_ms)))
        if tick.reply:
            self._played = (tick.reply, tick.played_ms)
        # Also while a reply is paused; otherwise the time that passes would count as played.
        if (tick.reply or playout.paused) and self._ticks % TELL_PLAYED_TICKS == 0:
            self.session.touch()
            reply, played_ms = self._played
            self.session.conversation.acknowledge(reply, max(0.0, played_ms - CLIENT_DELAY_MS))

    def _watch(self, watched: bool) -> None:
        if self._broadcast is not None:
            self._broadcast.watch(watched)

    async def _idle_picture(self, unseen: bool) -> Picture | None:
        return await self._idle_face.draw(self._sink.mood if self._sink is not None else "idle", unseen)

    async def _watch_line(self) -> None:
        with suppress(TimeoutError):
            async with asyncio.timeout(CONNECT_S):
                await self._connected.wait()
        if not self._connected.is_set():
            self._begin_close("not connected in time")
            return
        loop = asyncio.get_running_loop()
        received, heard_at = -1, loop.time()
        while loop.time() - heard_at < SILENT_LINE_S:
            await asyncio.sleep(CHECK_LINE_S)
            count = await self._packets_received()
            if count != received:
                received, heard_at = count, loop.time()
        self._begin_close("vanished")

    async def _packets_received(self) -> int:
        report = await self._connection.getSenders()[0].getStats()
        return sum(cast(int, s.packetsReceived) for s in report.values() if s.type == "transport")
