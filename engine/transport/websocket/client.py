"""``/ws/ws/{session_id}``: the JSON protocol of one client.

Reads messages one by one, checks them, and tells the conversation; a writer task owns the
other direction. What cannot be done is answered with an ``error`` and the socket stays open.
"""

from __future__ import annotations

import asyncio
import socket

from aiohttp import WSCloseCode, WSMessage, WSMsgType, web

from engine.contracts import Avatar
from engine.errors import BadRequest, Conflict, EngineError, InvalidField, TooFast
from engine.protocol import incoming as messages
from engine.protocol.bounded_json import LOOP_CHARS
from engine.protocol.outgoing import PongEvent
from engine.sessions import Session
from engine.transport.commands import obey, ready, refusal, session_avatar
from engine.transport.media import MediaFormat
from engine.transport.outbox import Outbox
from engine.transport.picture_size import video_bitrate
from engine.transport.quality import QualityControl, quality_steps
from engine.transport.rate_limit import RateLimit
from engine.transport.websocket.line import Line, wire_cost
from engine.transport.websocket.microphone import PcmMicrophone
from engine.transport.websocket.sinks import ClipSink, StreamSink
from engine.transport.websocket.writer import SocketWriter, close_hard

BINARY_CHUNK_BYTES = 96_000
"""Largest binary frame of live microphone: a second of 48 kHz PCM."""

MESSAGES_PER_SECOND = 200
"""A client that sends more is told ``too_fast`` and slowed down."""

CONTROL_FRAMES_PER_SECOND = 20
"""Pings and pongs; browsers send none but answers to ours, libraries one every few seconds. More close the socket."""

SUBPROTOCOL = "tutor.v1"
"""Chosen when a client offers it; one that offers none gets the same."""

OUTBOX_MESSAGES = 128
UNSENT_BYTES = 16_000
"""What the kernel keeps of a socket's unsent bytes, besides what it has under way: a tenth of a second of stream."""

UNKNOWN_LINE_STEP = 2
"""The quality a connection begins with (an index of its steps). Its first picture has 10 kB instead of 40, and a line
that takes more is known by the next one."""


class Client:
    """One open socket of a session."""

    def __init__(self, websocket: web.WebSocketResponse, session: Session, transport: asyncio.WriteTransport) -> None:
        self._socket = websocket
        self._session = session
        self._conversation = session.conversation
        parts = session.parts
        self._parts = parts
        self._settings = parts.settings
        self._outbox = Outbox("outbox", OUTBOX_MESSAGES, parts.metrics)
        video = parts.settings.video
        steps = quality_steps(video.bitrate, video.audio_bitrate)
        self._line = Line(QualityControl(steps, wire_cost, start=UNKNOWN_LINE_STEP), video.stream_ahead_s)
        self._writer = SocketWriter(
            websocket, self._outbox, self._line, parts.settings.sessions.slow_client_s, transport.get_write_buffer_size
        )
        self._sink: ClipSink | StreamSink = ClipSink(self._outbox, parts.encoder, self._form(None))
        self._avatar: Avatar | None = None
        self._visible = True
        self._microphone: PcmMicrophone | None = None
        self._rate = RateLimit(MESSAGES_PER_SECOND, 1, "messages")
        self._control_rate = RateLimit(CONTROL_FRAMES_PER_SECOND, 1, "control frames")

    async def serve(self, *, stream: bool) -> None:
        """Talk until the socket closes, from either side."""
        loop = asyncio.get_running_loop()
        writer = asyncio.create_task(self._writer.run(), name="socket-writer")
        try:
            if stream:
                await self._configure(messages.ConfigureMessage(type="configure"))
            else:
                self._conversation.attach(self._sink, streaming=False, avatar=None)
            async for message in self._socket:
                if message.type in (WSMsgType.PING, WSMsgType.PONG):
                    if not await self._answer_control(message):
                        return
                    continue
                self._session.lesson.record.carried(received=len(message.data), sent=self._writer.take_sent_bytes())
                try:
                    self._rate.check(loop.time())
                    if message.type is WSMsgType.TEXT:
                        await self._read(message.data)
                    elif message.type is WSMsgType.BINARY:
                        self._session.touch()
                        self._hear_live(message.data)
                except EngineError as error:
                    await self._outbox.put(refusal(self._session, error))
                except UnicodeDecodeError:
                    await self.close(WSCloseCode.INVALID_TEXT, b"not UTF-8")
                    return
        finally:
            self._conversation.detach(self._sink)
            if self._microphone is not None:
                self._microphone.close()
            self._outbox.close()
            writer.cancel()
            await asyncio.wait([writer])
            self._session.lesson.record.carried(received=0, sent=self._writer.take_sent_bytes())

    async def close(self, code: int, reason: bytes) -> None:
        """Close from our side (session ended, replaced by another socket, shutdown)."""
        await close_hard(self._socket, code, reason)

    async def _answer_control(self, message: WSMessage) -> bool:
        """Answer a ping, take an answer to ours; False when the socket is closed, because there were too many or
        nothing can be sent."""
        if message.type is WSMsgType.PONG and self._writer.answered(message.data):
            return True
        try:
            self._control_rate.check(asyncio.get_running_loop().time())
            if message.type is WSMsgType.PING:
                async with asyncio.timeout(self._settings.sessions.slow_client_s):
                    await self._socket.pong(message.data)
        except TooFast as error:
            refusal(self._session, error)
            await self.close(WSCloseCode.POLICY_VIOLATION, b"too many pings")
            return False
        except TimeoutError:
            await self.close(WSCloseCode.TRY_AGAIN_LATER, b"too slow")
            return False
        except (ConnectionError, RuntimeError):
            return False
        return True

    async def _read(self, data: bytes) -> None:
        """One text message, UTF-8. A character has at most four bytes.

        Raises:
            UnicodeDecodeError: it is not UTF-8.
        """
        if len(data) <= 4 * LOOP_CHARS and len(text := data.decode()) <= LOOP_CHARS:
            await self._handle(messages.parse(text))
        else:
            self._session.touch()
            await self._hear(*await asyncio.to_thread(messages.parse_recording, data))

    async def _handle(self, message: messages.ClientMessage) -> None:
        # Whoever only asks whether the connection lives does nothing.
        if not isinstance(message, messages.PingMessage):
            self._session.touch()
        match message:
            case messages.TextMessage():
                obey(self._session, message, await self._avatar_of(message.avatar_id))
            case messages.AudioMessage():
                await self._hear(message, messages.decode_base64(message.data))
            case messages.ConfigureMessage():
                await self._configure(message)
            case messages.PingMessage():
                await self._outbox.put(PongEvent())
            case messages.VisibilityMessage():
                self._visible = message.visible
                if isinstance(self._sink, StreamSink):
                    self._sink.watched = message.visible
            case messages.PlaybackMessage():
                self._line.played(message.turn, message.position_ms, asyncio.get_running_loop().time())
                obey(self._session, message, None)
            case _:
                obey(self._session, message, self._avatar)

    async def _configure(self, message: messages.ConfigureMessage) -> None:
        if not message.stream:
            raise Conflict("field 'stream': a socket cannot leave streaming; open another one")
        self._conversation.expect_language(message.language)
        if message.patience is not None:
            self._conversation.use_patience(message.patience)
        avatar = await session_avatar(self._session, message.avatar_id or None, message.shown_px)
        form = self._form(avatar, message.audio_codec)
        sink = StreamSink(
            self._outbox,
            self._parts.encoder,
            form,
            self._settings.video.stream_ahead_s,
            self._parts.metrics,
            self._line,
            self._writer.room,
            self._visible,
        )
        codecs = await sink.prepare()
        self._conversation.detach(self._sink)
        self._sink = sink
        self._avatar = avatar if message.video == "fmp4" else None
        self._conversation.attach(sink, streaming=True, avatar=self._avatar)
        if message.input_audio is not None:
            self._open_microphone(message.input_audio)
        await self._outbox.put(ready(self._session, avatar, mime=codecs))

    async def _hear(self, message: messages.AudioMessage, data: bytes) -> None:
        if message.format is not None or self._microphone is not None:
            if self._microphone is None:
                self._open_microphone(messages.InputAudio(format=message.format or "pcm_s16le"))
            self._hear_live(data)
            if message.end:
                self._conversation.end_talk()
            return
        if not data:
            raise InvalidField("field 'data' is empty")
        self._conversation.submit_recording(data, await self._avatar_of(message.avatar_id))

    def _hear_live(self, data: bytes) -> None:
        if self._microphone is None:
            raise BadRequest("binary frames need field 'input_audio' in a configure message first")
        if len(data) > BINARY_CHUNK_BYTES:
            raise InvalidField(f"field 'data' has {len(data)} bytes of live audio; the limit is {BINARY_CHUNK_BYTES}")
        self._microphone.push(data)

    def _open_microphone(self, form: messages.InputAudio) -> None:
        if self._microphone is not None:
            self._microphone.close()
        self._microphone = PcmMicrophone(form.format, form.sample_rate, self._conversation.listen)

    async def _avatar_of(self, named: str | None) -> Avatar | None:
        """The avatar for one reply: the message's, or the stream's."""
        return self._avatar if named is None else await session_avatar(self._session, named)

    def _form(self, avatar: Avatar | None, audio_codec: str = "aac") -> MediaFormat:
        size = self._settings.video.size
        width, height = avatar.size if avatar is not None else (size, size)
        return MediaFormat(
            width=width,
            height=height,
            video_bitrate=video_bitrate(self._settings.video, width),
            audio_bitrate=self._settings.video.audio_bitrate,
            audio_codec="opus" if audio_codec == "opus" else "aac",
        )


def _keep_backlog_short(transport: asyncio.WriteTransport) -> None:
    """Let the kernel and the transport hold little of what was not sent yet.

    What they have taken cannot be dropped when a reply is interrupted or its quality changes, and hides for many
    seconds that a client has stopped reading.
    """
    transport.set_write_buffer_limits(high=0)
    connection = transport.get_extra_info("socket")
    if connection is not None and hasattr(socket, "TCP_NOTSENT_LOWAT"):
        connection.setsockopt(socket.IPPROTO_TCP, socket.TCP_NOTSENT_LOWAT, UNSENT_BYTES)


async def serve_socket(request: web.Request, session: Session) -> web.StreamResponse:
    """Upgrade a request whose token was checked, and serve it. A second socket replaces the first."""
    websocket = web.WebSocketResponse(
        max_msg_size=session.parts.settings.limits.message_bytes,
        heartbeat=20,
        compress=False,
        autoping=False,
        protocols=(SUBPROTOCOL,),
        decode_text=False,  # a recording has up to 16 MB of it, which a thread looks at
        writer_limit=0,
    )
    await websocket.prepare(request)
    transport = request.transport
    if not isinstance(transport, asyncio.WriteTransport):
        return websocket  # the client is gone already
    _keep_backlog_short(transport)
    client = Client(websocket, session, transport)
    previous = session.take_connection(client)
    if previous is not None:
        await previous.close(WSCloseCode.POLICY_VIOLATION, b"replaced by another connection")
    gauge = session.parts.metrics.sockets.labels("websocket")
    gauge.inc()
    try:
        await client.serve(stream=request.query.get("stream") == "1")
    finally:
        gauge.dec()
        session.drop_connection(client)
    return websocket
