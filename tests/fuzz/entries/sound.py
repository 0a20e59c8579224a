"""A student's audio: whole recordings and live pieces, damaged, shuffled, in sizes and formats they are not."""

from __future__ import annotations

import asyncio
import base64
import contextlib
from functools import lru_cache
from typing import Any

import aiohttp

from tests.audio.containers import tone
from tests.fuzz.chance import Chance
from tests.fuzz.entries.socket_messages import reading
from tests.fuzz.samples import live_recordings, recordings
from tests.fuzz.stage import Stage


@lru_cache
def _pcm() -> bytes:
    return (tone(1.5) * 20_000).astype("<i2").tobytes()


class Sound:
    """Each case is a session that sends some audio."""

    name = "sound"
    side_by_side = 3

    async def case(self, stage: Stage, chance: Chance, sent: list[str]) -> None:
        async with stage.session() as session:
            url = f"{session['engine_url']}?token={session['engine_token']}"
            async with stage.http.ws_connect(url, max_msg_size=0) as socket, reading(socket):
                with contextlib.suppress(ConnectionError):  # the engine may close
                    await (self._live if chance.happens(0.6) else self._whole)(socket, chance, sent)
                await asyncio.sleep(chance.one(0, 0, 0.1, 0.5))

    async def close(self, stage: Stage) -> None:
        """Nothing is kept."""

    async def _whole(self, socket: aiohttp.ClientWebSocketResponse, chance: Chance, sent: list[str]) -> None:
        for _ in range(chance.randint(1, 4)):
            good = chance.choice(recordings())
            data = chance.damaged(good) if chance.happens(0.9) else good
            sent.append(f"recording {data.hex()}")
            await socket.send_json({"type": "audio", "data": base64.b64encode(data).decode()})

    async def _live(self, socket: aiohttp.ClientWebSocketResponse, chance: Chance, sent: list[str]) -> None:
        data = chance.choice([_pcm(), *live_recordings()])
        form = "pcm_s16le" if data is _pcm() or chance.happens(0.1) else "opus"
        rate = chance.one(8000, 16_000, 22_050, 44_100, 48_000)
        video = chance.one("none", "fmp4")
        await socket.send_json(
            {"type": "configure", "video": video, "input_audio": {"format": form, "sample_rate": rate}}
        )
        data = chance.damaged(data) if chance.happens(0.8) else data
        size = chance.one(7, 100, 640, 1280, 4000, 96_000, 100_000)
        pieces = [data[at : at + size] for at in range(0, len(data), size)][:300]
        if chance.happens(0.2):
            chance.shuffle(pieces)
        sent.append(f"{form} {rate} Hz, {video}, pieces of {size} bytes: {data.hex()}")
        for piece in pieces:
            await self._piece(socket, chance, piece, form)
            if chance.happens(0.02):
                other = chance.one("opus", "pcm_s16le")
                await socket.send_json({"type": "configure", "video": "none", "input_audio": {"format": other}})
            if chance.happens(0.1):
                await asyncio.sleep(0.01)
        await socket.send_json({"type": "end_talk"})

    async def _piece(self, socket: aiohttp.ClientWebSocketResponse, chance: Chance, piece: bytes, form: str) -> None:
        if chance.happens(0.8):
            await socket.send_bytes(piece)
            return
        message: dict[str, Any] = {
            "type": "audio", "format": form, "data": base64.b64encode(piece).decode(), "end": chance.happens(0.05),
        }  # fmt: skip
        await socket.send_json(message)
