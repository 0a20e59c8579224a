"""An endpoint is checked at the start, and again while it does not work."""

from __future__ import annotations

import asyncio

import pytest
import structlog.testing

from engine.llm.check import watching
from engine.llm.client import OpenAIChat
from engine.llm.endpoint import Endpoint, FixedEndpoint
from tests.llm.misbehaving_llm import Behaviour, answers, speaks_tls
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


WRONG_SETTINGS: dict[str, tuple[Behaviour, str, str]] = {
    "a wrong path": (answers(404, b"404 page not found", kind="text/plain"), "llm_refused", "llm.base_url"),
    "a wrong path at FastAPI": (answers(404, b'{"detail": "Not Found"}'), "llm_refused", "llm.base_url"),
    "a web page": (answers(200, b"<html>Log in</html>", kind="text/html"), "llm_failed", "llm.base_url"),
    "a redirect": (answers(301, head="Location: https://new.test/v1\r\n"), "llm_refused", "llm.base_url"),
    "an unknown model": (refusal("The model `m` does not exist", 404), "llm_refused", "llm.model"),
    "Ollama without the model": (refusal("model 'm' not found, try pulling it first", 404), "llm_refused", "llm.model"),
    "a wrong key": (refusal("Incorrect API key provided", 401), "llm_refused", "llm.api_key"),
    "a key without rights": (refusal("Project has no access", 403), "llm_refused", "llm.api_key"),
    "a TLS port": (speaks_tls, "llm_failed", "llm.base_url"),
}
"""As docs/llm.md tells: what the server does, the event in the log, the setting it names."""


@pytest.mark.parametrize("wrong", WRONG_SETTINGS)
async def test_a_wrong_setting_is_told_in_the_log_and_to_the_operator(wrong: str) -> None:
    behaviour, event, setting = WRONG_SETTINGS[wrong]
    async with chat_with(behaviour) as (chat, server):
        with structlog.testing.capture_logs() as log:
            async with watching(chat, SOON):
                pass
        told = [entry for entry in log if entry["event"] == event and entry["log_level"] == "warning"]
        assert told and told[0]["reason"] and told[0]["setting"] == setting
        assert chat.trouble is not None and setting in chat.trouble
        server.script[:] = [GOOD]
        await answer(chat)
        assert chat.trouble is None


@pytest.mark.parametrize("behaviour", [refusal("out of memory", 500), stream(spoken("")), refusal("slow down", 429)])
async def test_an_endpoint_that_fails_is_not_ready_until_it_answers(
    behaviour: Behaviour, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("engine.llm.check.FIRST_PAUSE_S", 0.05)
    async with chat_with(behaviour) as (chat, server), watching(chat, SOON):
        assert chat.trouble is not None
        server.script[:] = [GOOD]
        for _ in range(500):
            if chat.trouble is None:
                break
            await asyncio.sleep(0.02)
        assert chat.trouble is None


async def test_a_name_nobody_knows_is_told() -> None:
    chat = OpenAIChat(FixedEndpoint(Endpoint("http://no-such-host.invalid/v1", "k")), "m")
    with structlog.testing.capture_logs() as log:
        async with watching(chat, SOON):
            assert chat.trouble is not None and "llm.base_url" in chat.trouble
    assert any(entry["event"] == "llm_failed" and entry["setting"] == "llm.base_url" for entry in log)
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
