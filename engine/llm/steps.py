"""An answer of the embedded model in steps, so that it is written when it is needed and not long before.

The server writes as fast as it can, whoever reads. So it is asked for a few seconds of speech at a time, and asked to
go on when the reader wants more. Replies that can wait go on together, on a common beat: eight tokens computed together
cost less than half of eight computed one by one.
"""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Awaitable, Callable
from contextlib import asynccontextmanager
from dataclasses import dataclass, field
from typing import Any

from engine.llm.gate import StepGate

BEAT_S = 2.0
"""Replies go on at multiples of this. A judgement: well below the seconds by which a reply is written ahead."""

PATIENT_S = 0.2
"""A reader that was not ready for so long has something to say in the meantime, and can wait for the beat."""


@dataclass(frozen=True, slots=True)
class Steps:
    """How an answer is divided. Measured on the default model: going on costs as much as one or two tokens."""

    first: int = 32
    """Tokens of the first step: some eight seconds of speech."""

    later: int = 24
    gate: StepGate = field(default_factory=lambda: StepGate(64))
    """A step begins when it lets it."""

    ready: Callable[[], Awaitable[None]] | None = None
    """Awaited before each later step: returns when the reader wants it."""


class StepCount:
    """The steps of one answer.

    Args:
        steps: their sizes; None for an answer in one piece.
        body: the request for all of it.
        max_tokens: of the whole answer.
    """

    def __init__(self, steps: Steps | None, body: dict[str, Any], max_tokens: int) -> None:
        self._steps = steps if body.get("max_tokens") == max_tokens else None
        self._body = body
        self._left = max_tokens
        self._written = ""
        self._wrote_at: float | None = None

    @asynccontextmanager
    async def next(self) -> AsyncIterator[dict[str, Any]]:
        """The request for the next step, once it may begin; it is over when the context is left."""
        if self._steps is None:
            self._left = 0
            yield self._body
            return
        async with self._steps.gate.writing(first=not self._written):
            yield self._request(self._steps)

    def _request(self, steps: Steps) -> dict[str, Any]:
        tokens = min(self._left, steps.later if self._written else steps.first)
        self._left -= tokens
        self._wrote_at = None
        messages = self._body["messages"]
        if self._written:
            messages = [*messages, {"role": "assistant", "content": self._written}]
        return {**self._body, "messages": messages, "max_tokens": tokens}

    def wrote(self, text: str, now: float) -> None:
        """The model wrote ``text``, which arrived at ``now`` (seconds on the loop's clock)."""
        if not text:
            return
        if self._steps is not None and self._wrote_at is not None:
            self._steps.gate.wrote(now - self._wrote_at)
        self._written, self._wrote_at = self._written + text, now

    def more(self) -> bool:
        """The answer goes on after a step that ended at its length."""
        return self._left > 0 and bool(self._written)

    async def wanted(self) -> None:
        """Wait until the reader wants the next step, and then for the beat, if there is time."""
        if self._steps is None or self._steps.ready is None:
            return
        loop = asyncio.get_running_loop()
        asked = loop.time()
        await self._steps.ready()
        if loop.time() - asked >= PATIENT_S:
            await asyncio.sleep(-loop.time() % BEAT_S)
