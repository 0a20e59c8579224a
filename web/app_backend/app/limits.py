"""Bounds on what strangers may ask of the web tier: size of a body, login attempts, hashes at once."""

from __future__ import annotations

import asyncio
import time
from collections import OrderedDict
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager

from fastapi import HTTPException
from starlette.types import ASGIApp, Message, Receive, Scope, Send

MAX_BODY_BYTES = 64 << 10
"""No request of a page needs more than a few hundred bytes."""

MAX_LARGE_BYTES, LARGE_AT_ONCE = 4 << 20, 4
"""A lesson that the engine delivers, and how many may arrive at once; the engine sends the others again."""

BODY_S = 20.0
"""A body must have arrived by then."""

MAX_FAILURES, FAILURES_WINDOW_S = 8, 60.0
"""Wrong passwords for one name from one address before further attempts have to wait."""

REFUSED_AFTER_S = 1.0
"""A refused attempt is answered so late, so that a flood over kept connections leaves the others their share."""

MAX_REMEMBERED = 10_000
"""(address, name) pairs whose failures are remembered; the oldest go first."""

HASHES_AT_ONCE = 2
"""Each Argon2id hash takes 64 MiB and some tens of milliseconds of a core."""

MAX_WAITING = 16
"""Logins that may wait for their hash; others are told to come back."""


class BodyLimit:
    """ASGI middleware: a body of more than ``MAX_BODY_BYTES`` gets 413 before anything reads it.

    Args:
        app: what it protects.
        large_path: takes ``MAX_LARGE_BYTES``, and ``LARGE_AT_ONCE`` bodies at a time; further ones get 503.
    """

    def __init__(self, app: ASGIApp, large_path: str) -> None:
        self._app = app
        self._large_path = large_path
        self._large = 0

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        if scope["type"] != "http":
            await self._app(scope, receive, send)
        elif scope["path"] != self._large_path:
            await self._limited(scope, receive, send, MAX_BODY_BYTES)
        elif self._large >= LARGE_AT_ONCE:
            await _refuse(send, 503, "too many deliveries at once")
        else:
            self._large += 1
            try:
                await self._limited(scope, receive, send, MAX_LARGE_BYTES)
            finally:
                self._large -= 1

    async def _limited(self, scope: Scope, receive: Receive, send: Send, limit: int) -> None:
        chunks: list[bytes] = []
        size = 0
        began = time.monotonic()
        while True:
            try:
                async with asyncio.timeout(began + BODY_S - time.monotonic()):
                    message = await receive()
            except TimeoutError:
                await _refuse(send, 408, f"the body did not arrive within {BODY_S:.0f} s")
                return
            if message["type"] == "http.disconnect":
                return
            chunks.append(message.get("body", b""))
            size += len(chunks[-1])
            if size > limit:
                await _refuse(send, 413, f"the body has more than {limit} bytes")
                return
            if not message.get("more_body", False):
                break
        body = b"".join(chunks)
        given = False

        async def replay() -> Message:
            nonlocal given
            if given:
                return await receive()
            given = True
            return {"type": "http.request", "body": body, "more_body": False}

        await self._app(scope, replay, send)


async def _refuse(send: Send, status: int, detail: str) -> None:
    body = f'{{"detail":"{detail}"}}'.encode()
    headers = [(b"content-type", b"application/json"), (b"connection", b"close")]
    await send({"type": "http.response.start", "status": status, "headers": headers})
    await send({"type": "http.response.body", "body": body})


class LoginGate:
    """Slows down who guesses passwords, and bounds the hashes computed at once. Event loop only."""

    def __init__(self) -> None:
        self._failures: OrderedDict[tuple[str, str], list[float]] = OrderedDict()
        self._hashing = asyncio.Semaphore(HASHES_AT_ONCE)
        self._waiting = 0

    async def check(self, address: str, name: str) -> None:
        """Raises 429 with ``Retry-After`` after too many wrong passwords for ``name`` from ``address``."""
        recent = self._recent(address, name)
        if len(recent) >= MAX_FAILURES:
            await asyncio.sleep(REFUSED_AFTER_S)
            wait = max(1, round(recent[0] + FAILURES_WINDOW_S - time.monotonic()))
            raise HTTPException(429, "too many attempts; wait a moment", headers={"Retry-After": str(wait)})

    def failed(self, address: str, name: str) -> None:
        """A password was wrong."""
        self._failures[address, name] = [*self._recent(address, name), time.monotonic()]
        self._failures.move_to_end((address, name))
        if len(self._failures) > MAX_REMEMBERED:
            self._failures.popitem(last=False)

    def succeeded(self, address: str, name: str) -> None:
        """A password was right: earlier slips are forgotten."""
        self._failures.pop((address, name), None)

    @asynccontextmanager
    async def hashing(self) -> AsyncIterator[None]:
        """Holds one of the places for computing a hash; 503 with ``Retry-After`` when too many wait already."""
        if self._waiting >= MAX_WAITING:
            await asyncio.sleep(REFUSED_AFTER_S)
            raise HTTPException(503, "too many logins at once; try again", headers={"Retry-After": "2"})
        self._waiting += 1
        try:
            await self._hashing.acquire()
        finally:
            self._waiting -= 1
        try:
            yield
        finally:
            self._hashing.release()

    def _recent(self, address: str, name: str) -> list[float]:
        since = time.monotonic() - FAILURES_WINDOW_S
        return [at for at in self._failures.get((address, name), []) if at > since]
