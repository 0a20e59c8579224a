"""Logging in: a password for a JWT, and the JWT for the student or teacher it belongs to."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta
from typing import Annotated, TypeVar

import jwt
from fastapi import APIRouter, Depends, HTTPException, Request
from fastapi.concurrency import run_in_threadpool
from fastapi.security import HTTPAuthorizationCredentials, HTTPBearer
from pydantic import BaseModel, Field
from sqlalchemy import Engine, select
from sqlalchemy.orm import Session

from .database import Student, Teacher, db_session
from .limits import LoginGate
from .passwords import password_matches
from .settings import Settings

ALGORITHM = "HS256"
AUDIENCES: dict[type[Student | Teacher], str] = {Student: "school", Teacher: "school-teachers"}
"""A student's token is no teacher's."""

router = APIRouter(prefix="/api", tags=["login"])
bearer = HTTPBearer(auto_error=False)
Database = Annotated[Session, Depends(db_session)]
Person = TypeVar("Person", Student, Teacher)


class Login(BaseModel):
    username: str = Field(min_length=1, max_length=80, pattern=r"^[^\x00-\x1f\x7f]+$")
    password: str = Field(min_length=1, max_length=200)


@router.post("/student/login")
async def log_in(body: Login, request: Request) -> dict[str, object]:
    """A student's token for right credentials, 401 for wrong ones, 429 after too many of those."""
    student, token = await _logged_in(Student, body, request)
    return {"access_token": token, "token_type": "bearer", "student": {"id": student.id, "name": student.name}}


@router.post("/teacher/login")
async def log_in_teacher(body: Login, request: Request) -> dict[str, object]:
    """The same for a teacher."""
    teacher, token = await _logged_in(Teacher, body, request)
    return {"access_token": token, "token_type": "bearer", "teacher": {"id": teacher.id, "name": teacher.name}}


async def _logged_in(role: type[Person], body: Login, request: Request) -> tuple[Person, str]:
    # The database is opened only for those who may try: a flood of refused attempts must cost as little as it can.
    gate: LoginGate = request.app.state.login_gate
    address = f"{request.client.host if request.client else ''} {AUDIENCES[role]}"
    await gate.check(address, body.username)
    async with gate.hashing():
        person = await run_in_threadpool(_verified, role, body, request.app.state.database)
    if person is None:
        gate.failed(address, body.username)
        raise HTTPException(401, "wrong name or password", headers={"WWW-Authenticate": "Bearer"})
    gate.succeeded(address, body.username)
    return person, make_token(role, person.id, request.app.state.settings)


def _verified(role: type[Person], body: Login, database: Engine) -> Person | None:
    """The student or teacher with this name and password."""
    with Session(database, expire_on_commit=False) as db:
        person = db.scalar(select(role).where(role.username == body.username))
    matches = password_matches(person.password_hash if person else None, body.password)
    return person if matches else None


def make_token(role: type[Student | Teacher], person_id: int, settings: Settings) -> str:
    """A signed token that says who somebody is, until it expires."""
    expires = datetime.now(UTC) + timedelta(hours=settings.app_token_hours)
    claims = {"sub": str(person_id), "aud": AUDIENCES[role], "exp": expires}
    return jwt.encode(claims, settings.app_secret.get_secret_value(), ALGORITHM)


Given = Annotated[HTTPAuthorizationCredentials | None, Depends(bearer)]


def current_student(request: Request, db: Database, given: Given) -> Student:
    """The student whose token came with the request; 401 without a good one."""
    return _holder(Student, request, db, given)


def current_teacher(request: Request, db: Database, given: Given) -> Teacher:
    """The same for a teacher."""
    return _holder(Teacher, request, db, given)


def _holder(role: type[Person], request: Request, db: Session, given: HTTPAuthorizationCredentials | None) -> Person:
    secret = request.app.state.settings.app_secret.get_secret_value()
    try:
        claims = jwt.decode(given.credentials if given else "", secret, [ALGORITHM], audience=AUDIENCES[role])
        person = db.get(role, int(claims["sub"]))
    except (jwt.InvalidTokenError, KeyError, ValueError, OverflowError):
        person = None
    if person is None:
        raise HTTPException(401, "log in first", headers={"WWW-Authenticate": "Bearer"})
    return person


CurrentStudent = Annotated[Student, Depends(current_student)]
CurrentTeacher = Annotated[Teacher, Depends(current_teacher)]
