"""An endpoint is checked at the start, and again while it does not work."""

from __future__ import annotations

import asyncio

import structlog.testing

from engine.llm.check import watching
from engine.llm.client import OpenAIChat
from engine.llm.endpoint import Endpoint, FixedEndpoint
from tests.llm.quirk_server import refusal, spoken, stream, words
from tests.llm.test_llm import SOON, answer, chat_with

GOOD = stream(spoken(*words()))


async def test_a_wrong_model_is_named_at_the_start_and_forgotten_when_it_works() -> None:
    async with chat_with(refusal("model 'm' not found", 404)) as (chat, server):
        with structlog.testing.capture_logs() as log:
            async with watching(chat, SOON):
                assert chat.trouble is not None and "llm.model" in chat.trouble
                server.script[:] = [GOOD]
                await answer(chat)
                assert chat.trouble is None
        refused = next(entry for entry in log if entry["event"] == "llm_refused")
        assert "not found" in refused["reason"] and refused["setting"] == "llm.model"


async def test_a_dead_address_is_named() -> None:
    chat = OpenAIChat(FixedEndpoint(Endpoint("http://127.0.0.1:1/v1", "k")), "m")
    async with watching(chat, SOON):
        assert chat.trouble is not None and "llm.base_url" in chat.trouble
    await chat.close()


async def test_a_refusal_is_learned_before_the_first_student() -> None:
    async with chat_with(refusal("roles must alternate"), GOOD) as (chat, server):
        async with watching(chat, SOON):
            assert chat.trouble is None and chat.dialect.alternating
        asked = len(server.requests)
        await answer(chat)
        assert len(server.requests) == asked + 1


async def test_a_slow_check_does_not_hold_up_the_start() -> None:
    async def hangs(_: asyncio.StreamWriter) -> None:
        await asyncio.Event().wait()

    async with chat_with(hangs) as (chat, _):
        loop = asyncio.get_running_loop()
        began = loop.time()
        async with watching(chat, 0.1):
            assert loop.time() - began < SOON / 2
