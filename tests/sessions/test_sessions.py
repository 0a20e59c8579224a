"""Live sessions in virtual time: idle expiry, and what counts as activity."""

from __future__ import annotations

import asyncio
import time
from collections.abc import Awaitable, Callable
from types import SimpleNamespace
from typing import Any

import pytest
from aiohttp import WSCloseCode

from engine.errors import Busy, UnknownSession
from engine.sessions import ABSENT_S, LEFT_S, MemoryKeeper, Session, SessionRegistry
from engine.tutors.store import TutorStore
from tests.conversation.conversation_stage import AVATAR, FakeModel, MemorySink, Stage
from tests.fakes import Script, play
from tests.virtual_time import run_virtual

IDLE_S = 60.0
DETACHED_S = 30.0
CHECK_S = 5.0
"""The registry looks this often."""


class FakeConnection:
    """A socket that remembers how it was closed."""

    def __init__(self) -> None:
        self.closed: tuple[int, bytes] | None = None

    async def close(self, code: int, reason: bytes) -> None:
        self.closed = (code, reason)


def with_registry(drive: Callable[[SessionRegistry, Stage], Awaitable[None]], model: FakeModel | None = None) -> Stage:
    """Run ``drive`` with a registry of scripted parts whose sessions expire after ``IDLE_S``."""
    stage = Stage(model=model)
    stage.settings.sessions.idle_s = IDLE_S
    stage.settings.sessions.detached_s = DETACHED_S
    stage.settings.sessions.max = 3
    ended: list[str] = []
    stage.parts.knowledge = SimpleNamespace(exists=lambda kb_id: False)
    stage.parts.end_session = ended.append
    stage.parts.picture_cost_s = lambda: 0.001
    stage.parts.dropping_frames = lambda now: False

    async def free_memory() -> None:
        """Virtual time knows no threads."""

    async def main() -> None:
        registry = SessionRegistry(stage.parts, TutorStore(), MemoryKeeper(free_memory))
        async with registry.running():
            await drive(registry, stage)
        assert len(registry) == 0
        assert stage.metrics.registry.get_sample_value("tutor_sessions") == 0
        assert len(ended) == len(set(ended)) > 0, "what was kept for its pictures is freed once"

    run_virtual(main())
    return stage


def ended_as(stage: Stage, how: str) -> float | None:
    return stage.metrics.registry.get_sample_value("tutor_sessions_ended_total", {"end": how})


def is_live(registry: SessionRegistry, session: Session) -> bool:
    try:
        return registry.find(session.id) is session
    except UnknownSession:
        return False


def test_an_idle_session_expires_and_its_socket_is_told() -> None:
    async def drive(registry: SessionRegistry, stage: Stage) -> None:
        session, connection = registry.create(1, 2), FakeConnection()
        session.take_connection(connection)
        await asyncio.sleep(IDLE_S - 1)
        assert is_live(registry, session) and connection.closed is None
        await asyncio.sleep(1 + CHECK_S + 1)
        assert not is_live(registry, session) and session.status == "ended"
        assert connection.closed == (WSCloseCode.OK, b"session expired")
        assert session.task is not None and session.task.done()

    assert ended_as(with_registry(drive), "expired") == 1


def test_connections_close_with_the_newest_token_and_the_session_lives_on() -> None:
    async def drive(registry: SessionRegistry, stage: Stage) -> None:
        session, connection, renewed = registry.create(1, 2), FakeConnection(), FakeConnection()
        session.authorize_until(time.time() - 1)
        session.take_connection(connection)
        other = registry.create(1, 3)
        other.authorize_until(time.time() - 1)
        other.authorize_until(time.time() + 3600)
        other.authorize_until(time.time() - 2)
        other.take_connection(renewed)
        await asyncio.sleep(CHECK_S + 1)
        assert connection.closed == (WSCloseCode.POLICY_VIOLATION, b"token expired")
        assert renewed.closed is None
        assert is_live(registry, session) and is_live(registry, other)

    with_registry(drive)


def test_every_message_of_the_client_starts_the_idle_clock_again() -> None:
    async def drive(registry: SessionRegistry, stage: Stage) -> None:
        used, unused = registry.create(1, 2), registry.create(1, 3)
        for _ in range(4):
            await asyncio.sleep(IDLE_S / 2)
            used.touch()
        assert is_live(registry, used) and not is_live(registry, unused)
        await asyncio.sleep(IDLE_S + CHECK_S + 1)
        assert not is_live(registry, used)

    assert ended_as(with_registry(drive), "expired") == 2


def test_a_session_does_not_expire_while_its_tutor_speaks() -> None:
    # No two sentences alike: a model that repeats itself is stopped.
    story = " ".join(f"Then {' '.join(chr(97 + (7 * n + k * k) % 26) * 4 for k in range(7))}." for n in range(60))

    async def drive(registry: SessionRegistry, stage: Stage) -> None:
        session = registry.create(1, 2)
        session.conversation.attach(MemorySink(), streaming=True, avatar=AVATAR)
        session.conversation.say("Tell me a story.", AVATAR)
        await asyncio.sleep(IDLE_S + CHECK_S + 1)
        assert is_live(registry, session) and session.idle_s(asyncio.get_running_loop().time()) == 0.0
        await session.conversation.wait_idle()
        await asyncio.sleep(CHECK_S + 1)
        assert not is_live(registry, session)

    assert ended_as(with_registry(drive, FakeModel(story)), "expired") == 1


def test_a_closed_socket_starts_the_clock_by_which_a_session_is_absent() -> None:
    async def drive(registry: SessionRegistry, stage: Stage) -> None:
        session, connection, loop = registry.create(1, 2), FakeConnection(), asyncio.get_running_loop()
        session.take_connection(connection)
        await asyncio.sleep(ABSENT_S + 1)
        assert session.present(loop.time()), "it is connected, however silent"
        session.drop_connection(connection)
        assert session.present(loop.time()), "it may come back"
        await asyncio.sleep(ABSENT_S)
        assert not session.present(loop.time())

    with_registry(drive)


def test_an_expired_session_makes_room_for_another() -> None:
    async def drive(registry: SessionRegistry, stage: Stage) -> None:
        for student in range(3):
            registry.create(1, student)
        with pytest.raises(Busy) as refused:
            registry.create(1, 3)
        assert refused.value.retry_after_s
        await asyncio.sleep(IDLE_S + CHECK_S + 1)
        registry.create(1, 3)

    assert ended_as(with_registry(drive), "shutdown") == 1


def test_draining_admits_nobody_and_waits_for_the_tutor() -> None:
    async def drive(registry: SessionRegistry, stage: Stage) -> None:
        session: Any = registry.create(1, 2)
        sink = MemorySink()
        session.conversation.attach(sink, streaming=True, avatar=AVATAR)
        session.conversation.say("What do plants do?", AVATAR)
        await asyncio.sleep(0.5)
        await registry.drain(30)
        assert sink.kinds()[-1] == "turn_done" and not session.conversation.speaking
        with pytest.raises(Busy, match="shutting down"):
            registry.create(1, 3)

    with_registry(drive)


def test_a_session_may_ask_for_more_patience_than_its_tutor_has() -> None:
    committed: list[float] = []

    async def drive(registry: SessionRegistry, stage: Stage) -> None:
        for patience in (None, "patient"):
            session: Any = registry.create(1, 2, patience=patience)
            sink = MemorySink()
            session.conversation.attach(sink, streaming=True, avatar=AVATAR)
            began = asyncio.get_running_loop().time()
            await play(session.conversation.listen, Script().say(1000, "I like the sea.").pcm(9000))
            committed.append(sink.at("transcription") - began)

    with_registry(drive)
    assert committed[0] < committed[1]


def test_a_session_whose_student_is_gone_ends_and_one_who_comes_back_keeps_it() -> None:
    async def drive(registry: SessionRegistry, stage: Stage) -> None:
        stayed, gone, unused = registry.create(1, 1), registry.create(1, 2), registry.create(1, 3)
        for session in (stayed, gone):
            connection = FakeConnection()
            session.take_connection(connection)
            session.drop_connection(connection)
        await asyncio.sleep(DETACHED_S - 1)
        stayed.stay()
        await asyncio.sleep(1 + CHECK_S + 1)
        assert is_live(registry, stayed) and is_live(registry, unused) and not is_live(registry, gone)

    stage = with_registry(drive)
    assert ended_as(stage, "abandoned") == 1


def test_a_closed_page_gives_its_seat_back_and_a_reloaded_one_does_not() -> None:
    async def drive(registry: SessionRegistry, stage: Stage) -> None:
        closed, reloaded, connected = registry.create(1, 1), registry.create(1, 2), registry.create(1, 3)
        for session in (closed, reloaded, connected):
            session.leave()
        connected.take_connection(FakeConnection())
        reloaded.stay()
        await asyncio.sleep(LEFT_S + CHECK_S + 1)
        assert not is_live(registry, closed)
        assert is_live(registry, reloaded) and is_live(registry, connected)

    assert ended_as(with_registry(drive), "abandoned") == 1
