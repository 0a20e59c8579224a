"""The packets that wait for a peer's sender: bounded, and what is discarded is counted."""

from __future__ import annotations

import asyncio
from typing import Any

from engine.concurrency.worker import Worker
from engine.telemetry import Metrics
from engine.transport.webrtc.broadcast import Broadcast
from engine.transport.webrtc.congestion import Congestion
from engine.transport.webrtc.playout import Playout
from engine.transport.webrtc.rtp_encoders import OpusPackets


async def _no_picture(unseen: bool) -> None:
    return None


async def test_packets_that_no_sender_takes_are_dropped_and_counted_by_queue() -> None:
    metrics = Metrics()
    worker = Worker("test-audio")
    ticks: list[Any] = []
    broadcast = Broadcast(
        Playout(), OpusPackets(24_000), None, Congestion(500_000, 24_000),
        audio_worker=worker, picture_worker=worker, idle_picture=_no_picture, on_tick=ticks.append,
        on_packet_dropped=lambda queue: metrics.queue_dropped.labels(queue).inc(),
    )  # fmt: skip
    task = asyncio.create_task(broadcast.run())
    async with asyncio.timeout(60):
        while len(ticks) < 60:  # noqa: ASYNC110
            await asyncio.sleep(0.02)
    task.cancel()
    await asyncio.wait([task])
    dropped = metrics.registry.get_sample_value("tutor_queue_dropped_total", {"queue": "audio-packets"})
    assert dropped is not None
    assert len(ticks) - 50 <= dropped <= len(ticks) - 49, "the queue holds a second"
    broadcast.close()
    worker.close()
