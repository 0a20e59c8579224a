"""What a student's WebSocket may carry: spoilt messages in any order, wrong types and sizes, frames by hand."""

from __future__ import annotations

import asyncio
import base64
import contextlib
import json
from typing import Any

import aiohttp

from tests.fuzz.chance import Chance
from tests.fuzz.stage import Fault, Stage
from tests.system.raw_socket import RawSocket, frame

GOOD: tuple[dict[str, Any], ...] = (
    {"type": "text", "content": "What is 1/2 + 1/4?", "avatar_id": "avatar_tutor_1"},
    {"type": "text", "content": "Hi."},
    {"type": "configure", "stream": True, "video": "fmp4", "audio_codec": "aac", "avatar_id": "avatar_tutor_7",
     "input_audio": {"format": "pcm_s16le", "sample_rate": 16000}, "language": "en"},
    {"type": "configure", "stream": True, "video": "none", "input_audio": {"format": "opus"}},
    {"type": "interrupt"},
    {"type": "playback", "turn": 1, "position_ms": 100.0},
    {"type": "end_talk"},
    {"type": "greet"},
    {"type": "ping"},
    {"type": "audio", "data": "AAAA", "format": "pcm_s16le", "seq": 1, "end": False},
    {"type": "audio", "data": base64.b64encode(bytes(3200)).decode(), "end": True},
)  # fmt: skip

HUGE = (
    '{"type":"ping","x":[' + "[]," * 300_000 + "0]}",
    '{"type":"text","content":"' + "a " * 400_000 + '"}',
    '{"type":"audio","data":"' + "A" * 2_000_000 + '"}',
    '{"type":"audio","data":"' + "?" * 1_000_000 + '"}',
    '{"type":"audio","format":"pcm_s16le","data":"' + "A" * 1_000_000 + '"}',
    "[" * 300_000,
)
KINDS_OF_FRAME = (0, 1, 2, 3, 8, 9, 10, 11, 15)


async def read_all(socket: aiohttp.ClientWebSocketResponse) -> None:
    """Take what the engine sends, and fail on the answer of last resort.

    Raises:
        Fault: it sent something that is no message, or said that it failed.
    """
    async for message in socket:
        if message.type is aiohttp.WSMsgType.TEXT:
            said = json.loads(message.data)
            if said["type"] == "error" and ("the engine failed" in said["message"] or said["code"] == "internal"):
                raise Fault(f"told {said}")
    if socket.close_code == 1011:
        raise Fault("closed with 1011: the engine failed")


@contextlib.asynccontextmanager
async def reading(socket: aiohttp.ClientWebSocketResponse) -> Any:
    """Reads beside what the body sends; at the end the socket is closed or cut off."""
    reader = asyncio.create_task(read_all(socket))
    try:
        yield
    finally:
        await socket.close()
        done, _ = await asyncio.wait([reader], timeout=60)
        reader.cancel()
        await asyncio.wait([reader])
        for task in done:
            task.result()


class SocketMessages:
    """Each case is a session with one socket and some dozen messages."""

    name = "messages"
    side_by_side = 5

    async def case(self, stage: Stage, chance: Chance, sent: list[str]) -> None:
        async with stage.session() as session:
            if chance.happens(0.25):
                await self._frames(session, chance, sent)
            else:
                await self._messages(stage, session, chance, sent)

    async def close(self, stage: Stage) -> None:
        """Nothing is kept."""

    async def _messages(self, stage: Stage, session: dict[str, Any], chance: Chance, sent: list[str]) -> None:
        query = chance.one("", "&stream=1", "&stream=x", "&token=x")
        url = f"{session['engine_url']}?token={session['engine_token']}{query}"
        async with stage.http.ws_connect(url, max_msg_size=0) as socket, reading(socket):
            with contextlib.suppress(ConnectionError):  # the engine may close
                for _ in range(chance.randint(5, 60)):
                    await self._send(socket, chance, sent)
                    await asyncio.sleep(chance.one(0, 0, 0, 0.005, 0.02, 0.1))
            if chance.happens(0.3):
                assert socket._response.connection is not None or socket.closed
                if (connection := socket._response.connection) is not None and connection.transport is not None:
                    connection.transport.abort()

    async def _send(self, socket: aiohttp.ClientWebSocketResponse, chance: Chance, sent: list[str]) -> None:
        kind = chance.random()
        if kind < 0.06:
            data = chance.randbytes(chance.one(0, 1, 640, 96_000, 96_001))
            sent.append(f"binary of {len(data)} bytes")
            await socket.send_bytes(data)
        elif kind < 0.08:
            sent.append("ping")
            await socket.ping(chance.randbytes(chance.randint(0, 125)))
        else:
            good = chance.choice(GOOD)
            text = chance.choice(HUGE) if kind > 0.98 else chance.written(chance.spoilt(good))
            text = text.encode("utf-8", "replace").decode()  # a socket carries no lone surrogates, JSON may
            sent.append(text[:300])
            await socket.send_str(text)

    async def _frames(self, session: dict[str, Any], chance: Chance, sent: list[str]) -> None:
        """Frames no library sends, then the end of the connection."""
        async with RawSocket(session, chance.one("", "&stream=1")) as socket:
            for _ in range(chance.randint(1, 20)):
                text = chance.written(chance.spoilt(chance.choice(GOOD))).encode("utf-8", "surrogatepass")
                payload = chance.one(
                    text, text, chance.damaged(text), chance.randbytes(chance.one(0, 1, 125, 126, 5000))
                )
                data = frame(
                    payload, chance.one(1, 1, 1, chance.choice(KINDS_OF_FRAME)), final=chance.happens(0.8),
                    masked=chance.happens(0.95), reserved=0 if chance.happens(0.95) else chance.randrange(8),
                )  # fmt: skip
                data = chance.damaged(data, 2) if chance.happens(0.1) else data
                sent.append(repr(data[:300]))
                try:
                    async with asyncio.timeout(5):
                        await socket.send(data)
                except (ConnectionError, TimeoutError):
                    return
            if chance.happens(0.5):
                with contextlib.suppress(TimeoutError):
                    await socket.rest(chance.random())
