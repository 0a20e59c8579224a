"""The relays between real sockets: bytes come through whole, later, or not at all, as the conditions say."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager
from typing import cast

import pytest

from tests.network.emulator import RETRANSMISSION_S, Conditions
from tests.network.relays import TcpProxy, tcp_proxy, udp_relay, with_candidate, without_candidates

Handler = Callable[[asyncio.StreamReader, asyncio.StreamWriter], asyncio.Future[None]]


@asynccontextmanager
async def echo() -> AsyncIterator[int]:
    """A TCP server that sends back what it gets; its port."""
    busy: set[asyncio.StreamWriter] = set()

    async def serve(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        busy.add(writer)
        try:
            while data := await reader.read(4096):
                writer.write(data)
                await writer.drain()
        except ConnectionError:
            pass
        finally:
            busy.discard(writer)
            writer.close()

    server = await asyncio.start_server(serve, "127.0.0.1", 0)
    try:
        yield server.sockets[0].getsockname()[1]
    finally:
        server.close()
        async with asyncio.timeout(60):
            while busy:  # noqa: ASYNC110
                await asyncio.sleep(0.01)


@asynccontextmanager
async def connected(proxy: TcpProxy) -> AsyncIterator[tuple[asyncio.StreamReader, asyncio.StreamWriter]]:
    reader, writer = await asyncio.open_connection("127.0.0.1", proxy.port)
    try:
        yield reader, writer
    finally:
        writer.close()


async def test_bytes_come_back_whole_and_in_order_through_delay_and_jitter() -> None:
    sent = bytes(range(256)) * 400
    slow = Conditions(delay_s=0.05, jitter_s=0.05)
    async with echo() as port, tcp_proxy(port, slow, slow) as proxy, connected(proxy) as (reader, writer):
        began = asyncio.get_running_loop().time()
        writer.write(sent)
        assert await reader.readexactly(len(sent)) == sent
        assert asyncio.get_running_loop().time() - began >= 0.1


async def test_a_narrow_line_takes_its_time() -> None:
    narrow = Conditions(bytes_per_s=100_000, queue_bytes=10_000)
    async with echo() as port, tcp_proxy(port, down=narrow) as proxy, connected(proxy) as (reader, writer):
        began = asyncio.get_running_loop().time()
        writer.write(bytes(50_000))
        await reader.readexactly(50_000)
        assert asyncio.get_running_loop().time() - began > 0.4


async def test_a_stall_ends_and_nothing_is_missing() -> None:
    async with echo() as port, tcp_proxy(port) as proxy, connected(proxy) as (reader, writer):
        writer.write(b"before")
        assert await reader.readexactly(6) == b"before"
        began = asyncio.get_running_loop().time()
        proxy.stall(0.3)
        writer.write(b"after")
        assert await reader.readexactly(5) == b"after"
        assert asyncio.get_running_loop().time() - began >= 0.3


async def test_a_reset_is_a_reset_for_both_ends() -> None:
    async with echo() as port, tcp_proxy(port) as proxy, connected(proxy) as (reader, writer):
        writer.write(b"x")
        await reader.readexactly(1)
        proxy.reset()
        with pytest.raises(ConnectionResetError):
            await reader.readexactly(1)


async def test_an_end_goes_through_and_a_server_that_is_not_there_is_an_end() -> None:
    async with echo() as port, tcp_proxy(port) as proxy, connected(proxy) as (reader, writer):
        writer.write(b"bye")
        assert await reader.readexactly(3) == b"bye"
    async with tcp_proxy(port) as proxy, connected(proxy) as (reader, _):
        assert await reader.read() == b""


async def test_a_lossy_line_delays_what_tcp_sends_and_loses_nothing() -> None:
    sent = bytes(range(256)) * 200
    async with echo() as port, tcp_proxy(port, down=Conditions(loss=0.1), seed=3) as proxy, connected(proxy) as ends:
        reader, writer = ends
        began = asyncio.get_running_loop().time()
        writer.write(sent)
        assert await reader.readexactly(len(sent)) == sent
        assert asyncio.get_running_loop().time() - began > RETRANSMISSION_S


async def test_tcp_refuses_conditions_it_would_mend_itself() -> None:
    with pytest.raises(ValueError):
        TcpProxy(1, Conditions(reorder=0.1), Conditions())


class _Collector(asyncio.DatagramProtocol):
    def __init__(self, echo: bool) -> None:
        self.got: list[bytes] = []
        self._echo = echo

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        self.transport = transport

    def datagram_received(self, data: bytes, addr: tuple[str, int]) -> None:
        self.got.append(data)
        if self._echo:
            cast(asyncio.DatagramTransport, self.transport).sendto(data, addr)


async def test_datagrams_are_lost_and_repeated_in_both_directions() -> None:
    loop = asyncio.get_running_loop()
    server, served = await loop.create_datagram_endpoint(lambda: _Collector(True), local_addr=("127.0.0.1", 0))
    client, answers = await loop.create_datagram_endpoint(lambda: _Collector(False), local_addr=("127.0.0.1", 0))
    conditions = Conditions(loss=0.3, delay_s=0.02, jitter_s=0.02), Conditions(duplicate=0.5)
    async with udp_relay(*conditions, seed=5) as relay:
        await relay.open(server.get_extra_info("sockname"))
        client.sendto(b"knock", relay.address)
        await asyncio.sleep(0.05)
        for number in range(200):
            client.sendto(b"%d" % number, relay.address)
        async with asyncio.timeout(60):
            while len(served.got) < 200 - relay.up.lost or len(answers.got) <= 1.3 * len(served.got):  # noqa: ASYNC110
                await asyncio.sleep(0.01)
        came = list(served.got)
        assert relay.up.sent == 200
        assert len(came) == 200 - relay.up.lost and 30 < relay.up.lost < 90
        assert came == sorted(came, key=int), "jitter alone keeps the order"
        assert set(answers.got) == set(came)
    server.close()
    client.close()
    await asyncio.sleep(0.02)


def test_descriptions_are_led_through_a_relay() -> None:
    sdp = "".join(
        line + "\r\n"
        for line in (
            "v=0",
            "m=audio 9",
            "a=candidate:1 1 udp 2 10.0.0.5 5000 typ host",
            "a=candidate:2 1 udp 1 10.1.0.5 5001 typ host",
            "a=end-of-candidates",
        )
    )
    assert without_candidates(sdp) == "v=0\r\nm=audio 9\r\n"
    led = with_candidate(sdp, ("127.0.0.1", 7))
    assert led.count("a=candidate:") == 1 and "127.0.0.1 7 typ host" in led and "10." not in led
