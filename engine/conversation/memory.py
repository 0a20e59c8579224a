"""What a conversation needs to be continued on another engine."""

from __future__ import annotations

from dataclasses import dataclass

from engine.lessons.memory import RecordMemory
from engine.llm.history import HistoryMemory


@dataclass(frozen=True, slots=True)
class ConversationMemory:
    """A conversation as it is kept elsewhere."""

    replies: int
    """Number of the latest reply."""
    answering: bool
    """A reply to the student's last words was under way: they have no answer yet."""
    history: HistoryMemory
    record: RecordMemory
