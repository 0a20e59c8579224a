"""One real engine for all server tests: real models, real sockets, its own loop for the session."""

from __future__ import annotations

import asyncio
import base64
import json
from collections.abc import AsyncIterator
from typing import Any

import aiohttp
import psutil
import pytest
import pytest_asyncio

from engine.app import Engine
from engine.items import ByteArray, FloatArray
from engine.settings import Settings
from tests.decoded import pictures_of, sound_of

TIMEOUT_S = 240


class Caller:
    """A web tier and a browser in one: REST calls and sockets against one engine."""

    def __init__(self, http: aiohttp.ClientSession, port: int) -> None:
        self.http = http
        self.base = f"http://127.0.0.1:{port}"

    async def create(self, **body: Any) -> dict[str, Any]:
        async with self.http.post(f"{self.base}/v1/sessions", json={"tutor_id": 1, "student_id": 123, **body}) as reply:
            assert reply.status == 200, await reply.text()
            session: dict[str, Any] = await reply.json()
            return session

    async def delete(self, session_id: str) -> int:
        async with self.http.delete(f"{self.base}/v1/sessions/{session_id}") as reply:
            return reply.status

    async def connect(self, session: dict[str, Any], query: str = "") -> Socket:
        url = f"{session['engine_url']}?token={session['engine_token']}{query}"
        return Socket(await self.http.ws_connect(url, max_msg_size=0))


class Socket:
    """One WebSocket with JSON in and out."""

    def __init__(self, ws: aiohttp.ClientWebSocketResponse) -> None:
        self.ws = ws

    async def send(self, **message: Any) -> None:
        await self.ws.send_str(json.dumps(message))

    async def receive(self) -> dict[str, Any]:
        async with asyncio.timeout(TIMEOUT_S):  # the socket's own would begin anew with every ping
            message = await self.ws.receive()
        assert message.type is aiohttp.WSMsgType.TEXT, message
        parsed: dict[str, Any] = json.loads(message.data)
        return parsed

    async def until(self, kind: str) -> list[dict[str, Any]]:
        """Everything up to and with the first message of ``kind``."""
        got = []
        while True:
            try:
                got.append(await self.receive())
            except TimeoutError:
                pytest.fail(f"no {kind} after {[message['type'] for message in got]}")
            if got[-1]["type"] == kind:
                return got

    async def expect(self, kind: str) -> dict[str, Any]:
        """The next message, which must be of ``kind``."""
        message = await self.receive()
        assert message["type"] == kind, {k: str(v)[:200] for k, v in message.items()}
        return message


@pytest_asyncio.fixture(scope="session", loop_scope="session")
async def engine(tmp_path_factory: pytest.TempPathFactory) -> AsyncIterator[Engine]:
    own = tmp_path_factory.mktemp("engine")
    # Short answers: what they say does not matter here, and each is heard out in real time.
    # A loaded machine may take its time with the last words of a question, or stall in the middle of one.
    settings = Settings(
        port=0,
        sessions={"max": 30, "admission": "fixed", "idle_s": 600, "detached_s": 600},
        limits={"audio_s": 60},
        llm={"max_tokens": 40},
        listening={"late_ms": 10_000, "endpoint": {"patience": 200}},
        # The model answers: what is tested here is the way of its words.
        knowledge={"dir": own / "knowledge", "starter": False},
        tutors_dir=own / "tutors",
    )
    async with Engine(settings) as running:
        yield running


@pytest_asyncio.fixture(loop_scope="session")
async def caller(engine: Engine) -> AsyncIterator[Caller]:
    connector = aiohttp.TCPConnector(force_close=True, limit=0)
    async with aiohttp.ClientSession(connector=connector) as http:
        yield Caller(http, engine.port)


@pytest_asyncio.fixture(autouse=True, loop_scope="session")
async def no_leaked_threads_or_sockets(engine: Engine) -> AsyncIterator[None]:
    """Here the engine outlives the test, and its pools grow when first used: a test must end its
    own sessions and connections; ``test_resilience`` counts everything else."""
    yield
    assert engine.registry is not None
    for _ in range(1000):
        left = [c for c in psutil.Process().net_connections("tcp") if c.laddr.port == engine.port and c.raddr]
        left = [c for c in left if c.status == "ESTABLISHED"]
        if not left and not len(engine.registry):
            return
        await asyncio.sleep(0.03)
    pytest.fail(f"left behind: {len(engine.registry)} sessions, {left}")


@pytest_asyncio.fixture(loop_scope="session")
async def session(caller: Caller) -> AsyncIterator[dict[str, Any]]:
    created = await caller.create()
    yield created
    await caller.delete(created["session_id"])


@pytest_asyncio.fixture(loop_scope="session")
async def socket(caller: Caller, session: dict[str, Any]) -> AsyncIterator[Socket]:
    opened = await caller.connect(session)
    yield opened
    await opened.ws.close()


def decode_mp4(data: str) -> tuple[list[ByteArray], FloatArray, int]:
    """Pictures (H, W, 3) uint8 RGB, sound (n,) float32, and its rate, of a base64 MP4."""
    raw = base64.b64decode(data)
    return list(pictures_of(raw)), *sound_of(raw)


@pytest.fixture
def mp4() -> Any:
    return decode_mp4
