"""A real speech server that misbehaves on demand; the voice's name says how."""

from __future__ import annotations

import asyncio
import contextlib
import gzip
from collections.abc import AsyncIterator
from dataclasses import dataclass, field

import numpy as np
from aiohttp import web

from engine.items import FloatArray
from tests.audio.containers import encode

RATE = 24_000


def hum(seconds: float, rate: int = RATE) -> FloatArray:
    """Something that is loud like a voice: a swelling and fading 200 Hz tone with harmonics."""
    t = np.arange(int(seconds * rate)) / rate
    tone = sum(np.sin(2 * np.pi * 200 * k * t) / k for k in (1, 2, 3))
    return (0.1 * tone * (0.6 + 0.4 * np.sin(2 * np.pi * 3 * t))).astype(np.float32)


def pcm16(pcm: FloatArray) -> bytes:
    return (pcm * 32767).astype("<i2").tobytes()


@dataclass
class SpeechServer:
    """What it was asked, and where it is."""

    url: str = ""
    requests: list[dict[str, object]] = field(default_factory=list)
    hung_up: int = 0
    """Responses the client did not wait for."""
    mode: str = "good"
    """How the voice ``tutor`` behaves."""
    heard: asyncio.Event = field(default_factory=asyncio.Event)
    """The client has the first piece of the voice ``awaited``."""

    def tries(self, voice: str) -> int:
        return sum(request["voice"] == voice for request in self.requests)

    async def answer(self, request: web.Request) -> web.StreamResponse:
        asked = await request.json()
        self.requests.append({**asked, "authorization": request.headers.get("Authorization")})
        voice = self.mode if asked["voice"] == "tutor" else str(asked["voice"])
        try:
            response: web.StreamResponse = await getattr(self, f"_{voice.replace('-', '_')}")(request)
            return response
        except (ConnectionResetError, asyncio.CancelledError):
            self.hung_up += 1
            raise

    async def _stream(
        self, request: web.Request, data: bytes, size: int = 9_601, pause: float = 0.0, kind: str = "audio/pcm"
    ) -> web.StreamResponse:
        response = web.StreamResponse(headers={"Content-Type": kind})
        await response.prepare(request)
        for at in range(0, len(data), size):
            await response.write(data[at : at + size])
            await asyncio.sleep(pause)
        return response

    async def _good(self, request: web.Request) -> web.StreamResponse:
        return await self._stream(request, pcm16(hum(1.5)))

    async def _wav(self, request: web.Request) -> web.StreamResponse:
        return await self._stream(
            request, encode(hum(1.5, 16_000), 16_000, "wav", codec_rate=16_000), size=7, kind="audio/wav"
        )

    async def _mp3(self, request: web.Request) -> web.StreamResponse:
        return await self._stream(request, encode(hum(1.5, 44_100), 44_100, "mp3"), size=1000, kind="audio/mpeg")

    async def _awaited(self, request: web.Request) -> web.StreamResponse:
        response = web.StreamResponse(headers={"Content-Type": "audio/pcm"})
        await response.prepare(request)
        await response.write(pcm16(hum(0.5)))
        await self.heard.wait()
        await response.write(pcm16(hum(0.5)))
        return response

    async def _slow(self, request: web.Request) -> web.StreamResponse:
        await asyncio.sleep(30)
        return web.Response()

    async def _stalls(self, request: web.Request) -> web.StreamResponse:
        response = web.StreamResponse(headers={"Content-Type": "audio/pcm"})
        await response.prepare(request)
        await response.write(pcm16(hum(0.5)))
        await asyncio.sleep(30)
        return response

    async def _half(self, request: web.Request) -> web.StreamResponse:
        response = web.StreamResponse(headers={"Content-Type": "audio/pcm", "Content-Length": "400000"})
        await response.prepare(request)
        await response.write(pcm16(hum(0.5)))
        await asyncio.sleep(0.1)
        assert request.transport is not None
        request.transport.close()
        return response

    async def _busy_once(self, request: web.Request) -> web.StreamResponse:
        if self.tries("busy-once") == 1:
            return web.json_response({"error": "slow down"}, status=429, headers={"Retry-After": "0.1"})
        return await self._good(request)

    async def _busy(self, request: web.Request) -> web.StreamResponse:
        return web.Response(status=429, headers={"Retry-After": "60"})

    async def _broken(self, request: web.Request) -> web.StreamResponse:
        return web.Response(status=500, text="<html>oops</html>")

    async def _refuses(self, request: web.Request) -> web.StreamResponse:
        return web.json_response({"error": "no such model"}, status=404)

    async def _html(self, request: web.Request) -> web.StreamResponse:
        return web.Response(text="<html>a login page</html>", content_type="text/html")

    async def _hidden_html(self, request: web.Request) -> web.StreamResponse:
        return await self._stream(request, b"<!doctype html><html>a login page</html>")

    async def _redirects(self, request: web.Request) -> web.StreamResponse:
        return web.Response(status=307, headers={"Location": str(request.url.with_path("/elsewhere"))})

    async def _compressed(self, request: web.Request) -> web.StreamResponse:
        bomb = gzip.compress(bytes(60_000_000))
        return web.Response(body=bomb, headers={"Content-Encoding": "gzip", "Content-Type": "audio/pcm"})

    async def _empty(self, request: web.Request) -> web.StreamResponse:
        return await self._stream(request, b"")

    async def _rubbish_mp3(self, request: web.Request) -> web.StreamResponse:
        return await self._stream(request, b"ID3" + bytes(range(97)) * 3000, kind="audio/mpeg")

    async def _rubbish_wav(self, request: web.Request) -> web.StreamResponse:
        return await self._stream(request, b"RIFF\x00\x00\x00\x00WAVE" + b"fmt \xff\xff\xff\x7f" + bytes(9000))

    async def _endless(self, request: web.Request) -> web.StreamResponse:
        return await self._stream(request, pcm16(hum(1)) * 300, size=200_000)


@contextlib.asynccontextmanager
async def speech_server() -> AsyncIterator[SpeechServer]:
    """Serves on a free port of the loopback until the context is left."""
    server = SpeechServer()
    app = web.Application()
    app.router.add_post("/v1/audio/speech", server.answer)
    runner = web.AppRunner(app, shutdown_timeout=0.1, handler_cancellation=True)
    await runner.setup()
    site = web.TCPSite(runner, "127.0.0.1", 0)
    await site.start()
    server.url = f"http://127.0.0.1:{runner.addresses[0][1]}/v1"
    try:
        yield server
    finally:
        await runner.cleanup()
