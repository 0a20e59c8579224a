"""What was used, as ``GET /v1/usage`` and the usage webhook give it."""

from __future__ import annotations

from datetime import datetime
from uuid import UUID

from engine.protocol.http import ResponseBody
from engine.protocol.lessons import LessonUsage


class SessionUsage(ResponseBody):
    """What one session used."""

    session_id: UUID
    key: str
    """Name of the API key that asked for the session; ``default`` for the setting ``api_key``, or without keys."""
    tutor_id: int
    student_id: int
    started_at: datetime
    ended_at: datetime | None
    """Null while the session lives."""
    duration_s: float
    usage: LessonUsage


class KeyUsage(ResponseBody):
    """What all sessions of one key used together."""

    key: str
    sessions: int
    duration_s: float
    usage: LessonUsage


class UsageReport(ResponseBody):
    """Usage of the sessions that began in a span of time, ended or not."""

    since: datetime | None
    until: datetime | None
    keys: tuple[KeyUsage, ...]
    sessions: tuple[SessionUsage, ...] | None
    """Each session, oldest first, if that was asked for."""
