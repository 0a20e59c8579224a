"""Prefill: the embedded language model reads the dialogue before it is asked, while nobody waits for it.

When the question ends, the dialogue and most of the question are in the model's cache already, and only
the rest is left to read. One task at a time.
"""

from __future__ import annotations

import asyncio

from engine.conversation.parts import Parts
from engine.conversation.tasks import SessionTasks
from engine.llm.history import ChatHistory
from engine.tutors.profile import Strictness

AFTER_REPLY_S = 0.3
"""From the end of a reply until its dialogue is read, so that a message sent right away is answered first."""

AFTER_PARTIAL_S = 0.02
"""From a partial transcript until it is read, so that a preemptive reply to the same words can begin instead."""

ANY_QUESTION = "Hello."
"""A placeholder for the next question; the dialogue before it is what is read."""


class DialoguePrefill:
    """Prefills the prompts of one conversation. Does nothing when the language model is not the embedded one.

    Args:
        parts: with the language model.
        history: the dialogue to read.
        tasks: the conversation's, which it runs in.
        strictness: of the guard, which words must pass to be read.
        dialogue: names it to the language model.
    """

    def __init__(
        self, parts: Parts, history: ChatHistory, tasks: SessionTasks, strictness: Strictness, dialogue: str
    ) -> None:
        self._parts = parts
        self._history = history
        self._tasks = tasks
        self._strictness = strictness
        self._dialogue = dialogue
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
        """A reply begins: do not begin to read. A prefill under way helps the reply and goes on."""
        if self._task is not None and self._task is not self._reading:
            self._task.cancel()

    async def _read(self, after_s: float, question: str) -> None:
        await asyncio.sleep(after_s)
        if question != ANY_QUESTION:
            asked = self._history.asked_before(question)
            if await self._parts.safety.question(question, self._strictness, asked) is not None:
                return
        self._reading = asyncio.current_task()
        await self._parts.language_model.prefill(self._history.messages(question), dialogue=self._dialogue)
