"""Sessions of two engines on one directory, in virtual time: saved, adopted, moved, fenced, forgotten."""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable
from types import SimpleNamespace

import pytest
from aiohttp import WSCloseCode

from engine.cluster.directory import Superseded
from engine.cluster.envelope import Sealer, read_owner
from engine.cluster.metrics import EngineMetrics
from engine.errors import Busy, EngineError, UnknownSession
from engine.sessions import MemoryKeeper, Session, SessionRegistry
from engine.sessions.keeper import TOUCH_S, SessionKeeper
from engine.tutors.store import TutorStore
from tests.cluster.local_directory import LocalDirectory
from tests.conversation.conversation_stage import AVATAR, MemorySink, Stage
from tests.sessions.test_sessions import FakeConnection
from tests.virtual_time import run_virtual

SEALER = Sealer("k" * 32)


class Node:
    """One engine's sessions."""

    def __init__(self, name: str, directory: LocalDirectory) -> None:
        self.stage = Stage()
        parts = self.stage.parts
        parts.knowledge = SimpleNamespace(exists=lambda kb_id: False, built_in=lambda kb_id: False)
        parts.end_session = lambda session: None
        parts.picture_cost_s = lambda: 0.001
        parts.dropping_frames = lambda now: False
        metrics = EngineMetrics(self.stage.metrics.registry)
        self.keeper = SessionKeeper(directory, SEALER, name, f"boot-{name}", lambda: f"http://{name}", metrics)
        self.registry = SessionRegistry(parts, TutorStore(), MemoryKeeper(_free), keeper=self.keeper)

    def count(self, how: str) -> float | None:
        return self.stage.metrics.registry.get_sample_value("tutor_cluster_sessions_total", {"how": how})


async def _free() -> None:
    """Virtual time knows no threads."""


Drive = Callable[[Node, Node, LocalDirectory], Awaitable[None]]


def on_two_engines(drive: Drive) -> None:
    async def main() -> None:
        directory = LocalDirectory()
        here, there = Node("here", directory), Node("there", directory)
        async with here.registry.running(), there.registry.running():
            await drive(here, there, directory)

    run_virtual(main())


async def spoken(session: Session, text: str) -> MemorySink:
    """The student types ``text`` and hears the answer."""
    sink = MemorySink()
    session.conversation.attach(sink, streaming=True, avatar=AVATAR)
    session.conversation.say(text, AVATAR)
    await asyncio.sleep(0.1)
    await session.conversation.wait_idle()
    await asyncio.sleep(0.1)
    return sink


def test_a_session_goes_on_elsewhere_with_all_it_remembers() -> None:
    async def drive(here: Node, there: Node, directory: LocalDirectory) -> None:
        session = await here.registry.open(1, 2)
        await spoken(session, "What is a cell?")
        said = session.conversation.history.remembered
        transcript = session.lesson.transcript()
        adopted = await there.registry.adopt(session.id, 1)
        assert adopted.conversation.history.remembered == said and len(said) > 2
        assert adopted.lesson.transcript().entries == transcript.entries
        assert (adopted.created_at, adopted.resumed) == (session.created_at, (1, False))
        sink = await spoken(adopted, "And a nucleus?")
        assert sink.last("turn_done")["turn"] == 2, "numbers go on"
        assert there.count("adopted") == 1

    on_two_engines(drive)


def test_the_owner_that_was_replaced_is_refused_and_lets_go() -> None:
    async def drive(here: Node, there: Node, directory: LocalDirectory) -> None:
        session, connection = await here.registry.open(1, 2), FakeConnection()
        session.take_connection(connection)
        await there.registry.adopt(session.id, 1)
        assert here.registry.find(session.id) is session, "it does not know yet"
        session.conversation.attach(MemorySink(), streaming=True, avatar=AVATAR)
        session.conversation.say("Still there?", AVATAR)
        await asyncio.sleep(1)
        assert connection.closed == (WSCloseCode.SERVICE_RESTART, b"on another engine by now")
        with pytest.raises(UnknownSession):
            here.registry.find(session.id)
        stored = await directory.load(session.id)
        assert stored is not None and read_owner(stored.value).epoch == 2
        assert len(there.registry.find(session.id).conversation.history) == 1, "nothing of the stale owner was saved"
        assert here.count("lost") == 1

    on_two_engines(drive)


def test_a_question_that_was_being_answered_is_answered_once_by_the_next_engine() -> None:
    async def drive(here: Node, there: Node, directory: LocalDirectory) -> None:
        session = await here.registry.open(1, 2)
        session.conversation.attach(MemorySink(), streaming=True, avatar=AVATAR)
        session.conversation.say("What is a cell?", AVATAR)
        await asyncio.sleep(0.3)
        assert session.conversation.speaking
        adopted = await there.registry.adopt(session.id, 1)
        assert adopted.resumed == (1, True)
        for _ in range(2):  # a client that comes a second time is not answered again
            sink = MemorySink()
            adopted.conversation.attach(sink, streaming=True, avatar=AVATAR)
            await asyncio.sleep(0.1)
            await adopted.conversation.wait_idle()
        said = adopted.conversation.history.remembered
        assert [m["content"] for m in said].count("What is a cell?") == 1
        assert said[-1]["role"] == "assistant" and adopted.conversation.replies == 2

    on_two_engines(drive)


def test_one_of_two_engines_wins() -> None:
    async def drive(here: Node, there: Node, directory: LocalDirectory) -> None:
        third = Node("third", directory)
        async with third.registry.running():
            session = await here.registry.open(1, 2)
            got = await asyncio.gather(
                there.registry.adopt(session.id, 1), third.registry.adopt(session.id, 1), return_exceptions=True
            )
            assert sum(isinstance(each, Session) for each in got) == 1
            assert sum(isinstance(each, Superseded) for each in got) == 1
            same = await asyncio.gather(*(here.registry.adopt(session.id, 1) for _ in range(3)))
            assert len(set(same)) == 1

    on_two_engines(drive)


def test_draining_moves_every_session_in_its_next_pause() -> None:
    async def drive(here: Node, there: Node, directory: LocalDirectory) -> None:
        async def move(session: Session, epoch: int) -> str:
            assert epoch == 1
            assert session.conversation.quiet
            return f"ws://there/{(await there.registry.adopt(session.id, 1)).id}"

        here.registry.move = move
        talking, silent = await here.registry.open(1, 2), await here.registry.open(1, 3)
        sink, connection = MemorySink(), FakeConnection()
        talking.take_connection(connection)
        talking.conversation.attach(sink, streaming=True, avatar=AVATAR)
        talking.conversation.say("What is a cell?", AVATAR)
        await asyncio.sleep(0.3)
        await here.registry.drain(60)
        assert sink.kinds("turn_done", "moved") == ["turn_done", "moved"]
        assert sink.last("moved")["engine_url"] == f"ws://there/{talking.id}"
        assert connection.closed == (WSCloseCode.SERVICE_RESTART, b"moved to another engine")
        assert len(here.registry) == 0 and len(there.registry) == 2 and here.count("moved") == 2
        assert [m["role"] for m in there.registry.find(talking.id).conversation.history.remembered][-2:] == [
            "user",
            "assistant",
        ]
        with pytest.raises(Busy):
            await here.registry.adopt(silent.id, 1)

    on_two_engines(drive)


def test_a_session_that_no_engine_takes_stays_and_can_be_resumed_after_the_end() -> None:
    async def drive(here: Node, there: Node, directory: LocalDirectory) -> None:
        third = Node("third", directory)
        async with third.registry.running():
            session = await third.registry.open(1, 2)
            await third.registry.drain(1)
            assert third.registry.find(session.id) is session
            await spoken(session, "Anybody?")
        assert (await there.registry.adopt(session.id, 1)).conversation.replies == 1

    on_two_engines(drive)


def test_while_the_directory_is_down_talk_goes_on_and_is_saved_later() -> None:
    async def drive(here: Node, there: Node, directory: LocalDirectory) -> None:
        session = await here.registry.open(1, 2)
        directory.reachable = False
        await spoken(session, "What is a cell?")
        with pytest.raises(Busy):
            await here.registry.open(1, 3)
        assert len(here.registry) == 1
        with pytest.raises(Busy):
            await there.registry.adopt(session.id, 1)
        directory.heal()
        await asyncio.sleep(2)
        assert (await there.registry.adopt(session.id, 1)).conversation.replies == 1

    on_two_engines(drive)


def test_a_quiet_session_is_written_now_and_then_and_an_ended_one_leaves_nothing() -> None:
    async def drive(here: Node, there: Node, directory: LocalDirectory) -> None:
        session = await here.registry.open(1, 2)
        before = await directory.load(session.id)
        await asyncio.sleep(TOUCH_S + 1)
        after = await directory.load(session.id)
        assert before is not None and after is not None and after.revision > before.revision
        for _ in range(50):
            await here.registry.end(await here.registry.open(1, 3), "deleted")
        await here.registry.end(session, "deleted")
        assert len(directory) == 0
        with pytest.raises(UnknownSession):
            await there.registry.adopt(session.id, 1)

    on_two_engines(drive)


def test_what_cannot_be_read_is_not_adopted() -> None:
    async def drive(here: Node, there: Node, directory: LocalDirectory) -> None:
        session = await here.registry.open(1, 2)
        there.keeper._sealer = Sealer("another" * 8)
        with pytest.raises(EngineError, match=r"cluster\.key"):
            await there.registry.adopt(session.id, 1)
        assert len(there.registry) == 0

    on_two_engines(drive)
