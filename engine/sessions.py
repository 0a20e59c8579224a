"""Live sessions: create, find, expire, admit, drain.

The registry runs on the event loop and owns one task a session. Ending a session, for
whatever reason, takes its conversation, sockets and peers with it.
"""

from __future__ import annotations

import asyncio
import contextlib
import gc
import uuid
from collections.abc import AsyncIterator
from datetime import UTC, datetime
from typing import Protocol

import structlog
from aiohttp import WSCloseCode

from engine.admission import Admission
from engine.conversation.conversation import Conversation
from engine.conversation.parts import Parts
from engine.errors import Busy, InvalidField, UnknownSession
from engine.malloc import give_back_memory
from engine.tutors.store import TutorStore

log = structlog.get_logger(__name__)

ABSENT_S = 30.0
"""A session that nobody is connected to for so long no longer counts as one that needs pictures."""

MOST_UNCOLLECTED = 20
"""Ended sessions whose rings of objects may wait for a quiet moment."""

GIVE_BACK_EVERY_S = 60.0
"""While sessions go on: a conversation leaves some 5 MB a minute in the C library's hands."""


class Connection(Protocol):
    """A socket or peer of a session."""

    async def close(self, code: int, reason: bytes) -> None: ...


class Session:
    """One student with one tutor, from ``POST /v1/sessions`` to its end."""

    def __init__(self, session_id: str, tutor_id: int, student_id: int, conversation: Conversation, parts: Parts):
        self.id = session_id
        self.tutor_id = tutor_id
        self.student_id = student_id
        self.conversation = conversation
        self.parts = parts
        self.status = "active"
        self.created_at = datetime.now(UTC)
        self.last_activity = self.created_at
        self._active_at = asyncio.get_running_loop().time()
        self._connections: list[Connection] = []
        self.task: asyncio.Task[None] | None = None

    def touch(self) -> None:
        """The client did something: the idle clock starts anew."""
        self._active_at = asyncio.get_running_loop().time()
        self.last_activity = datetime.now(UTC)

    def idle_s(self, now: float) -> float:
        """Seconds since the client or the tutor last did something."""
        return 0.0 if self.conversation.speaking else now - self._active_at

    def present(self, now: float) -> bool:
        """Whether a student is connected, or was a moment ago and may come back (a reload, a new session)."""
        return bool(self._connections) or now - self._active_at < ABSENT_S

    def take_connection(self, connection: Connection) -> Connection | None:
        """Make ``connection`` the session's own; gives the one it replaces."""
        previous = self._connections[-1] if self._connections else None
        self._connections.append(connection)
        self.touch()
        return previous

    def drop_connection(self, connection: Connection) -> None:
        """``connection`` is closed."""
        if connection in self._connections:
            self._connections.remove(connection)
        self.touch()

    async def close_connections(self, code: int, reason: bytes) -> None:
        """Close every socket and peer."""
        for connection in list(self._connections):
            await connection.close(code, reason)

    def to_wire(self) -> dict[str, object]:
        """The fields of ``GET /v1/sessions/{id}``."""
        return {
            "session_id": self.id,
            "tutor_id": self.tutor_id,
            "student_id": self.student_id,
            "status": self.status,
            "created_at": self.created_at.isoformat(),
            "last_activity": self.last_activity.isoformat(),
        }


class SessionRegistry:
    """All live sessions of this engine."""

    def __init__(self, parts: Parts, tutors: TutorStore) -> None:
        self._parts = parts
        self._tutors = tutors
        settings = parts.settings
        self._admission = Admission(settings.sessions.max, measured=settings.sessions.admission == "measured")
        self._sessions: dict[str, Session] = {}
        self._draining = False
        self._uncollected = 0

    def __len__(self) -> int:
        return len(self._sessions)

    def all(self) -> list[Session]:
        """Every live session."""
        return list(self._sessions.values())

    @property
    def draining(self) -> bool:
        return self._draining

    def create(self, tutor_id: int, student_id: int, kb_id: str | None = None) -> Session:
        """A new session with its conversation running.

        Raises:
            Busy: draining, full, or more than can be drawn in time.
            InvalidField: there is no knowledge base ``kb_id``.
        """
        if self._draining:
            raise Busy("the engine is shutting down", retry_after_s=5)
        refused = self._refused()
        if refused is not None:
            raise Busy(refused[0], retry_after_s=refused[1])
        if kb_id is not None and not self._parts.knowledge.exists(kb_id):
            raise InvalidField("field 'kb_id': there is no such knowledge base")
        session_id = str(uuid.uuid4())
        profile = self._tutors.find(tutor_id)
        conversation = Conversation(self._parts, profile, session_id, kb_id)
        session = Session(session_id, tutor_id, student_id, conversation, self._parts)
        session.task = asyncio.create_task(self._run(session), name=f"session-{session_id[:8]}")
        self._sessions[session_id] = session
        self._parts.metrics.sessions.set(len(self._sessions))
        log.info("session created", session=session_id, tutor=tutor_id, profile=profile.id)
        return session

    def _refused(self) -> tuple[str, int] | None:
        """Why no further session fits now, and for how many seconds."""
        scheduler = self._parts.scheduler
        now = asyncio.get_running_loop().time()
        return self._admission.refuse(
            len(self._sessions),
            sum(session.present(now) for session in self._sessions.values()),
            sum(session.conversation.speaking for session in self._sessions.values()),
            scheduler.costs.frame_s(),
            scheduler.frame_dropping.active_at(now),
        )

    def find(self, session_id: str) -> Session:
        """The live session.

        Raises:
            UnknownSession: never existed, ended or expired.
        """
        session = self._sessions.get(session_id)
        if session is None:
            raise UnknownSession("no live session has this id")
        return session

    async def end(
        self, session: Session, how: str, code: int = WSCloseCode.OK, reason: bytes = b"session ended"
    ) -> None:
        """End a session and everything it has; waits until it is gone. Idempotent."""
        if not self._forget(session, how):
            return
        session.conversation.close()
        await session.close_connections(code, reason)
        if session.task is not None:
            session.task.cancel()
            await asyncio.wait([session.task])
        self._parts.scheduler.end_session(session.id)
        log.info("session ended", session=session.id, how=how)

    def _forget(self, session: Session, how: str) -> bool:
        """Strike it off the list; False when that was done before."""
        if self._sessions.pop(session.id, None) is None:
            return False
        session.status = "ended"
        self._uncollected += 1
        self._parts.metrics.sessions.set(len(self._sessions))
        self._parts.metrics.sessions_total.labels(how).inc()
        return True

    @contextlib.asynccontextmanager
    async def running(self) -> AsyncIterator[SessionRegistry]:
        """Expires idle sessions while the context lasts; ends all at its end."""
        watcher = asyncio.create_task(self._expire(), name="session-expiry")
        try:
            yield self
        finally:
            watcher.cancel()
            await asyncio.wait([watcher])
            for session in list(self._sessions.values()):
                await self.end(session, "shutdown", WSCloseCode.GOING_AWAY, b"engine shutting down")

    async def drain(self, limit_s: float) -> None:
        """Admit nobody, and wait until no tutor speaks or ``limit_s`` is over."""
        self._draining = True
        try:
            async with asyncio.timeout(limit_s):
                busy = [s.conversation.wait_idle() for s in self._sessions.values()]
                await asyncio.gather(*busy)
        except TimeoutError:
            log.warning("drain limit reached", sessions=len(self._sessions))

    async def _run(self, session: Session) -> None:
        try:
            await session.conversation.run()
        except Exception:
            log.exception("session failed", session=session.id)
            if self._forget(session, "failed"):
                await session.close_connections(WSCloseCode.INTERNAL_ERROR, b"session failed")
                self._parts.scheduler.end_session(session.id)

    async def _expire(self) -> None:
        limit = self._parts.settings.sessions.idle_s
        loop = asyncio.get_running_loop()
        given_back_at = loop.time()
        while True:
            await asyncio.sleep(min(5.0, limit / 4))
            now = loop.time()
            for session in list(self._sessions.values()):
                if session.idle_s(now) > limit:
                    await self.end(session, "expired", WSCloseCode.OK, b"session expired")
            speaking = any(session.conversation.speaking for session in self._sessions.values())
            collected = self._collect(speaking)
            if not speaking and (collected or now - given_back_at > GIVE_BACK_EVERY_S):
                given_back_at = now
                await asyncio.to_thread(give_back_memory)

    def _collect(self, speaking: bool) -> bool:
        """Free what ended sessions left in rings: libav's audio coders, each with a thread a core and some megabytes.

        What was there at the start is frozen (``app.serve``), so it takes 10 to 80 ms: done while nobody speaks, or
        when it cannot be put off. True when it was done.
        """
        if self._uncollected and (not speaking or self._uncollected >= MOST_UNCOLLECTED):
            self._uncollected = 0
            gc.collect()
            return True
        return False
