"""One session's lesson: whose it is, and its record."""

from __future__ import annotations

from datetime import UTC, datetime
from uuid import UUID

from engine.lessons.record import LessonRecord
from engine.lessons.vtt import to_vtt
from engine.protocol.lessons import LessonTranscript


class Lesson:
    """The lesson of one session, live or ended.

    Args:
        session_id: a UUID.
        tutor_id: as in ``POST /v1/sessions``.
        student_id: the same.
        tutor: the tutor's name.
        started_at: when the session was created.
        record: what is said in it.
    """

    def __init__(
        self, session_id: str, tutor_id: int, student_id: int, tutor: str, started_at: datetime, record: LessonRecord
    ) -> None:
        self.session_id = session_id
        self.record = record
        self.ended_at: datetime | None = None
        """None while the session lives."""
        self._tutor_id = tutor_id
        self._student_id = student_id
        self._tutor = tutor
        self._started_at = started_at
        self._ended: str | None = None

    def end(self, how: str) -> None:
        """The session has ended; ``how`` as in ``SessionRegistry.end``."""
        self.ended_at, self._ended = datetime.now(UTC), how

    def transcript(self) -> LessonTranscript:
        """The record as it is given out."""
        record = self.record
        return LessonTranscript(
            session_id=UUID(self.session_id),
            tutor_id=self._tutor_id,
            student_id=self._student_id,
            tutor=self._tutor,
            started_at=self._started_at,
            ended_at=self.ended_at,
            ended=self._ended,
            revision=record.revision,
            forgotten=record.forgotten,
            entries=tuple(entry.to_wire() for entry in record.entries()),
            safety=record.safety(),
            usage=record.usage(),
        )

    def vtt(self) -> str:
        """The record as WebVTT."""
        return to_vtt(self.record.entries(), self._tutor, self._started_at)
