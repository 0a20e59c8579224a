"""The language model's client against a server that misbehaves in every way we know."""

from __future__ import annotations

import asyncio
import json
import tracemalloc
from collections.abc import AsyncIterator, Iterator
from contextlib import aclosing, asynccontextmanager, contextmanager
from dataclasses import replace

import pytest

from engine.concurrency.breaker import CircuitBreaker
from engine.contracts import Message
from engine.errors import LanguageModelFailed
from engine.llm.client import OpenAIChat
from engine.llm.endpoint import Endpoint, FixedEndpoint
from engine.llm.exchange import ReplyLimits
from tests.llm.misbehaving_llm import (
    END,
    FLOODS,
    STREAM_HEAD,
    Behaviour,
    MisbehavingServer,
    answers,
    compressed,
    delta,
    event,
    hangs,
    says,
    sends,
    speaks_tls,
    talks_for_ever,
)

ASK: list[Message] = [{"role": "user", "content": "hi"}]
PATIENT = ReplyLimits(
    connect_s=10, first_token_s=20, token_s=20, retry_pause_s=0.01, longest_retry_after_s=0.2, max_tokens=8
)
"""Waits as long as a loaded machine may take, for everything that should happen."""

QUICK = replace(PATIENT, first_token_s=0.8, token_s=0.3)
"""For what should not."""

SOON = 20.0
"""Seconds in which a thing that should happen has happened, however loaded the machine."""


@asynccontextmanager
async def chat_with(
    *script: Behaviour, limits: ReplyLimits = PATIENT
) -> AsyncIterator[tuple[OpenAIChat, MisbehavingServer]]:
    async with MisbehavingServer(*script) as server:
        chat = OpenAIChat(server, "m", limits)
        try:
            yield chat, server
        finally:
            await chat.close()


async def answer(chat: OpenAIChat) -> str:
    return "".join([text async for text in chat.reply(ASK)])


async def failure(chat: OpenAIChat) -> LanguageModelFailed:
    with pytest.raises(LanguageModelFailed) as caught:
        await answer(chat)
    return caught.value


async def test_streams_and_asks_as_told() -> None:
    async with chat_with(says("Hel", "lo")) as (chat, server):
        assert await answer(chat) == "Hello"
        head, body = server.requests[0].split(b"\r\n\r\n", 1)
        assert b"Bearer key" in head
        sent = json.loads(body)
        assert sent["stream"] is True and sent["max_tokens"] == 8 and sent["messages"] == ASK


async def test_a_reply_may_name_its_own_temperature() -> None:
    async with chat_with(says("Hello"), says("Hello")) as (chat, server):
        await answer(chat)
        assert [delta async for delta in chat.reply(ASK, temperature=0.0)] == ["Hello"]
        sent = [json.loads(request.split(b"\r\n\r\n", 1)[1])["temperature"] for request in server.requests]
        assert sent == [chat.temperature, 0.0]


async def test_deltas_arrive_while_they_are_made() -> None:
    heard = asyncio.Event()

    async def waits_to_be_heard(writer: asyncio.StreamWriter) -> None:
        writer.write(STREAM_HEAD + delta("one"))
        await heard.wait()
        writer.write(delta(" two") + END)

    async with chat_with(waits_to_be_heard) as (chat, _):
        deltas = []
        async for text in chat.reply(ASK):
            deltas.append(text)
            heard.set()
        assert deltas == ["one", " two"]


@pytest.mark.parametrize("trouble", [answers(500), answers(503), sends(), answers(200, b"<html>", kind="text/html")])
async def test_one_retry_before_the_first_token(trouble: Behaviour) -> None:
    async with chat_with(trouble, says("ok")) as (chat, server):
        assert await answer(chat) == "ok"
        assert len(server.requests) == 2
    async with chat_with(trouble) as (chat, server):
        await failure(chat)
        assert len(server.requests) == 2


async def test_no_retry_after_the_first_token() -> None:
    async with chat_with(sends(delta("half")), says("never")) as (chat, server):
        deltas = chat.reply(ASK)
        assert await anext(deltas) == "half"
        with pytest.raises(LanguageModelFailed):
            await anext(deltas)
        assert len(server.requests) == 1


@pytest.mark.parametrize("status", [401, 403, 404, 405])
async def test_no_retry_for_our_own_fault(status: int) -> None:
    async with chat_with(answers(status, b'{"error":{"message":"secret words"}}')) as (chat, server):
        error = await failure(chat)
        assert len(server.requests) == 1 and "secret" not in error.message
        assert not chat.breaker.open


async def test_a_short_retry_after_is_waited_for_and_a_long_one_is_passed_on() -> None:
    async with chat_with(answers(429, head="Retry-After: 0.1\r\n"), says("ok")) as (chat, _):
        began = asyncio.get_running_loop().time()
        assert await answer(chat) == "ok"
        assert asyncio.get_running_loop().time() - began >= 0.1
    async with chat_with(answers(429, head="Retry-After: 30\r\n")) as (chat, server):
        error = await failure(chat)
        assert error.retry_after_s == 30 and len(server.requests) == 1


@pytest.mark.parametrize("behaviour", [hangs, sends(then_hang=True), sends(delta(""), then_hang=True)])
async def test_first_token_limit(behaviour: Behaviour) -> None:
    async with chat_with(behaviour, limits=QUICK) as (chat, server):
        assert "slow" in (await failure(chat)).message
        await asyncio.wait_for(server.hung_up.wait(), SOON)


async def test_limit_between_tokens() -> None:
    limits = replace(PATIENT, token_s=0.3)
    async with chat_with(sends(delta("one"), then_hang=True), limits=limits) as (chat, _):
        assert "slow" in (await failure(chat)).message


async def test_nobody_listens() -> None:
    chat = OpenAIChat(FixedEndpoint(Endpoint("http://127.0.0.1:1/v1", "k")), "m", PATIENT)
    assert "reached" in (await failure(chat)).message
    await chat.close()


@pytest.mark.parametrize(
    "rubbish",
    [
        sends(event("{not json"), END),
        sends(event('{"error":{"message":"secret words"}}'), END),
        sends(event("[1, 2]"), END),
        sends(event('"text"'), END),
        sends(event('{"choices": "none"}'), END),
        sends(event('{"choices": [{"delta": {"content": 7}}]}'), END),
        sends(event('{"choices": [null]}'), END),
        sends(b"5\r\n\xff\xfe\x00\x01\x02\r\n", END),
        speaks_tls,
        answers(200, b"garbage", kind="text/event-stream"),
    ],
)
async def test_rubbish_is_an_error_and_the_next_turn_works(rubbish: Behaviour) -> None:
    async with chat_with(rubbish, rubbish, says("fine")) as (chat, _):
        assert "secret" not in (await failure(chat)).message
        assert await answer(chat) == "fine"


async def test_a_server_that_never_stops_is_stopped() -> None:
    async with chat_with(talks_for_ever) as (chat, server):
        tracemalloc.start()
        try:
            assert len(await answer(chat)) < 40 * 8 + 300
            assert tracemalloc.get_traced_memory()[1] < 20_000_000
        finally:
            tracemalloc.stop()
        await asyncio.wait_for(server.hung_up.wait(), SOON)


@contextmanager
def little_memory() -> Iterator[None]:
    """Fails when more than 8 MB were allocated at a time."""
    tracemalloc.start()
    try:
        yield
        assert tracemalloc.get_traced_memory()[1] < 8_000_000
    finally:
        tracemalloc.stop()


@pytest.mark.parametrize("where", FLOODS)
async def test_an_answer_without_end_is_cut_off_and_not_kept(where: str) -> None:
    async with chat_with(FLOODS[where]) as (chat, server):
        with little_memory():
            await failure(chat)
        await asyncio.wait_for(server.hung_up.wait(), SOON)


async def test_a_compressed_answer_is_not_unpacked() -> None:
    async with chat_with(compressed(megabytes=60)) as (chat, _):
        with little_memory():
            await failure(chat)


@pytest.mark.parametrize("status", [301, 302, 303, 307, 308])
async def test_a_redirect_is_not_followed(status: int) -> None:
    async with MisbehavingServer(says("stolen")) as elsewhere:
        away = (await elsewhere.endpoint()).base_url + "/chat/completions"
        async with chat_with(answers(status, head=f"Location: {away}\r\n")) as (chat, server):
            await failure(chat)
            assert len(server.requests) == 1 and not elsewhere.requests


async def test_a_server_without_tls_where_tls_is_expected() -> None:
    async def greet(_: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        writer.write(b"220 mail.example.org\r\n")
        writer.close()

    async with await asyncio.start_server(greet, "127.0.0.1", 0) as server:
        at = f"https://127.0.0.1:{server.sockets[0].getsockname()[1]}/v1"
        chat = OpenAIChat(FixedEndpoint(Endpoint(at, "k")), "m", QUICK)
        await failure(chat)
        await chat.close()


async def test_closing_the_iterator_closes_the_request() -> None:
    async with chat_with(talks_for_ever) as (chat, server):
        async with aclosing(chat.reply(ASK)) as deltas:
            async for _ in deltas:
                break
        await asyncio.wait_for(server.hung_up.wait(), SOON)


async def test_cancelling_the_reader_closes_the_request() -> None:
    async with chat_with(hangs) as (chat, server):
        task = asyncio.create_task(answer(chat))
        await asyncio.wait_for(server.asked.wait(), SOON)
        task.cancel()
        with pytest.raises(asyncio.CancelledError):
            await task
        await asyncio.wait_for(server.hung_up.wait(), SOON)


async def test_breaker_stops_asking_a_dead_server() -> None:
    async with chat_with(answers(500)) as (chat, server):
        chat.breaker = CircuitBreaker(threshold=2, pause_s=60)
        for _ in range(2):
            await failure(chat)
        asked = len(server.requests)
        error = await failure(chat)
        assert error.retry_after_s is not None and len(server.requests) == asked


async def test_prefill_never_fails() -> None:
    async with chat_with(answers(500)) as (chat, server):
        await chat.prefill(ASK)
        assert server.requests
