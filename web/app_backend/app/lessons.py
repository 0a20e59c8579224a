"""Lessons to read again: a student's own, and those of a teacher's students."""

from __future__ import annotations

from typing import Annotated

from fastapi import APIRouter, HTTPException, Path, Query, Response
from fastapi.responses import JSONResponse
from pydantic import ValidationError
from sqlalchemy import select
from sqlalchemy.orm import Session

from . import records
from .database import Lesson, SafetyNote, Student, Teaching, Tutor, TutorSession
from .engine import TutorEngine
from .login import CurrentStudent, CurrentTeacher, Database
from .sessions import Engine

router = APIRouter(prefix="/api", tags=["lessons"])

LessonId = Annotated[str, Path(max_length=64)]
StudentId = Annotated[int, Path(ge=0, le=2**31 - 1)]


@router.get("/student/lessons")
def own_lessons(student: CurrentStudent, db: Database) -> list[dict[str, object]]:
    """The student's own lessons, newest first."""
    return _listed(db, [student.id])


@router.get("/student/lessons/{lesson_id}")
def own_lesson(lesson_id: LessonId, student: CurrentStudent, db: Database, engine: Engine) -> JSONResponse:
    """One of the student's own lessons with all that was said, up to now if it is running."""
    return _whole(db, engine, lesson_id, [student.id])


@router.get("/teacher/students")
def own_students(teacher: CurrentTeacher, db: Database) -> list[dict[str, object]]:
    """The students this teacher teaches, by name."""
    own = select(Student).where(Student.id.in_(_taught(db, teacher.id))).order_by(Student.name)
    return [{"id": student.id, "name": student.name} for student in db.scalars(own)]


@router.get("/teacher/lessons")
def students_lessons(
    teacher: CurrentTeacher, db: Database, student_id: Annotated[int | None, Query(ge=0, le=2**31 - 1)] = None
) -> list[dict[str, object]]:
    """Lessons of the teacher's students, or of one of them, newest first."""
    taught = _taught(db, teacher.id)
    return _listed(db, [each for each in taught if student_id in (None, each)])


@router.get("/teacher/lessons/{lesson_id}")
def students_lesson(lesson_id: LessonId, teacher: CurrentTeacher, db: Database, engine: Engine) -> JSONResponse:
    """A lesson of one of the teacher's students with all that was said."""
    return _whole(db, engine, lesson_id, _taught(db, teacher.id))


@router.get("/teacher/safety")
def students_safety(teacher: CurrentTeacher, db: Database) -> list[dict[str, object]]:
    """When the guard stepped in during lessons of the teacher's students, newest first; categories only."""
    found = db.execute(
        select(SafetyNote, Lesson.student_id)
        .join(Lesson, Lesson.id == SafetyNote.lesson_id)
        .where(Lesson.student_id.in_(_taught(db, teacher.id)))
        .order_by(SafetyNote.at.desc())
        .limit(records.MAX_LISTED)
    )
    return [{**records.note_json(note), "student_id": student_id} for note, student_id in found]


@router.delete("/teacher/students/{student_id}/records", status_code=204)
def delete_records(student_id: StudentId, teacher: CurrentTeacher, db: Database, engine: Engine) -> Response:
    """Delete all lessons of a student here and at the engine; a running one ends. What arrives later is not stored."""
    if student_id not in _taught(db, teacher.id):
        raise HTTPException(404, "you have no such student")
    sessions = list(db.scalars(select(TutorSession).where(TutorSession.student_id == student_id)))
    for lesson_id in db.scalars(select(Lesson.id).where(Lesson.student_id == student_id)):
        engine.delete_transcript(lesson_id)
    for session in sessions:
        engine.delete_session(session.id)
        engine.delete_transcript(session.id)
        db.delete(session)
    records.forget_student(db, student_id)
    return Response(status_code=204)


def _taught(db: Session, teacher_id: int) -> list[int]:
    return list(db.scalars(select(Teaching.student_id).where(Teaching.teacher_id == teacher_id)))


def _listed(db: Session, student_ids: list[int]) -> list[dict[str, object]]:
    found = db.execute(
        select(Lesson, Tutor)
        .outerjoin(Tutor, Tutor.id == Lesson.tutor_id)
        .where(Lesson.student_id.in_(student_ids))
        .order_by(Lesson.started_at.desc())
        .limit(records.MAX_LISTED)
    )
    return [records.summary(lesson, tutor) for lesson, tutor in found]


def _whole(db: Session, engine: TutorEngine, lesson_id: str, student_ids: list[int]) -> JSONResponse:
    """404 for lessons of others too: nobody learns that they exist."""
    lesson = db.get(Lesson, lesson_id)
    if lesson is None or lesson.student_id not in student_ids:
        raise HTTPException(404, "you have no such lesson")
    if lesson.ended is None:
        _bring_up_to_date(db, engine, lesson)
    content = records.whole(lesson, db.get(Tutor, lesson.tutor_id), records.notes_of(db, lesson))
    return JSONResponse(content, headers={"Cache-Control": "no-store"})


def _bring_up_to_date(db: Session, engine: TutorEngine, lesson: Lesson) -> None:
    """Ask the engine how far the lesson is. While that is down, and after the session's end, what is stored must do."""
    try:
        found = engine.transcript(lesson.id)
        if found is not None:
            records.store_transcript(db, records.Transcript.model_validate(found))
    except (HTTPException, ValidationError):
        db.rollback()
