"""What the web tier keeps of lessons: stored from the engine's webhook or its transcript, shown, and deleted."""

from __future__ import annotations

import json
from datetime import UTC, datetime, timedelta
from typing import Annotated, Any, Literal

from pydantic import BaseModel, ConfigDict, Field
from sqlalchemy import delete, select
from sqlalchemy.orm import Session

from .database import Lesson, SafetyNote, Tutor

MAX_ENTRIES = 5000
MAX_LISTED = 200
"""Lessons or safety events in one answer, the newest."""

Text = Annotated[str, Field(max_length=400_000)]
Name = Annotated[str, Field(max_length=80)]
Milliseconds = Annotated[int, Field(ge=0, le=10**10)]


class Part(BaseModel):
    """What is not known here is left out; later engines may send more."""

    model_config = ConfigDict(extra="ignore")


class Source(Part):
    document: Annotated[str, Field(max_length=400)]
    page: int | None = None
    passage: Text = ""


class Entry(Part):
    """A user turn or a reply."""

    who: Literal["student", "tutor"]
    turn: int | None = None
    start_ms: Milliseconds
    end_ms: Milliseconds
    text: Text
    unheard: Text = ""
    continued: bool = False
    held_back: Name | None = None
    origin: Name | None = None
    ended: Name | None = None
    sources: Annotated[list[Source], Field(max_length=50)] = []


class Noted(Part):
    """The guard stepped in."""

    turn: Annotated[int, Field(ge=0, le=10**6)]
    at_ms: Milliseconds
    category: Name
    stage: Name


class Usage(Part):
    listened_s: Annotated[float, Field(ge=0, le=10**7)] = 0
    spoken_s: Annotated[float, Field(ge=0, le=10**7)] = 0
    replies: int = 0
    interruptions: int = 0
    pictures: int = 0
    prompt_tokens: int = 0
    completion_tokens: int = 0
    received_bytes: int = 0
    sent_bytes: int = 0


class Transcript(Part):
    """The engine's record of one session, as its webhook and ``GET …/transcript`` give it."""

    session_id: Annotated[str, Field(max_length=64)]
    ended_at: datetime | None
    ended: Name | None
    revision: Annotated[int, Field(ge=0, le=2**53)]
    forgotten: int = 0
    entries: Annotated[list[Entry], Field(max_length=MAX_ENTRIES)] | None = None
    """None: the engine does not send what was said."""
    safety: Annotated[list[Noted], Field(max_length=1000)] = []
    usage: Usage = Usage()


class Incident(Part):
    """A delivery of the engine's safety webhook. The student's words, if it has them, are not kept."""

    session: Annotated[str, Field(max_length=64)]
    reply: Annotated[int, Field(ge=0, le=10**6)]
    category: Name
    stage: Name
    at: datetime


def store_transcript(db: Session, transcript: Transcript) -> bool:
    """Keep what is newer than what is known. False for a lesson that is not one of ours, or was deleted."""
    lesson = db.get(Lesson, transcript.session_id)
    if lesson is None:
        return False
    ends = transcript.ended is not None and lesson.ended is None
    if transcript.revision > lesson.revision or ends:
        lesson.revision = transcript.revision
        lesson.usage = transcript.usage.model_dump_json()
        if transcript.entries is not None:
            lesson.entries = json.dumps([entry.model_dump(mode="json") for entry in transcript.entries])
        if ends:
            lesson.ended, lesson.ended_at = transcript.ended, transcript.ended_at
        for note in transcript.safety:
            at = lesson.started_at.replace(tzinfo=UTC) + timedelta(milliseconds=note.at_ms)
            _note(db, lesson, note.turn, note.stage, note.category, at)
        db.commit()
    return True


def store_incident(db: Session, incident: Incident) -> bool:
    """Keep that the guard stepped in. False for a lesson that is not one of ours."""
    lesson = db.get(Lesson, incident.session)
    if lesson is None:
        return False
    _note(db, lesson, incident.reply, incident.stage, incident.category, incident.at)
    db.commit()
    return True


def _note(db: Session, lesson: Lesson, turn: int, stage: str, category: str, at: datetime) -> None:
    """The same event comes with the safety webhook, with each transcript, and perhaps twice: it is one row."""
    if db.get(SafetyNote, (lesson.id, turn, stage)) is None:
        db.add(SafetyNote(lesson_id=lesson.id, turn=turn, stage=stage, category=category, at=at))
        db.flush()


def forget_old(db: Session, days: float) -> None:
    """Delete the lessons that began more than ``days`` days ago."""
    _delete(db, select(Lesson.id).where(Lesson.started_at < datetime.now(UTC) - timedelta(days=days)))


def forget_student(db: Session, student_id: int) -> None:
    """Delete all lessons of a student."""
    _delete(db, select(Lesson.id).where(Lesson.student_id == student_id))


def _delete(db: Session, which: Any) -> None:
    ids = list(db.scalars(which))
    for start in range(0, len(ids), 500):  # databases limit the number of values in a statement
        some = ids[start : start + 500]
        db.execute(delete(SafetyNote).where(SafetyNote.lesson_id.in_(some)))
        db.execute(delete(Lesson).where(Lesson.id.in_(some)))
    db.commit()


def summary(lesson: Lesson, tutor: Tutor | None) -> dict[str, object]:
    """A lesson as it stands in a list."""
    return {
        "lesson_id": lesson.id,
        "student_id": lesson.student_id,
        "tutor": tutor.name if tutor else "",
        "started_at": _iso(lesson.started_at),
        "ended_at": _iso(lesson.ended_at),
        "ended": lesson.ended,
        "usage": json.loads(lesson.usage),
    }


def whole(lesson: Lesson, tutor: Tutor | None, notes: list[SafetyNote]) -> dict[str, object]:
    """A lesson with all that was said."""
    return {**summary(lesson, tutor), "entries": json.loads(lesson.entries), "safety": [note_json(n) for n in notes]}


def notes_of(db: Session, lesson: Lesson) -> list[SafetyNote]:
    """When the guard stepped in during a lesson, in order."""
    return list(db.scalars(select(SafetyNote).where(SafetyNote.lesson_id == lesson.id).order_by(SafetyNote.at)))


def note_json(note: SafetyNote) -> dict[str, object]:
    """A safety event: its category, never the words."""
    return {
        "lesson_id": note.lesson_id, "turn": note.turn, "at": _iso(note.at), "category": note.category,
        "stage": note.stage,
    }  # fmt: skip


def _iso(at: datetime | None) -> str | None:
    """With a time zone; SQLite forgets it."""
    return None if at is None else (at if at.tzinfo else at.replace(tzinfo=UTC)).isoformat()
