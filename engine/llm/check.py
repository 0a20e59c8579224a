"""Finds out whether a language-model endpoint works before a student does, and whether it works again.

One task, on the event loop. It asks one short question in the form that endpoints refuse most (a system prompt, the
tutor speaking first, two messages of the student), so that what is refused is known when the first student comes.
"""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager

import structlog

from engine.contracts import Message
from engine.errors import LanguageModelFailed
from engine.llm.client import OpenAIChat

FIRST_PAUSE_S, LONGEST_PAUSE_S = 2.0, 30.0
"""Between two checks of an endpoint that does not work."""

TOKENS = 64
"""For the answer to the check: enough to see how the model thinks, few enough to cost next to nothing."""

QUESTION: list[Message] = [
    {"role": "system", "content": "You are a tutor. Answer in one short sentence."},
    {"role": "assistant", "content": "Hello! What would you like to know?"},
    {"role": "user", "content": "I have a question."},
    {"role": "user", "content": "What is two plus two?"},
]

log = structlog.get_logger(__name__)


@asynccontextmanager
async def watching(chat: OpenAIChat, first_s: float) -> AsyncIterator[None]:
    """Check ``chat`` now, and while ``chat.trouble`` lasts; the first check is waited for ``first_s`` seconds.

    The engine starts whatever comes of it: what is wrong is in the log and in ``chat.trouble``.
    """
    first = asyncio.Event()
    task = asyncio.create_task(_watch(chat, first), name="llm-check")
    try:
        try:
            async with asyncio.timeout(first_s):
                await first.wait()
        except TimeoutError:
            log.warning("llm_check_slow", model=chat.model, waited_s=first_s)
        yield
    finally:
        task.cancel()
        await asyncio.gather(task, return_exceptions=True)


async def _watch(chat: OpenAIChat, first: asyncio.Event) -> None:
    pause = FIRST_PAUSE_S
    while True:
        works = await check(chat)
        first.set()
        if works:
            pause = FIRST_PAUSE_S
            await chat.troubled.wait()
        else:
            await asyncio.sleep(pause)
            pause = min(2 * pause, LONGEST_PAUSE_S)


async def check(chat: OpenAIChat) -> bool:
    """Ask one question; whether it was answered. The log says why not, and names the setting."""
    try:
        async for _ in chat.reply(QUESTION, max_tokens=TOKENS):
            pass
    except LanguageModelFailed as error:
        chat.note_trouble(chat.trouble or f"{error.message}: check the server")
        log.warning("llm_check_failed", model=chat.model, error=error.message, trouble=chat.trouble)
        return False
    log.info("llm_check_passed", model=chat.model)
    return True
