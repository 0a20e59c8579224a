"""Prompts that the model reads before they are asked, and how they give way to replies.

One event loop; computes nothing. One prompt is read at a time, and only while nobody waits for the
first words of a reply. A reply that goes on from a prompt that is being read waits for it, since a server that got
both would read the same words twice, side by side; one that is still waiting is dropped.
"""

from __future__ import annotations

import asyncio
from collections.abc import Iterator, Sequence
from contextlib import contextmanager, suppress
from dataclasses import dataclass, field

from engine.contracts import Message

FIRST_CHARS = 80
"""A reply with so many characters has something to say for some seconds, in which a prompt may be read. A judgement:
about twice the longest first clause."""


@dataclass(slots=True, eq=False)
class Prefill:
    """One prompt on its way."""

    head: tuple[Message, ...]
    """All of it but the student's message."""

    reading: bool = False
    dropped: bool = False
    done: asyncio.Event = field(default_factory=asyncio.Event)


class FirstWords:
    """Counts the first words of one reply, which the student waits for."""

    def __init__(self, prefills: Prefills) -> None:
        self._prefills = prefills
        self._left = FIRST_CHARS

    def given(self, text: str) -> None:
        """The reply went on with ``text``."""
        self._left -= len(text)
        if self._left <= 0:
            self._prefills.calm(self)


class Prefills:
    """All prefills of one model, and the replies that have priority over them."""

    def __init__(self) -> None:
        self.read = 0
        """Prompts prefilled since the start."""
        self._urgent: set[FirstWords] = set()
        self._known: set[Prefill] = set()
        self._changed = asyncio.Event()

    @contextmanager
    def replying(self) -> Iterator[FirstWords]:
        """A reply is being made while the context lasts; until it has its first words, no prompt begins to be read."""
        urgency = FirstWords(self)
        self._urgent.add(urgency)
        try:
            yield urgency
        finally:
            self.calm(urgency)

    def calm(self, urgency: FirstWords) -> None:
        """Nobody waits for this reply any more. Idempotent."""
        if urgency in self._urgent:
            self._urgent.discard(urgency)
            self._wake()

    async def may_read(self, prefill: Prefill) -> bool:
        """Wait until ``prefill`` may be read; False when a reply made it needless meanwhile."""
        self._known.add(prefill)
        while not prefill.dropped and (self._urgent or any(other.reading for other in self._known)):
            changed = self._changed
            await changed.wait()
        prefill.reading = not prefill.dropped
        return prefill.reading

    def over(self, prefill: Prefill) -> None:
        """``prefill`` was read, failed or was cancelled. Idempotent."""
        self.read += prefill.reading
        prefill.reading = False
        prefill.done.set()
        self._known.discard(prefill)
        self._wake()

    async def settled(self, messages: Sequence[Message], limit_s: float) -> None:
        """Before ``messages`` are asked: drop what they make needless, wait for what they go on from."""
        for prefill in [p for p in self._known if tuple(messages[: len(p.head)]) == p.head]:
            if prefill.reading:
                with suppress(TimeoutError):
                    async with asyncio.timeout(limit_s):
                        await prefill.done.wait()
            else:
                prefill.dropped = True
                self._wake()

    def _wake(self) -> None:
        changed, self._changed = self._changed, asyncio.Event()
        changed.set()
