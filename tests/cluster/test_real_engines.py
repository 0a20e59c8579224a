"""Real engines, doors and NATS servers: one is killed in the middle of an answer, another one drained.

``make test-cluster`` runs these with figures (``-s``).
"""

from __future__ import annotations

import asyncio
import signal
import time
from pathlib import Path

import pytest

from tests.cluster.real_cluster import RealCluster, ScriptedModel, Student, real_cluster


async def new_student(cluster: RealCluster, door: str) -> Student:
    async with cluster.http.post(f"{door}/v1/sessions", json={"tutor_id": 1, "student_id": 2}) as answer:
        assert answer.status == 200, await answer.text()
        student = Student(cluster, await answer.json())
    await student.connect()
    return student


async def test_a_lesson_outlives_its_engine_killed_or_drained(tmp_path: Path) -> None:
    model = ScriptedModel()
    async with real_cluster(tmp_path, model) as cluster:
        began = time.monotonic()
        door = await cluster.start("door", "--role", "door")
        engines = [await cluster.start(name) for name in "ab"]
        await cluster.ready(*engines)
        await cluster.ready(door)
        print(f"started in {time.monotonic() - began:.1f} s")
        student = await new_student(cluster, door.base)
        await student.say("What is a plant?")
        answer = (await student.until("text"))["content"]
        assert (await student.until("turn_done"))["turn"] == 1
        first = [model.prompts[-1][-1]["content"], answer]

        model.word_s = 0.3
        await student.say("And what is a leaf?")
        await student.until("text_delta")
        killed = cluster.owner(student.session)
        await killed.end(signal.SIGKILL)
        at = time.monotonic()
        with pytest.raises(ConnectionError):
            await student.until("turn_done")
        ready = await student.resume()
        print(f"killed in the middle of an answer: ready on the other engine after {time.monotonic() - at:.2f} s")
        assert ready["resumed"] == {"turn": 2, "answering": True}
        assert (await student.until("turn_done"))["turn"] == 3, "the open question was answered, unasked"
        assert model.prompts[-1][-1]["content"].endswith("And what is a leaf?")
        assert [m["content"] for m in model.prompts[-1][:-1]][-len(first) :] == first, "to the word"
        asked = [m["content"] for m in model.prompts[-1] if m["role"] == "user"]
        assert sum(content.endswith("And what is a leaf?") for content in asked) == 1

        model.word_s = 0.02
        again = await cluster.start(killed.name)
        await cluster.ready(again)
        await asyncio.sleep(2)
        leaving = cluster.owner(student.session)
        leaving.process.send_signal(signal.SIGTERM)
        moved = await student.until("moved")
        at = time.monotonic()
        student.session["engine_url"] = moved["engine_url"]
        ready = await student.connect()
        print(f"drained: ready on the next engine {time.monotonic() - at:.2f} s after moved")
        assert ready["resumed"] == {"turn": 3, "answering": False} and cluster.owner(student.session) is again
        assert await leaving.process.wait() == 0
        await student.say("Thank you, and a root?")
        assert (await student.until("turn_done"))["turn"] == 4
        await student.close()
