"""The port: accepts connections, answers malformed HTTP with an error of the API, closes idle connections.

aiohttp answers a malformed request in plain text before any middleware sees it, waits an hour for
the rest of a request's head, and unfolds compressed bodies before anybody has looked at the request. Runs on the
event loop; leaving the context closes every connection.
"""

from __future__ import annotations

import asyncio
import contextlib
import errno
import os
import socket
from collections.abc import AsyncIterator, Container
from typing import Any

import structlog
from aiohttp import web
from aiohttp.http_exceptions import LineTooLong

from engine.errors import BadRequest, EngineError, SettingsError
from engine.transport.api.headers import add_safe_headers
from engine.transport.api.middleware import json_error, translate
from engine.transport.connections import (
    PER_ADDRESS,
    Connections,
    RareWarning,
    connection_limit,
    raise_file_limit,
)

log = structlog.get_logger(__name__)

IDLE_CONNECTION_S = 75.0
"""Between requests; longer than the usual proxy keeps a connection."""

ACCEPTED_AT_ONCE = 64
"""Between two turns of the event loop; asyncio takes its backlog for this, too."""

BACKLOG = 1024
"""Connections the kernel holds until they are accepted; one that finds no room tries again after a second."""

HEAD_S = 10.0
"""For the whole head of a request."""

READ_BYTES = 16_384
"""Taken of one connection before the others have their turn. Whoever sends chunks of a single byte has 2,700 of them
read at a time, in some 10 ms; asyncio's own 256 kB are 44,000."""

SHUTDOWN_S = 2.0
"""How long requests may finish when the port closes."""


class _Protocol(web.RequestHandler):
    """One connection. Compressed bodies stay as they are; ``refuse_encodings`` refuses their requests."""

    def __init__(self, server: web.Server, connections: Connections, loop: asyncio.AbstractEventLoop) -> None:
        silent: Any = None  # no access log: it would carry the tokens of handshakes
        super().__init__(
            server, loop=loop, access_log=silent, keepalive_timeout=IDLE_CONNECTION_S, auto_decompress=False
        )
        self._connections = connections
        self._address = ""
        self._head_timer: asyncio.TimerHandle | None = None

    @property
    def idle(self) -> bool:
        """No request is under way."""
        return self._current_request is None and not self._messages

    def cut(self) -> None:
        """Close at once, whatever is still to be sent."""
        if self.transport is not None:
            self.transport.abort()

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        """Admit the connection, or cut it."""
        super().connection_made(transport)
        # asyncio reads this attribute of its transports; it has no public way to set how much is read at once.
        vars(transport)["max_size"] = READ_BYTES
        peer = transport.get_extra_info("peername")
        self._address = str(peer[0]) if peer else ""
        if self._connections.admit(self, self._address):
            self._expect_head()
        else:
            self.cut()

    def connection_lost(self, exc: BaseException | None) -> None:
        """Let another connection have the place."""
        self._connections.forget(self, self._address)
        self._stop_timer()
        super().connection_lost(exc)

    def data_received(self, data: bytes) -> None:
        """What began and is no request yet is the head of one, which has to come to its end."""
        super().data_received(data)
        if not self.idle:
            self._stop_timer()
        elif self._head_timer is None:
            self._expect_head()

    def _expect_head(self) -> None:
        self._head_timer = self._loop.call_later(HEAD_S, self._give_up_head)

    def _stop_timer(self) -> None:
        if self._head_timer is not None:
            self._head_timer.cancel()
            self._head_timer = None

    def _give_up_head(self) -> None:
        self._head_timer = None
        if self.idle:
            self.force_close()

    async def finish_response(
        self, request: web.BaseRequest, resp: web.StreamResponse, start_time: float | None
    ) -> tuple[web.StreamResponse, bool]:
        """Refusals that aiohttp makes before any middleware, such as of an ``Expect`` header, become JSON too."""
        if isinstance(resp, web.HTTPException) and resp.status >= 400:
            resp = json_error(translate(resp))
        return await super().finish_response(request, resp, start_time)

    def handle_error(
        self, request: web.BaseRequest, status: int = 500, exc: BaseException | None = None, message: str | None = None
    ) -> web.StreamResponse:
        if request.writer.output_size > 0:
            raise ConnectionError("part of an answer is out already")
        error: EngineError
        if status >= 500:
            log.error("request_failed", kind=type(exc).__name__, exc_info=exc)
            error = EngineError("the engine failed; see its log")
        elif isinstance(exc, LineTooLong):
            error = BadRequest("a line of the request's head is too long; the limit is 8190 bytes")
        else:
            error = BadRequest("the request is not valid HTTP")
        answer = json_error(error)
        add_safe_headers(answer)
        answer.force_close()
        return answer


@contextlib.asynccontextmanager
async def open_port(
    app: web.Application, host: str, port: int, *, per_address: int = PER_ADDRESS, proxies: Container[str] = ()
) -> AsyncIterator[int]:
    """Serve ``app`` while the context lasts; gives the port, which matters when 0 was asked for.

    Args:
        app: what answers.
        host: the address to open the port on.
        port: 0 takes a free one.
        per_address: connections of one client address.
        proxies: addresses that may have any number, since they stand for many clients.

    Raises:
        SettingsError: the port is taken or not allowed, or the host is no address of this machine.
    """
    loop = asyncio.get_running_loop()
    connections = Connections(connection_limit(raise_file_limit()), per_address, proxies)
    runner = web.AppRunner(app, shutdown_timeout=SHUTDOWN_S)
    await runner.setup()

    def protocol() -> _Protocol:
        assert runner.server is not None
        return _Protocol(runner.server, connections, loop)

    try:
        try:
            server = await loop.create_server(protocol, host, port, backlog=ACCEPTED_AT_ONCE)
            for each in server.sockets:
                with socket.socket(fileno=os.dup(each.fileno())) as same:
                    same.listen(BACKLOG)
        except OSError as error:
            raise SettingsError(_refusal(host, port, error)) from None
        try:
            yield server.sockets[0].getsockname()[1]
        finally:
            server.close()
    finally:
        await runner.cleanup()


def calm_accept_errors(loop: asyncio.AbstractEventLoop) -> None:
    """Log "no more files" once in a while, without a trace: asyncio reports it a hundred times for each try."""
    warn = RareWarning("connections_not_accepted")

    def handle(loop: asyncio.AbstractEventLoop, context: dict[str, Any]) -> None:
        if "accept()" in context.get("message", ""):
            warn(loop.time(), error=str(context.get("exception")))
        else:
            loop.default_exception_handler(context)

    loop.set_exception_handler(handle)


def _refusal(host: str, port: int, error: OSError) -> str:
    match error.errno:
        case errno.EADDRINUSE:
            return f"port {port} on {host} is taken: stop the program that uses it, or choose another with --port"
        case errno.EACCES:
            return f"port {port} on {host} is not allowed: choose one from 1024 up with --port"
        case _:
            return f"host {host}, port {port}: cannot be opened ({error.strerror or error}); see --host and --port"
