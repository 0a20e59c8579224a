"""The embedded model in its child process: answers, is restarted, and never outlives the engine."""

from __future__ import annotations

import asyncio
import contextlib
import os
import signal
import subprocess
import sys
import textwrap
import time
from pathlib import Path

import aiohttp
import psutil
import pytest

from engine.contracts import Message
from engine.errors import LanguageModelFailed
from engine.llm.client import OpenAIChat
from engine.llm.embedded import EmbeddedModel, EmbeddedServer
from engine.llm.exchange import ReplyLimits
from engine.llm.factory import SMALL_MODEL_SAMPLING, language_model
from engine.llm.slots import SlotTable
from engine.llm.steps import Steps
from engine.models.catalog import locate
from engine.models.gguf import faster_prompts
from engine.settings import Settings
from engine.text.tokens import estimate_tokens
from tests.slow_child import first_of

ROOT = Path(__file__).parents[2]
ASK: list[Message] = [
    {"role": "system", "content": "Answer in one short sentence."},
    {"role": "user", "content": "What is the capital of France?"},
]
TELL: list[Message] = [{"role": "user", "content": "Write a long story about a river, from its spring to the sea."}]


@pytest.fixture(scope="module")
def model() -> EmbeddedModel:
    path = faster_prompts(locate("smollm2-135m"), Settings().cache_dir)
    return EmbeddedModel(path, threads=1, context=512)


async def test_answers_and_survives_the_death_of_its_child(model: EmbeddedModel) -> None:
    async with EmbeddedServer(model) as server:
        chat = OpenAIChat(server, "m", ReplyLimits(max_tokens=24, first_token_s=60, token_s=30))
        assert "Paris" in "".join([text async for text in chat.reply(ASK)])
        first = server.pid
        assert first is not None
        child = psutil.Process(first)
        child.suspend()
        reply = chat.reply(TELL, max_tokens=200)
        await first_of(asyncio.create_task(anext(reply)), child)
        child.kill()
        with pytest.raises(LanguageModelFailed):
            async for _ in reply:
                pass
        assert [text async for text in chat.reply(ASK)], "the next turn works"
        second = server.pid
        assert second not in (None, first) and server.restarts == 1
        await chat.close()
    assert server.pid is None
    assert not psutil.pid_exists(second or 0)


async def test_what_was_read_ahead_is_not_read_again(model: EmbeddedModel) -> None:
    before: list[Message] = [*ASK, {"role": "assistant", "content": "Paris is the capital of France."}]
    asked = [*before, {"role": "user", "content": "And of Spain?"}]
    async with EmbeddedServer(model) as server, aiohttp.ClientSession() as http:
        chat = OpenAIChat(server, "m", ReplyLimits(first_token_s=60, token_s=30), extra_body=SMALL_MODEL_SAMPLING)
        await chat.prefill([*before, {"role": "user", "content": "Hello."}])
        assert chat.prefills.read == 1
        at = await server.endpoint()
        async with http.post(
            f"{at.base_url}/chat/completions",
            json={"messages": asked, "max_tokens": 1, **SMALL_MODEL_SAMPLING},
            headers={"Authorization": f"Bearer {at.api_key}"},
        ) as response:
            counts = (await response.json())["timings"]
        await chat.close()
    assert counts["prompt_n"] <= 12 < counts["cache_n"], "the question and what opens the answer are left"


async def test_key_is_needed(model: EmbeddedModel) -> None:
    async with EmbeddedServer(model) as server:
        at = await server.endpoint()
        host, port = at.base_url.removeprefix("http://").removesuffix("/v1").split(":")
        assert host == "127.0.0.1"
        reader, writer = await asyncio.open_connection(host, int(port))
        writer.write(b"POST /v1/chat/completions HTTP/1.0\r\nContent-Length: 2\r\n\r\n{}")
        assert b" 401 " in await reader.readline()
        writer.close()
        await writer.wait_closed()


async def test_a_hanging_child_is_replaced(model: EmbeddedModel) -> None:
    async with EmbeddedServer(model) as server:
        await server.suspect()
        first = server.pid
        assert server.restarts == 0 and first is not None, "a healthy child is left alone"
        os.kill(first, signal.SIGSTOP)
        stopped_by = time.monotonic() + 60
        while psutil.Process(first).status() != psutil.STATUS_STOPPED and time.monotonic() < stopped_by:
            time.sleep(0.01)  # noqa: ASYNC251 - the signal takes a moment, and a thread may still answer till then
        await server.suspect()
        await asyncio.wait_for(server.endpoint(), 60)
        assert server.pid not in (None, first)


async def test_a_child_that_is_killed_again_and_again_is_back_soon(model: EmbeddedModel) -> None:
    settings = Settings(llm={"max_tokens": 8})
    async with language_model(settings, model.path) as chat:
        server = chat.source
        assert isinstance(server, EmbeddedServer)
        until = time.monotonic() + 8
        while time.monotonic() < until:
            if server.pid is not None:
                with contextlib.suppress(ProcessLookupError):
                    os.kill(server.pid, signal.SIGKILL)
            with contextlib.suppress(LanguageModelFailed):
                await whole(chat)  # students go on asking meanwhile
            await asyncio.sleep(0.05)
        began = time.monotonic()
        while not await answered(chat):
            await asyncio.sleep(0.2)
            assert time.monotonic() - began < 10, "the engine waits for long after the model is back"


async def whole(chat: OpenAIChat) -> str:
    return "".join([text async for text in chat.reply(ASK)])


async def answered(chat: OpenAIChat) -> bool:
    try:
        return bool(await whole(chat))
    except LanguageModelFailed:
        return False


async def test_a_file_that_is_no_model(tmp_path: Path) -> None:
    bad = tmp_path / "bad.gguf"
    bad.write_bytes(b"GGUF" + bytes(1000))
    with pytest.raises(LanguageModelFailed, match=r"bad\.gguf"):
        async with EmbeddedServer(EmbeddedModel(bad)):
            pytest.fail("started")


def test_child_dies_with_a_killed_engine(model: EmbeddedModel) -> None:
    script = textwrap.dedent(f"""
        import asyncio, pathlib
        from engine.llm.embedded import EmbeddedModel, EmbeddedServer
        async def main():
            model = EmbeddedModel(pathlib.Path({str(model.path)!r}), threads=1, context=256)
            async with EmbeddedServer(model) as server:
                print(server.pid, flush=True)
                await asyncio.sleep(60)
        asyncio.run(main())
    """)
    engine = subprocess.Popen([sys.executable, "-c", script], stdout=subprocess.PIPE, text=True, cwd=ROOT)
    assert engine.stdout is not None
    pid = next(int(line) for line in engine.stdout if line.strip().isdigit())
    engine.send_signal(signal.SIGKILL)
    engine.wait(60)
    engine.stdout.close()
    deadline = time.monotonic() + 60
    while psutil.pid_exists(pid) and psutil.Process(pid).status() != "zombie" and time.monotonic() < deadline:
        time.sleep(0.02)
    assert not psutil.pid_exists(pid) or psutil.Process(pid).status() == "zombie"


@pytest.mark.parametrize(
    "text",
    [
        "😀" * 200,
        "👩‍🏫🏳️‍🌈" * 40,
        "?!?!" * 150,
        "पौधे सूर्य के प्रकाश से अपना भोजन बनाते हैं। " * 10,
        "Растения делают сахар из света. " * 10,
        "3.14159265358979 + 2718281828 = ?",
        "Plants make sugar from light, and they need water too. " * 10,
        "光合作用是植物制造食物的方式。" * 10,
        "النباتات تصنع السكر من الضوء. " * 10,
    ],
)
async def test_a_text_takes_no_more_tokens_than_estimated(model: EmbeddedModel, text: str) -> None:
    async with EmbeddedServer(model) as server, aiohttp.ClientSession() as http:
        at = await server.endpoint()
        url = f"{at.base_url.removesuffix('/v1')}/tokenize"
        async with http.post(url, json={"content": text}, headers={"Authorization": f"Bearer {at.api_key}"}) as answer:
            tokens = len((await answer.json())["tokens"])
    assert 0 < tokens <= estimate_tokens(text) <= 4 * tokens + 8


async def test_a_window_that_was_cut_is_moved_and_not_read_anew(model: EmbeddedModel) -> None:
    said: list[Message] = [{"role": "system", "content": "Be kind."}]
    for number in range(12):
        said.append({"role": "user", "content": f"Question {number}: what follows from {number * 7} for all of us?"})
        said.append({"role": "assistant", "content": f"From {number * 7} it follows that we count to {number * 11}."})
    last: Message = {"role": "user", "content": "And then?"}
    async with EmbeddedServer(model) as server, aiohttp.ClientSession() as http:
        at = await server.endpoint()
        table, read = SlotTable(model.slots), []
        for messages in ([*said, last], [said[0], *said[7:], last]):
            with table.using("dialogue") as where:
                async with http.post(
                    f"{at.base_url}/chat/completions",
                    json={"messages": messages, "max_tokens": 1, **SMALL_MODEL_SAMPLING, **where},
                    headers={"Authorization": f"Bearer {at.api_key}"},
                ) as response:
                    read.append((await response.json())["timings"]["prompt_n"])
    assert read[0] > 300 and read[1] <= 16, read


async def test_an_answer_in_steps_is_one_answer(model: EmbeddedModel) -> None:
    async with EmbeddedServer(model) as server:
        limits = ReplyLimits(first_token_s=60, token_s=30)
        whole, stepped = (
            OpenAIChat(server, "m", limits, 0.0, {"cache_prompt": True}, slots=SlotTable(model.slots), steps=steps)
            for steps in (None, Steps(first=8, later=4))
        )
        said = [
            "".join([text async for text in chat.reply(TELL, max_tokens=30, dialogue="d")]) for chat in (whole, stepped)
        ]
        await whole.close()
        await stepped.close()
    assert said[0] == said[1], "the same words as in one piece"
