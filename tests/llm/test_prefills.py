"""Prompts read ahead give way to replies, and a reply waits for what it goes on from."""

from __future__ import annotations

import asyncio

from engine.contracts import Message
from engine.llm.prefills import Prefill, Prefills
from tests.virtual_time import run_virtual

HEAD: tuple[Message, ...] = ({"role": "system", "content": "s"}, {"role": "user", "content": "before"})
QUESTION: Message = {"role": "user", "content": "why?"}


async def read(prefills: Prefills, log: list[str], name: str, head: tuple[Message, ...], takes_s: float = 1.0) -> None:
    prefill = Prefill(head)
    try:
        if await prefills.may_read(prefill):
            log.append(f"{name} begins")
            await asyncio.sleep(takes_s)
            log.append(f"{name} ends")
    finally:
        prefills.over(prefill)


async def reply(prefills: Prefills, log: list[str], head: tuple[Message, ...], takes_s: float = 1.0) -> None:
    with prefills.replying():
        await prefills.settled([*head, QUESTION], limit_s=5)
        log.append("reply begins")
        await asyncio.sleep(takes_s)
        log.append("reply ends")


def test_a_reply_waits_for_its_own_prompt_only() -> None:
    async def main() -> list[str]:
        prefills, log = Prefills(), list[str]()
        async with asyncio.TaskGroup() as group:
            group.create_task(read(prefills, log, "own", HEAD))
            await asyncio.sleep(0.5)
            group.create_task(reply(prefills, log, HEAD[:1]))
            group.create_task(reply(prefills, log, HEAD))
        return log

    log = run_virtual(main())
    assert log[:2] == ["own begins", "reply begins"], "another dialogue's prompt is not waited for"
    assert log[2:4] in (["own ends", "reply begins"], ["reply begins", "own ends"])
    assert log.index("own ends") < [i for i, what in enumerate(log) if what == "reply begins"][1]


def test_prompts_are_read_one_by_one_while_nobody_is_answered() -> None:
    async def main() -> list[str]:
        prefills, log = Prefills(), list[str]()
        async with asyncio.TaskGroup() as group:
            group.create_task(reply(prefills, log, HEAD[:1]))
            await asyncio.sleep(0)
            group.create_task(read(prefills, log, "a", HEAD))
            group.create_task(read(prefills, log, "b", HEAD[1:]))
        assert prefills.read == 2
        return log

    assert run_virtual(main()) == ["reply begins", "reply ends", "a begins", "a ends", "b begins", "b ends"]


def test_a_prompt_that_waits_is_dropped_by_its_question() -> None:
    async def main() -> list[str]:
        prefills, log = Prefills(), list[str]()
        async with asyncio.TaskGroup() as group:
            group.create_task(reply(prefills, log, HEAD[:1]))
            await asyncio.sleep(0)
            group.create_task(read(prefills, log, "late", HEAD))
            await asyncio.sleep(0.5)
            group.create_task(reply(prefills, log, HEAD))
        assert prefills.read == 0
        return log

    assert "late begins" not in run_virtual(main())


def test_a_cancelled_reading_holds_nobody_up() -> None:
    async def main() -> list[str]:
        prefills, log = Prefills(), list[str]()
        reading = asyncio.create_task(read(prefills, log, "own", HEAD, takes_s=100))
        await asyncio.sleep(0.1)
        async with asyncio.TaskGroup() as group:
            group.create_task(reply(prefills, log, HEAD))
            await asyncio.sleep(0.1)
            reading.cancel()
        return log

    assert run_virtual(main()) == ["own begins", "reply begins", "reply ends"]


def test_a_reply_that_has_its_first_words_lets_others_read() -> None:
    async def main() -> list[str]:
        prefills, log = Prefills(), list[str]()
        async with asyncio.TaskGroup() as group:
            with prefills.replying() as urgency:
                group.create_task(read(prefills, log, "a", HEAD))
                await asyncio.sleep(1)
                log.append("first words")
                urgency.given("words, " * 20)
                await asyncio.sleep(5)
                log.append("reply ends")
        return log

    assert run_virtual(main()) == ["first words", "a begins", "a ends", "reply ends"]
