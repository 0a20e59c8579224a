"""The address at which a caller reaches this process."""

from __future__ import annotations

from aiohttp import hdrs, web

from engine.errors import BadRequest
from engine.settings import Settings
from engine.transport.api.callers import HOST
from engine.transport.proxies import forwarded_host, reached_by_https


def http_base(request: web.Request, settings: Settings) -> str:
    """``http://HOST`` as the caller reaches us: the public URL, a trusted proxy's word, or the Host header.

    For a page that was loaded over TLS it is ``https://HOST``.

    Raises:
        BadRequest: the header is not a host.
    """
    if settings.public_url:
        return settings.public_url.rstrip("/")
    forwarded = forwarded_host(request, settings)
    host = request.headers.get(hdrs.HOST, "") if forwarded is None else forwarded
    if HOST.fullmatch(host) is None:
        name = "Host" if forwarded is None else "X-Forwarded-Host"
        raise BadRequest(f"header '{name}' is not a host, or host:port")
    return f"{'https' if reached_by_https(request, settings, host) else 'http'}://{host}"


def websocket_base(request: web.Request, settings: Settings) -> str:
    """The same as ``ws://HOST``."""
    base = http_base(request, settings)
    return "ws" + base[4:] if base.startswith("http") else base
