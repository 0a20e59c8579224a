"""Requests no honest client sends, byte by byte: each gets a JSON error, and the engine goes on."""

from __future__ import annotations

import asyncio
import gzip
import json
from typing import Any

import pytest
from structlog.testing import capture_logs

from engine.app import Engine
from engine.transport import port as server
from engine.transport.api import middleware

pytestmark = pytest.mark.asyncio(loop_scope="session")

GOOD = b'{"tutor_id":1,"student_id":1}'
JSON = b"Content-Type: application/json"


async def talk(engine: Engine, request: bytes, *, end: bool = False) -> tuple[int, dict[str, str], bytes]:
    """Status, header lines (lower-case names) and body of the answer to these bytes."""
    reader, writer = await asyncio.open_connection("127.0.0.1", engine.port)
    try:
        writer.write(request)
        await writer.drain()
        if end:
            writer.write_eof()
        head = await asyncio.wait_for(reader.readuntil(b"\r\n\r\n"), 60)
        first, *lines = head.decode("latin-1").split("\r\n")
        headers = {k.lower(): v.strip() for k, _, v in (line.partition(":") for line in lines) if k}
        body = await asyncio.wait_for(reader.readexactly(int(headers.get("content-length", 0))), 60)
        return int(first.split()[1]), headers, body
    finally:
        writer.close()


def post(body: bytes, *headers: bytes, path: bytes = b"/v1/sessions", host: bytes = b"127.0.0.1") -> bytes:
    if path == b"/v1/sessions" and not any(line.lower().startswith(b"content-type") for line in headers):
        headers = (*headers, JSON)
    lines = [b"POST " + path + b" HTTP/1.1", b"Host: " + host, b"Connection: close", *headers]
    if not any(line.lower().startswith((b"content-length", b"transfer-encoding")) for line in headers):
        lines.append(b"Content-Length: %d" % len(body))
    return b"\r\n".join(lines) + b"\r\n\r\n" + body


def get(path: bytes, *headers: bytes) -> bytes:
    return (
        b"\r\n".join([b"GET " + path + b" HTTP/1.1", b"Host: 127.0.0.1", b"Connection: close", *headers]) + b"\r\n\r\n"
    )


async def refused(engine: Engine, request: bytes, statuses: tuple[int, ...]) -> str:
    """The error's message; fails on anything but a JSON error with one of these statuses."""
    status, headers, body = await talk(engine, request)
    assert status in statuses, (status, body[:200])
    assert headers["content-type"].startswith("application/json"), headers
    error = json.loads(body)["error"]
    assert set(error) == {"code", "message"} and "Traceback" not in error["message"]
    return str(error["message"])


@pytest.mark.parametrize(
    "request_bytes",
    [
        b"rubbish\r\n\r\n", b"GET\r\n\r\n", b"GET / HTTP/9.9\r\n\r\n", b"\x16\x03\x01\x02\x00\x01\x00\x01\xfc\r\n\r\n",
        get(b"/health", b"X-Big: " + b"a" * 20_000), get(b"/" + b"a" * 20_000), get(b"/health", b"no colon here"),
        get(b"/health", *(b"X-%d: 1" % n for n in range(500))), get(b"/health", b"X: \x00"),
        post(GOOD, b"Content-Length: -1"), post(GOOD, b"Content-Length: 99999999999999999999999"),
        post(b"zz\r\n", b"Transfer-Encoding: chunked"),
        post(GOOD, b"Content-Length: 5", b"Transfer-Encoding: chunked"),
    ],
    ids=lambda value: repr(value[:24]),
)  # fmt: skip
async def test_what_is_not_http(engine: Engine, request_bytes: bytes) -> None:
    await refused(engine, request_bytes, (400, 413))


@pytest.mark.parametrize(
    ("body", "headers", "status"),
    [
        (b'{"tutor_id":true,"student_id":1}', (), 422), (b'{"tutor_id":1.0,"student_id":1}', (), 422),
        (b'{"tutor_id":NaN,"student_id":1}', (), 422), (b'{"tutor_id":Infinity,"student_id":1}', (), 422),
        (b'{"tutor_id":1e999,"student_id":1}', (), 422), (b'{"tutor_id":null,"student_id":1}', (), 422),
        (b'{"tutor_id":9007199254740993,"student_id":1}', (), 422), (b'{"tutor_id":[1],"student_id":1}', (), 422),
        (b'{"tutor_id":' + b"9" * 9000 + b',"student_id":1}', (), 400),
        (b'{"tutor_id":1,"student_id":1,"kb_id":"\\ud800"}', (), 422),
        (b'{"tutor_id":1,"student_id":1,"kb_id":"a\\u0000b"}', (), 422),
        (b'{"tutor_id":1,"student_id":1,"kb_id":""}', (), 422),
        (b'{"tutor_id":1,"student_id":1,"patience":"endless"}', (), 422),
        (b'{"a":' * 50_000, (), 413), (b'{"tutor_id":1,"student_id":1', (), 400), (b'"' + b"a" * 900_000, (), 413),
        (b'"' + b"a" * 90_000, (), 400), (b'{"x":[' + b"1," * 90_000 + b"1]}", (), 413),
        (GOOD, (b"Content-Type: application/json; charset=nonsense",), 400),
        (GOOD, (b"Content-Type: application/json; charset=utf-16",), 400),
        (GOOD, (b"Content-Type: application/json; charset=undefined",), 400),
        (GOOD, (b"Content-Type: application/json; charset=idna",), 400),
        (b"\xed\xa0\x80", (b"Content-Type: application/json",), 400),
        (GOOD, (b"Content-Encoding: gzip",), 415), (b"\x1f\x8b\x08 cut", (b"Content-Encoding: gzip",), 415),
        (gzip.compress(b'{"a":"' + b"a" * 50_000_000), (b"Content-Encoding: gzip",), 415),
    ],
    ids=lambda value: repr(value)[:40],
)  # fmt: skip
async def test_bodies_that_are_wrong(engine: Engine, body: bytes, headers: tuple[bytes, ...], status: int) -> None:
    await refused(engine, post(body, *headers), (status,))


async def test_a_charset_may_be_named_when_it_is_utf_8(engine: Engine, caller: Any) -> None:
    status, _, body = await talk(engine, post(GOOD, b"Content-Type: application/json; charset=UTF-8"))
    assert status == 200, body
    assert await caller.delete(json.loads(body)["session_id"]) == 204


@pytest.mark.parametrize(
    "content_type",
    [b"text/plain", b"application/octet-stream", b"multipart/form-data", b"application/x-www-form-urlencoded", b"\xff"],
)
async def test_json_must_be_called_so(engine: Engine, content_type: bytes) -> None:
    assert "application/json" in await refused(engine, post(GOOD, b"Content-Type: " + content_type), (415,))
    assert engine.registry is not None and not len(engine.registry)


@pytest.mark.parametrize("host", [b"evil.test", b"evil.test:9000", b"10.0.0.1", b"localhost.evil.test", b"x"])
async def test_without_a_key_only_this_machine_s_names_are_answered(engine: Engine, host: bytes) -> None:
    assert "Host" in await refused(engine, post(GOOD, JSON, host=host), (403,))
    assert engine.registry is not None and not len(engine.registry)


@pytest.mark.parametrize("host", [b"localhost", b"127.0.0.1:9000", b"[::1]:9000", b"LOCALHOST:1"])
async def test_this_machine_s_names_are_answered(engine: Engine, host: bytes) -> None:
    status, _, _ = await talk(engine, get(b"/v1/sessions").replace(b"Host: 127.0.0.1", b"Host: " + host))
    assert status == 200


@pytest.mark.parametrize(
    "host", [b'x"/>', b"a b", b"evil.example/path", b"user@evil.example", b"", b"[::1", b"x:port", b"\xff", b"a" * 300]
)
async def test_hosts_that_are_none(engine: Engine, host: bytes) -> None:
    await refused(engine, post(GOOD, host=host), (400,))
    assert engine.registry is not None and not len(engine.registry)


async def test_forwarded_hosts_are_believed_only_from_a_trusted_proxy(
    engine: Engine, monkeypatch: pytest.MonkeyPatch
) -> None:
    forwarded = (b"X-Forwarded-Host: public.example, inner", b"X-Forwarded-Proto: https")
    assert engine.registry is not None

    async def url(*headers: bytes) -> str:
        status, _, body = await talk(engine, post(GOOD, *headers, host=b"localhost:9000"))
        assert status == 200 and engine.registry is not None
        created = json.loads(body)
        await engine.registry.end(engine.registry.find(created["session_id"]), "deleted")
        return str(created["engine_url"])

    assert (await url(*forwarded)).startswith("ws://localhost:9000/")
    monkeypatch.setattr(engine.settings, "trusted_proxies", ["127.0.0.1"])
    assert (await url(*forwarded)).startswith("wss://public.example/")
    assert (await url()).startswith("ws://localhost:9000/")
    message = await refused(engine, post(GOOD, b'X-Forwarded-Host: "evil'), (400,))
    assert "X-Forwarded-Host" in message


@pytest.mark.parametrize(
    "path",
    [
        b"/v1/sessions/..%2f..%2fetc%2fpasswd", b"/v1/sessions/%00", b"/v1/sessions/" + b"a" * 4000,
        b"/static/../app.py", b"/static/..%2fapp.py", b"/static/%2e%2e/app.py", b"/static//etc/passwd",
        b"//etc/passwd", b"/%ff%fe",
        b"/ws/ws/..%2f..", b"/v1/avatars/%2e%2e/idle.mp4", b"/v1/avatars/%00/still.jpg", b"/v1/knowledge/..%2fx",
        b"/v1/tutors/..%2f..%2fx", b"/v1/voices/..%2fx/sample.wav", b"/v1/knowledge/none/documents/%ed%a0%80",
    ],
)  # fmt: skip
async def test_paths_that_lead_nowhere(engine: Engine, path: bytes) -> None:
    await refused(engine, get(path), (400, 401, 403, 404, 422))


@pytest.mark.parametrize("token", [b"\xff\xfe", b"a.b.c", b"e30.e30.", b"x" * 7000])
async def test_credentials_of_strange_bytes(engine: Engine, session: dict[str, Any], token: bytes) -> None:
    path = b"/ws/ws/" + session["session_id"].encode()
    await refused(engine, get(path, b"Authorization: Bearer " + token), (401,))
    query = b"?token=" + b"".join(b"%%%02x" % byte for byte in token[:1000])
    await refused(engine, get(path + query), (401,))


async def test_expectations_are_met_or_refused(engine: Engine) -> None:
    assert "'Expect'" in await refused(engine, post(GOOD, b"Expect: the impossible"), (417,))
    assert await refused(engine, get(b"/nowhere", b"Expect: the impossible"), (417,))
    status, _, _ = await talk(engine, post(b"{}", b"Expect: 100-continue"))
    assert status == 100


async def test_a_client_that_leaves_in_the_middle_of_its_body_is_no_fault_of_the_engine(engine: Engine) -> None:
    with capture_logs() as logged:
        for _ in range(3):
            _, writer = await asyncio.open_connection("127.0.0.1", engine.port)
            writer.write(post(GOOD[:5], b"Content-Length: %d" % len(GOOD)))
            await writer.drain()
            await asyncio.sleep(0.1)
            writer.transport.abort()
        await asyncio.sleep(0.2)
    assert [entry for entry in logged if "failed" in entry["event"]] == []


async def test_a_body_that_trickles_is_given_up(engine: Engine, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(middleware, "BODY_S", 0.3)
    message = await refused(engine, post(GOOD[:5], b"Content-Length: %d" % len(GOOD)), (400,))
    assert "arrive" in message


async def test_a_head_that_trickles_is_given_up(engine: Engine, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(server, "HEAD_S", 0.3)
    reader, writer = await asyncio.open_connection("127.0.0.1", engine.port)
    writer.write(b"GET /health HTTP/1.1\r\nHost: x\r\nX-Slow: a")
    assert await asyncio.wait_for(reader.read(), 60) == b""
    writer.close()


async def test_many_requests_in_one_breath(engine: Engine) -> None:
    reader, writer = await asyncio.open_connection("127.0.0.1", engine.port)
    writer.write(b"GET /health HTTP/1.1\r\nHost: x\r\n\r\n" * 200 + get(b"/health"))
    answers = await asyncio.wait_for(reader.read(), 60)
    assert answers.count(b" 200 OK") == 201
    writer.close()


async def test_after_all_of_that_it_works(caller: Any, session: dict[str, Any]) -> None:
    socket = await caller.connect(session)
    await socket.send(type="text", content="Hello!")
    assert (await socket.expect("text"))["content"]
    await socket.ws.close()
