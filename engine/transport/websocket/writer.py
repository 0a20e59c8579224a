"""The task that owns one WebSocket's way out, and closing a socket whose client does not read."""

from __future__ import annotations

import asyncio

from aiohttp import WSCloseCode, web

from engine.transport.outbox import Outbox


class SocketWriter:
    """Sends what an outbox holds; closes a client that takes nothing.

    Args:
        socket: where to.
        outbox: what is sent; it is closed when the socket is gone.
        slow_client_s: seconds one message may take before the client is given up.
    """

    def __init__(self, socket: web.WebSocketResponse, outbox: Outbox, slow_client_s: float) -> None:
        self._socket = socket
        self._outbox = outbox
        self._slow_client_s = slow_client_s
        self._sending_since: float | None = None

    @property
    def behind_s(self) -> float:
        """How long the client has not taken the message that is being sent, in seconds."""
        since = self._sending_since
        return 0.0 if since is None else asyncio.get_running_loop().time() - since

    async def run(self) -> None:
        """Send until the outbox is closed, the socket is gone or the client is too slow (closed with 1013)."""
        loop = asyncio.get_running_loop()
        async for text in self._outbox:
            self._sending_since = loop.time()
            try:
                async with asyncio.timeout(self._slow_client_s):
                    await self._socket.send_str(text)
            except TimeoutError:
                self._outbox.close()
                await close_hard(self._socket, WSCloseCode.TRY_AGAIN_LATER, b"too slow")
                return
            except (ConnectionError, RuntimeError):
                self._outbox.close()
                return
            finally:
                self._sending_since = None


async def close_hard(socket: web.WebSocketResponse, code: int, reason: bytes) -> None:
    """Close without waiting for a client that may not be reading: after a second the connection is cut.

    aiohttp has no public way to cut the connection of a WebSocketResponse; a public ``transport``
    property would replace the use of ``_req``.
    """
    try:
        async with asyncio.timeout(1):
            await socket.close(code=code, message=reason, drain=False)
    except TimeoutError:
        if socket._req is not None and socket._req.transport is not None:
            socket._req.transport.abort()
