"""Tutors and the student's own sessions with them."""

from __future__ import annotations

from typing import Annotated

from fastapi import APIRouter, Depends, HTTPException, Path, Request, Response
from pydantic import BaseModel, Field
from sqlalchemy import select

from .database import Lesson, Tutor, TutorSession
from .engine import TutorEngine
from .login import CurrentStudent, Database

router = APIRouter(prefix="/api", tags=["tutors"])


def tutor_engine(request: Request) -> TutorEngine:
    """The engine (FastAPI dependency)."""
    engine: TutorEngine = request.app.state.engine
    return engine


Engine = Annotated[TutorEngine, Depends(tutor_engine)]


TutorId = Annotated[int, Path(ge=0, le=2**31 - 1)]


class NewSession(BaseModel):
    tutor_id: int = Field(ge=0, le=2**31 - 1)


@router.get("/tutors")
def list_tutors(db: Database) -> list[dict[str, object]]:
    """The catalogue; open to everybody."""
    tutors = db.scalars(select(Tutor).order_by(Tutor.id))
    return [{"id": t.id, "name": t.name, "subject": t.subject, "avatar_id": t.avatar_id} for t in tutors]


@router.get("/tutors/{tutor_id}/picture.jpg")
def tutor_picture(tutor_id: TutorId, db: Database, engine: Engine) -> Response:
    """The tutor's face, as the engine draws it; open to everybody."""
    tutor = db.get(Tutor, tutor_id)
    if tutor is None:
        raise HTTPException(404, "there is no such tutor")
    headers = {"Cache-Control": "public, max-age=3600"}
    return Response(engine.picture(tutor.avatar_id), media_type="image/jpeg", headers=headers)


@router.post("/student/sessions")
def open_session(
    body: NewSession, request: Request, student: CurrentStudent, db: Database, engine: Engine
) -> dict[str, object]:
    """A session with a tutor. The page connects to ``engine_url`` with ``engine_token``.

    A student has one lesson at a time: opening a second one ends the first, so nobody can take all seats.
    """
    tutor = db.get(Tutor, body.tutor_id)
    if tutor is None:
        raise HTTPException(404, "there is no such tutor")
    with request.app.state.opening:  # two requests at once would not see each other's session
        for earlier in db.scalars(select(TutorSession).where(TutorSession.student_id == student.id)):
            engine.delete_session(earlier.id)
            db.delete(earlier)
        db.commit()
        created = engine.create_session(tutor.id, student.id)
        db.add(TutorSession(id=created["session_id"], student_id=student.id, tutor_id=tutor.id))
        db.add(Lesson(id=created["session_id"], student_id=student.id, tutor_id=tutor.id))
        db.commit()
    return {
        "session_id": created["session_id"],
        "engine_url": created["engine_url"],
        "engine_token": created["engine_token"],
        "resume_url": created.get("resume_url"),
        "tutor_id": tutor.id,
        "avatar_id": tutor.avatar_id,
        "status": created["status"],
    }


@router.get("/student/sessions")
def list_sessions(student: CurrentStudent, db: Database) -> list[dict[str, object]]:
    """The student's own sessions, newest first."""
    own = select(TutorSession).where(TutorSession.student_id == student.id).order_by(TutorSession.created_at.desc())
    return [_to_json(session) for session in db.scalars(own)]


@router.get("/student/sessions/{session_id}")
def get_session(session_id: str, student: CurrentStudent, db: Database, engine: Engine) -> dict[str, object]:
    """One of the student's own sessions; ``status`` is ``ended`` when the engine has let it go."""
    session = _own(session_id, student, db)
    live = engine.find_session(session.id)
    return {**_to_json(session), "status": live["status"] if live else "ended"}


@router.post("/student/sessions/{session_id}/token")
def renew_token(
    session_id: str, response: Response, student: CurrentStudent, db: Database, engine: Engine
) -> dict[str, object]:
    """A new engine token for one of the student's own sessions; ask before the old one expires."""
    renewed = engine.renew_token(_own(session_id, student, db).id)
    if renewed is None:
        raise HTTPException(404, "the session has ended")
    response.headers["Cache-Control"] = "no-store"
    return {"engine_token": renewed["engine_token"], "expires_at": renewed["expires_at"]}


@router.delete("/student/sessions/{session_id}", status_code=204)
def delete_session(session_id: str, student: CurrentStudent, db: Database, engine: Engine) -> Response:
    """End one of the student's own sessions."""
    session = _own(session_id, student, db)
    engine.delete_session(session.id)
    db.delete(session)
    db.commit()
    return Response(status_code=204)


def _own(session_id: str, student: CurrentStudent, db: Database) -> TutorSession:
    """404 for what belongs to somebody else too: nobody learns that it exists."""
    session = db.get(TutorSession, session_id)
    if session is None or session.student_id != student.id:
        raise HTTPException(404, "you have no such session")
    return session


def _to_json(session: TutorSession) -> dict[str, object]:
    return {"session_id": session.id, "tutor_id": session.tutor_id, "created_at": session.created_at.isoformat()}
