"""The HTTP client under the language model's SDK, for servers that may send anything.

The SDK follows redirects, unpacks compressed bodies and gathers lines and error pages without
a limit. A server that redirects would be handed what the student said to somebody we do not
know; one that sends a line without end would fill the memory.
"""

from __future__ import annotations

from collections.abc import AsyncIterator
from typing import Any
from urllib.parse import urlsplit

import httpx2

from engine.settings import LOOPBACK

LARGEST_EVENT = 262_144
"""Bytes of one server-sent event."""

LARGEST_ERROR = 65_536
"""Bytes read of the body of an error; the rest is not waited for."""


class TooMuch(ValueError):
    """The server sends more than any answer can be."""


def http_client(sdk: Any, base_url: str, timeout: Any) -> Any:
    """The SDK's asynchronous client without redirects and with bounded bodies.

    Args:
        sdk: the imported ``openai`` package.
        base_url: where it will ask; a model on this machine is never asked through a proxy.
        timeout: the SDK's.
    """
    return sdk.DefaultAsyncHttpxClient(
        base_url=base_url,
        timeout=timeout,
        follow_redirects=False,
        trust_env=urlsplit(base_url).hostname not in LOOPBACK,
        headers={"Accept-Encoding": "identity"},
        event_hooks={"response": [_bound]},
    )


async def _bound(response: httpx2.Response) -> None:
    """Put a limit around a response's body before anybody reads it."""
    if response.headers.get("content-encoding", "identity") != "identity":
        raise TooMuch("a compressed answer nobody asked for")
    body = response.stream
    assert isinstance(body, httpx2.AsyncByteStream)
    response.stream = _Events(body) if response.status_code == 200 else _ErrorPage(body)


class _Body(httpx2.AsyncByteStream):
    def __init__(self, body: httpx2.AsyncByteStream) -> None:
        self._body = body

    async def aclose(self) -> None:
        await self._body.aclose()


class _Events(_Body):
    """Raises ``TooMuch`` when an event does not end."""

    async def __aiter__(self) -> AsyncIterator[bytes]:
        held, end = 0, b""
        async for piece in self._body:
            seen = end + piece
            at = max(seen.rfind(mark) for mark in (b"\n\n", b"\n\r\n", b"\r\r"))
            held = len(seen) - at if at >= 0 else held + len(piece)
            if held > LARGEST_EVENT:
                raise TooMuch("an event without end")
            end = seen[-2:]
            yield piece


class _ErrorPage(_Body):
    """Ends early when the page is long."""

    async def __aiter__(self) -> AsyncIterator[bytes]:
        left = LARGEST_ERROR
        async for piece in self._body:
            yield piece[:left]
            left -= len(piece)
            if left <= 0:
                return
