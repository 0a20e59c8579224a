"""What a lesson record holds of each user turn and each reply."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import Literal

from engine.lessons.cues import Cue, heard_cues
from engine.protocol.lessons import InterruptedBy, Origin, ReplyEnd, StudentSaid, TutorSaid
from engine.protocol.outgoing import SafetyCategory, SourcePassage

Delivery = Literal["text", "clip", "live"]
"""How a reply reaches the client: not spoken at all, as one file once it is complete, or as it is made."""

ENTRY_CHARS = 300
"""Counted for an entry besides its text, towards the limit of a record: about what its JSON takes."""


@dataclass(slots=True, eq=False)
class StudentEntry:
    """A user turn."""

    id: int
    start_ms: float
    end_ms: float
    text: str
    by: Literal["voice", "text", "recording"]
    language: str | None = None
    turn: int | None = None
    continues: int | None = None
    """The reply that this user turn made void."""
    continued: bool = False
    held_back: SafetyCategory | None = None

    @property
    def chars(self) -> int:
        """What it adds to the size of a record."""
        return ENTRY_CHARS + len(self.text)

    def to_wire(self) -> StudentSaid:
        """As it is given out."""
        return StudentSaid(
            id=self.id,
            turn=self.turn,
            start_ms=round(self.start_ms),
            end_ms=round(self.end_ms),
            text=self.text,
            by=self.by,
            language=self.language,
            continued=self.continued,
            held_back=self.held_back,
        )


@dataclass(slots=True, eq=False)
class TutorEntry:
    """A reply."""

    id: int
    turn: int
    start_ms: float
    delivery: Delivery
    delivered: bool = False
    """All of it has been handed to the client."""
    begun: bool = False
    """``start_ms`` is the time of its first sound or text."""
    text: str = ""
    heard: str = ""
    """The part of ``text`` that was heard; its beginning."""
    heard_ms: float = 0.0
    cues: list[Cue] = field(default_factory=list)
    origin: Origin = "model"
    sources: tuple[SourcePassage, ...] = ()
    ended: ReplyEnd | None = None
    interrupted_by: InterruptedBy | None = None

    @property
    def chars(self) -> int:
        """What it adds to the size of a record."""
        sources = sum(ENTRY_CHARS + len(source.passage) for source in self.sources)
        return ENTRY_CHARS + len(self.text) + ENTRY_CHARS // 10 * len(self.cues) + sources

    def heard_cues(self) -> list[Cue]:
        """What was heard, sentence by sentence."""
        return heard_cues(self.cues, len(self.heard), self.heard_ms)

    def to_wire(self) -> TutorSaid:
        """As it is given out."""
        return TutorSaid(
            id=self.id,
            turn=self.turn,
            start_ms=round(self.start_ms),
            end_ms=round(self.start_ms) + round(self.heard_ms),
            text=self.heard,
            unheard=self.text.removeprefix(self.heard).strip(),
            origin=self.origin,
            sources=self.sources,
            ended=self.ended,
            interrupted_by=self.interrupted_by,
        )


Entry = StudentEntry | TutorEntry
