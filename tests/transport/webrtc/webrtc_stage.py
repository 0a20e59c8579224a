"""A session that follows a script, and a browser made of aiortc, joined by the real peer code over loopback."""

from __future__ import annotations

import asyncio
import json
from collections.abc import AsyncIterator, Awaitable, Callable, Sequence
from contextlib import asynccontextmanager
from dataclasses import dataclass, field
from types import SimpleNamespace
from typing import Any

import aiohttp
import numpy as np
from aiohttp import web
from aiortc import RTCConfiguration, RTCPeerConnection, RTCSessionDescription
from aiortc.jitterbuffer import JitterFrame
from aiortc.mediastreams import AudioStreamTrack, MediaStreamError, MediaStreamTrack
from aiortc.rtp import RtpPacket
from av import AudioFrame, VideoFrame

from engine.animation.idle_motion import IdleMotion
from engine.animation.moods import Mood
from engine.concurrency.worker import Worker
from engine.contracts import FrameRequest
from engine.errors import Forbidden, UnknownAvatar
from engine.items import AnimatedFrame, AudioChunk, FloatArray, Picture
from engine.settings import Settings
from engine.telemetry import Metrics
from engine.transport.api.middleware import errors_as_json
from engine.transport.webrtc import WebRtcApi
from engine.transport.webrtc.aiortc_hooks import payload_of, replace_jitter_buffer
from tests.frames import SIZE, grey
from tests.network.relays import UdpRelay, candidates, with_candidate, without_candidates
from tests.serving import serving

TOKEN = "the-token"

Post = Callable[[Any], Awaitable[tuple[int, Any, dict[str, str]]]]


IDLE = grey(120)


class ScriptedConversation:
    """Records what the peer tells it; the test speaks through ``sink``."""

    def __init__(self) -> None:
        self._idle_motion = IdleMotion(seed=1)
        self.profile = SimpleNamespace(id=1, name="Tutor", greeting="Hello", avatar=None)
        self.sink: Any = None
        self.heard: list[AudioChunk] = []
        self.calls: list[tuple[Any, ...]] = []
        self.attached = asyncio.Event()

    def idle_frame(self, now: float, mood: Mood) -> AnimatedFrame:
        return self._idle_motion.idle_frame(now, mood)

    def attach(self, sink: Any, *, streaming: bool, avatar: Any) -> None:
        self.sink = sink
        self.attached.set()

    def detach(self, sink: Any) -> None:
        if self.sink is sink:
            self.sink = None
        self.calls.append(("detach",))

    def listen(self, chunk: AudioChunk) -> None:
        self.heard.append(chunk)

    def say(self, text: str, avatar: Any) -> None:
        self.calls.append(("say", text))

    def interrupt(self) -> None:
        self.calls.append(("interrupt",))

    def end_talk(self) -> None:
        self.calls.append(("end_talk",))

    def greet(self, avatar: Any) -> None:
        self.calls.append(("greet",))

    def acknowledge(self, turn: int, position_ms: float) -> None:
        self.calls.append(("played", turn, position_ms))


class IdlePictures:
    """Draws grey."""

    def __init__(self) -> None:
        self.drawn = 0

    async def draw(self, requests: Sequence[FrameRequest]) -> list[Picture]:
        self.drawn += len(requests)
        return [IDLE for _ in requests]


class ScriptedSession:
    """What a peer needs of ``engine.sessions.Session``."""

    def __init__(self, session_id: str, settings: Settings, encoder: Worker) -> None:
        self.id = session_id
        self.conversation = ScriptedConversation()
        self.connections: list[Any] = []
        self.resumed = None
        self.carried: list[tuple[int, int]] = []
        self.lesson = SimpleNamespace(record=SimpleNamespace(carried=self._count))
        self.parts = SimpleNamespace(
            settings=settings,
            metrics=Metrics(),
            encoder=encoder,
            draw=IdlePictures().draw,
            load_avatar=self._avatar,
            drawing_share=lambda now: 0.0,
            draws_poses=True,
        )

    def _count(self, *, received: int, sent: int) -> None:
        self.carried.append((received, sent))

    def _avatar(self, avatar_id: str) -> Any:
        if avatar_id != self.parts.settings.avatar:
            raise UnknownAvatar("no such avatar")
        return SimpleNamespace(id=avatar_id, name="Test", size=(SIZE, SIZE))

    def touch(self) -> None: ...

    def take_connection(self, connection: Any) -> Any:
        previous = self.connections[-1] if self.connections else None
        self.connections.append(connection)
        return previous

    def drop_connection(self, connection: Any) -> None:
        if connection in self.connections:
            self.connections.remove(connection)


@dataclass
class Seen:
    at: float
    """Seconds on the loop's clock when it was decoded."""
    time: float
    """Seconds of RTP time, from the first of its track."""
    level: float
    """Brightness 0..255, or loudness 0..1."""
    keyframe: bool = False


@dataclass
class Browser:
    """The client's end."""

    pc: RTCPeerConnection
    channel: Any
    events: list[dict[str, Any]] = field(default_factory=list)
    pictures: list[Seen] = field(default_factory=list)
    sounds: list[Seen] = field(default_factory=list)
    heard: list[FloatArray] = field(default_factory=list)
    """What was played: mono, 48 kHz, -1 to 1."""
    location: str = ""

    def send(self, **message: Any) -> None:
        self.channel.send(json.dumps(message))

    async def wait(self, condition: Callable[[], Any], seconds: float = 60) -> None:
        async with asyncio.timeout(seconds):
            while not condition():  # noqa: ASYNC110 - what is waited for happens in libraries, without events
                await asyncio.sleep(0.01)

    async def event(self, kind: str) -> dict[str, Any]:
        await self.wait(lambda: any(e["type"] == kind for e in self.events))
        return next(e for e in self.events if e["type"] == kind)

    def loud(self) -> list[Seen]:
        return [s for s in self.sounds if s.level > 0.1]

    def bright(self) -> list[Seen]:
        return [p for p in self.pictures if p.level > 190]


class Stage:
    """Sessions, and HTTP in front of them as the engine has it."""

    def __init__(self, http: aiohttp.ClientSession, base: str, session: ScriptedSession, api: WebRtcApi) -> None:
        self.http, self.base, self.session, self.api = http, base, session, api
        self._readers: list[asyncio.Task[None]] = []

    @property
    def conversation(self) -> ScriptedConversation:
        return self.session.conversation

    async def post(self, body: Any, token: str = TOKEN) -> tuple[int, Any, dict[str, str]]:
        headers = {"Authorization": f"Bearer {token}"}
        if isinstance(body, dict):
            request = self.http.post(f"{self.base}/v1/sessions/s1/webrtc", json=body, headers=headers)
        else:
            headers["Content-Type"] = "application/sdp"
            request = self.http.post(f"{self.base}/v1/sessions/s1/webrtc", data=body, headers=headers)
        async with request as reply:
            text = await reply.text()
            parsed = json.loads(text) if reply.content_type == "application/json" else text
            return reply.status, parsed, dict(reply.headers)

    @asynccontextmanager
    async def browser(
        self,
        *,
        video: bool = True,
        microphone: MediaStreamTrack | None = None,
        whip: bool = False,
        relay: UdpRelay | None = None,
        holds_audio: bool = True,
    ) -> AsyncIterator[Browser]:
        """A connected browser."""
        async with open_browser(
            self.post, video=video, microphone=microphone, whip=whip, relay=relay, holds_audio=holds_audio
        ) as browser:
            await browser.wait(lambda: self.conversation.sink)
            yield browser


class PassingBuffer:
    """In place of aiortc's jitter buffer: gives every audio packet on as it comes, and drops those that come late."""

    def __init__(self) -> None:
        self._newest: int | None = None

    def add(self, packet: RtpPacket) -> tuple[bool, JitterFrame | None]:
        if self._newest is not None and not 0 < (packet.sequence_number - self._newest) % 65536 < 32768:
            return False, None
        self._newest = packet.sequence_number
        return False, JitterFrame(data=payload_of(packet), timestamp=packet.timestamp)


@asynccontextmanager
async def open_browser(
    post: Post,
    *,
    video: bool = True,
    microphone: MediaStreamTrack | None = None,
    whip: bool = False,
    relay: UdpRelay | None = None,
    holds_audio: bool = True,
) -> AsyncIterator[Browser]:
    """A browser with an open data channel.

    Args:
        post: sends an offer; gives status, body and headers of the answer.
        video: whether it wants to see the tutor.
        microphone: what it sends; silence if None.
        whip: offer plain SDP instead of JSON.
        relay: the network between the two ends; None joins them directly.
        holds_audio: with aiortc's jitter buffer, which gives up about five packets for each one that is lost. Real
            browsers do not; False takes every packet as it comes.
    """
    pc = RTCPeerConnection(RTCConfiguration(iceServers=[]))
    browser = Browser(pc, pc.createDataChannel("events"))
    browser.channel.on("message", lambda text: browser.events.append(json.loads(text)))
    readers: list[asyncio.Task[None]] = []
    pc.on("track", lambda track: readers.append(asyncio.create_task(_watch(track, browser))))
    sender = pc.addTrack(microphone or AudioStreamTrack())
    if not holds_audio:
        receiver = next(t.receiver for t in pc.getTransceivers() if t.sender is sender)
        replace_jitter_buffer(receiver, PassingBuffer())
    if video:
        pc.addTransceiver("video", direction="recvonly")
    await pc.setLocalDescription(await pc.createOffer())
    sdp = pc.localDescription.sdp if relay is None else without_candidates(pc.localDescription.sdp)
    status, body, headers = await post(sdp if whip else {"sdp": sdp, "type": "offer"})
    assert status == (201 if whip else 200), body
    browser.location = headers["Location"]
    answer = body if whip else body["sdp"]
    if relay is not None:
        await relay.open(candidates(answer)[0])
        answer = with_candidate(answer, relay.address)
    await pc.setRemoteDescription(RTCSessionDescription(answer, "answer"))
    try:
        await browser.wait(lambda: browser.channel.readyState == "open")
        yield browser
    finally:
        await pc.close()
        await asyncio.gather(*readers)


async def _watch(track: MediaStreamTrack, browser: Browser) -> None:
    loop = asyncio.get_running_loop()
    while True:
        try:
            frame = await track.recv()
        except MediaStreamError:
            return
        assert isinstance(frame, VideoFrame | AudioFrame) and frame.time is not None
        if isinstance(frame, VideoFrame):
            level = float(frame.to_ndarray(format="gray").mean())
            browser.pictures.append(Seen(loop.time(), frame.time, level, bool(frame.key_frame)))
        else:
            samples = frame.to_ndarray().reshape(-1, len(frame.layout.channels))
            level = float(np.abs(samples).max()) / 32768
            browser.heard.append(samples.mean(axis=1, dtype=np.float32) / np.float32(32768))
            browser.sounds.append(Seen(loop.time(), frame.time, level))


async def _empty_page(request: web.Request) -> web.Response:
    return web.Response(text="<!doctype html><title>peer</title>", content_type="text/html")


@asynccontextmanager
async def open_stage(**settings: Any) -> AsyncIterator[Stage]:
    encoder = Worker("test-encode", threads=1)
    session = ScriptedSession("s1", Settings(video={"size": SIZE}, **settings), encoder)

    def authorize(request: web.Request) -> Any:
        if request.headers.get("Authorization") != f"Bearer {TOKEN}":
            raise Forbidden("this token opens another session")
        return session

    api = WebRtcApi(authorize)
    app = web.Application(middlewares=[errors_as_json])
    app.add_routes(api.routes())
    app.router.add_get("/page", _empty_page)
    try:
        async with serving(app) as base, api.running(), aiohttp.ClientSession() as http:
            yield Stage(http, base, session, api)
    finally:
        encoder.close()
