"""What a cluster promises, with real processes and figures. It takes minutes, so only ``make test-cluster`` runs it."""

from __future__ import annotations

import asyncio
import contextlib
import os
import signal
import statistics
import time
from collections.abc import AsyncIterator
from typing import Any

import psutil
import pytest
import pytest_asyncio

from engine.cluster.directory import DirectoryDown
from engine.cluster.jetstream import open_jetstream
from engine.cluster.nodes import NodeReport
from engine.settings import ClusterSettings
from tests.cluster.real_cluster import KEY, Process, RealCluster, ScriptedModel, Student, real_cluster

pytestmark = pytest.mark.skipif(not os.environ.get("TEST_CLUSTER"), reason="minutes long: make test-cluster")

PLACES = {"a": 4, "b": 8, "c": 12}
KILLS = int(os.environ.get("TEST_CLUSTER_KILLS", "5"))


class Stage:
    """Three engines and two doors."""

    def __init__(self, cluster: RealCluster, model: ScriptedModel) -> None:
        self.cluster, self.model = cluster, model
        self.doors: list[Process] = []

    async def begin(self) -> None:
        self.doors = [await self.cluster.start(f"door{n}", "--role", "door") for n in range(2)]
        engines = [await self.engine(name) for name in PLACES]
        await self.cluster.ready(*engines)
        await self.cluster.ready(*self.doors)
        await asyncio.sleep(1.5)

    async def engine(self, name: str) -> Process:
        return await self.cluster.start(name, "--sessions-max", str(PLACES[name]), "--sessions-drain-s", "30")

    async def create(self, door: int = 0) -> tuple[int, dict[str, Any], float]:
        began = time.monotonic()
        url = f"{self.doors[door].base}/v1/sessions"
        async with self.cluster.http.post(url, json={"tutor_id": 1, "student_id": 2}) as answer:
            return answer.status, await answer.json(), time.monotonic() - began

    async def delete(self, session: dict[str, Any]) -> None:
        async with self.cluster.http.delete(f"{self.doors[0].base}/v1/sessions/{session['session_id']}") as answer:
            assert answer.status == 204

    async def student(self) -> Student:
        async with asyncio.timeout(60):
            while True:
                status, session, _ = await self.create()
                if status == 200:
                    break
                await asyncio.sleep(0.1)
        student = Student(self.cluster, session)
        await student.connect()
        return student


@pytest_asyncio.fixture(scope="module", loop_scope="module")
async def stage(tmp_path_factory: pytest.TempPathFactory) -> AsyncIterator[Stage]:
    model = ScriptedModel()
    async with real_cluster(tmp_path_factory.mktemp("cluster"), model) as cluster:
        stage = Stage(cluster, model)
        await stage.begin()
        yield stage


@pytest.fixture(autouse=True)
def no_leaked_threads_or_sockets() -> None:
    """The cluster outlives the tests of this file."""


@pytest.fixture(autouse=True)
def no_leaked_tasks() -> None:
    """The same."""


def percentile(values: list[float], share: float) -> float:
    return sorted(values)[min(len(values) - 1, round(share * len(values)))]


@pytest.mark.asyncio(loop_scope="module")
async def test_twenty_four_places_are_filled_exactly(stage: Stage) -> None:
    async def one(index: int) -> tuple[int, dict[str, Any], float]:
        await asyncio.sleep(index / 20)
        return await stage.create(index % 2)

    got = await asyncio.gather(*(one(index) for index in range(24)))
    times = [seconds for _, _, seconds in got]
    print(f"\n24 creations at 20/s: p50 {statistics.median(times):.3f} s, p95 {percentile(times, 0.95):.3f} s")
    status, _, _ = await stage.create()
    for _, session, _ in got:
        if "session_id" in session:
            await stage.delete(session)
    assert [each[0] for each in got] == [200] * 24 and status == 503


@pytest.mark.asyncio(loop_scope="module")
async def test_killed_in_the_middle_of_an_answer_again_and_again(stage: Stage) -> None:
    student, times, number = await stage.student(), [], 0
    for round_ in range(KILLS):
        stage.model.word_s = 0.2
        await student.say(f"Question {round_}?")
        await student.until("text_delta")
        killed = stage.cluster.owner(student.session)
        await killed.end()
        began = time.monotonic()
        stage.model.word_s = 0.02
        with contextlib.suppress(ConnectionError):
            await student.until("never")
        ready = await student.resume()
        await student.until("text_delta")
        times.append(time.monotonic() - began)
        assert ready["resumed"]["answering"] and ready["resumed"]["turn"] > number
        number = (await student.until("turn_done"))["turn"]
        asked = [m["content"] for m in stage.model.prompts[-1] if m["role"] == "user"]
        assert [sum(each.endswith(f"Question {n}?") for each in asked) for n in range(round_ + 1)] == [1] * (round_ + 1)
        again = await stage.engine(killed.name)
        await stage.cluster.ready(again)
        await asyncio.sleep(1.5)
    print(
        f"\nkilled {KILLS} times: first words of the answer on the next engine after {[round(t, 2) for t in times]} s"
    )
    await student.close()
    await stage.delete(student.session)
    assert max(times) <= 30


@pytest.mark.asyncio(loop_scope="module")
async def test_a_rolling_restart_of_all_engines_with_six_students_talking(stage: Stage) -> None:
    students = [await stage.student() for _ in range(6)]
    turns, stop = [0] * 6, asyncio.Event()

    async def talk(index: int) -> None:
        last = 0
        while not stop.is_set():
            await students[index].say(f"Question {turns[index]}?")
            number = (await students[index].until("turn_done"))["turn"]
            assert number == last + 1, "numbers rise by one"
            last, turns[index] = number, turns[index] + 1
            await asyncio.sleep(0.5)
        with contextlib.suppress(TimeoutError):  # a move that came while it was silent
            async with asyncio.timeout(0.5):
                await students[index].until("never")

    async def restart() -> None:
        for name in PLACES:
            old = next(p for p in reversed(stage.cluster.processes) if p.name == name)
            assert await old.end(signal.SIGTERM) == 0
            await stage.cluster.ready(await stage.engine(name))
            await asyncio.sleep(1.5)
        stop.set()

    async with asyncio.TaskGroup() as group:
        for index in range(6):
            group.create_task(talk(index))
        group.create_task(restart())
    moved = sum(student.moved for student in students)
    print(f"\nrolling restart of 3 engines: {sum(turns)} turns, 0 failed, {moved} moves")
    for student in students:
        await student.close()
        await stage.delete(student.session)
    assert moved >= 6


@pytest.mark.asyncio(loop_scope="module")
async def test_talk_goes_on_while_servers_of_nats_are_gone(stage: Stage) -> None:
    nats, student = stage.cluster.nats, await stage.student()

    async def turn(text: str) -> int:
        await student.say(text)
        return int((await student.until("turn_done"))["turn"])

    first = await turn("Before?")
    longest = 0.0
    for index in range(3):  # one of them leads
        await nats.stop(index)
        began = time.monotonic()
        assert await turn(f"Without server {index}?") == first + index + 1
        async with asyncio.timeout(60):
            while True:
                status, session, _ = await stage.create()
                if status == 200:
                    break
                assert status == 503
                await asyncio.sleep(0.1)
        longest = max(longest, time.monotonic() - began)
        await stage.delete(session)
        await nats.start(index)
        await asyncio.sleep(3)
    print(f"\none server of NATS killed after the other: creations back after {longest:.1f} s at most")
    for index in range(3):
        await nats.stop(index)
    for number in range(3):
        assert await turn(f"Without any {number}?") == first + 4 + number
    await asyncio.sleep(10)
    assert (await stage.create())[0] == 503
    await asyncio.gather(*(nats.start(index) for index in range(3)))
    async with asyncio.timeout(90):
        while (created := await stage.create())[0] != 200:  # noqa: ASYNC110
            await asyncio.sleep(0.2)
    await stage.delete(created[1])
    await asyncio.sleep(3)
    await stage.cluster.owner(student.session).end()
    ready = await student.resume()
    assert ready["resumed"] == {"turn": first + 6, "answering": False}, "what was said meanwhile is there"
    await student.close()


@pytest.mark.asyncio(loop_scope="module")
async def test_many_engines_and_many_saves(stage: Stage) -> None:
    settings, seconds = ClusterSettings(servers=stage.cluster.nats.urls, key=KEY), 20
    door = psutil.Process(stage.doors[0].process.pid)
    async with open_jetstream(settings, 600) as directory:
        times: list[float] = []
        down = 0

        async def save(key: str) -> None:
            nonlocal down
            revision = await directory.create(key, b"x" * 3400)
            ends = time.monotonic() + seconds
            while time.monotonic() < ends:
                began = time.monotonic()
                try:
                    revision = await directory.save(key, b"x" * 3400, revision)
                    times.append(time.monotonic() - began)
                except DirectoryDown:
                    down += 1
                await asyncio.sleep(max(0.0, began + 0.1 - time.monotonic()))

        async def beat(index: int) -> None:
            report = NodeReport(f"sim{index}", "b", "http://127.0.0.1:1", "ready", 0, 40, "1")
            await asyncio.sleep(index / 250)
            for _ in range(seconds):
                await directory.publish(f"node.sim{index}", report.to_json())
                await asyncio.sleep(1)

        before = sum(door.cpu_times()[:2])
        keys = [f"load-{index}" for index in range(90)]
        await asyncio.gather(*(save(key) for key in keys), *(beat(index) for index in range(250)))
        used = (sum(door.cpu_times()[:2]) - before) / seconds
        for key in keys:
            await directory.forget(key)
    rate, p50, p95 = len(times) / seconds, statistics.median(times) * 1000, percentile(times, 0.95) * 1000
    print(f"\n{rate:.0f} saves/s: p50 {p50:.1f} ms, p95 {p95:.1f} ms")
    print(f"250 engines' reports: {used * 100:.1f} % of a core in a door; {down} writes failed")
    assert down == 0
