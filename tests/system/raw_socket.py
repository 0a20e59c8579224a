"""A WebSocket by hand: frames no library would send, and a client that reads only when told to."""

from __future__ import annotations

import asyncio
import socket
import struct
from types import TracebackType
from typing import Any

MASK = b"\1\2\3\4"


def frame(payload: bytes, opcode: int = 1, *, final: bool = True, masked: bool = True, reserved: int = 0) -> bytes:
    """One frame, well-formed unless told otherwise."""
    first = (0x80 if final else 0) | reserved << 4 | opcode
    size = len(payload)
    bit = 0x80 if masked else 0
    if size < 126:
        head = bytes([first, bit | size])
    elif size < 65536:
        head = bytes([first, bit | 126]) + struct.pack(">H", size)
    else:
        head = bytes([first, bit | 127]) + struct.pack(">Q", size)
    if not masked:
        return head + payload
    return head + MASK + bytes(byte ^ MASK[index % 4] for index, byte in enumerate(payload))


class RawSocket:
    """An open connection after the handshake; nothing is read but what ``reader`` is asked for."""

    def __init__(self, session: dict[str, Any], query: str = "") -> None:
        self._host, _, self._path = session["engine_url"].removeprefix("ws://").partition("/")
        self._path += f"?token={session['engine_token']}{query}"
        self.reader: asyncio.StreamReader
        self.writer: asyncio.StreamWriter

    async def __aenter__(self) -> RawSocket:
        name, _, port = self._host.partition(":")
        connection = socket.socket()
        connection.setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, 4096)  # so that not reading is felt soon
        connection.setblocking(False)
        await asyncio.get_running_loop().sock_connect(connection, (name, int(port)))
        self.reader, self.writer = await asyncio.open_connection(sock=connection, limit=1024)
        self.writer.write(
            f"GET /{self._path} HTTP/1.1\r\nHost: {self._host}\r\nUpgrade: websocket\r\nConnection: Upgrade\r\n"
            "Sec-WebSocket-Key: dGhlIHNhbXBsZSBub25jZQ==\r\nSec-WebSocket-Version: 13\r\n\r\n".encode()
        )
        assert b" 101 " in await self.reader.readline()
        while await self.reader.readline() != b"\r\n":
            pass
        return self

    async def __aexit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self.writer.transport.abort()

    async def send(self, data: bytes) -> None:
        """These bytes as they are."""
        self.writer.write(data)
        await self.writer.drain()

    async def rest(self, timeout_s: float = 30) -> bytes:
        """Everything up to the end of the connection.

        Raises:
            TimeoutError: the engine keeps it open.
        """
        data = bytearray()
        async with asyncio.timeout(timeout_s):
            try:
                while piece := await self.reader.read(65536):
                    data += piece
            except ConnectionError:
                pass
        return bytes(data)
