"""Lets the embedded language model read the dialogue before it is asked, while nobody waits for it.

What was said so far, and the words a student is still speaking, are in the model's cache when the
question ends; only what differs is left to read. One task at a time, of the conversation's group.
"""

from __future__ import annotations

import asyncio
from collections.abc import Callable, Coroutine
from typing import Any

from engine.conversation.parts import Parts
from engine.llm.history import ChatHistory

AFTER_S = 0.3
"""Silence after a reply before its dialogue is read; a message that comes at once is answered first."""

AFTER_PARTIAL_S = 0.02
"""Before words that are still being spoken are read: their reply, if it begins now, is the better way."""

SOME_QUESTION = "Hello."
"""Stands for the question that will come: what is before it is what is read."""


class ReadAhead:
    """See above.

    Args:
        spawn: starts a task of the conversation; raises Busy when that ends.
        needed: whether nothing better is under way, asked when the wait is over.
    """

    def __init__(
        self,
        parts: Parts,
        history: ChatHistory,
        spawn: Callable[[Coroutine[Any, Any, None], str], asyncio.Task[None]],
        needed: Callable[[], bool],
    ) -> None:
        self._parts = parts
        self._history = history
        self._spawn = spawn
        self._needed = needed
        self._task: asyncio.Task[None] | None = None

    async def begin(self, after_s: float = AFTER_S, question: str = SOME_QUESTION) -> None:
        """Read the dialogue with ``question`` at its end, ``after_s`` from now; what was being read gives way.

        Raises:
            Busy: the session is ending.
        """
        if self._parts.settings.llm.base_url is not None:
            return
        if self._task is not None:
            self._task.cancel()
        self._task = self._spawn(self._read(after_s, question), "prefill")

    async def begin_partial(self, words: str) -> None:
        """Read ``words`` the student is still speaking, unless something is being read."""
        if self._task is None or self._task.done():
            await self.begin(AFTER_PARTIAL_S, words)

    async def _read(self, after_s: float, question: str) -> None:
        await asyncio.sleep(after_s)
        if self._needed():
            await self._parts.language_model.prefill(self._history.messages(question))
