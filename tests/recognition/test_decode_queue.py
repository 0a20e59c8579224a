"""Who decodes next: urgency, length, age; and what becomes of those that nobody waits for."""

from __future__ import annotations

import asyncio
import threading
from collections.abc import AsyncIterator

import pytest

from engine.recognition.decode_queue import DecodeQueue, Ticket, Urgency


class Blocked:
    """A queue whose only thread is busy until ``release``; records who ran."""

    def __init__(self, queue: DecodeQueue) -> None:
        self.queue = queue
        self.ran: list[str] = []
        self._gate = threading.Event()
        self._tasks: list[asyncio.Task[None]] = []

    def ask(self, name: str, urgency: Urgency, seconds: float) -> asyncio.Task[None]:
        task = asyncio.create_task(self.queue.run(urgency, seconds, lambda _: self.ran.append(name)))
        self._tasks.append(task)
        return task

    async def block(self) -> None:
        begun = threading.Event()

        def wait(_: object) -> None:
            begun.set()
            self._gate.wait(60)

        self._tasks.append(asyncio.create_task(self.queue.run(Urgency.PREVIEW, 1.0, wait)))
        await asyncio.to_thread(begun.wait)

    async def release(self) -> list[str]:
        await asyncio.sleep(0)
        self._gate.set()
        await asyncio.gather(*self._tasks, return_exceptions=True)
        return self.ran


@pytest.fixture
async def blocked() -> AsyncIterator[Blocked]:
    queue = DecodeQueue("test-asr")
    blocked = Blocked(queue)
    await blocked.block()
    yield blocked
    await blocked.release()
    queue.close()


async def test_previews_before_recordings_before_partials(blocked: Blocked) -> None:
    for name in ("PARTIAL", "RECORDING", "PREVIEW"):
        blocked.ask(name, Urgency[name], 1.0)
    assert await blocked.release() == ["PREVIEW", "RECORDING", "PARTIAL"]


async def test_short_before_long_and_first_come_among_equals(blocked: Blocked) -> None:
    for name, seconds in (("long", 20.0), ("first", 2.0), ("second", 2.0)):
        blocked.ask(name, Urgency.PREVIEW, seconds)
    assert await blocked.release() == ["first", "second", "long"]


async def test_who_has_waited_long_enough_is_not_overtaken(blocked: Blocked) -> None:
    blocked.ask("old partial", Urgency.PARTIAL, 0.5)
    await asyncio.sleep(1.1)
    blocked.ask("new preview", Urgency.PREVIEW, 5.0)
    assert await blocked.release() == ["old partial", "new preview"]


async def test_cancelled_before_its_turn_never_runs(blocked: Blocked) -> None:
    doomed = blocked.ask("doomed", Urgency.PREVIEW, 1.0)
    blocked.ask("other", Urgency.PREVIEW, 1.0)
    await asyncio.sleep(0)
    assert blocked.queue.depth == 2
    doomed.cancel()
    await asyncio.sleep(0)
    assert blocked.queue.depth == 1
    assert await blocked.release() == ["other"]


async def test_cancelled_while_running_is_told_and_keeps_its_thread_until_it_stops() -> None:
    queue = DecodeQueue("test-asr")
    begun, told = threading.Event(), threading.Event()
    ran: list[str] = []

    def work(ticket: Ticket) -> None:
        begun.set()
        while not ticket.is_dropped():
            told.wait(0.005)
        ran.append("stopped")

    job = asyncio.create_task(queue.run(Urgency.PARTIAL, 1.0, work))
    await asyncio.to_thread(begun.wait, 60)
    job.cancel()
    await queue.run(Urgency.PREVIEW, 1.0, lambda _: ran.append("next"))
    assert ran == ["stopped", "next"] and job.cancelled()
    queue.close()


async def test_an_error_reaches_its_own_awaiter_only() -> None:
    queue = DecodeQueue("test-asr")

    def fail(_: Ticket) -> None:
        raise RuntimeError("broken")

    results = await asyncio.gather(
        queue.run(Urgency.PREVIEW, 1.0, fail), queue.run(Urgency.PREVIEW, 1.0, lambda _: "fine"), return_exceptions=True
    )
    assert isinstance(results[0], RuntimeError) and results[1] == "fine"
    queue.close()


async def test_who_waits_for_an_answer_does_not_wait_for_a_decode_that_has_begun() -> None:
    queue = DecodeQueue("test-asr", express=1)
    begun, gate = threading.Event(), threading.Event()

    def work(_: Ticket) -> None:
        begun.set()
        gate.wait(60)

    running = asyncio.create_task(queue.run(Urgency.PARTIAL, 1.0, work))
    await asyncio.to_thread(begun.wait)
    other = asyncio.create_task(queue.run(Urgency.PARTIAL, 1.0, lambda _: "partial"))
    await asyncio.sleep(0)
    async with asyncio.timeout(60):
        assert await queue.run(Urgency.PREVIEW, 1.0, lambda _: "words") == "words"
    assert queue.depth == 1 and not other.done()
    gate.set()
    await asyncio.gather(running, other)
    queue.close()


async def test_as_many_at_once_as_there_are_workers() -> None:
    queue = DecodeQueue("test-asr", workers=2)
    meet = threading.Barrier(2, timeout=60)
    await asyncio.gather(*(queue.run(Urgency.PREVIEW, 1.0, lambda _: meet.wait()) for _ in range(4)))
    queue.close()


async def test_recordings_however_long_overdue_leave_the_express_place_free() -> None:
    queue = DecodeQueue("test-asr", workers=1, express=1)
    first, gate = threading.Event(), threading.Event()

    def hold(_: Ticket) -> None:
        first.set()
        gate.wait(60)

    running = asyncio.create_task(queue.run(Urgency.RECORDING, 12.0, hold))
    await asyncio.to_thread(first.wait)
    second = asyncio.create_task(queue.run(Urgency.RECORDING, -100.0, lambda _: None))  # overdue from the beginning
    try:
        async with asyncio.timeout(30):
            await queue.run(Urgency.PREVIEW, 1.0, lambda _: None)
            await queue.run(Urgency.PARTIAL, -100.0, lambda _: None)
        assert not second.done()
    finally:
        gate.set()
        await asyncio.gather(running, second)
        queue.close()


async def test_a_further_piece_of_a_long_recording_goes_behind_the_first_piece_of_another(blocked: Blocked) -> None:
    blocked.ask("long, at 36 s", Urgency.RECORDING, 36.0)
    blocked.ask("short", Urgency.RECORDING, 5.0)
    assert await blocked.release() == ["short", "long, at 36 s"]
