"""Tables of the school: students, teachers, tutors to choose from, sessions, and what was said in them."""

from __future__ import annotations

from collections.abc import Iterator
from datetime import UTC, datetime

from fastapi import Request
from sqlalchemy import BigInteger, DateTime, Engine, ForeignKey, String, Text, create_engine, select
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


class Teacher(Base):
    __tablename__ = "teachers"

    id: Mapped[int] = mapped_column(primary_key=True)
    username: Mapped[str] = mapped_column(String(80), unique=True)
    name: Mapped[str] = mapped_column(String(120))
    password_hash: Mapped[str] = mapped_column(String(200))


class Teaching(Base):
    """Whose lessons a teacher may read."""

    __tablename__ = "teachings"

    teacher_id: Mapped[int] = mapped_column(ForeignKey("teachers.id"), primary_key=True)
    student_id: Mapped[int] = mapped_column(ForeignKey("students.id"), primary_key=True)


class Lesson(Base):
    """What is kept of a session, also after its end; ``id`` is the session's."""

    __tablename__ = "lessons"

    id: Mapped[str] = mapped_column(String(64), primary_key=True)
    student_id: Mapped[int] = mapped_column(ForeignKey("students.id"), index=True)
    tutor_id: Mapped[int] = mapped_column(ForeignKey("tutors.id"))
    started_at: Mapped[datetime] = mapped_column(DateTime(timezone=True), default=lambda: datetime.now(UTC), index=True)
    ended_at: Mapped[datetime | None] = mapped_column(DateTime(timezone=True))
    ended: Mapped[str | None] = mapped_column(String(80))
    """How, as the engine says; None while it is running, or when its end was never told."""
    revision: Mapped[int] = mapped_column(BigInteger, default=0)
    entries: Mapped[str] = mapped_column(Text, default="[]")
    """JSON: who said what, when, and what was heard of it."""
    usage: Mapped[str] = mapped_column(Text, default="{}")
    """JSON."""


class SafetyNote(Base):
    """The guard stepped in; never the words."""

    __tablename__ = "safety_notes"

    lesson_id: Mapped[str] = mapped_column(ForeignKey("lessons.id"), primary_key=True)
    turn: Mapped[int] = mapped_column(primary_key=True)
    stage: Mapped[str] = mapped_column(String(80), primary_key=True)
    category: Mapped[str] = mapped_column(String(80))
    at: Mapped[datetime] = mapped_column(DateTime(timezone=True), index=True)


TUTORS = [
    Tutor(id=1, name="Professor Owen", subject="Science", avatar_id="avatar_tutor_1"),
    Tutor(id=7, name="Lin", subject="Languages: English, 中文, español, français, Deutsch", avatar_id="avatar_tutor_7"),
    Tutor(id=13, name="Maya", subject="Anything a school day brings", avatar_id="avatar_tutor_13"),
]
DEMO_STUDENTS = [("anna", "Anna", "apple-tree"), ("ben", "Ben", "blue-boat")]
DEMO_TEACHER = ("clara", "Ms Clara", "cherry-cake")
"""Teaches the demonstration students."""


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
            db.flush()
            _add_demo_teacher(db)
        try:
            db.commit()
        except IntegrityError:
            # Another worker of this web tier started at the same moment and filled them.
            db.rollback()
    return database


def _add_demo_teacher(db: Session) -> None:
    username, name, password = DEMO_TEACHER
    teacher = Teacher(username=username, name=name, password_hash=hash_password(password))
    db.add(teacher)
    db.flush()
    db.add_all(Teaching(teacher_id=teacher.id, student_id=student_id) for student_id in db.scalars(select(Student.id)))


def db_session(request: Request) -> Iterator[Session]:
    """A database session for one request (FastAPI dependency)."""
    with Session(request.app.state.database) as db:
        yield db
