"""Hands the trace of a request on to the engine (W3C Trace Context)."""

from __future__ import annotations

from collections.abc import Mapping
from contextvars import ContextVar
from types import MappingProxyType

from starlette.datastructures import Headers
from starlette.types import ASGIApp, Receive, Scope, Send

NAMES = ("traceparent", "tracestate")
MAX_CHARS = 512
"""Of one header; a ``tracestate`` may have so many (W3C Trace Context, section 3.3.1.3)."""

trace_headers: ContextVar[Mapping[str, str]] = ContextVar("trace_headers", default=MappingProxyType({}))
"""The headers of the request that is being answered, as far as they name its trace."""


class TraceContext:
    """ASGI middleware: keeps the names of the trace for calls of the engine."""

    def __init__(self, app: ASGIApp) -> None:
        self._app = app

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        if scope["type"] == "http":
            found = Headers(scope=scope)
            trace_headers.set({name: found[name] for name in NAMES if len(found.get(name, "")) in range(1, MAX_CHARS)})
        await self._app(scope, receive, send)
