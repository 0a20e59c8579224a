"""The outbox: order, what never leaves, what overtakes, and what is counted."""

from __future__ import annotations

import asyncio
import json
from collections.abc import AsyncIterator
from typing import Any

from engine.protocol.outgoing import Event, InterruptedEvent, PongEvent, SpeechStartedEvent, TextDeltaEvent
from engine.telemetry import Metrics
from engine.transport.outbox import Outbox


def delta(turn: int, content: str) -> TextDeltaEvent:
    return TextDeltaEvent(turn=turn, content=content)


def cut(turn: int) -> InterruptedEvent:
    return InterruptedEvent(turn=turn, played_ms=0, content="", reason="client", timings={})


async def _sent(outbox: Outbox) -> list[str]:
    outbox.close()
    return [message.get("content") or message["type"] async for message in _parsed(outbox)]


async def _parsed(outbox: Outbox) -> AsyncIterator[dict[str, Any]]:
    async for text in (message.text async for message in outbox):
        yield json.loads(text)


def _run(*steps: Event | int, capacity: int = 8) -> tuple[list[str], Metrics]:
    """Put events; a number drops the replies up to it."""
    metrics = Metrics()

    async def main() -> list[str]:
        outbox = Outbox("test", capacity, metrics)
        for step in steps:
            if isinstance(step, int):
                outbox.drop(step)
            else:
                await outbox.put(step)
        return await _sent(outbox)

    return asyncio.run(main()), metrics


def dropped(metrics: Metrics) -> float:
    value = metrics.registry.get_sample_value("tutor_queue_dropped_total", {"queue": "test"})
    assert value is not None
    return value


def test_messages_leave_in_order() -> None:
    assert _run(delta(1, "a"), SpeechStartedEvent(ms=1), delta(1, "b"))[0] == ["a", "speech_started", "b"]


def test_nothing_of_a_dropped_reply_leaves_whether_it_waited_or_comes_later() -> None:
    sent, metrics = _run(delta(1, "a"), PongEvent(), delta(2, "b"), 1, delta(1, "late"), delta(2, "c"))
    assert sent == ["pong", "b", "c"]
    assert dropped(metrics) == 2


def test_an_interruption_overtakes_what_waits_even_in_a_full_outbox() -> None:
    sent, _ = _run(SpeechStartedEvent(ms=1), PongEvent(), 3, cut(3), capacity=2)
    assert sent == ["interrupted", "speech_started", "pong"]


def waiting(metrics: Metrics) -> float | None:
    return metrics.registry.get_sample_value("tutor_queue_depth", {"queue": "test"})


def test_what_finds_no_room_is_counted() -> None:
    async def main() -> None:
        metrics = Metrics()
        outbox = Outbox("test", 1, metrics)
        assert outbox.put_nowait(PongEvent()) and not outbox.put_nowait(PongEvent())
        assert dropped(metrics) == 1

    asyncio.run(main())


def test_the_depth_is_that_of_all_clients_together() -> None:
    async def main() -> None:
        metrics = Metrics()
        one, other = Outbox("test", 4, metrics), Outbox("test", 4, metrics)
        for event in (PongEvent(), delta(1, "a"), delta(2, "b")):
            await one.put(event)
        await other.put(PongEvent())
        assert waiting(metrics) == 4
        one.drop(1)
        assert waiting(metrics) == 3
        other.close()
        assert waiting(metrics) == 2, "a client that is gone waits for nothing"

    asyncio.run(main())


def test_a_drop_after_the_close_removes_only_the_interrupted_reply() -> None:
    async def main() -> None:
        metrics = Metrics()
        outbox = Outbox("test", 4, metrics)
        for event in (delta(1, "a"), PongEvent(), delta(2, "b")):
            await outbox.put(event)
        outbox.close()
        outbox.drop(1)
        assert await _sent(outbox) == ["pong", "b"]
        assert dropped(metrics) == 1

    asyncio.run(main())


def test_a_closed_outbox_ignores_messages_and_ends_its_reader() -> None:
    async def main() -> None:
        outbox = Outbox("test", 1, Metrics())
        outbox.close()
        await outbox.put(PongEvent())
        outbox.put_urgent(cut(1))
        assert not outbox.put_nowait(PongEvent()) and await _sent(outbox) == []

    asyncio.run(main())
