"""A chat endpoint that does as it is told, good or bad, over real sockets."""

from __future__ import annotations

import asyncio
import gzip
import json
from collections.abc import Awaitable, Callable
from types import TracebackType

from engine.llm.endpoint import Endpoint

Behaviour = Callable[[asyncio.StreamWriter], Awaitable[None]]

STREAM_HEAD = b"HTTP/1.1 200 OK\r\nContent-Type: text/event-stream\r\nTransfer-Encoding: chunked\r\n\r\n"


def event(data: str) -> bytes:
    body = f"data: {data}\n\n".encode()
    return f"{len(body):x}\r\n".encode() + body + b"\r\n"


def delta(text: str | None) -> bytes:
    chunk = {
        "id": "1",
        "object": "chat.completion.chunk",
        "created": 1,
        "model": "m",
        "choices": [{"index": 0, "delta": {"content": text}, "finish_reason": None}],
    }
    return event(json.dumps(chunk))


END = event("[DONE]") + b"0\r\n\r\n"


def says(*texts: str, gap_s: float = 0.0) -> Behaviour:
    """Stream these deltas and end well."""

    async def behave(writer: asyncio.StreamWriter) -> None:
        writer.write(STREAM_HEAD)
        for text in texts:
            writer.write(delta(text))
            await writer.drain()
            await asyncio.sleep(gap_s)
        writer.write(END)

    return behave


def answers(status: int, body: bytes = b"{}", head: str = "", kind: str = "application/json") -> Behaviour:
    """A plain HTTP answer."""

    async def behave(writer: asyncio.StreamWriter) -> None:
        length = len(body)
        writer.write(f"HTTP/1.1 {status} X\r\nContent-Type: {kind}\r\nContent-Length: {length}\r\n{head}\r\n".encode())
        writer.write(body)

    return behave


def sends(*pieces: bytes, then_hang: bool = False) -> Behaviour:
    """These bytes after the stream's head, then close or hang."""

    async def behave(writer: asyncio.StreamWriter) -> None:
        writer.write(STREAM_HEAD)
        for piece in pieces:
            writer.write(piece)
            await writer.drain()
        if then_hang:
            await asyncio.Event().wait()

    return behave


async def hangs(writer: asyncio.StreamWriter) -> None:
    """Take the request, never answer."""
    await asyncio.Event().wait()


async def talks_for_ever(writer: asyncio.StreamWriter) -> None:
    writer.write(STREAM_HEAD)
    while True:
        writer.write(delta("again and again "))
        await writer.drain()
        await asyncio.sleep(0)


def pours(head: bytes, piece: bytes) -> Behaviour:
    """``head`` and then ``piece`` for ever."""

    async def behave(writer: asyncio.StreamWriter) -> None:
        writer.write(head)
        while True:
            writer.write(piece)
            await writer.drain()
            await asyncio.sleep(0)

    return behave


FLOODS: dict[str, Behaviour] = {
    "headers": pours(b"HTTP/1.1 200 OK\r\n", b"X-More: " + b"x" * 4000 + b"\r\n"),
    "header": pours(b"HTTP/1.1 200 OK\r\nX-More: ", b"x" * 60_000),
    "line": pours(STREAM_HEAD, b"10000\r\n" + b"x" * 65_536 + b"\r\n"),
    "event": pours(STREAM_HEAD, b"b\r\ndata: more\n\r\n" * 4000),
    "pings": pours(STREAM_HEAD, b"8\r\n: ping\n\n\r\n" * 4000),
    "error page": pours(b"HTTP/1.1 500 X\r\nContent-Type: text/html\r\n\r\n", b"<p>oops</p>\n" * 5000),
    "refusal": pours(b"HTTP/1.1 404 X\r\nContent-Type: text/html\r\n\r\n", b"<p>oops</p>\n" * 5000),
}
"""Answers without an end, by where they have none."""


def compressed(megabytes: int) -> Behaviour:
    """A good answer's head over a body that unpacks to this much."""
    body = gzip.compress(b"data: " + bytes(megabytes * 1_000_000))
    return answers(200, body, head="Content-Encoding: gzip\r\n", kind="text/event-stream")


async def speaks_tls(writer: asyncio.StreamWriter) -> None:
    """Answer a plain request with a TLS alert and rubbish."""
    writer.write(b"\x15\x03\x01\x00\x02\x02\x46" + bytes(range(256)))


class MisbehavingServer:
    """Serves its ``script``, one behaviour a request; the last one is repeated."""

    def __init__(self, *script: Behaviour) -> None:
        self.script = list(script)
        self.requests: list[bytes] = []
        self.asked = asyncio.Event()
        self.hung_up = asyncio.Event()
        """A client closed its connection while it was being answered."""
        self._server: asyncio.Server | None = None
        self._tasks: set[asyncio.Task[None]] = set()
        self._answers: set[asyncio.Future[None]] = set()

    async def __aenter__(self) -> MisbehavingServer:
        self._server = await asyncio.start_server(self._serve, "127.0.0.1", 0)
        return self

    async def __aexit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        assert self._server is not None
        self._server.close()
        for answer in self._answers:
            answer.cancel()
        await asyncio.gather(*self._tasks, return_exceptions=True)

    async def endpoint(self) -> Endpoint:
        assert self._server is not None
        return Endpoint(f"http://127.0.0.1:{self._server.sockets[0].getsockname()[1]}/v1", "key")

    async def suspect(self) -> None:
        """As an endpoint source: nothing to do."""

    async def _serve(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        task = asyncio.current_task()
        assert task is not None
        self._tasks.add(task)
        try:
            head = await reader.readuntil(b"\r\n\r\n")
            length = int(head.lower().split(b"content-length:")[1].split(b"\r\n")[0])
            self.requests.append(head + await reader.readexactly(length))
            self.asked.set()
            behaviour = self.script.pop(0) if len(self.script) > 1 else self.script[0]
            answer = asyncio.ensure_future(behaviour(writer))
            self._answers.add(answer)
            gone = asyncio.ensure_future(reader.read())
            try:
                await asyncio.wait([answer, gone], return_when=asyncio.FIRST_COMPLETED)
                if not answer.done() or (not answer.cancelled() and answer.exception()):
                    self.hung_up.set()
            finally:
                self._answers.discard(answer)
                answer.cancel()
                gone.cancel()
                await asyncio.gather(answer, gone, return_exceptions=True)
        finally:
            writer.close()
            self._tasks.discard(task)
