"""A lesson record as it is kept elsewhere, for another engine to go on with."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

from engine.lessons.entries import Entry
from engine.protocol.lessons import SafetyNote

MAX_MEMORY_CHARS = 60_000
"""Of the entries that another engine gets, counted as a record counts them; about an hour of talk."""


@dataclass(frozen=True, slots=True)
class RecordMemory:
    """What is needed to go on with a record; the fields as in ``LessonRecord``."""

    entries: tuple[Entry, ...]
    safety: tuple[SafetyNote, ...]
    revision: int
    forgotten: int
    ids: int
    elapsed_ms: float
    """Since the session began."""
    listened_s: float
    spoken_ms: float
    replies: int
    interruptions: int
    pictures: int
    prompt_tokens: int
    completion_tokens: int


def newest(entries: Sequence[Entry]) -> tuple[tuple[Entry, ...], int]:
    """The newest of ``entries`` within ``MAX_MEMORY_CHARS``, oldest first, and how many were left out."""
    chars, first = 0, len(entries)
    while first and (chars := chars + entries[first - 1].chars) <= MAX_MEMORY_CHARS:
        first -= 1
    return tuple(entries[first:]), first
