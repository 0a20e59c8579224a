"""SIGTERM is obeyed within ``sessions.drain_s`` and five seconds, whatever the engine is doing."""

from __future__ import annotations

import asyncio
import base64
import signal
import time
from collections.abc import AsyncIterator, Callable
from contextlib import AbstractAsyncContextManager, AsyncExitStack, asynccontextmanager, suppress
from dataclasses import dataclass
from pathlib import Path

import aiohttp
import pytest
from aiortc import RTCPeerConnection, RTCSessionDescription

from tests.llm.misbehaving_llm import Behaviour, MisbehavingServer, hangs, says
from tests.system.conftest import Caller, Socket
from tests.system.engine_process import LIMIT_S, all_gone, run_engine
from tests.system.raw_socket import RawSocket, frame

DRAIN_S = 1.0
GRACE_S = 5.0
"""What the engine promises. The limits below leave room for a busy machine."""

HERE = Path(__file__).parent

talks_for_long = says(*["and so it goes on, "] * 2000, gap_s=0.05)


@pytest.fixture(autouse=True)
def no_leaked_threads_or_sockets() -> None:
    """No engine runs in this process, so the package's own check would start one in vain."""


@dataclass(frozen=True)
class Place:
    """A running engine, a client of it, and its language model."""

    caller: Caller
    llm: MisbehavingServer

    async def ask(self, behaviour: Behaviour, query: str = "&stream=1") -> Socket:
        """A student who has asked, with a model that behaves so."""
        self.llm.script = [behaviour]
        socket = await self.caller.connect(await self.caller.create(), query)
        await socket.send(type="text", content="How are things?")
        return socket


State = Callable[[Place], AbstractAsyncContextManager[None]]


@asynccontextmanager
async def idle(place: Place) -> AsyncIterator[None]:
    yield


@asynccontextmanager
async def replying(place: Place) -> AsyncIterator[None]:
    socket = await place.ask(talks_for_long)
    await socket.until("media")
    reader = asyncio.create_task(_read_on(socket))
    yield
    reader.cancel()


@asynccontextmanager
async def waiting_for_the_model(place: Place) -> AsyncIterator[None]:
    place.llm.asked.clear()
    socket = await place.ask(hangs)
    await place.llm.asked.wait()
    yield
    await socket.ws.close()


@asynccontextmanager
async def listening(place: Place) -> AsyncIterator[None]:
    socket = await place.caller.connect(await place.caller.create())
    await socket.send(type="configure", stream=True, video="none", input_audio={"format": "opus"})
    await socket.expect("ready")
    await socket.ws.send_bytes(_speech())
    await asyncio.sleep(0.3)
    yield


@asynccontextmanager
async def transcribing(place: Place) -> AsyncIterator[None]:
    socket = await place.caller.connect(await place.caller.create())
    for _ in range(4):
        await socket.send(type="audio", data=base64.b64encode(_speech()).decode())
    yield


@asynccontextmanager
async def ingesting(place: Place) -> AsyncIterator[None]:
    url = f"{place.caller.base}/v1/knowledge/big/documents/big.txt"
    text = "".join(f"Sentence {number} tells of plants and their leaves. " for number in range(150_000)).encode()
    upload = asyncio.create_task(_put(place, url, text))
    async with asyncio.timeout(60):
        stage = ""
        while stage != "embed":
            await asyncio.sleep(0.05)
            async with place.caller.http.get(url) as reply:
                stage = (await reply.json()).get("stage", "") if reply.status == 200 else ""
    yield
    upload.cancel()


@asynccontextmanager
async def making_an_avatar(place: Place) -> AsyncIterator[None]:
    face = await asyncio.to_thread((HERE.parent / "avatars" / "astronaut.jpg").read_bytes)
    for name in ("ada", "grace"):
        async with place.caller.http.post(f"{place.caller.base}/v1/avatars?id={name}", data=face) as reply:
            assert reply.status in (202, 501), await reply.text()
    yield


@asynccontextmanager
async def a_peer(place: Place) -> AsyncIterator[None]:
    peer = RTCPeerConnection()
    peer.addTransceiver("audio", direction="sendrecv")
    peer.addTransceiver("video", direction="recvonly")
    channel, opened = peer.createDataChannel("events"), asyncio.Event()
    channel.on("open", opened.set)
    await peer.setLocalDescription(await peer.createOffer())
    session = await place.caller.create()
    headers = {"Authorization": f"Bearer {session['engine_token']}", "Content-Type": "application/sdp"}
    url = f"{place.caller.base}/v1/sessions/{session['session_id']}/webrtc"
    async with place.caller.http.post(url, data=peer.localDescription.sdp, headers=headers) as reply:
        await peer.setRemoteDescription(RTCSessionDescription(await reply.text(), "answer"))
    async with asyncio.timeout(LIMIT_S):
        await opened.wait()
    place.llm.script = [talks_for_long]
    channel.send('{"type":"text","content":"How are things?"}')
    yield
    await peer.close()


@asynccontextmanager
async def a_client_that_takes_nothing(place: Place) -> AsyncIterator[None]:
    place.llm.script = [talks_for_long]
    async with RawSocket(await place.caller.create(), "&stream=1") as socket:
        await socket.send(frame(b'{"type":"text","content":"Tell me a long story."}'))
        await asyncio.sleep(1)
        yield


@asynccontextmanager
async def half_requests(place: Place) -> AsyncIterator[None]:
    port = int(place.caller.base.rsplit(":", 1)[1])
    writers = []
    for begun in (
        b"GET /health HTTP/1.1\r\nHost: x\r\nX-Half:",
        b"PUT /v1/knowledge/half/documents/a.txt HTTP/1.1\r\nHost: 127.0.0.1\r\nContent-Length: 1000\r\n\r\nhalf",
        b"POST /v1/sessions HTTP/1.1\r\nHost: 127.0.0.1\r\nContent-Type: application/json\r\nContent-Length: 9\r\n\r\n",
    ):
        _, writer = await asyncio.open_connection("127.0.0.1", port)
        writer.write(begun)
        await writer.drain()
        writers.append(writer)
    yield
    for writer in writers:
        writer.transport.abort()


STATES: tuple[State, ...] = (
    idle, waiting_for_the_model, replying, a_peer, a_client_that_takes_nothing, half_requests, listening, ingesting,
    making_an_avatar, transcribing,
)  # fmt: skip


def _speech() -> bytes:
    return (HERE.parent / "data" / "question_zh.ogg").read_bytes()


async def _read_on(socket: Socket) -> None:
    with suppress(AssertionError):
        while True:
            await socket.receive()


async def _put(place: Place, url: str, data: bytes) -> None:
    with suppress(aiohttp.ClientError):
        async with place.caller.http.put(url, data=data) as reply:
            await reply.read()


@pytest.mark.parametrize("states", [STATES], ids=["all at once"])
async def test_sigterm_is_obeyed_in_every_state(states: tuple[State, ...], tmp_path: Path) -> None:
    async with AsyncExitStack() as stack:
        llm = await stack.enter_async_context(MisbehavingServer(says("Well.")))
        engine = await stack.enter_async_context(
            run_engine(
                "--port", "0", "--sessions-drain-s", str(DRAIN_S), "--asr-model", "whisper-tiny.en",
                "--video-size", "128", "--llm-base-url", (await llm.endpoint()).base_url, "--avatars-dir",
                str(tmp_path / "avatars"), "--knowledge-dir", str(tmp_path / "knowledge"), "--llm-max-tokens", "2000",
            )
        )  # fmt: skip
        base = (await engine.logged("ready"))["page"].rstrip("/")
        http = await stack.enter_async_context(aiohttp.ClientSession(connector=aiohttp.TCPConnector(force_close=True)))
        place = Place(Caller(http, int(base.rsplit(":", 1)[1])), llm)
        for state in states:
            async with asyncio.timeout(LIMIT_S):
                await stack.enter_async_context(state(place))
            print(state.__name__, flush=True)
        began = time.monotonic()
        engine.signal(signal.SIGTERM)
        status, log = await engine.ended()
        took = time.monotonic() - began
        print(f"ended after {took:.1f} s")
        assert (status, "Traceback" in log) == (0, False), log
        assert took < DRAIN_S + 3 * GRACE_S, log
        assert all_gone(engine.children)


async def test_sigterm_while_the_models_load_is_obeyed_at_once() -> None:
    async with run_engine("--port", "0", "--sessions-drain-s", "60") as engine:
        await engine.logged("port_opened")
        began = time.monotonic()
        engine.signal(signal.SIGTERM)
        status, log = await engine.ended()
        took = time.monotonic() - began
        print(f"ended after {took:.1f} s")
        assert (status, "Traceback" in log) == (0, False), log
        assert took < 6 * GRACE_S, log
        assert all_gone(engine.children)
