"""HTTP to the language model's server, which may send anything.

Redirects are not followed: what the student said would go to a server that nobody configured. Bodies are read in small
pieces, unpacked within bounds, and only as far as an answer can be long. One event loop.
"""

from __future__ import annotations

import zlib
from collections.abc import AsyncIterator, Iterator
from typing import Any
from urllib.parse import urlsplit

import aiohttp

from engine.concurrency.names import NameResolver
from engine.llm.endpoint import Endpoint
from engine.settings import LOOPBACK

LARGEST_ERROR = 65_536
"""Bytes read of the body of an error; the rest is not waited for."""

PIECE = 65_536
"""Bytes unpacked at once."""


class BadEncoding(ValueError):
    """The body is compressed in a way nobody asked for, or broken."""


class ChatHttp:
    """Connections to one endpoint, kept open between requests unless it is on this machine.

    There a new connection costs nothing, and a kept one may have been closed just now: by llama.cpp after five idle
    seconds, or with a child that was killed. After a stalled loop that may be so for all of them.
    """

    def __init__(self, base_url: str, connect_s: float) -> None:
        self._names = NameResolver()
        local = urlsplit(base_url).hostname in LOOPBACK
        self._session = aiohttp.ClientSession(
            connector=aiohttp.TCPConnector(limit=0, resolver=self._names, force_close=local),
            timeout=aiohttp.ClientTimeout(total=None, connect=connect_s, sock_connect=connect_s),
            cookie_jar=aiohttp.DummyCookieJar(),
            auto_decompress=False,
            # A model on this machine is never asked through a proxy.
            trust_env=not local,
        )

    async def post(self, at: Endpoint, body: dict[str, Any]) -> aiohttp.ClientResponse:
        """Ask for a chat answer; close the response.

        Raises:
            aiohttp.ClientError, OSError: no answer, or none of HTTP.
        """
        try:
            return await self._post(at, body)
        except aiohttp.ClientConnectorError:
            raise
        except (aiohttp.ServerDisconnectedError, aiohttp.ClientOSError):
            # A kept connection that the server had closed by then. Nothing was answered, so it may be asked again.
            return await self._post(at, body)

    async def _post(self, at: Endpoint, body: dict[str, Any]) -> aiohttp.ClientResponse:
        return await self._session.post(
            f"{at.base_url.rstrip('/')}/chat/completions",
            json=body,
            headers={
                "Authorization": f"Bearer {at.api_key}",
                "Accept": "text/event-stream, application/json",
                "Accept-Encoding": "identity",
            },
            allow_redirects=False,
        )

    async def close(self) -> None:
        """Close all connections. Idempotent."""
        await self._session.close()
        await self._names.close()


async def body_pieces(response: aiohttp.ClientResponse) -> AsyncIterator[bytes]:
    """The body as it arrives, unpacked.

    Raises:
        BadEncoding: it cannot be unpacked.
    """
    encoding = response.headers.get("Content-Encoding", "identity").strip().lower()
    if encoding in ("", "identity"):
        async for piece in response.content.iter_any():
            yield piece
        return
    if encoding not in ("gzip", "x-gzip", "deflate"):
        raise BadEncoding(f"an answer in the encoding {encoding[:20]}, which nobody asked for")
    unpacker = _Unpacker(encoding)
    async for piece in response.content.iter_any():
        for unpacked in unpacker.push(piece):
            yield unpacked


class _Unpacker:
    """Unpacks gzip of any number of members, zlib's format, and deflate without a header, which some servers send."""

    def __init__(self, encoding: str) -> None:
        self._encoding = encoding
        self._zlib = zlib.decompressobj(zlib.MAX_WBITS | 32)
        self._begun = False

    def push(self, packed: bytes) -> Iterator[bytes]:
        """What ``packed`` adds, in pieces.

        Raises:
            BadEncoding: it is not compressed so.
        """
        while packed:
            if self._zlib.eof:
                self._zlib = zlib.decompressobj(zlib.MAX_WBITS | 32)
            try:
                unpacked = self._zlib.decompress(packed, PIECE)
            except zlib.error as error:
                if self._begun or self._encoding != "deflate":
                    raise BadEncoding(f"a broken {self._encoding} body") from error
                self._zlib, self._begun = zlib.decompressobj(-zlib.MAX_WBITS), True
                continue
            self._begun = True
            packed = self._zlib.unused_data or self._zlib.unconsumed_tail
            if unpacked:
                yield unpacked


async def error_body(response: aiohttp.ClientResponse) -> bytes:
    """The beginning of the body of an error."""
    body = bytearray()
    try:
        async for piece in body_pieces(response):
            body += piece
            if len(body) >= LARGEST_ERROR:
                break
    except (BadEncoding, aiohttp.ClientError):
        pass  # what has arrived may still say what is wrong
    return bytes(body[:LARGEST_ERROR])
