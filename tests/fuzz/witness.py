"""An innocent student beside the fuzzer: asks every 50 ms and notes who had to wait. A process of its own.

``python witness.py PORT WEBSOCKET_PATH``. Pings over the session's WebSocket, and gets ``/health`` on a fresh
connection each time. The same is asked of an echo in a third process, which nobody else uses: as late as that one is
the machine. Ends when its input ends, with one line of JSON: for each kind of question a list of
``[when asked (time.monotonic), seconds waited]``. Uses nothing but the standard library, so that it costs little.
"""

from __future__ import annotations

import json
import os
import socket
import struct
import sys
import threading
import time
from collections.abc import Callable

EVERY_S = 0.05
TIMEOUT_S = 60.0

Asked = list[tuple[float, float]]


def ask_again_and_again(ask: Callable[[], None], stop: threading.Event, asked: Asked) -> None:
    while not stop.is_set():
        began = time.monotonic()
        try:
            ask()
        except (OSError, AssertionError):
            asked.append((began, TIMEOUT_S))
            return
        asked.append((began, time.monotonic() - began))
        stop.wait(EVERY_S)


def health(port: int) -> None:
    with socket.create_connection(("127.0.0.1", port), timeout=TIMEOUT_S) as connection:
        connection.sendall(b"GET /health HTTP/1.1\r\nHost: 127.0.0.1\r\nConnection: close\r\n\r\n")
        assert connection.recv(65536).startswith(b"HTTP/1.1 200")


class WebSocket:
    """Just enough of one to send a ping of the protocol and to read what comes."""

    def __init__(self, port: int, path: str) -> None:
        self._connection = socket.create_connection(("127.0.0.1", port), timeout=TIMEOUT_S)
        self._connection.sendall(
            f"GET {path} HTTP/1.1\r\nHost: 127.0.0.1:{port}\r\nUpgrade: websocket\r\nConnection: Upgrade\r\n"
            "Sec-WebSocket-Key: dGhlIHNhbXBsZSBub25jZQ==\r\nSec-WebSocket-Version: 13\r\n\r\n".encode()
        )
        self._input = self._connection.makefile("rb")
        assert b" 101 " in self._input.readline()
        while self._input.readline() != b"\r\n":
            pass

    def ping(self) -> None:
        self._send(1, b'{"type":"ping"}')
        while True:
            first, second = self._input.read(2)
            size = second & 0x7F
            if size > 125:
                (size,) = struct.unpack(">H" if size == 126 else ">Q", self._input.read(2 if size == 126 else 8))
            payload = self._input.read(size)
            if first & 15 == 9:
                self._send(10, payload)
            elif first & 15 == 1:
                assert b"pong" in payload
                return
            else:
                raise OSError(f"closed: {payload!r}")

    def _send(self, opcode: int, payload: bytes) -> None:
        self._connection.sendall(bytes([0x80 | opcode, 0x80 | len(payload), 0, 0, 0, 0]) + payload)


def echo_in_a_process() -> Callable[[], None]:
    """A process that gives back each byte."""
    ours, theirs = socket.socketpair()
    if os.fork() == 0:
        ours.close()
        while theirs.recv(1):
            theirs.sendall(b".")
        os._exit(0)
    theirs.close()

    def ask() -> None:
        ours.sendall(b".")
        assert ours.recv(1)

    return ask


def main() -> None:
    port, path = int(sys.argv[1]), sys.argv[2]
    asks = {"machine": echo_in_a_process(), "websocket": WebSocket(port, path).ping, "health": lambda: health(port)}
    stop = threading.Event()
    waited: dict[str, Asked] = {name: [] for name in asks}
    threads = [threading.Thread(target=ask_again_and_again, args=(ask, stop, waited[n])) for n, ask in asks.items()]
    for thread in threads:
        thread.start()
    print("begun", flush=True)
    sys.stdin.read()
    stop.set()
    for thread in threads:
        thread.join()
    print(json.dumps(waited), flush=True)


if __name__ == "__main__":
    main()
