"""Doors on a real NATS server, with engines whose models are scripted: real sockets between all of them."""

from __future__ import annotations

import asyncio
import contextlib
import subprocess
import sys
from collections import Counter
from collections.abc import AsyncIterator
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import aiohttp
import pytest
from aiohttp import web

from engine.cluster.jetstream import open_jetstream
from engine.door.serve import open_door
from engine.sessions import Membership, MemoryKeeper, SessionRegistry
from engine.settings import Settings
from engine.tokens import TokenSigner
from engine.transport.api.cluster_api import ClusterApi
from engine.transport.api.middleware import api_key, errors_as_json
from engine.transport.api.routes import Api, Readiness
from engine.tutors.store import TutorStore
from tests.cluster.nats_server import NatsServers, Relay
from tests.conversation.conversation_stage import Stage

ROOT = Path(__file__).parents[2]
SECRET, KEY, API_KEY = "s" * 32, "k" * 32, "management"
HEADERS = {"Authorization": f"Bearer {API_KEY}"}


@pytest.fixture
async def nats(tmp_path: Path) -> AsyncIterator[NatsServers]:
    async with NatsServers(tmp_path).running() as servers:
        yield servers


def settings(nats: NatsServers, **fields: Any) -> Settings:
    return Settings(
        port=0, secret=SECRET, api_key=API_KEY, cluster={"servers": nats.urls, "key": KEY, **fields.pop("cluster", {})},
        **fields,
    )  # fmt: skip


class Node:
    """An engine without models, in this process."""

    def __init__(self, name: str, places: int) -> None:
        self.name, self.places = name, places
        self._stack = contextlib.AsyncExitStack()
        self.registry: SessionRegistry

    async def start(self, nats: NatsServers, relay: Relay | None = None) -> None:
        stage = Stage()
        servers = nats.urls if relay is None else [relay.url]
        own = settings(
            nats, cluster={"node": self.name, "servers": servers}, sessions={"max": self.places, "admission": "fixed"}
        )
        parts = stage.parts
        parts.settings.sessions.max, parts.settings.sessions.admission = self.places, "fixed"
        parts.knowledge = SimpleNamespace(exists=lambda kb_id: False, built_in=lambda kb_id: False)
        parts.end_session = lambda session: None
        parts.picture_cost_s = lambda: 0.001
        parts.dropping_frames = lambda now: False
        directory = await self._stack.enter_async_context(open_jetstream(own.cluster, 600))
        tokens = TokenSigner(SECRET, 600)
        api = Api(own, stage.metrics, Readiness(), tokens)
        member: Membership
        adopting = ClusterApi(lambda: self.registry, tokens, lambda session_id: member.websocket_url(session_id))
        app = web.Application(middlewares=[errors_as_json, api_key(own)])
        app.add_routes([*api.routes(), *adopting.routes()])
        runner = web.AppRunner(app)
        await runner.setup()
        self._stack.push_async_callback(runner.cleanup)
        await web.TCPSite(runner, "127.0.0.1", 0).start()
        member = self.member = Membership(own, directory, stage.metrics, runner.addresses[0][1])
        self.registry = SessionRegistry(parts, TutorStore(), MemoryKeeper(_free), keeper=member.keeper)
        api.serve(self.registry, SimpleNamespace())  # type: ignore[arg-type]
        await self._stack.enter_async_context(self.registry.running())
        await self._stack.enter_async_context(member.running(self.registry))

    async def drain(self) -> None:
        self.registry.draining = True
        await self.member.tell()
        await self.member.listen_for_others()
        await self.registry.drain(30)

    async def end(self) -> None:
        await self._stack.aclose()


async def _free() -> None:
    """Memory is somebody else's test."""


@contextlib.asynccontextmanager
async def cluster(nats: NatsServers, *places: int, doors: int = 1) -> AsyncIterator[tuple[list[Node], list[Any]]]:
    """Engines a, b, … with so many places each, and doors."""
    nodes = [Node("abcdef"[index], count) for index, count in enumerate(places)]
    async with contextlib.AsyncExitStack() as stack:
        for node in nodes:
            stack.push_async_callback(node.end)
            await node.start(nats)
        callers = []
        for _ in range(doors):
            own = settings(nats, role="door")
            directory = await stack.enter_async_context(open_jetstream(own.cluster, 600))
            port = await stack.enter_async_context(open_door(own, directory))
            base = f"http://127.0.0.1:{port}"
            callers.append(await stack.enter_async_context(aiohttp.ClientSession(base, headers=HEADERS)))
        for caller in callers:
            async with asyncio.timeout(60):
                while len(await nodes_of(caller)) < len(nodes):  # noqa: ASYNC110
                    await asyncio.sleep(0.05)
        yield nodes, callers


async def nodes_of(caller: aiohttp.ClientSession) -> list[dict[str, Any]]:
    async with caller.get("/v1/nodes") as answer:
        return list((await answer.json())["nodes"])


async def create(caller: aiohttp.ClientSession) -> tuple[int, dict[str, Any]]:
    async with caller.post("/v1/sessions", json={"tutor_id": 1, "student_id": 2}) as answer:
        return answer.status, await answer.json()


async def resume(caller: aiohttp.ClientSession, session: dict[str, Any], token: str = "") -> tuple[int, dict[str, Any]]:
    own = {"Authorization": f"Bearer {token or session['engine_token']}"}
    async with caller.get(f"/v1/sessions/{session['session_id']}/resume", headers=own) as answer:
        return answer.status, await answer.json()


async def test_engines_are_filled_to_the_last_place_through_two_doors(nats: NatsServers) -> None:
    async with cluster(nats, 2, 4, 6, doors=2) as (nodes, doors):
        got = [await create(doors[index % 2]) for index in range(12)]
        assert [status for status, _ in got] == [200] * 12
        assert [len(node.registry) for node in nodes] == [2, 4, 6]
        status, refused = await create(doors[0])
        assert status == 503 and refused["error"]["code"] == "busy"
        assert len({created["session_id"] for _, created in got}) == 12
        async with doors[1].get("/v1/sessions") as answer:
            assert len((await answer.json())["sessions"]) == 12


async def test_calls_about_a_session_reach_the_engine_that_has_it(nats: NatsServers) -> None:
    async with cluster(nats, 3, 3) as (nodes, [door]):
        _, session = await create(door)
        path = f"/v1/sessions/{session['session_id']}"
        assert session["resume_url"].endswith(f"{path}/resume")
        async with door.get(path) as answer:
            assert (await answer.json())["student_id"] == 2
        async with door.post(f"{path}/token") as answer:
            assert answer.status == 200 and "engine_token" in await answer.json()
        for headers, expected in ((HEADERS, 404), ({"Authorization": "Bearer wrong"}, 404)):
            async with door.post(f"{path}/adopt", headers=headers) as answer:
                assert answer.status == expected, "engines adopt, not doors"
        async with door.get(path, headers={"Authorization": "Bearer wrong"}) as answer:
            assert answer.status == 401
        async with aiohttp.ClientSession(door._base_url) as stranger:  # without the key
            for method, address in (
                ("GET", "/v1/nodes"), ("GET", path), ("DELETE", path), ("POST", f"{path}/token"), ("GET", "/metrics"),
                ("GET", "/v1/sessions"), ("POST", "/v1/sessions"), ("GET", f"{path}/resume"),
            ):  # fmt: skip
                async with stranger.request(method, address, json={}) as answer:
                    assert answer.status == 401, (method, address)
        async with door.delete(path) as answer:
            assert answer.status == 204
        assert sum(len(node.registry) for node in nodes) == 0
        async with door.get(path) as answer:
            assert answer.status == 404
        assert (await resume(door, session))[0] == 404


async def test_ended_sessions_leave_nothing_behind(nats: NatsServers) -> None:
    async with cluster(nats, 100) as ([node], [door]):
        created = await asyncio.gather(*(create(door) for _ in range(60)))
        assert {status for status, _ in created} == {200}
        for _, session in created:
            async with door.delete(f"/v1/sessions/{session['session_id']}") as answer:
                assert answer.status == 204
        assert len(node.registry) == 0
        async with open_jetstream(settings(nats).cluster, 600) as directory:
            info = await directory.client.jetstream().stream_info("KV_tutor-memory")
            assert info.state.messages == 0


async def test_a_session_whose_engine_is_gone_is_resumed_by_one_engine(
    nats: NatsServers,
) -> None:
    async with cluster(nats, 4, 4, 4, doors=2) as (nodes, doors):
        _, session = await create(doors[0])
        first = next(node for node in nodes if len(node.registry))
        assert (await resume(doors[0], session))[1]["engine_url"] == session["engine_url"], "it lives where it was"
        assert (await resume(doors[0], session, "no token"))[0] == 401
        first.registry.all()[0].conversation.history.add_user(1, "What is a cell?")
        await first.end()  # its port is closed; what its sessions remember stays
        got = await asyncio.gather(*(resume(door, session) for door in (*doors, *doors)))
        assert [status for status, _ in got] == [200] * 4
        assert len({found["engine_url"] for _, found in got}) == 1, "one winner"
        owners = [node for node in nodes if node is not first and len(node.registry)]
        assert len(owners) == 1 and owners[0].registry.all()[0].conversation.history.unanswered


async def test_an_engine_cut_off_from_nats_goes_on_until_another_one_has_its_session(nats: NatsServers) -> None:
    relay = Relay(nats.ports[0])
    await relay.open()
    cut_off = Node("z", 4)
    try:
        async with contextlib.AsyncExitStack() as stack:
            stack.push_async_callback(cut_off.end)
            await cut_off.start(nats, relay)
            _, [door] = await stack.enter_async_context(cluster(nats))
            while not await nodes_of(door):  # noqa: ASYNC110
                await asyncio.sleep(0.05)
            _, session = await create(door)
            other = Node("y", 4)
            stack.push_async_callback(other.end)
            await other.start(nats)
            await relay.cut()
            before = cut_off.registry.find(session["session_id"])
            before.conversation.history.add_user(1, "Not saved")
            assert not before.conversation.speaking, "it lives, and nobody told it anything"
            async with asyncio.timeout(60):
                here = (None, session["engine_url"])
                while (found := await resume(door, session))[1].get("engine_url") in here:  # noqa: ASYNC110
                    await asyncio.sleep(0.1)
            assert found[0] == 200 and cut_off.registry.find(session["session_id"]) is before
            await relay.open()
            async with asyncio.timeout(60):
                while len(cut_off.registry):  # noqa: ASYNC110
                    await asyncio.sleep(0.05)
            [adopted] = other.registry.all()
            assert not adopted.conversation.history.unanswered, "the stale engine's save was refused"
    finally:
        await relay.cut()


async def test_a_draining_engine_gives_its_sessions_away(nats: NatsServers) -> None:
    async with cluster(nats, 4, 4) as (nodes, [door]):
        created = [(await create(door))[1] for _ in range(4)]
        leaving = max(nodes, key=lambda node: len(node.registry))
        other = next(node for node in nodes if node is not leaving)
        await leaving.drain()
        assert len(leaving.registry) == 0 and len(other.registry) == 4
        for session in created:
            status, found = await resume(door, session)
            assert status == 200 and found["engine_url"].startswith(other.member.websocket_url("").rpartition("/")[0])
        states = Counter(node["state"] for node in await nodes_of(door))
        assert states == {"draining": 1, "ready": 1}


async def test_while_nats_is_down_nothing_is_created_and_afterwards_again(nats: NatsServers) -> None:
    async with cluster(nats, 4) as (_, [door]):
        await nats.stop(0)
        async with asyncio.timeout(60):
            while (await create(door))[0] != 503:  # noqa: ASYNC110
                await asyncio.sleep(0.1)
        async with door.get("/ready") as answer:
            assert answer.status == 503
        await nats.start(0)
        async with asyncio.timeout(60):
            while (await create(door))[0] != 200:  # noqa: ASYNC110
                await asyncio.sleep(0.1)


def imported(first: str, names: tuple[str, ...]) -> tuple[list[str], int]:
    """Which of ``names`` importing ``first`` brings in, and the resident memory then, in MB."""
    check = f"""
import sys, {first}
size = next(line for line in open("/proc/self/status") if line.startswith("VmRSS"))
print(*(name for name in {names!r} if name in sys.modules), int(size.split()[1]) // 1024)
"""
    found = subprocess.run([sys.executable, "-c", check], cwd=ROOT, capture_output=True, text=True, check=True)
    *modules, megabytes = found.stdout.split()
    return modules, int(megabytes)


def test_a_door_needs_no_models_and_an_engine_by_itself_no_nats() -> None:
    heavy = ("torch", "numpy", "av", "aiortc", "onnxruntime", "faster_whisper")
    modules, megabytes = imported("engine.start, engine.door.serve", heavy)
    assert modules == [] and megabytes <= 80
    assert imported("engine.app", ("nats",))[0] == []
