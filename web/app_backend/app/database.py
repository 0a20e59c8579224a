"""Tables of the school: students, tutors they may choose, and the sessions they opened."""

from __future__ import annotations

from collections.abc import Iterator
from datetime import UTC, datetime

from fastapi import Request
from sqlalchemy import DateTime, Engine, ForeignKey, String, create_engine, select
from sqlalchemy.exc import IntegrityError
from sqlalchemy.orm import DeclarativeBase, Mapped, Session, mapped_column

from .passwords import hash_password


class Base(DeclarativeBase):
    """Parent of all tables."""


class Student(Base):
    __tablename__ = "students"

    id: Mapped[int] = mapped_column(primary_key=True)
    username: Mapped[str] = mapped_column(String(80), unique=True)
    name: Mapped[str] = mapped_column(String(120))
    password_hash: Mapped[str] = mapped_column(String(200))


class Tutor(Base):
    """A tutor of the catalogue; ``id`` is the engine's ``tutor_id``."""

    __tablename__ = "tutors"

    id: Mapped[int] = mapped_column(primary_key=True)
    name: Mapped[str] = mapped_column(String(80))
    subject: Mapped[str] = mapped_column(String(200))
    avatar_id: Mapped[str] = mapped_column(String(80))


class TutorSession(Base):
    """A session of the engine and whose it is. The engine's token is handed out once and not kept."""

    __tablename__ = "tutor_sessions"

    id: Mapped[str] = mapped_column(String(64), primary_key=True)
    student_id: Mapped[int] = mapped_column(ForeignKey("students.id"), index=True)
    tutor_id: Mapped[int] = mapped_column(ForeignKey("tutors.id"))
    created_at: Mapped[datetime] = mapped_column(DateTime(timezone=True), default=lambda: datetime.now(UTC))


TUTORS = [
    Tutor(id=1, name="Professor Owen", subject="Science", avatar_id="avatar_tutor_1"),
    Tutor(id=7, name="Lin", subject="Languages: English, 中文, español, français, Deutsch", avatar_id="avatar_tutor_7"),
    Tutor(id=13, name="Maya", subject="Anything a school day brings", avatar_id="avatar_tutor_13"),
]
DEMO_STUDENTS = [("anna", "Anna", "apple-tree"), ("ben", "Ben", "blue-boat")]


def open_database(url: str, demo_students: bool) -> Engine:
    """Connect, create missing tables, and fill empty ones."""
    options = {"check_same_thread": False} if url.startswith("sqlite") else {}
    database = create_engine(url, connect_args=options, pool_pre_ping=True)
    Base.metadata.create_all(database)
    with Session(database) as db:
        if db.scalar(select(Tutor.id).limit(1)) is None:
            db.add_all(Tutor(id=t.id, name=t.name, subject=t.subject, avatar_id=t.avatar_id) for t in TUTORS)
        if demo_students and db.scalar(select(Student.id).limit(1)) is None:
            db.add_all(Student(username=u, name=n, password_hash=hash_password(p)) for u, n, p in DEMO_STUDENTS)
        try:
            db.commit()
        except IntegrityError:
            # Another worker of this web tier started at the same moment and filled them.
            db.rollback()
    return database


def db_session(request: Request) -> Iterator[Session]:
    """A database session for one request (FastAPI dependency)."""
    with Session(request.app.state.database) as db:
        yield db
