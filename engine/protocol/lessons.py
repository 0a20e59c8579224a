"""The record of a lesson, as ``GET /v1/sessions/{session_id}/transcript`` and the lesson webhook give it.

All times in ms count from the start of the session. ``turn`` is the number of a reply, as everywhere on the wire.
"""

from __future__ import annotations

from datetime import datetime
from typing import Annotated, Literal
from uuid import UUID

from pydantic import Field

from engine.protocol.http import ResponseBody
from engine.protocol.outgoing import SafetyCategory, SafetyStage, SourcePassage

Origin = Literal["model", "calculation", "material", "safety", "greeting"]
"""Who wrote a reply; the label of ``tutor_answers_total``, which does not count greetings."""

InterruptedBy = Literal["voice", "client", "disconnected"]
"""See ``InterruptedEvent.reason``."""

ReplyEnd = Literal["done", "interrupted", "failed", "closed"]
"""How a reply ended: heard to its end, cut off, failed on the way, or still being said when the session ended."""


class StudentSaid(ResponseBody):
    """A user turn, or a recording."""

    who: Literal["student"] = "student"
    id: int
    """Counts the entries of a session from 1."""
    turn: int | None
    """The reply that answers it; null when none did."""
    start_ms: int
    end_ms: int
    text: str
    """Empty when the guard held it back."""
    by: Literal["voice", "text", "recording"]
    language: str | None
    """ISO 639-1 code of the language that was recognised; null for typed text."""
    continued: bool
    """The student went on: a later entry has these words again and all that followed."""
    held_back: SafetyCategory | None
    """Why its words are missing here and were not shown to the language model."""


class TutorSaid(ResponseBody):
    """A reply."""

    who: Literal["tutor"] = "tutor"
    id: int
    turn: int
    start_ms: int
    """When its first sound, or its text if it is not spoken, was sent to the client."""
    end_ms: int
    """The end of what was heard of it."""
    text: str
    """What the student heard, to the word."""
    unheard: str
    """The rest of what had been written when the reply ended; it may have been shown, but was not heard."""
    origin: Origin
    sources: tuple[SourcePassage, ...]
    """Passages of the knowledge base that it rests on."""
    ended: ReplyEnd | None
    """Null while the tutor is speaking."""
    interrupted_by: InterruptedBy | None


class SafetyNote(ResponseBody):
    """The guard took over. The words that were held back are nowhere."""

    turn: int
    at_ms: int
    category: SafetyCategory
    stage: SafetyStage
    """What was held back: the student's question, or the rest of the model's answer."""


class LessonUsage(ResponseBody):
    """What a session has used so far."""

    listened_s: float
    """Seconds of the student's audio that arrived, silence included."""
    spoken_s: float
    """Seconds of the tutor's speech that were heard."""
    replies: int
    interruptions: int
    pictures: int
    """Pictures that were drawn and sent; repeated ones are not counted."""
    prompt_tokens: int
    """What the language model read for replies: as its endpoint counted, else estimated from the characters."""
    completion_tokens: int
    """What it wrote, counted or estimated the same way."""
    received_bytes: int = 0
    """From the client: messages of its socket, or all of a WebRTC peer's packets (counted when the peer is closed)."""
    sent_bytes: int = 0
    """To the client, counted the same way."""


class LessonTranscript(ResponseBody):
    """The record of one session."""

    session_id: UUID
    tutor_id: int
    student_id: int
    tutor: str
    """The tutor's name."""
    started_at: datetime
    ended_at: datetime | None
    """Null while the session lives."""
    ended: str | None
    """How: ``deleted``, ``expired``, ``abandoned``, ``shutdown`` or ``failed``; null while it lives."""
    revision: int
    """Grows with every change."""
    forgotten: int
    """Entries that are missing, the oldest ones, because there was too much or because they were erased."""
    entries: tuple[Annotated[StudentSaid | TutorSaid, Field(discriminator="who")], ...]
    safety: tuple[SafetyNote, ...]
    usage: LessonUsage
