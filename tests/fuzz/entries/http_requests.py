"""HTTP as no client would send it: every route of the API with odd methods, heads, encodings and bodies."""

from __future__ import annotations

import asyncio
import gzip
import json
import re
import zlib
from dataclasses import dataclass
from functools import lru_cache
from typing import Any

from tests.fuzz.chance import TEXTS, Chance
from tests.fuzz.stage import Fault, Stage

METHODS = (
    b"GET", b"POST", b"PUT", b"DELETE", b"PATCH", b"HEAD", b"OPTIONS", b"TRACE", b"CONNECT", b"get", b"FOO", b"G\0T",
    b"PROPFIND", b"A" * 300, b"",
)  # fmt: skip
METHODS_OF_ROUTES = ("get", "post", "put", "delete")
UNLISTED: dict[str, dict[str, Any]] = {"/static/{name}": {"get": {"responses": {}}}}
"""Routes that are no part of the described API."""

HEADS = (
    b"Range: bytes=0-99999999,5-", b"Range: bytes=5-2", b"Range: lines=1-", b"If-Modified-Since: x", b"Origin: null",
    b"Origin: http://evil.test", b"Origin: http://[", b"Host: [::1", b"Host: a b", b"Host: evil.test", b"Host: ",
    b"Content-Encoding: gzip", b"Content-Encoding: deflate", b"Content-Encoding: br", b"Content-Encoding: identity, x",
    b"Transfer-Encoding: chunked", b"Transfer-Encoding: gzip, chunked", b"Transfer-Encoding: x",
    b"Content-Length: -1", b"Content-Length: 99999999999999999999", b"Content-Length: x", b"Content-Length: 3",
    b"Expect: 100-continue", b"Expect: miracles", b"Upgrade: websocket", b"Connection: Upgrade",
    b"Sec-WebSocket-Version: 13", b"Sec-WebSocket-Key: x", b"Sec-WebSocket-Key: dGhlIHNhbXBsZSBub25jZQ==",
    b"Sec-WebSocket-Protocol: tutor.v1, tutor.token.x", b"Sec-WebSocket-Protocol: \xff,,,",
    b"Sec-Fetch-Site: cross-site",
    b"Sec-WebSocket-Extensions: permessage-deflate; server_max_window_bits=99", b"X-Forwarded-Host: evil, b",
    b"X-Forwarded-For: 1.2.3.4", b"Authorization: Bearer", b"Authorization: Basic eA==", b"Authorization: \xff\xfe",
    b"If-Match: *", b'If-Match: "1"', b"If-Match: 999999999999999999999", b"Cookie: " + b"a=b;" * 300,
    b"X: " + b"a" * 9000,
    b"Content-Type: multipart/form-data; boundary=", b"Content-Type: multipart/form-data; boundary=x",
    b"Content-Type: application/json; charset=utf-7", b"Content-Type: application/json; charset=unicode_escape",
    b"Content-Type: application/json; charset=undefined", b"Content-Type: application/json; charset=hex",
    b"Content-Type: application/json; charset=\xff", b"Content-Type: ;;;", b"Access-Control-Request-Method: PUT",
    b"Accept-Encoding: gzip;q=x", b": empty", b"no colon", b" folded: x", b"X\0Y: 1", b"Content-Length: 0\nX: y",
)  # fmt: skip

BODIES: dict[str, dict[str, Any]] = {
    "/v1/sessions": {"tutor_id": 1, "student_id": 2, "kb_id": "fuzz", "patience": "eager"},
    "/v1/sessions/{session_id}/webrtc": {"sdp": "v=0\r\n", "type": "offer", "avatar_id": "avatar_tutor_1"},
}
"""Good ones, by path."""

HEAVY = (b"[" * 50_000, b'{"a":' * 50_000, b"9" * 50_000, b"\xff" * 100, b'{"x":[' + b"[]," * 80_000 + b"0]}")
"""Bodies that cost a JSON parser dearly."""

ANSWER_S = 30.0
"""A body that does not come is waited for 20 s."""


@dataclass(frozen=True, slots=True)
class Answer:
    status: int
    head: bytes
    body: bytes


async def exchange(port: int, request: bytes) -> Answer | None:
    """The answer to some bytes; None when the connection is closed without one."""
    reader, writer = await asyncio.open_connection("127.0.0.1", port, limit=1 << 20)
    data = bytearray()
    try:
        async with asyncio.timeout(ANSWER_S):
            writer.write(request)
            if writer.can_write_eof():
                writer.write_eof()
            while piece := await reader.read(65536):
                data += piece
    except TimeoutError:  # is an OSError too
        raise Fault(f"no end of the answer within {ANSWER_S:.0f} s: {bytes(data[:300])!r}") from None
    except OSError:
        pass  # the engine may close before all is sent
    finally:
        writer.transport.abort()
    while data.startswith(b"HTTP/1.1 100"):
        del data[: data.index(b"\r\n\r\n") + 4]
    head, _, body = bytes(data).partition(b"\r\n\r\n")
    found = re.match(rb"HTTP/1\.[01] ([0-9]{3})", head)
    return None if found is None else Answer(int(found[1]), head, body)


@lru_cache
def _compressed(kind: bytes) -> bytes:
    zeros = bytes(3_000_000)
    return gzip.compress(zeros) if kind == b"gzip" else zlib.compress(zeros)


def _quoted(text: str) -> str:
    return "".join(c if c.isascii() and c.isalnum() else _percent(c) for c in text)


def _percent(character: str) -> str:
    return "".join(f"%{byte:02x}" for byte in character.encode("utf-8", "surrogatepass"))


def _path(chance: Chance, template: str, session_id: str) -> str:
    def fill(match: re.Match[str]) -> str:
        known = {"session_id": session_id, "avatar_id": "avatar_tutor_1", "kb_id": "fuzz", "tutor_id": "1"}
        good = known.get(match[1], "a.txt")
        return _quoted(chance.one(good, good, chance.text(good), chance.choice(TEXTS)[:400]))

    path = re.sub(r"\{(\w+)\}", fill, template)
    if chance.happens(0.2):
        path += chance.one(
            "/", "//", "?", "#", "%", "%2f..%2f", "?token=" + _quoted(chance.choice(TEXTS)[:300]), "?q=%ff"
        )
    return path


def _body(chance: Chance, template: str) -> bytes:
    kind = chance.random()
    if kind < 0.5:
        good = BODIES.get(template, {"name": "N", "persona": "P"})
        return chance.written(chance.spoilt(good)).encode("utf-8", "surrogatepass")
    if kind < 0.6:
        return chance.one(
            b"[" * 50_000, b'{"a":' * 50_000, b"9" * 50_000, b"\xff" * 100, b'{"x":[' + b"[]," * 90_000 + b"0]}"
        )
    if kind < 0.7:
        return _compressed(chance.one(b"gzip", b"deflate"))
    return chance.randbytes(chance.one(0, 1, 300, 70_000, 300_000))


def request(chance: Chance, method: str, template: str, stage: Stage, session: dict[str, str]) -> bytes:
    """One request, good in most of its parts."""
    path = _path(chance, template, session["session_id"])
    line = (method.upper().encode() if chance.happens(0.8) else chance.choice(METHODS)) + b" " + path.encode() + b" "
    line += b"HTTP/1.1" if chance.happens(0.95) else chance.one(b"HTTP/1.0", b"HTTP/9.9", b"HTTP/1.1 x", b"")
    body = _body(chance, template) if method in ("post", "put") or chance.happens(0.2) else b""
    heads = [b"Connection: close"]
    if chance.happens(0.95):
        heads.append(b"Host: 127.0.0.1:%d" % stage.port)
    if body:
        heads += [b"Content-Length: %d" % len(body)] if chance.happens(0.95) else []
        heads += [b"Content-Type: " + chance.one(b"application/json", b"application/json", b"application/sdp", b"x/y")]
    credentials = chance.one(stage.key, stage.key, session["engine_token"], None)
    if credentials:
        heads.append(b"Authorization: Bearer " + credentials.encode())
    heads += [chance.choice(HEADS) for _ in range(chance.one(0, 0, 1, 1, 2, 5))]
    if chance.happens(0.02):
        heads += [b"X-%d: y" % number for number in range(chance.one(100, 300))]
    made = b"\r\n".join([line, *heads, b"", b""]) + body
    return chance.damaged(made, 3) if chance.happens(0.05) else made


class HttpRequests:
    """Cases of this entry; one session is the one that paths name."""

    name = "http"
    side_by_side = 1

    def __init__(self) -> None:
        self._session: dict[str, str] | None = None
        self._routes: dict[str, dict[str, Any]] = {}

    async def case(self, stage: Stage, chance: Chance, sent: list[str]) -> None:
        """A request, and what its answer must not be."""
        if self._session is None:
            self._session = await stage.create()
            async with stage.http.get(f"{stage.base}/openapi.json") as reply:
                self._routes = {**(await reply.json())["paths"], **UNLISTED}
        template = chance.choice(sorted(self._routes))
        method = chance.one(*(m for m in METHODS_OF_ROUTES if m in self._routes[template]))
        data = request(chance, method, template, stage, self._session)
        sent.append(repr(data[:3000]))
        answer = await exchange(stage.port, data)
        if answer is not None:
            self._check(answer, data)
            await self._tidy(stage, answer)
        if answer is not None and answer.status == 204 and method == "delete":
            self._session = None  # it may have been the session that was ended

    async def close(self, stage: Stage) -> None:
        if self._session is not None:
            await stage.end(self._session)

    def _check(self, answer: Answer, data: bytes) -> None:
        if answer.status >= 500 and str(answer.status) not in self._documented(data):
            raise Fault(f"answered {answer.status}, which is not documented: {answer.body[:500]!r}")
        if b"the engine failed" in answer.body:
            raise Fault(f"answered {answer.body[:500]!r}")
        if answer.status >= 400 and answer.body and not answer.body.startswith(b'{"error": {"code"'):
            raise Fault(f"an error that is not JSON: {answer.head[:300]!r} {answer.body[:300]!r}")
        if b"nosniff" not in answer.head and answer.status != 101:
            raise Fault(f"without the safe headers: {answer.head[:500]!r}")

    def _documented(self, data: bytes) -> set[str]:
        """The statuses listed for the route that the request line names."""
        parts = data.split(b"\r\n", 1)[0].split(b" ")
        if len(parts) < 2:
            return set()
        method, path = parts[0].decode("latin-1").lower(), parts[1].decode("latin-1").split("?")[0].split("#")[0]
        for template, operations in self._routes.items():
            if re.fullmatch(re.sub(r"\{\w+\}", "[^/]+", template), path):
                return set(operations.get("get" if method == "head" else method, {}).get("responses", {}))
        return set()

    async def _tidy(self, stage: Stage, answer: Answer) -> None:
        """End a session that was created by accident."""
        if answer.status == 200 and answer.body.startswith(b'{"session_id"') and b'"engine_url"' in answer.body:
            await stage.end(json.loads(answer.body))
