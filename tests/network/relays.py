"""Emulated networks between real sockets on this machine: UDP in front of a peer, TCP in front of a server.

Thin: what happens to a packet is decided by ``emulator.Link``; here it is only received, kept until its time and
sent on. Leaving a context closes every socket and ends every task.
"""

from __future__ import annotations

import asyncio
import heapq
import itertools
import math
import socket
import struct
from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager, suppress
from typing import Any

from tests.network.emulator import Conditions, Link

SEGMENT_BYTES = 1400
SOCKET_BUFFER_BYTES = 16_384
"""Kept small, so that the emulated line and not the kernel's buffers decides what is under way."""

PIECES_UNDER_WAY = 256
"""Most segments between the two sockets of a connection; the sender waits when there are more."""


def congestion_window(loss: float) -> int:
    """Segments a TCP sender keeps under way when this share of them is lost, 0..1: 1.22 / sqrt(loss) (Mathis et al.,
    "The macroscopic behavior of the TCP congestion avoidance algorithm", 1997)."""
    return min(PIECES_UNDER_WAY, max(2, round(1.22 / math.sqrt(loss)))) if loss else PIECES_UNDER_WAY


Address = tuple[str, int]


class _Delay:
    """Calls back with each packet when its time has come; packets of one time in the order they were given."""

    def __init__(self, deliver: Callable[[bytes], None]) -> None:
        self._deliver = deliver
        self._waiting: list[tuple[float, int, bytes]] = []
        self._numbers = itertools.count()
        self._timer: asyncio.TimerHandle | None = None

    def put(self, data: bytes, at: float) -> None:
        heapq.heappush(self._waiting, (at, next(self._numbers), data))
        if self._waiting[0][2] is data:
            self._arm()

    def close(self) -> None:
        self._waiting.clear()
        if self._timer is not None:
            self._timer.cancel()

    def _arm(self) -> None:
        if self._timer is not None:
            self._timer.cancel()
        self._timer = asyncio.get_running_loop().call_at(self._waiting[0][0], self._due) if self._waiting else None

    def _due(self) -> None:
        now = asyncio.get_running_loop().time()
        while self._waiting and self._waiting[0][0] <= now:
            self._deliver(heapq.heappop(self._waiting)[2])
        self._arm()


# --- UDP ----------------------------------------------------------------------------------


class _Datagrams(asyncio.DatagramProtocol):
    def __init__(self, take: Callable[[bytes, Address], None]) -> None:
        self._take = take

    def datagram_received(self, data: bytes, addr: Any) -> None:
        self._take(data, addr)


class UdpRelay:
    """A relay in front of one UDP address. Every client that sends to it gets a socket of its own behind it.

    Args:
        up: conditions from the clients to the address.
        down: conditions back.
    """

    def __init__(self, up: Conditions, down: Conditions, seed: int = 0) -> None:
        self.up, self.down = Link(up, seed), Link(down, seed + 1)
        self.address: Address
        """Where clients send to."""

        self._target: Address
        self._front: asyncio.DatagramTransport
        self._routes: dict[Address, tuple[_Delay, _Delay]] = {}
        self._backs: list[asyncio.DatagramTransport] = []
        self._tasks: set[asyncio.Task[None]] = set()
        self._closed = False

    async def open(self, target: Address) -> None:
        """Relay to ``target``, from a free port of the same host."""
        self._target = target
        loop = asyncio.get_running_loop()
        self._front, _ = await loop.create_datagram_endpoint(
            lambda: _Datagrams(self._from_client), local_addr=(target[0], 0)
        )
        self.address = self._front.get_extra_info("sockname")[:2]

    async def close(self) -> None:
        self._closed = True
        await asyncio.gather(*self._tasks)
        for delay in itertools.chain.from_iterable(self._routes.values()):
            delay.close()
        for transport in (self._front, *self._backs):
            transport.close()
        await asyncio.sleep(0)  # sockets are closed in the loop's next round

    def _from_client(self, data: bytes, client: Address) -> None:
        route = self._routes.get(client)
        if route is not None:
            self._send(self.up, route[0], data)
        elif not self._closed:
            # The first packets of a client are connectivity checks, which are repeated: this one is lost.
            task = asyncio.create_task(self._add_route(client))
            self._tasks.add(task)
            task.add_done_callback(self._tasks.discard)

    async def _add_route(self, client: Address) -> None:
        loop = asyncio.get_running_loop()
        down = _Delay(lambda data: self._front.sendto(data, client))
        back, _ = await loop.create_datagram_endpoint(
            lambda: _Datagrams(lambda data, _: self._send(self.down, down, data)), local_addr=(self._target[0], 0)
        )
        self._backs.append(back)
        self._routes.setdefault(client, (_Delay(lambda data: back.sendto(data, self._target)), down))

    @staticmethod
    def _send(link: Link, delay: _Delay, data: bytes) -> None:
        for at in link.send(len(data), asyncio.get_running_loop().time()):
            delay.put(data, at)


def candidates(sdp: str) -> list[Address]:
    """The UDP host candidates of an SDP, IPv4 alone."""
    words = [line.split() for line in sdp.splitlines() if line.startswith("a=candidate:")]
    return [(w[4], int(w[5])) for w in words if w[2].lower() == "udp" and w[7] == "host" and ":" not in w[4]]


def without_candidates(sdp: str) -> str:
    """An offer that tells no address, so that its peer waits to be asked by whatever stands in between."""
    return "".join(
        line + "\r\n" for line in sdp.splitlines() if not line.startswith(("a=candidate:", "a=end-of-candidates"))
    )


def with_candidate(sdp: str, address: Address) -> str:
    """An answer in which ``address`` is the only candidate of every section."""
    kept: list[str] = []
    told = False
    for line in sdp.splitlines():
        if line.startswith("m="):
            told = False
        if not line.startswith("a=candidate:"):
            kept.append(line)
        elif not told:
            told = True
            kept.append(f"a=candidate:1 1 udp 2130706431 {address[0]} {address[1]} typ host")
    return "\r\n".join(kept) + "\r\n"


# --- TCP ----------------------------------------------------------------------------------


class TcpProxy:
    """A byte stream's network in front of a TCP server of this machine. A lost segment comes later, and all that follow
    wait for it; ``Conditions`` that reorder or duplicate are refused. A full queue makes the sender wait."""

    def __init__(self, port: int, up: Conditions, down: Conditions, seed: int = 0) -> None:
        for conditions in (up, down):
            if conditions.reorder or conditions.duplicate:
                raise ValueError("TCP mends reordering and duplication itself")
        self._target = port
        self._up, self._down, self._seed = up, down, seed
        self._server: asyncio.Server
        self._connections: set[_Connection] = set()
        self._served: set[asyncio.Task[None]] = set()

    @property
    def port(self) -> int:
        """Where clients connect to, on 127.0.0.1."""
        return int(self._server.sockets[0].getsockname()[1])

    def through(self, url: str) -> str:
        """A URL of the server with the proxy's port in it."""
        return url.replace(f":{self._target}/", f":{self.port}/", 1)

    def stall(self, seconds: float) -> None:
        """Nothing moves in either direction for so long; the connections stay."""
        now = asyncio.get_running_loop().time()
        for connection in self._connections:
            for link in connection.links:
                link.stall(now, seconds)

    def reset(self) -> None:
        """Both ends of every connection get a reset (RST) at once."""
        for connection in list(self._connections):
            connection.reset()

    async def open(self) -> None:
        listening = _small_socket()
        listening.bind(("127.0.0.1", 0))
        self._server = await asyncio.start_server(self._serve, sock=listening, limit=SOCKET_BUFFER_BYTES)

    async def close(self) -> None:
        self._server.close()
        self.reset()
        await asyncio.gather(*self._served)

    async def _serve(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        task = asyncio.current_task()
        assert task is not None
        self._served.add(task)
        task.add_done_callback(self._served.discard)
        seed = self._seed + 2 * len(self._served)
        connection = _Connection(Link(self._up, seed), Link(self._down, seed + 1))
        self._connections.add(connection)
        try:
            await connection.run(reader, writer, self._target)
        finally:
            self._connections.discard(connection)


class _Connection:
    def __init__(self, up: Link, down: Link) -> None:
        self.links = (up, down)
        self._writers: list[asyncio.StreamWriter] = []
        self._task: asyncio.Task[None] | None = None
        self._reset = False

    async def run(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter, port: int) -> None:
        self._writers = [writer]
        try:
            upstream = _small_socket()
            await asyncio.get_running_loop().sock_connect(upstream, ("127.0.0.1", port))
            back_reader, back_writer = await asyncio.open_connection(sock=upstream, limit=SOCKET_BUFFER_BYTES)
        except OSError:
            writer.close()
            return
        self._writers.append(back_writer)
        self._task = asyncio.create_task(self._relay(reader, back_reader))
        with suppress(asyncio.CancelledError):
            await self._task

    async def _relay(self, reader: asyncio.StreamReader, back_reader: asyncio.StreamReader) -> None:
        """Until either direction has come to its end; what was under way in that one has arrived then."""
        writer, back_writer = self._writers
        pumps = [
            asyncio.create_task(_pump(reader, back_writer, self.links[0])),
            asyncio.create_task(_pump(back_reader, writer, self.links[1])),
        ]
        try:
            await asyncio.wait(pumps, return_when=asyncio.FIRST_COMPLETED)
        finally:
            for pump in pumps:
                pump.cancel()
            await asyncio.gather(*pumps, return_exceptions=True)
            for each in self._writers:
                each.close()
        for each in self._writers:
            with suppress(OSError):
                await each.wait_closed()

    def reset(self) -> None:
        for writer in self._writers:
            connection = writer.get_extra_info("socket")
            with suppress(OSError):  # closed already
                connection.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, struct.pack("ii", 1, 0))
            writer.transport.abort()
        if self._task is not None:
            self._task.cancel()


async def _pump(reader: asyncio.StreamReader, writer: asyncio.StreamWriter, link: Link) -> None:
    """Bytes from one socket to the other, each piece at its time. Returns when either socket has come to its end."""
    loop = asyncio.get_running_loop()
    pieces: asyncio.Queue[tuple[float, bytes]] = asyncio.Queue(congestion_window(link.conditions.loss))

    async def take() -> None:
        with suppress(ConnectionError):
            while data := await reader.read(SEGMENT_BYTES):
                rate, room = link.conditions.bytes_per_s, link.conditions.queue_bytes - SEGMENT_BYTES
                if rate is not None and (over := link.backlog(loop.time()) - room) > 0:
                    await asyncio.sleep(over / rate + 0.001)
                await pieces.put((link.send_reliably(len(data), loop.time()), data))
        await pieces.put((loop.time(), b""))

    async with asyncio.TaskGroup() as group:
        taking = group.create_task(take())
        with suppress(ConnectionError):
            while True:
                at, data = await pieces.get()
                if (wait_s := at - loop.time()) > 0:
                    await asyncio.sleep(wait_s)
                if not data:
                    break
                writer.write(data)
                await writer.drain()
        taking.cancel()


def _small_socket() -> socket.socket:
    made = socket.socket()
    made.setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, SOCKET_BUFFER_BYTES)
    made.setsockopt(socket.SOL_SOCKET, socket.SO_SNDBUF, SOCKET_BUFFER_BYTES)
    made.setblocking(False)
    return made


@asynccontextmanager
async def tcp_proxy(
    port: int, up: Conditions | None = None, down: Conditions | None = None, seed: int = 0
) -> AsyncIterator[TcpProxy]:
    """A proxy in front of 127.0.0.1:``port``; ``up`` is towards the server."""
    proxy = TcpProxy(port, up or Conditions(), down or Conditions(), seed)
    await proxy.open()
    try:
        yield proxy
    finally:
        await proxy.close()


@asynccontextmanager
async def udp_relay(up: Conditions, down: Conditions, seed: int = 0) -> AsyncIterator[UdpRelay]:
    """A relay that is opened towards a target once that is known; closed when the context is left."""
    relay = UdpRelay(up, down, seed)
    try:
        yield relay
    finally:
        if hasattr(relay, "address"):
            await relay.close()
