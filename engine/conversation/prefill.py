"""Prefill: the embedded language model reads the dialogue before it is asked, while nobody waits for it.

When the question ends, the dialogue and most of the question are in the model's cache already, and only
the rest is left to read. One task at a time.
"""

from __future__ import annotations

import asyncio

from engine.conversation.parts import Parts
from engine.conversation.tasks import SessionTasks
from engine.llm.history import ChatHistory

AFTER_REPLY_S = 0.3
"""From the end of a reply until its dialogue is read. A message that comes at once is answered first."""

AFTER_PARTIAL_S = 0.02
"""From a partial transcript until it is read. A preemptive reply to the same words, if one is begun, is better."""

ANY_QUESTION = "Hello."
"""Stands for the question to come; what is before it is what matters."""


class DialoguePrefill:
    """Prefills the prompts of one conversation. Does nothing when the language model is not the embedded one.

    Args:
        parts: with the language model.
        history: the dialogue to read.
        tasks: the conversation's, which it runs in.
    """

    def __init__(self, parts: Parts, history: ChatHistory, tasks: SessionTasks) -> None:
        self._parts = parts
        self._history = history
        self._tasks = tasks
        self._task: asyncio.Task[None] | None = None
        self._reading: asyncio.Task[None] | None = None
        """The task that has begun to read."""

    def begin(self, after_s: float = AFTER_REPLY_S, question: str = ANY_QUESTION) -> None:
        """Read the dialogue with ``question`` at its end, ``after_s`` seconds from now, instead of what is being read.

        Raises:
            Busy: the session is ending.
        """
        if self._parts.settings.llm.base_url is not None:
            return
        if self._task is not None:
            self._task.cancel()
        self._task = self._tasks.start(self._read(after_s, question), "prefill")

    def begin_partial(self, words: str) -> None:
        """Read what the student has said so far, unless something is being read.

        Raises:
            Busy: the session is ending.
        """
        if self._task is None or self._task.done():
            self.begin(AFTER_PARTIAL_S, words)

    def give_way(self) -> None:
        """A reply begins: do not begin to read. What is being read already will serve the reply and is left alone."""
        if self._task is not None and self._task is not self._reading:
            self._task.cancel()

    async def _read(self, after_s: float, question: str) -> None:
        await asyncio.sleep(after_s)
        self._reading = asyncio.current_task()
        await self._parts.language_model.prefill(self._history.messages(question))
