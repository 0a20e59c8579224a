"""An answer in steps: asked for as it is wanted, whole in the end, and alone in its own pace only when it must be."""

from __future__ import annotations

import asyncio
from typing import Any

import pytest

from engine.llm.steps import BEAT_S, PATIENT_S, StepCount, Steps
from tests.virtual_time import run_virtual

BODY: dict[str, Any] = {"messages": [{"role": "user", "content": "Why?"}], "max_tokens": 50, "seed": 1}


def test_each_step_goes_on_from_what_was_written_and_none_is_longer_than_the_rest() -> None:
    asked = list[dict[str, Any]]()

    async def main() -> None:
        count = StepCount(Steps(first=32, later=16), BODY, 50)
        while not asked or count.more():
            async with count.next() as body:
                asked.append(body)
                count.wrote(f"step {len(asked)}, ", 0.0)

    run_virtual(main())
    assert [body["max_tokens"] for body in asked] == [32, 16, 2]
    assert [len(body["messages"]) for body in asked] == [1, 2, 2]
    assert asked[2]["messages"][-1] == {"role": "assistant", "content": "step 1, step 2, "}
    assert all(body["seed"] == 1 for body in asked)


def test_an_answer_without_steps_is_asked_for_once() -> None:
    async def main() -> None:
        count = StepCount(None, BODY, 50)
        async with count.next() as body:
            assert body == BODY
            count.wrote("all", 0.0)
        assert not count.more()

    run_virtual(main())


@pytest.mark.parametrize(("not_ready_s", "goes_on_at"), [(0.0, 0.7), (PATIENT_S, BEAT_S)])
def test_only_a_reader_that_was_not_ready_waits_for_the_beat(not_ready_s: float, goes_on_at: float) -> None:
    async def main() -> float:
        loop = asyncio.get_running_loop()
        count = StepCount(Steps(ready=lambda: asyncio.sleep(not_ready_s)), BODY, 50)
        await asyncio.sleep(-loop.time() % BEAT_S)
        began = loop.time()
        await asyncio.sleep(0.7)
        await count.wanted()
        return loop.time() - began

    assert run_virtual(main()) == pytest.approx(goes_on_at)
