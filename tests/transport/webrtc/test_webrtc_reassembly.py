"""Messages on data channels that never end."""

from __future__ import annotations

from typing import Any

import pytest
from aiortc.rtcsctptransport import DataChunk, InboundStream

from engine.transport.webrtc.reassembly import MAX_FRAGMENTS, MAX_STREAMS, bound_reassembly

FIRST, LAST = 2, 1


class Transport:
    """aiortc's receiving half: its streams, and the call for each chunk."""

    def __init__(self) -> None:
        self._inbound_streams: dict[int, InboundStream] = {}
        self.messages: list[bytes] = []
        self.given_up = 0

    async def _receive_data_chunk(self, chunk: DataChunk) -> None:
        stream = self._inbound_streams.setdefault(chunk.stream_id, InboundStream())
        stream.add_chunk(chunk)
        self.messages += [data for _, _, data in stream.pop_messages()]

    def give_up(self) -> None:
        self.given_up += 1


def chunk(number: int, flags: int, *, stream: int = 0, message: int = 0) -> DataChunk:
    made = DataChunk(flags=flags)
    made.tsn, made.stream_id, made.stream_seq, made.protocol = number, stream, message, 51
    made.user_data = b"x"
    return made


@pytest.fixture
def transport() -> Any:
    made: Any = Transport()
    bound_reassembly(made, made.give_up)
    return made


async def test_an_endless_message_ends_the_peer_once_and_is_held_no_longer(transport: Any) -> None:
    await transport._receive_data_chunk(chunk(0, FIRST))
    for number in range(1, 3000):
        await transport._receive_data_chunk(chunk(number, 0))
    assert transport.given_up == 1
    assert len(transport._inbound_streams[0].reassembly) == MAX_FRAGMENTS + 1


async def test_endless_messages_on_many_streams_end_the_peer(transport: Any) -> None:
    for number in range(3000):
        await transport._receive_data_chunk(chunk(number, FIRST, stream=number))
    assert transport.given_up == 1 and len(transport._inbound_streams) == MAX_STREAMS + 1


async def test_long_messages_that_end_are_received_for_ever(transport: Any) -> None:
    number = 0
    for message in range(100):
        for part in range(60):
            flags = FIRST if part == 0 else LAST if part == 59 else 0
            await transport._receive_data_chunk(chunk(number, flags, message=message))
            number += 1
    assert transport.given_up == 0 and transport.messages == [b"x" * 60] * 100
