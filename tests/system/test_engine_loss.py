"""What a web tier has of a lesson whose engine is killed."""

from __future__ import annotations

import asyncio
import signal
from typing import Any

import aiohttp
import pytest
from aiohttp import web

from engine.protocol.lessons import LessonTranscript
from tests.serving import serving
from tests.system.engine_process import LIMIT_S, run_engine

ARGUMENTS = (
    "--port", "0", "--no-knowledge-starter",
    # No language model: what is asked is computed. Without its child and weights the engine starts in half the time.
    "--llm-base-url", "http://127.0.0.1:1/v1",
    # The webhook is told when sessions are looked after, which is four times in this.
    "--lessons-webhook-every-s", "0.1", "--sessions-detached-s", "2",
)  # fmt: skip


@pytest.fixture(autouse=True)
def no_leaked_threads_or_sockets() -> None:
    """No engine runs in this process, so the package's own check would start one in vain."""


async def test_the_web_tier_has_what_was_said_before_its_engine_was_killed() -> None:
    told: list[dict[str, Any]] = []
    whole = asyncio.Event()

    async def take(request: web.Request) -> web.Response:
        told.append(await request.json())
        entries = told[-1]["entries"]
        if len(entries) == 2 and entries[1]["ended"] == "done":
            whole.set()
        return web.Response()

    app = web.Application()
    app.router.add_post("/", take)
    async with serving(app) as url, run_engine(
        *ARGUMENTS, "--lessons-webhook-url", f"{url}/", "--lessons-webhook-secret", "s" * 32
    ) as engine:  # fmt: skip
        base = (await engine.logged("ready"))["page"].rstrip("/")
        async with aiohttp.ClientSession() as http:
            async with http.post(f"{base}/v1/sessions", json={"tutor_id": 1, "student_id": 5}) as reply:
                session = await reply.json()
            async with http.ws_connect(f"{session['engine_url']}?token={session['engine_token']}") as ws:
                await ws.send_json({"type": "text", "content": "What is 12 times 12?"})
                answer = await ws.receive_json(timeout=LIMIT_S)
                async with asyncio.timeout(LIMIT_S):
                    await whole.wait()
                engine.signal(signal.SIGKILL)
                await engine.ended()
    last = told[-1]
    assert last.pop("event") == "lesson_progress" and last.pop("id") and last.pop("at")
    transcript = LessonTranscript.model_validate(last)
    assert [entry.text for entry in transcript.entries] == ["What is 12 times 12?", answer["content"]]
    assert transcript.ended is None and transcript.student_id == 5
    assert [each["revision"] for each in told] == sorted(each["revision"] for each in told)
