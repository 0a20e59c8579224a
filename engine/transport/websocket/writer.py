"""The task that owns one WebSocket's way out, and closing a socket whose client does not read."""

from __future__ import annotations

import asyncio
from collections.abc import Callable, Coroutine
from typing import Any

from aiohttp import WSCloseCode, web

from engine.transport.outbox import Outbox
from engine.transport.websocket.line import Line
from engine.transport.websocket.loop_watch import LoopWatch

PING_EVERY_S = 0.1
"""Media are followed by a ping each, other messages by one at most this often."""

FIRST_LOOK_S = 1.0
"""A message that is still being sent after this time is watched."""


class SocketWriter:
    """Sends what an outbox holds, measures the line with pings, and closes a client that takes nothing.

    Args:
        socket: where to.
        outbox: what is sent; it is closed when the socket is gone.
        line: told what was sent and what arrived.
        slow_client_s: seconds without any progress before the client is given up.
        unsent: gives the bytes the system has not taken yet.
    """

    def __init__(
        self,
        socket: web.WebSocketResponse,
        outbox: Outbox,
        line: Line,
        slow_client_s: float,
        unsent: Callable[[], int] = lambda: 0,
    ) -> None:
        self._socket = socket
        self._outbox = outbox
        self._line = line
        self._slow_client_s = slow_client_s
        self._unsent = unsent
        self._number = 0
        self._sent_bytes = 0
        self._pinged_at = float("-inf")
        self._unanswered_pings = 0
        self._progress = asyncio.Event()
        self._watch = LoopWatch(line.looked_late, lambda: line.waits)

    async def run(self) -> None:
        """Send until the outbox is closed, the socket is gone or the client is too slow (closed with 1013)."""
        try:
            await self._send_all()
        finally:
            self._watch.stop()

    async def _send_all(self) -> None:
        loop = asyncio.get_running_loop()
        async for message in self._outbox:
            self._number += 1
            now = loop.time()
            self._line.sent(self._number, len(message.text), now, message.reply_number, message.media_end_ms)
            self._watch.start()
            try:
                await self._while_it_gets_on(self._socket.send_str(message.text))
                self._line.taken(self._number, loop.time())
                self._sent_bytes += len(message.text)
                if message.media_end_ms or now - self._pinged_at >= PING_EVERY_S:
                    self._pinged_at = now
                    self._unanswered_pings += 1
                    await self._socket.ping(b"%d" % self._number)
            except TimeoutError:
                await self._give_up()
                return
            except (ConnectionError, RuntimeError):
                self._outbox.close()
                return
            finally:
                self._progress.set()

    def take_sent_bytes(self) -> int:
        """Bytes of messages sent since the last call; for media, which is ASCII, exactly."""
        sent, self._sent_bytes = self._sent_bytes, 0
        return sent

    def answered(self, pong: bytes) -> bool:
        """The client answered a ping. False when it is none of ours, or comes once more."""
        if not pong.isdigit() or int(pong) > self._number or not self._unanswered_pings:
            return False
        self._unanswered_pings -= 1
        self._line.answered(int(pong), asyncio.get_running_loop().time())
        self._progress.set()
        return True

    async def room(self) -> None:
        """Wait until little is under way, so that what is made next arrives soon.

        Closes a client that takes nothing.
        """
        while not self._outbox.closed and (self._outbox.waiting or not self._line.has_room):
            self._progress.clear()
            try:
                async with asyncio.timeout(self._slow_client_s):
                    await self._progress.wait()
            except TimeoutError:
                await self._give_up()

    async def _while_it_gets_on(self, send: Coroutine[Any, Any, None]) -> None:
        """Send, however long it takes: a whole clip is a long message on a thin line.

        Raises:
            TimeoutError: the system took nothing of it for too long.
        """
        sending = asyncio.create_task(send, name="socket-send")
        try:
            left, wait_s = 0, min(FIRST_LOOK_S, self._slow_client_s)
            while not (await asyncio.wait([sending], timeout=wait_s))[0]:
                before, left = left, self._unsent()
                if wait_s == self._slow_client_s and left >= before:
                    raise TimeoutError
                wait_s = self._slow_client_s
            sending.result()
        finally:
            sending.cancel()

    async def _give_up(self) -> None:
        self._outbox.close()
        await close_hard(self._socket, WSCloseCode.TRY_AGAIN_LATER, b"too slow")


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
