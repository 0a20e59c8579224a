"""Answers to the writer's pings: each counts once, however late and in whatever order they come."""

from __future__ import annotations

import asyncio
from typing import Any

from engine.protocol.outgoing import DuckEvent
from engine.telemetry import Metrics
from engine.transport.outbox import Outbox
from engine.transport.quality import QualityControl, quality_steps
from engine.transport.websocket import writer as writing
from engine.transport.websocket.line import Line, wire_cost
from engine.transport.websocket.writer import SocketWriter
from tests.virtual_time import run_virtual


class LateClient:
    """Takes all that comes; remembers the pings."""

    def __init__(self) -> None:
        self.pings: list[bytes] = []

    async def send_str(self, text: str) -> None:
        await asyncio.sleep(1.01 * writing.PING_EVERY_S)

    async def ping(self, message: bytes) -> None:
        self.pings.append(message)


def test_late_answers_to_our_pings_are_ours_and_no_more_than_those() -> None:
    async def drive() -> None:
        client: Any = LateClient()
        outbox = Outbox("outbox", 128, Metrics())
        line = Line(QualityControl(quality_steps(800_000, 64_000), wire_cost), ahead_s=1.0)
        writer = SocketWriter(client, outbox, line, slow_client_s=60.0)
        for _ in range(40):
            await outbox.put(DuckEvent(ms=80))
        outbox.close()
        await writer.run()
        assert len(client.pings) >= 30
        assert not writer.answered(b"rubbish")
        assert not writer.answered(b"99999")
        # All at once, the last one first: nothing is news but the first, and all are ours.
        assert all(writer.answered(ping) for ping in reversed(client.pings))
        assert not writer.answered(client.pings[0]), "once more"

    run_virtual(drive())
