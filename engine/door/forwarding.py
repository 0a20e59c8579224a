"""Passes a request on to an engine and its answer back, piece by piece."""

from __future__ import annotations

import aiohttp
from aiohttp import hdrs, web
from multidict import CIMultiDict
from yarl import URL

from engine.errors import Busy

FORWARD_S = 300.0
"""Longest exchange: a large document, or an avatar's first idle clip."""

CONNECT_S = 1.0

HOP_BY_HOP = frozenset(
    each.lower()
    for each in (
        "Connection", "Keep-Alive", "Proxy-Authenticate", "Proxy-Authorization", "TE", "Trailer", "Transfer-Encoding",
        "Upgrade",
    )
)  # fmt: skip
"""Of one connection only (RFC 9110 section 7.6.1)."""

CHECKED_HERE = frozenset(("host", "origin", "referer", "sec-fetch-site", "sec-fetch-mode", "sec-fetch-dest"))
"""What tells of the calling page. The door has judged it, under the name it was called by."""

OF_THE_ANSWER = frozenset(
    ("access-control-allow-origin", "access-control-expose-headers", "vary", "date", "server", "content-length")
)
"""What the door sets itself."""


def open_forwarder() -> aiohttp.ClientSession:
    """A client that adds nothing to what it passes on: no API key, no cookies of somebody else."""
    return aiohttp.ClientSession(cookie_jar=aiohttp.DummyCookieJar(), auto_decompress=False)


async def forward(client: aiohttp.ClientSession, request: web.Request, base: str) -> web.StreamResponse:
    """The answer of the engine at ``base`` to the same request.

    Args:
        client: from ``open_forwarder``.
        request: with its own credentials, which the engine checks.
        base: where the engine is.

    Raises:
        Busy: it does not answer.
    """
    drop = HOP_BY_HOP | CHECKED_HERE
    headers = CIMultiDict((name, value) for name, value in request.headers.items() if name.lower() not in drop)
    timeout = aiohttp.ClientTimeout(total=FORWARD_S, sock_connect=CONNECT_S)
    url = URL(base + request.raw_path, encoded=True)
    body = request.content if request.body_exists else None
    try:
        async with client.request(
            request.method, url, headers=headers, data=body, allow_redirects=False, timeout=timeout
        ) as answer:
            return await _pass_back(request, answer)
    except (aiohttp.ClientError, TimeoutError):
        raise Busy("the engine that has this does not answer", retry_after_s=2) from None


async def _pass_back(request: web.Request, answer: aiohttp.ClientResponse) -> web.StreamResponse:
    drop = HOP_BY_HOP | OF_THE_ANSWER
    response = web.StreamResponse(status=answer.status)
    for name, value in answer.headers.items():
        if name.lower() not in drop:
            response.headers.add(name, value)
    response.content_length = answer.content_length
    await response.prepare(request)
    if request.method != hdrs.METH_HEAD:
        async for piece in answer.content.iter_any():
            await response.write(piece)
    await response.write_eof()
    return response
