"""The gate before a reply that was begun before the student had surely finished. Pure.

What a speculative turn makes is offered to the gate; it holds it until the listener has settled
whether the turn ended with the same words. Synchronous, so there is no moment in which the answer
to a question nobody asked could slip out.
"""

from __future__ import annotations

from collections import deque
from enum import Enum
from typing import Generic, TypeVar

from engine.turn_taking.transcript_cues import equivalent

T = TypeVar("T")


class GateState(Enum):
    """What happens to an item that is offered."""

    OPEN = "open"
    """It passes."""

    HOLDING = "holding"
    """It is kept, in order."""

    DROPPING = "dropping"
    """It vanishes; for good."""


class SpeculationGate(Generic[T]):
    """Holds one speculation's output for the transcript it answers.

    Args:
        text: the words it answers.
        capacity: items held at most; ``full`` says when to stop making more.
    """

    def __init__(self, text: str, capacity: int = 256) -> None:
        self.text = text
        self.state = GateState.HOLDING
        self._capacity = capacity
        self._held: deque[T] = deque()

    @property
    def full(self) -> bool:
        """No room: whoever makes the items should wait until the gate is settled."""
        return self.state is GateState.HOLDING and len(self._held) >= self._capacity

    def __len__(self) -> int:
        return len(self._held)

    def offer(self, item: T) -> list[T]:
        """What may be sent now: the item, or nothing.

        Raises:
            OverflowError: offered although ``full``; an item in the middle may not get lost.
        """
        if self.state is GateState.OPEN:
            return [item]
        if self.state is GateState.HOLDING:
            if self.full:
                raise OverflowError("speculation gate is full")
            self._held.append(item)
        return []

    def settle(self, text: str) -> list[T]:
        """The turn ended with ``text``: everything held if it means the same, else nothing ever."""
        if self.state is GateState.HOLDING:
            if not equivalent(self.text, text):
                self.drop()
                return []
            self.state = GateState.OPEN
        released = list(self._held)
        self._held.clear()
        return released

    def drop(self) -> None:
        """Forget what is held and what will come. An open gate closes, too."""
        self.state = GateState.DROPPING
        self._held.clear()
