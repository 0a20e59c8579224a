"""The port: accepts connections, answers what is not HTTP as the API answers errors, closes idle connections.

aiohttp answers a malformed request in plain text before any middleware sees it, and waits an hour for
the rest of a request's head. Runs on the event loop; leaving the context closes every connection.
"""

from __future__ import annotations

import asyncio
import contextlib
import errno
from collections.abc import AsyncIterator
from typing import Any

import structlog
from aiohttp import web
from aiohttp.http_exceptions import LineTooLong

from engine.errors import BadRequest, EngineError, SettingsError
from engine.transport.api.middleware import json_error

log = structlog.get_logger(__name__)

IDLE_CONNECTION_S = 75.0
"""For the whole head of a request, and between requests; longer than the usual proxy keeps one."""

SHUTDOWN_S = 2.0
"""How long requests may finish when the port closes."""


class _Protocol(web.RequestHandler):
    def handle_error(
        self, request: web.BaseRequest, status: int = 500, exc: BaseException | None = None, message: str | None = None
    ) -> web.StreamResponse:
        if request.writer.output_size > 0:
            raise ConnectionError("part of an answer is out already")
        error: EngineError
        if status >= 500:
            log.error("request failed", kind=type(exc).__name__, exc_info=exc)
            error = EngineError("the engine failed; see its log")
        elif isinstance(exc, LineTooLong):
            error = BadRequest("a line of the request's head is too long; the limit is 8190 bytes")
        else:
            error = BadRequest("the request is not valid HTTP")
        answer = json_error(error)
        answer.force_close()
        return answer


@contextlib.asynccontextmanager
async def open_port(app: web.Application, host: str, port: int) -> AsyncIterator[int]:
    """Serve ``app`` while the context lasts; gives the port, which matters when 0 was asked for.

    Raises:
        SettingsError: the port is taken or not allowed, or the host is no address of this machine.
    """
    loop = asyncio.get_running_loop()
    runner = web.AppRunner(app, shutdown_timeout=SHUTDOWN_S)
    await runner.setup()

    def protocol() -> _Protocol:
        assert runner.server is not None
        silent: Any = None  # no access log: it would carry the tokens of handshakes
        return _Protocol(runner.server, loop=loop, access_log=silent, keepalive_timeout=IDLE_CONNECTION_S)

    try:
        try:
            server = await loop.create_server(protocol, host, port)
        except OSError as error:
            raise SettingsError(_refusal(host, port, error)) from None
        try:
            yield server.sockets[0].getsockname()[1]
        finally:
            server.close()
    finally:
        await runner.cleanup()


def _refusal(host: str, port: int, error: OSError) -> str:
    match error.errno:
        case errno.EADDRINUSE:
            return f"port {port} on {host} is taken: stop the program that uses it, or choose another with --port"
        case errno.EACCES:
            return f"port {port} on {host} is not allowed: choose one from 1024 up with --port"
        case _:
            return f"host {host}, port {port}: cannot be opened ({error.strerror or error}); see --host and --port"
