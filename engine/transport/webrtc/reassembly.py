"""A bound on what a peer may leave unfinished on its data channels.

aiortc keeps every fragment of a message until its last one has come, without limit, and walks over all of them for each
further one: an endless message costs more with every packet. Runs on the event loop.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

from aiortc.rtcsctptransport import DataChunk, RTCSctpTransport

MAX_FRAGMENTS = 256
"""Held of one stream. The longest message, 64 kB, comes in 55; a lost packet lets whole messages wait behind it."""

MAX_STREAMS = 64
"""Streams on which anything was sent; a page opens one channel."""


def bound_reassembly(transport: RTCSctpTransport, give_up: Callable[[], None]) -> None:
    """Call ``give_up`` when the peer leaves too much unfinished; what comes after that is dropped.

    aiortc has no public way to look at what it holds; a limit of its own would replace this.
    """
    private: Any = transport
    receive, given_up = private._receive_data_chunk, False

    async def receive_bounded(chunk: DataChunk) -> None:
        nonlocal given_up
        if given_up:
            return
        await receive(chunk)
        streams = private._inbound_streams
        stream = streams.get(chunk.stream_id)
        if len(streams) > MAX_STREAMS or (stream is not None and len(stream.reassembly) > MAX_FRAGMENTS):
            given_up = True
            give_up()

    private._receive_data_chunk = receive_bounded
