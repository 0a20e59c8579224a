"""Replies are written at once as long as tokens come faster than they are spoken; those that have begun go first."""

from __future__ import annotations

import asyncio

import pytest

from engine.llm.gate import FAST_S, FEWEST, SLOW_S, StepGate, TokenPace
from tests.virtual_time import run_virtual


@pytest.mark.parametrize(("token_s", "limit"), [(FAST_S / 2, 8), (2 * SLOW_S, FEWEST)])
def test_the_number_follows_the_time_a_token_takes(token_s: float, limit: int) -> None:
    pace = TokenPace(8)
    for _ in range(200):
        pace.wrote(token_s, running=pace.limit)
    assert pace.limit == limit


def test_more_replies_are_let_in_only_when_all_that_may_be_written_are() -> None:
    pace = TokenPace(8)
    for _ in range(200):
        pace.wrote(2 * SLOW_S, running=8)
    for _ in range(200):
        pace.wrote(FAST_S / 2, running=FEWEST - 1)
    assert pace.limit == FEWEST
    for _ in range(200):
        pace.wrote(FAST_S / 2, running=pace.limit)
    assert pace.limit == 8


def test_a_server_of_one_slot_writes_one() -> None:
    pace = TokenPace(1)
    for _ in range(100):
        pace.wrote(SLOW_S * 2, running=1)
    assert pace.limit == 1


def test_replies_that_go_on_come_before_those_that_have_not_begun() -> None:
    async def main() -> list[str]:
        gate, log = StepGate(1), list[str]()

        async def step(name: str, *, first: bool) -> None:
            async with gate.writing(first=first):
                log.append(name)
                await asyncio.sleep(1)

        async with asyncio.TaskGroup() as group:
            for name, first in (("a", True), ("b", True), ("c", True), ("goes on", False)):
                task = group.create_task(step(name, first=first))
                await asyncio.sleep(0)
                if name == "b":
                    given_up = task
            await asyncio.sleep(0.5)
            given_up.cancel()
        return log

    gate_log = run_virtual(main())
    assert gate_log == ["a", "goes on", "c"]
