"""How late the event loop is."""

from __future__ import annotations

import asyncio
import time

from engine.transport.websocket.loop_watch import TICK_S, LoopWatch


async def test_a_blocked_event_loop_is_told_with_how_long_it_was_blocked() -> None:
    told: list[float] = []
    enough = asyncio.Event()

    def late(late_s: float, _now: float) -> None:
        told.append(late_s)
        if len(told) == 3:
            enough.set()

    watch = LoopWatch(late, lambda: not enough.is_set())
    watch.start()
    watch.start()
    await asyncio.sleep(TICK_S / 4)
    time.sleep(5 * TICK_S)  # noqa: ASYNC251 - this is what is measured
    await enough.wait()
    assert told[0] >= 3 * TICK_S
    await asyncio.sleep(3 * TICK_S)
    assert len(told) == 3, "it ends when it is no longer wanted"


async def test_a_stopped_watch_tells_nothing() -> None:
    told: list[float] = []
    watch = LoopWatch(lambda late_s, _now: told.append(late_s), lambda: True)
    watch.start()
    watch.stop()
    watch.stop()
    await asyncio.sleep(3 * TICK_S)
    assert not told
