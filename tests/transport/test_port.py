"""The port with a tiny application behind it: half-open connections, compressed bodies, headers."""

from __future__ import annotations

import asyncio
import gzip
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager, suppress
from functools import cache

import pytest
from aiohttp import web

from engine.transport import port
from engine.transport.api.headers import on_response_prepare
from engine.transport.api.middleware import errors_as_json, refuse_encodings

HALF = b"GET /health HTTP/1.1\r\nHost: x\r\nX-A: "
WHOLE = b"GET /health HTTP/1.1\r\nHost: x\r\n\r\n"


@asynccontextmanager
async def served(per_address: int = 8) -> AsyncIterator[int]:
    async def health(request: web.Request) -> web.Response:
        return web.Response(text="fine")

    async def echo(request: web.Request) -> web.Response:
        return web.Response(text=str(len(await request.read())))

    app = web.Application(middlewares=[errors_as_json, refuse_encodings])
    app.add_routes([web.get("/health", health), web.post("/echo", echo)])
    app.on_response_prepare.append(on_response_prepare)
    async with port.open_port(app, "127.0.0.1", 0, per_address=per_address) as number:
        yield number


async def ask(number: int, request: bytes) -> bytes:
    reader, writer = await asyncio.open_connection("127.0.0.1", number)
    try:
        writer.write(request)
        async with asyncio.timeout(60):
            head = await reader.readuntil(b"\r\n\r\n")
            return head
    finally:
        writer.close()


async def test_half_open_connections_lock_nobody_out() -> None:
    async with served() as number:
        half_open = []
        for _ in range(40):
            reader, writer = await asyncio.open_connection("127.0.0.1", number)
            writer.write(HALF)
            half_open.append((reader, writer))
            assert b" 200 " in (await ask(number, WHOLE)).partition(b"\r\n")[0]
        for reader, _ in half_open[:32]:
            with suppress(ConnectionError):
                assert await asyncio.wait_for(reader.read(1), 60) == b""
        for _, writer in half_open:
            writer.transport.abort()


async def test_a_head_has_its_time_also_on_a_connection_that_was_used_before(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(port, "HEAD_S", 0.3)
    async with served() as number:
        reader, writer = await asyncio.open_connection("127.0.0.1", number)
        writer.write(WHOLE)
        assert b"fine" in await reader.readuntil(b"fine")
        await asyncio.sleep(0.6)
        writer.write(WHOLE)
        assert b"fine" in await reader.readuntil(b"fine")
        writer.write(HALF)
        assert await asyncio.wait_for(reader.read(), 60) == b""
        writer.close()


@cache
def bomb() -> bytes:
    return gzip.compress(bytes(30_000_000))


@pytest.mark.parametrize("encoding", ["gzip", "deflate", "br", "zstd", "x", "gzip, identity"])
@pytest.mark.parametrize("start", ["POST /echo", "GET /health", "GET /none", "PUT /"])
async def test_no_body_is_unfolded(encoding: str, start: str) -> None:
    head = f"{start} HTTP/1.1\r\nHost: x\r\nContent-Encoding: {encoding}\r\nContent-Length: {len(bomb())}\r\n\r\n"
    async with served() as number:
        assert (await ask(number, head.encode() + bomb())).startswith(b"HTTP/1.1 415 ")


async def test_identity_is_no_encoding() -> None:
    request = b"POST /echo HTTP/1.1\r\nHost: x\r\nContent-Encoding: identity\r\nContent-Length: 3\r\n\r\nabc"
    async with served() as number:
        assert (await ask(number, request)).startswith(b"HTTP/1.1 200 ")


@pytest.mark.parametrize("request_bytes", [WHOLE, b"GET /none HTTP/1.1\r\nHost: x\r\n\r\n", b"rubbish\r\n\r\n"])
async def test_every_answer_has_safe_headers_and_tells_no_version(request_bytes: bytes) -> None:
    async with served() as number:
        head = (await ask(number, request_bytes)).decode().lower()
    assert "\r\nserver: talking-tutor\r\n" in head
    for line in ("x-content-type-options: nosniff", "referrer-policy: no-referrer", "x-frame-options: deny"):
        assert f"\r\n{line}\r\n" in head
    assert "\r\ncontent-security-policy: default-src 'none'; frame-ancestors 'none'\r\n" in head


async def test_no_connection_is_read_for_long_at_a_time(monkeypatch: pytest.MonkeyPatch) -> None:
    taken: list[int] = []
    receive = port._Protocol.data_received

    def measured(self: port._Protocol, data: bytes) -> None:
        taken.append(len(data))
        receive(self, data)

    monkeypatch.setattr(port._Protocol, "data_received", measured)
    body = b"1\r\na\r\n" * 50_000 + b"0\r\n\r\n"
    head = b"POST /echo HTTP/1.1\r\nHost: x\r\nTransfer-Encoding: chunked\r\n\r\n"
    async with served() as number:
        assert b" 200 " in await ask(number, head + body)
    assert sum(taken) == len(head + body)
    assert max(taken) == port.READ_BYTES


async def test_refusals_before_any_handler_are_json() -> None:
    async with served() as number:
        for path in (b"/nowhere", b"/health"):
            reader, writer = await asyncio.open_connection("127.0.0.1", number)
            writer.write(b"GET " + path + b" HTTP/1.1\r\nHost: x\r\nExpect: miracles\r\nConnection: close\r\n\r\n")
            answer = await asyncio.wait_for(reader.read(), 60)
            assert b" 417 " in answer.partition(b"\r\n")[0] and b'{"error": {"code"' in answer
            writer.close()
