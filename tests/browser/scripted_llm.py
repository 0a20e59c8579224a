"""A chat endpoint that answers as the walk through the pages needs it: slowly, sadly, at length, or with a table."""

from __future__ import annotations

import asyncio
import json
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager

from aiohttp import web

from tests.serving import serving

STORY = (
    "Once upon a time there was a small red boat. It lived in a quiet harbour and dreamt of the open sea. "
    "Every morning it watched the big ships leave. Every evening it watched them come home. "
    "One day a friendly whale swam by and asked: would you like to see the world? "
) * 4
FORMULA = """[smile] A square has **four equal sides**.

| side | area |
|---|---|
| 2 | 4 |
| 3 | 9 |

So its area is $A = a^2$, and with `a = 5` it is 25."""
SAD = "[sad] I am so sorry to hear that. It hurts to lose a friend you loved very much. " * 4
GLAD = "[smile] Well done! That is exactly right, and you worked it out all by yourself. " * 4
SHORT = "A verb is a doing word, such as run, jump or think."


class ScriptedModel:
    """Answers by a word in the question; ``hold`` waits until ``release`` is called."""

    def __init__(self) -> None:
        self.base_url = ""
        self._released = asyncio.Event()

    def release(self) -> None:
        """Let an answer that is held go on."""
        self._released.set()

    @asynccontextmanager
    async def running(self) -> AsyncIterator[None]:
        """Serve while the context lasts."""
        app = web.Application()
        app.router.add_post("/v1/chat/completions", self._complete)
        async with serving(app) as base:
            self.base_url = f"{base}/v1"
            yield

    async def _complete(self, request: web.Request) -> web.StreamResponse:
        asked = [m["content"].lower() for m in (await request.json())["messages"] if m["role"] == "user"][-1]
        if "hold" in asked:
            self._released.clear()
            await self._released.wait()
        answers = {"story": STORY, "square": FORMULA, "sad": SAD, "right": GLAD}
        text = next((answer for word, answer in answers.items() if word in asked), SHORT)
        response = web.StreamResponse(headers={"Content-Type": "text/event-stream"})
        await response.prepare(request)
        for word in text.split(" "):
            await self._send(response, {"choices": [{"index": 0, "delta": {"content": f"{word} "}}]})
        await self._send(response, {"choices": [{"index": 0, "delta": {}, "finish_reason": "stop"}]})
        await response.write(b"data: [DONE]\n\n")
        return response

    @staticmethod
    async def _send(response: web.StreamResponse, event: dict[str, object]) -> None:
        await response.write(f"data: {json.dumps(event)}\n\n".encode())
