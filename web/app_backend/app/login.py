"""Logging in: a password for a JWT, and the JWT for the student it belongs to."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta
from typing import Annotated

import jwt
from fastapi import APIRouter, Depends, HTTPException, Request
from fastapi.concurrency import run_in_threadpool
from fastapi.security import HTTPAuthorizationCredentials, HTTPBearer
from pydantic import BaseModel, Field
from sqlalchemy import select
from sqlalchemy.orm import Session

from .database import Student, db_session
from .limits import LoginGate
from .passwords import password_matches
from .settings import Settings

ALGORITHM = "HS256"
AUDIENCE = "school"

router = APIRouter(prefix="/api/student", tags=["student"])
bearer = HTTPBearer(auto_error=False)
Database = Annotated[Session, Depends(db_session)]


class Login(BaseModel):
    username: str = Field(min_length=1, max_length=80, pattern=r"^[^\x00-\x1f\x7f]+$")
    password: str = Field(min_length=1, max_length=200)


@router.post("/login")
async def log_in(body: Login, request: Request, db: Database) -> dict[str, object]:
    """A token for right credentials, 401 for wrong ones, 429 after too many of those."""
    gate: LoginGate = request.app.state.login_gate
    address = request.client.host if request.client else ""
    gate.check(address, body.username)
    async with gate.hashing():
        student = await run_in_threadpool(_verified, body, db)
    if student is None:
        gate.failed(address, body.username)
        raise HTTPException(401, "wrong name or password", headers={"WWW-Authenticate": "Bearer"})
    gate.succeeded(address, body.username)
    return {
        "access_token": make_token(student.id, request.app.state.settings),
        "token_type": "bearer",
        "student": {"id": student.id, "name": student.name},
    }


def _verified(body: Login, db: Session) -> Student | None:
    """The student with this name and password."""
    student = db.scalar(select(Student).where(Student.username == body.username))
    matches = password_matches(student.password_hash if student else None, body.password)
    return student if matches else None


def make_token(student_id: int, settings: Settings) -> str:
    """A signed token that says who the student is, until it expires."""
    expires = datetime.now(UTC) + timedelta(hours=settings.app_token_hours)
    claims = {"sub": str(student_id), "aud": AUDIENCE, "exp": expires}
    return jwt.encode(claims, settings.app_secret.get_secret_value(), ALGORITHM)


def current_student(
    request: Request, db: Database, given: Annotated[HTTPAuthorizationCredentials | None, Depends(bearer)]
) -> Student:
    """The student whose token came with the request; 401 without a good one."""
    secret = request.app.state.settings.app_secret.get_secret_value()
    try:
        claims = jwt.decode(given.credentials if given else "", secret, [ALGORITHM], audience=AUDIENCE)
        student = db.get(Student, int(claims["sub"]))
    except (jwt.InvalidTokenError, KeyError, ValueError, OverflowError):
        student = None
    if student is None:
        raise HTTPException(401, "log in first", headers={"WWW-Authenticate": "Bearer"})
    return student


CurrentStudent = Annotated[Student, Depends(current_student)]
