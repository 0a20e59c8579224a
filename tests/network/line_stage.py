"""A tutor made of scripted parts behind an emulated line: what of a reply arrives at the student, and how late.

Conversation, sinks, encoders and transports are the engine's own, in real time; language model, voice and renderer are
fakes, so that the line is the only thing that is slow.
"""

from __future__ import annotations

import asyncio
import base64
import io
import json
from collections.abc import AsyncIterator, Sequence
from contextlib import asynccontextmanager
from dataclasses import dataclass, field
from types import SimpleNamespace
from typing import Any

import aiohttp
import av
import numpy as np
from aiohttp import web

from engine.concurrency.worker import Worker
from engine.contracts import FrameRequest, Voice
from engine.items import FPS, FRAME_MS, OUTPUT_RATE, Clause, FloatArray, Picture, Speech, Word
from engine.sessions import Session
from engine.telemetry import Metrics
from engine.transport.webrtc import WebRtcApi
from engine.transport.websocket.client import serve_socket
from tests.conversation.conversation_stage import Stage
from tests.fakes import FakeLanguageModel, FakeSynthesizer
from tests.network.emulator import Conditions
from tests.network.relays import tcp_proxy, udp_relay
from tests.transport.webrtc.webrtc_stage import open_browser

SIZE = 512
DRAWING_S = 0.01
"""What a picture costs the fake renderer."""

ACKNOWLEDGE_S = 0.25
"""How often the client tells its position, as ``engine/web`` does."""

WORDS = "Plants turn light into sugar with water and air from their leaves. "


class HummingVoice(FakeSynthesizer):
    """Speaks in syllables of a buzz with some noise in it, which costs an encoder as much as a voice does."""

    async def speak(self, clause: Clause, voice: Voice) -> AsyncIterator[Speech]:
        await asyncio.sleep(self.first_s)
        words = clause.spoken.split() or [clause.spoken]
        for index, word in enumerate(words):
            ms = len(word) * self.letter_ms
            pcm = _buzz(int(ms * OUTPUT_RATE / 1000))
            yield Speech(clause, pcm, (Word(word, 0.0, ms),), last=index == len(words) - 1)


def _buzz(samples: int) -> FloatArray:
    time = np.arange(samples) / OUTPUT_RATE
    noise = np.random.default_rng(samples).normal(0, 0.05, samples)
    tone = sum(np.sin(2 * np.pi * 130 * k * time) / k for k in range(1, 25))
    return ((0.15 * tone + noise) * (0.55 + 0.45 * np.sin(2 * np.pi * 4 * time))).astype(np.float32)


def talking_face(size: int = SIZE, count: int = 2 * FPS) -> list[Picture]:
    """Pictures that cost about what a speaking face does: a soft texture that sways, and a mouth that changes."""
    rng = np.random.default_rng(1)
    rough = rng.normal(0, 1, (size // 8 + 4, size // 8 + 4))
    soft = np.kron(rough, np.ones((8, 8)))
    for _ in range(3):
        soft = (soft + np.roll(soft, 3, 0) + np.roll(soft, 3, 1) + np.roll(soft, -3, 0) + np.roll(soft, -3, 1)) / 5
    soft += rng.normal(0, 0.03, soft.shape)
    pictures = []
    for index in range(count):
        phase = 2 * np.pi * index / count
        down, right = round(8 + 4 * np.sin(phase)), round(8 + 5 * np.cos(2 * phase))
        grey = 120 + 45 * soft[down : down + size, right : right + size]
        open_px = round(size / 12 * (0.5 + 0.5 * np.sin(index * 1.1)))
        middle, across = size * 2 // 3, size // 6
        grey[middle - open_px : middle + open_px, size // 2 - across : size // 2 + across] = 40
        yuv = np.full((size * 3 // 2, size), 128, np.uint8)
        yuv[:size] = np.clip(grey, 16, 235)
        pictures.append(Picture(yuv, size, size))
    return pictures


class FaceScheduler:
    """Draws the talking face, one picture after the other."""

    def __init__(self) -> None:
        self.drawn = 0
        self._face = talking_face()
        self._turn = asyncio.Lock()

    async def render(self, requests: Sequence[FrameRequest]) -> list[Picture]:
        async with self._turn:
            await asyncio.sleep(DRAWING_S * len(requests))
        self.drawn += len(requests)
        return [self._face[request.frame.index % len(self._face)] for request in requests]

    async def offer(self, requests: Sequence[FrameRequest], every: int = 1) -> list[Picture | None]:
        wanted = [request.frame.index % every == 0 for request in requests]
        pictures = iter(await self.render([r for r, draws in zip(requests, wanted, strict=True) if draws]))
        return [next(pictures) if draws else None for draws in wanted]


@dataclass
class Arrivals:
    """One reply as it came. Times are seconds from when the question was sent."""

    voice: list[tuple[float, float]] = field(default_factory=list)
    """When a piece of audio came, and the position in the reply at which it begins."""

    shown: list[tuple[float, float]] = field(default_factory=list)
    """The same of pictures."""

    pictures: int = 0
    """How many pictures differed from the one before."""

    seconds: float = 0.0
    """How long the reply is."""

    first_at: float = 0.0
    """When it was given to the line."""

    heard_s: float = 0.0
    """How much of the audio came."""

    bytes: int = 0

    def lateness(self, pieces: Sequence[tuple[float, float]]) -> list[float]:
        """How late each piece could be played, in seconds: behind a line that takes no time. A player that ran dry
        goes on later, so what is lost is never caught up."""
        worst, late = 0.0, []
        for at, position in pieces:
            worst = max(worst, at - self.first_at - position)
            late.append(worst)
        return late

    def row(self) -> str:
        a_second = self.pictures / self.seconds if self.seconds else 0.0
        kbit_s = self.bytes * 8 / 1000 / max(self.seconds, 0.1)
        lateness = [self.lateness(pieces) or [-1.0] for pieces in (self.voice, self.shown)]
        late = [f"late {np.median(each):5.2f} max {max(each):5.2f} s" for each in lateness]
        return (
            f"voice {self.heard_s:5.1f} of {self.seconds:5.1f} s, {late[0]} | "
            f"pictures {a_second:4.1f}/s, {late[1]} | {kbit_s:4.0f} kbit/s"
        )


class LineStage:
    """One session of a scripted tutor, served on a port of this machine."""

    def __init__(self, seconds: float) -> None:
        letters = len(WORDS.replace(" ", ""))
        words = WORDS * max(1, round(seconds * 1000 / 80 / letters))
        parts = Stage(model=FakeLanguageModel(text=words), synthesizer=HummingVoice())
        self.scheduler = FaceScheduler()
        self.encoder = Worker("test-encode", threads=1)
        avatar = SimpleNamespace(id="fake", name="Fake", size=(SIZE, SIZE))
        parts.parts.encoder, parts.parts.scheduler = self.encoder, self.scheduler
        parts.parts.load_avatar, parts.parts.draw = (lambda _: avatar), self.scheduler.render
        parts.parts.draws_poses, parts.parts.drawing_share = True, lambda now: 0.0
        self.metrics = parts.metrics
        self.settings = parts.settings
        self.conversation = parts.conversation
        self.session = Session("s1", 1, 1, parts.conversation, parts.parts)
        self.http: aiohttp.ClientSession
        self.port = 0

    async def _socket(self, request: web.Request) -> web.StreamResponse:
        return await serve_socket(request, self.session)

    @asynccontextmanager
    async def socket(self, down: Conditions, seed: int = 1, codec: str = "aac") -> AsyncIterator[SocketClient]:
        """A streaming client behind a line."""
        up = Conditions(delay_s=down.delay_s)
        async with (
            tcp_proxy(self.port, up, down, seed) as proxy,
            self.http.ws_connect(f"http://127.0.0.1:{proxy.port}/ws", max_msg_size=0) as ws,
        ):
            await ws.send_json({"type": "configure", "stream": True, "audio_codec": codec})
            client = SocketClient(ws, self.metrics)
            reading = asyncio.create_task(client.read())
            try:
                yield client
            finally:
                await ws.close()
                await reading

    @asynccontextmanager
    async def peer(self, down: Conditions, seed: int = 1) -> AsyncIterator[PeerClient]:
        """A WebRTC client behind a line."""

        async def post(offer: Any) -> tuple[int, Any, dict[str, str]]:
            url = f"http://127.0.0.1:{self.port}/v1/sessions/s1/webrtc"
            async with self.http.post(url, json=offer) as reply:
                return reply.status, await reply.json(), dict(reply.headers)

        up = Conditions(delay_s=down.delay_s)
        async with (
            udp_relay(up, down, seed=seed) as relay,
            open_browser(post, relay=relay, holds_audio=False) as browser,
        ):
            yield PeerClient(browser)


@asynccontextmanager
async def open_line_stage(seconds: float = 10.0) -> AsyncIterator[LineStage]:
    """A tutor whose every reply lasts about so long."""
    stage = LineStage(seconds)
    api = WebRtcApi(lambda _: stage.session)
    app = web.Application()
    app.add_routes([web.get("/ws", stage._socket), *api.routes()])
    runner = web.AppRunner(app)
    await runner.setup()
    await web.TCPSite(runner, "127.0.0.1", 0).start()
    stage.port = runner.addresses[0][1]
    running = asyncio.create_task(stage.conversation.run())
    try:
        async with api.running(), aiohttp.ClientSession() as stage.http:
            yield stage
    finally:
        stage.conversation.close()
        await running
        await runner.cleanup()
        stage.encoder.close()


class SocketClient:
    """Plays as ``engine/web`` does, and notes what came when."""

    def __init__(self, ws: aiohttp.ClientWebSocketResponse, metrics: Metrics) -> None:
        self._ws = ws
        self._metrics = metrics
        self._came: asyncio.Queue[tuple[float, dict[str, Any]]] = asyncio.Queue()
        self.media: list[dict[str, Any]] = []

    async def read(self) -> None:
        """Take what comes, until the socket is closed."""
        loop = asyncio.get_running_loop()
        async for message in self._ws:
            self._came.put_nowait((loop.time(), json.loads(message.data)))
        self._came.put_nowait((loop.time(), {"type": "closed"}))

    async def ask(self, text: str = "Hello?", limit_s: float = 120) -> Arrivals:
        """One question and its whole reply."""
        loop = asyncio.get_running_loop()
        arrivals, self.media, left_out = Arrivals(), [], self._left_out()
        asked_at = told_at = loop.time()
        await self._ws.send_json({"type": "text", "content": text})
        playing_since, received_ms = None, 0.0
        async with asyncio.timeout(limit_s):
            while True:
                at, message = await self._came.get()
                arrivals.bytes += len(json.dumps(message))
                if message["type"] == "media":
                    if playing_since is None or at - playing_since > received_ms / 1000:
                        playing_since = at - received_ms / 1000
                    received_ms = message["start_ms"] + message["duration_ms"]
                    self.media.append(message)
                    arrivals.voice.append((at - asked_at, message["start_ms"] / 1000))
                if playing_since is not None and at - told_at > ACKNOWLEDGE_S:
                    told_at = at
                    position_ms = min(received_ms, (at - playing_since) * 1000)
                    played = {"type": "playback", "turn": message.get("turn", 0), "position_ms": position_ms}
                    await self._ws.send_json(played)
                assert message["type"] != "closed", "the engine closed the socket"
                if message["type"] == "turn_done":
                    break
        arrivals.first_at = message["timings"]["first_picture"] / 1000
        arrivals.seconds = received_ms / 1000
        arrivals.heard_s = len(self.sound()) / 48_000
        arrivals.shown = arrivals.voice
        arrivals.pictures = round(received_ms / FRAME_MS - (self._left_out() - left_out))
        return arrivals

    def stream(self) -> bytes:
        """The reply's fragmented MP4."""
        return b"".join(base64.b64decode(message["data"]) for message in self.media)

    def sound(self) -> FloatArray:
        """(n,) float32 at 48 kHz, decoded."""
        with av.open(io.BytesIO(self.stream()), mode="r") as container:
            resampler = av.AudioResampler("fltp", "mono", 48_000)
            pieces = [p.to_ndarray()[0] for f in container.decode(audio=0) for p in resampler.resample(f)]
        return np.concatenate(pieces)

    def _left_out(self) -> float:
        return self._metrics.registry.get_sample_value("tutor_frames_total", {"what": "dropped"}) or 0.0


class PeerClient:
    """Notes what came out of a peer's decoders."""

    def __init__(self, browser: Any) -> None:
        self.browser = browser

    async def ask(self, text: str = "Hello?", limit_s: float = 120) -> Arrivals:
        """One question and its whole reply."""
        browser, loop = self.browser, asyncio.get_running_loop()
        await browser.wait(lambda: len(browser.sounds) > 3)
        events, sounds, pictures = len(browser.events), len(browser.sounds), len(browser.pictures)
        asked_at = loop.time()
        browser.send(type="text", content=text)
        await browser.wait(lambda: any(e["type"] == "turn_done" for e in browser.events[events:]), limit_s)
        done = next(e for e in browser.events[events:] if e["type"] == "turn_done")
        silent_at = loop.time()
        while loop.time() < silent_at + 8:  # what is under way still comes
            await asyncio.sleep(0.5)
            if browser.sounds[-1].level < 0.01 and loop.time() > silent_at + 2:
                break
        heard = [s for s in browser.sounds[sounds:] if s.level > 0.02]
        arrivals = Arrivals(first_at=done["timings"]["first_picture"] / 1000)
        if heard:
            begin, end = heard[0], heard[-1]
            arrivals.voice = [(s.at - asked_at, s.time - begin.time) for s in heard]
            arrivals.seconds = end.time - begin.time + 0.02
            arrivals.heard_s = len(heard) * 0.02
            # The two tracks count from their first decoded packets, which losses may make different.
            shown = [p for p in browser.pictures[pictures:] if begin.at <= p.at <= end.at]
            arrivals.pictures = len(shown)
        return arrivals


def seconds_of(frames: int) -> float:
    """Length of so many frames."""
    return frames * FRAME_MS / 1000
