"""Headers of every answer that tell browsers what may not be done with it."""

from __future__ import annotations

from aiohttp import hdrs, web

SERVER = "talking-tutor"
"""Names no versions."""

NOTHING = "default-src 'none'; frame-ancestors 'none'"
"""Content-Security-Policy of all that is not a page."""

PAGE = (
    "default-src 'none'; script-src 'self'; style-src 'self'; font-src 'self'; img-src 'self' data: blob:; "
    "media-src 'self' blob: data:; "
    "connect-src 'self' ws: wss:; worker-src 'self' blob:; base-uri 'none'; form-action 'self'; frame-ancestors 'none'"
)
"""Of the built-in page: its own scripts only, none inline; media from memory; a WebSocket to wherever sessions are."""


def add_safe_headers(response: web.StreamResponse) -> None:
    """Add them, except to an answer that has gone out."""
    headers = response.headers
    headers[hdrs.SERVER] = SERVER
    headers["X-Content-Type-Options"] = "nosniff"
    headers["Referrer-Policy"] = "no-referrer"
    headers["X-Frame-Options"] = "DENY"
    headers.setdefault("Content-Security-Policy", NOTHING)


async def on_response_prepare(request: web.Request, response: web.StreamResponse) -> None:
    """For ``app.on_response_prepare``: every answer, also of handlers that prepare it themselves."""
    add_safe_headers(response)
