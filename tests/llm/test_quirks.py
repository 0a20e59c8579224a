"""Endpoints as they are: the right answer behind every quirk, or the reason in the log; and the next question works."""

from __future__ import annotations

import asyncio
import gzip
import json
from typing import Any

import pytest
import structlog.testing

from engine.contracts import CutShort, Message, TokenCount
from engine.llm.client import OpenAIChat
from engine.llm.exchange import ReplyLimits
from tests.llm.misbehaving_llm import END, STREAM_HEAD, Behaviour, MisbehavingServer, answers, event
from tests.llm.quirk_server import ANSWERED, FAILING, SAID, chunk, refusal, spoken, stream, words
from tests.llm.test_llm import answer, chat_with, failure

GOOD = stream(spoken(*words()))
DIALOGUE: list[Message] = [
    {"role": "system", "content": "Be kind."},
    {"role": "assistant", "content": "Hi!"},
    {"role": "user", "content": "one"},
    {"role": "user", "content": "two"},
]


def sent(server: MisbehavingServer) -> list[dict[str, Any]]:
    return [json.loads(request.split(b"\r\n\r\n", 1)[1]) for request in server.requests]


async def ask(chat: OpenAIChat, messages: list[Message] = DIALOGUE) -> str:
    return "".join([text async for text in chat.reply(messages)])


@pytest.mark.parametrize("quirk", ANSWERED)
async def test_the_answer_behind_a_quirk(quirk: str) -> None:
    async with chat_with(ANSWERED[quirk], GOOD) as (chat, server):
        assert await answer(chat) == SAID
        assert len(server.requests) == 1, "it took a second attempt"
        assert await answer(chat) == SAID


@pytest.mark.parametrize("quirk", FAILING)
async def test_a_failure_names_its_cause_and_the_next_question_is_answered(quirk: str) -> None:
    behaviour, reason = FAILING[quirk]
    async with chat_with(behaviour, behaviour, GOOD) as (chat, server):
        with structlog.testing.capture_logs() as log:
            await failure(chat)
        told = [entry for entry in log if entry["log_level"] == "warning" and reason in str(entry.get("reason"))]
        assert told, log
        server.script[:] = [GOOD]
        assert await answer(chat) == SAID


async def test_an_emoji_in_two_halves_is_one() -> None:
    async with chat_with(stream(spoken("Well done ", "\ud83d", "\ude00", "!"))) as (chat, _):
        assert await answer(chat) == "Well done 😀!"


async def test_a_compressed_answer_is_read() -> None:
    body = gzip.compress(b"".join(f"data: {json.dumps(event)}\n\n".encode() for event in spoken(*words())))
    zipped = answers(200, body, head="Content-Encoding: gzip\r\n", kind="text/event-stream")
    async with chat_with(zipped) as (chat, _):
        assert await answer(chat) == SAID


async def test_an_answer_at_its_length_limit_says_so() -> None:
    async with chat_with(stream([chunk(content="Leaves drink"), chunk("length")])) as (chat, _):
        deltas = [delta async for delta in chat.reply(DIALOGUE)]
        assert deltas == ["Leaves drink", "…"] and isinstance(deltas[-1], CutShort)


OPENAI = [{"choices": [], "usage": {"prompt_tokens": 210, "completion_tokens": 9, "total_tokens": 219}}]
OLLAMA = [{"message": {"content": ""}, "done": True, "prompt_eval_count": 210, "eval_count": 9}]


@pytest.mark.parametrize("told", [OPENAI, OLLAMA])
async def test_the_tokens_that_the_endpoint_counted_come_after_the_text(told: list[dict[str, Any]]) -> None:
    async with chat_with(stream([*spoken(*words()), *told])) as (chat, server):
        *text, count = [delta async for delta in chat.reply(DIALOGUE)]
        assert "".join(text) == SAID and isinstance(count, TokenCount)
        assert (count, count.prompt, count.completion) == ("", 210, 9)
        assert sent(server)[0]["stream_options"] == {"include_usage": True}


async def test_numbers_that_cannot_be_tokens_are_not_taken_for_them() -> None:
    for wrong in ({"prompt_tokens": "12", "completion_tokens": 1}, {"prompt_tokens": -1, "completion_tokens": 1}, [3]):
        async with chat_with(stream([*spoken(*words()), {"choices": [], "usage": wrong}])) as (chat, _):
            assert not [d async for d in chat.reply(DIALOGUE) if isinstance(d, TokenCount)]


@pytest.mark.parametrize(
    ("reason", "status", "taken"),
    [
        (
            "Unsupported parameter: 'max_tokens'. Use 'max_completion_tokens' instead.",
            400,
            {"max_completion_tokens": 8},
        ),
        ("Unsupported value: 'temperature' does not support 0.3 with this model.", 400, {"temperature": None}),
        ("body.chat_template_kwargs: Extra inputs are not permitted", 422, {"chat_template_kwargs": None}),
        ("'none' is not a valid reasoning_effort; supported values are: low, high", 400, {"reasoning_effort": "low"}),
        ("Something about this request is odd", 400, {"temperature": None, "reasoning_effort": None}),
    ],
)
async def test_a_refused_field_is_left_out_from_then_on(reason: str, status: int, taken: dict[str, Any]) -> None:
    async with chat_with(refusal(reason, status), GOOD) as (chat, server):
        with structlog.testing.capture_logs() as log:
            assert await answer(chat) == SAID
        assert any(entry.get("reason") == reason for entry in log)
        assert await answer(chat) == SAID
        bodies = sent(server)
        assert len(bodies) == 3, "it is refused once"
        for body in bodies[1:]:
            assert {name: body.get(name) for name in taken} == taken


@pytest.mark.parametrize(
    ("reason", "status", "roles"),
    [
        ("Conversation roles must alternate user/assistant/user/assistant/...", 400, "suau"),
        ("Expected last role User or Tool (or Assistant with prefix True) but got assistant", 400, "suau"),
        ("Jinja Exception: After the optional system message, roles must alternate", 500, "suau"),
        ("System role not supported", 400, "uau"),
    ],
)
async def test_refused_roles_are_put_right(reason: str, status: int, roles: str) -> None:
    async with chat_with(refusal(reason, status), GOOD) as (chat, server):
        assert await ask(chat) == SAID
        messages = sent(server)[1]["messages"]
        if "System" in reason:
            assert "system" not in [m["role"] for m in messages] and "Be kind." in str(messages)
        else:
            assert "".join(m["role"][0] for m in messages) == roles
            assert messages[-1]["content"] == "one\n\ntwo"


async def test_a_prompt_that_is_too_long_loses_its_beginning() -> None:
    history: list[Message] = [{"role": "user", "content": str(n)} for n in range(8)]
    too_long = refusal("This model's maximum context length is 2048 tokens. However, you requested 2301 tokens")
    async with chat_with(too_long, GOOD) as (chat, server):
        assert await ask(chat, history) == SAID
        assert [m["content"] for m in sent(server)[1]["messages"]] == ["4", "5", "6", "7"]


async def test_a_message_that_is_too_long_is_named_and_the_next_is_answered() -> None:
    async with chat_with(refusal("the request exceeds the available context size"), GOOD) as (chat, _):
        assert "fewer words" in (await failure(chat)).message
        assert await answer(chat) == SAID


async def test_the_log_does_not_quote_the_student() -> None:
    asked: list[Message] = [{"role": "user", "content": "my name is Anna Berg and I live in Bonn"}]
    quoting = refusal("Invalid prompt: my name is Anna Berg and I live in Bonn. See the manual.")
    async with chat_with(quoting) as (chat, _):
        with structlog.testing.capture_logs() as log, pytest.raises(Exception, match="rejects"):
            await ask(chat, asked)
        assert "Anna" not in str(log) and "See the manual" in str(log)


async def test_thinking_gives_the_answer_more_tokens_from_then_on() -> None:
    async with chat_with(FAILING["only thinking"][0], GOOD) as (chat, server):
        assert await answer(chat) == SAID, "the second attempt may think longer"
        first, second = (body["max_tokens"] for body in sent(server))
        assert second > first == 8


async def test_thinking_outlasts_the_first_token_but_not_its_own_limit() -> None:
    def thinks(times: int) -> Behaviour:
        async def behave(writer: Any) -> None:
            writer.write(STREAM_HEAD)
            for _ in range(times):
                writer.write(event(json.dumps(chunk(content=None, reasoning_content="hm"))))
                await asyncio.sleep(0.05)
            writer.write(event(json.dumps(chunk(content=SAID))) + END)

        return behave

    limits = ReplyLimits(first_token_s=0.8, token_s=0.8, thinking_s=2.0)
    async with chat_with(thinks(20), thinks(100), limits=limits) as (chat, _):
        assert await answer(chat) == SAID
        assert "slow" in (await failure(chat)).message
