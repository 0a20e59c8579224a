"""What must never happen: leaks, a dead child that stays dead, a slow client that costs others."""

from __future__ import annotations

import asyncio
import gc
import threading
from itertools import pairwise
from typing import Any

import psutil
import pytest

from engine.app import Engine
from engine.malloc import give_back_memory
from tests.slow_child import first_of
from tests.system.raw_socket import RawSocket, frame

pytestmark = pytest.mark.asyncio(loop_scope="session")


def census() -> tuple[int, int, int, int]:
    """Tasks, threads, open files and child processes of this process."""
    process = psutil.Process()
    return len(asyncio.all_tasks()), threading.active_count(), process.num_fds(), len(process.children(recursive=True))


def held_memory() -> int:
    """Bytes in use, without what is only waiting to be collected or given back."""
    gc.collect()
    give_back_memory()
    return int(psutil.Process().memory_info().rss)


async def one_session(caller: Any, question: str) -> None:
    """Created, used and deleted: the tutor speaks and is interrupted."""
    session = await caller.create()
    socket = await caller.connect(session)
    await socket.send(type="configure", stream=True, input_audio={"format": "pcm_s16le"})
    await socket.expect("ready")
    await socket.ws.send_bytes(bytes(640))
    await socket.send(type="text", content=question)
    await socket.until("media")
    await socket.send(type="interrupt")
    await socket.until("interrupted")
    await socket.ws.close()
    assert await caller.delete(session["session_id"]) == 204


async def test_sessions_leave_nothing_behind(caller: Any) -> None:
    async def many() -> None:
        for _ in range(12):
            await one_session(caller, "Hello")
        await asyncio.gather(*(one_session(caller, "Hi") for _ in range(8)))
        await asyncio.sleep(1)

    await many()  # pools, arenas and encoders reach their size
    memory, before = held_memory(), census()
    await many()
    grown, after = held_memory() - memory, census()
    assert after[0] <= before[0] and after[3] == before[3], (before, after)
    # Pools may start one more thread, and a connection may still be closing. One descriptor or thread per session
    # would make twenty.
    assert after[1] <= before[1] + 1 and after[2] <= before[2] + 2, (before, after)
    # One session's encoders and pictures are 3 MB: twenty that stayed would be seen.
    assert grown < 20_000_000


async def test_killing_the_language_model_fails_that_turn_only(
    socket: Any, engine: Engine, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(engine.settings.llm, "max_tokens", 1000)
    await socket.send(type="configure", stream=True, video="none")
    await socket.expect("ready")
    child = next(c for c in psutil.Process().children() if "llm/child.py" in " ".join(c.cmdline()))
    child.suspend()
    await socket.send(type="text", content="Tell me everything about the history of the world, in many words.")
    await first_of(asyncio.create_task(socket.until("text_delta")), child)
    child.kill()
    # A reply is written in steps: between two of them nobody misses the child, and the next one asks its successor.
    messages = await socket.until("turn_done")
    assert all((m["code"], m["turn"]) == ("llm_failed", 1) for m in messages if m["type"] == "error")
    assert messages[-1]["turn"] == 1
    await socket.send(type="text", content="Are you there?")
    assert (await socket.until("turn_done"))[-1]["turn"] == 2


async def test_a_client_that_reads_nothing_is_closed_and_costs_nobody(
    caller: Any, engine: Engine, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(engine.settings.sessions, "slow_client_s", 4.0)
    monkeypatch.setattr(engine.settings.llm, "max_tokens", 160)
    slow_session, quick_session = await caller.create(), await caller.create()
    try:
        quick = await caller.connect(quick_session)
        await quick.send(type="configure", stream=True)
        await quick.expect("ready")
        await both_speak(quick, await caller.connect(slow_session))  # buffers and coders reach their size
        before = held_memory()
        async with RawSocket(slow_session, "&stream=1") as slow:
            await slow.send(frame(b'{"type":"text","content":"Tell me a very long story about the sea."}'))
            for _ in range(2):
                await quick.send(type="text", content="What is a cloud?")
                messages = await quick.until("turn_done")
                assert "error" not in [m["type"] for m in messages]
                media = [m for m in messages if m["type"] == "media"]
                assert media and all(a["start_ms"] + a["duration_ms"] == b["start_ms"] for a, b in pairwise(media))
            grown = held_memory() - before
            # Only the engine ends this connection, and only for its slowness: the session lives.
            await slow.rest(timeout_s=60)
        assert grown < 60_000_000
        assert engine.registry is not None and engine.registry.find(slow_session["session_id"])
        await quick.ws.close()
    finally:
        await asyncio.gather(*(caller.delete(s["session_id"]) for s in (slow_session, quick_session)))


async def both_speak(quick: Any, other: Any) -> None:
    await other.send(type="configure", stream=True)
    await other.expect("ready")
    for socket in (quick, other):
        await socket.send(type="text", content="Tell me a very long story about the sea.")
    # Both are read all the time: the engine would close one that is not.
    await asyncio.gather(quick.until("turn_done"), other.until("turn_done"))
    await other.ws.close()
