"""Live sessions: create, find, expire, drain.

The registry runs on the event loop and owns one task per session. However a session ends, its
conversation, sockets and peers end with it. All clocks here are the event loop's.
"""

from __future__ import annotations

import asyncio
import contextlib
import gc
import math
import time
import uuid
from collections.abc import AsyncIterator, Awaitable, Callable
from datetime import UTC, datetime
from typing import Protocol

import structlog
from aiohttp import WSCloseCode

from engine.admission import Admission
from engine.conversation.conversation import Conversation
from engine.conversation.parts import Parts
from engine.errors import Busy, InvalidField, UnknownSession
from engine.malloc import give_back_memory
from engine.settings import Patience
from engine.tutors.store import TutorStore

log = structlog.get_logger(__name__)

ABSENT_S = 30.0
"""A session that nobody has been connected to for this long no longer counts as one that needs pictures. A judgement:
time for a reload of the page, or to find the network again."""

MAX_UNCOLLECTED = 20
"""Ended sessions whose reference cycles may wait for a moment in which nobody speaks."""

GIVE_BACK_EVERY_S = 60.0
"""How often free memory is returned to the system while sessions run. Measured: a conversation leaves some 5 MB a
minute in the C library's allocator."""


async def _free_memory() -> None:
    await asyncio.to_thread(give_back_memory)


class SessionConnection(Protocol):
    """A socket or peer of a session."""

    async def close(self, code: int, reason: bytes) -> None:
        """Close it, with a WebSocket close code (RFC 6455 section 7.4) and a reason."""


class Session:
    """One student with one tutor, from ``POST /v1/sessions`` to its end.

    Args:
        session_id: a UUID.
        tutor_id: as the caller gave it; the profile may be the default one.
        student_id: as the caller gave it.
        conversation: the session's own.
        parts: what all sessions share.
    """

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
        self._connections: list[SessionConnection] = []
        self.task: asyncio.Task[None] | None = None
        self._authorized_until = math.inf

    def authorize_until(self, expires_at: float) -> None:
        """A token of this session expires at ``expires_at`` (Unix seconds); the latest one counts."""
        known = 0.0 if self._authorized_until == math.inf else self._authorized_until
        self._authorized_until = max(known, expires_at)

    async def close_if_unauthorized(self, now: float) -> None:
        """Close what is connected when every token has expired; a new one lets the student connect again.

        Args:
            now: Unix seconds.
        """
        if self._connections and now >= self._authorized_until:
            log.info("token_expired", session=self.id)
            await self.close_connections(WSCloseCode.POLICY_VIOLATION, b"token expired")

    def touch(self) -> None:
        """The client did something: the idle clock starts again."""
        self._active_at = asyncio.get_running_loop().time()
        self.last_activity = datetime.now(UTC)

    def idle_s(self, now: float) -> float:
        """Seconds since the client last did something, 0 while the tutor speaks.

        Args:
            now: on the event loop's clock.
        """
        return 0.0 if self.conversation.speaking else now - self._active_at

    def present(self, now: float) -> bool:
        """Whether a student is connected, or was within ``ABSENT_S`` and may come back.

        Args:
            now: on the event loop's clock.
        """
        return bool(self._connections) or now - self._active_at < ABSENT_S

    def take_connection(self, connection: SessionConnection) -> SessionConnection | None:
        """Make ``connection`` the session's own. Returns the one it replaces, which the caller closes."""
        previous = self._connections[-1] if self._connections else None
        self._connections.append(connection)
        self.touch()
        return previous

    def drop_connection(self, connection: SessionConnection) -> None:
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
    """All live sessions of this engine.

    Args:
        parts: what all sessions share.
        tutors: the profiles.
        free_memory: returns free memory to the system; takes milliseconds, so not on the event loop.
    """

    def __init__(
        self, parts: Parts, tutors: TutorStore, free_memory: Callable[[], Awaitable[None]] = _free_memory
    ) -> None:
        self._free_memory = free_memory
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
        """No new sessions are admitted, since the engine is shutting down."""
        return self._draining

    def create(
        self, tutor_id: int, student_id: int, kb_id: str | None = None, patience: Patience | None = None
    ) -> Session:
        """A new session with its conversation running.

        Args:
            tutor_id: whose profile; an unknown one gets the default profile.
            student_id: kept, and told to the caller again.
            kb_id: a knowledge base instead of the profile's.
            patience: instead of the profile's: how long to wait before a pause ends the student's turn.

        Raises:
            Busy: the engine is draining, full, or could not draw the pictures in time.
            InvalidField: there is no knowledge base ``kb_id``.
        """
        if self._draining:
            raise Busy("the engine is shutting down", retry_after_s=5)
        refused = self._refused()
        if refused is not None:
            raise Busy(refused[0], retry_after_s=refused[1])
        if kb_id is not None and not self._parts.knowledge.exists(kb_id):
            raise InvalidField("field 'kb_id': there is no knowledge base of this name")
        session_id = str(uuid.uuid4())
        profile = self._tutors.find(tutor_id)
        conversation = Conversation(self._parts, profile, session_id, kb_id, patience)
        session = Session(session_id, tutor_id, student_id, conversation, self._parts)
        session.task = asyncio.create_task(self._run(session), name=f"session-{session_id[:8]}")
        self._sessions[session_id] = session
        self._parts.metrics.sessions.set(len(self._sessions))
        log.info("session_created", session=session_id, tutor=tutor_id, profile=profile.id)
        return session

    def _refused(self) -> tuple[str, int] | None:
        """Why no further session fits now, and after how many seconds to ask again."""
        now = asyncio.get_running_loop().time()
        return self._admission.refuse(
            len(self._sessions),
            sum(session.present(now) for session in self._sessions.values()),
            sum(session.conversation.speaking for session in self._sessions.values()),
            self._parts.picture_cost_s(),
            self._parts.dropping_frames(now),
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
        """End a session and all that belongs to it; returns when it is gone. Idempotent.

        Args:
            session: which.
            how: for the metrics: ``deleted``, ``expired``, ``shutdown`` …
            code: for its connections, see ``SessionConnection.close``.
            reason: the same.
        """
        if not self._forget(session, how):
            return
        session.conversation.close()
        await session.close_connections(code, reason)
        if session.task is not None:
            session.task.cancel()
            await asyncio.wait([session.task])
        self._parts.end_session(session.id)
        log.info("session_ended", session=session.id, how=how)

    def _forget(self, session: Session, how: str) -> bool:
        """Take it off the list. False when that was done before."""
        if self._sessions.pop(session.id, None) is None:
            return False
        session.status = "ended"
        self._uncollected += 1
        self._parts.metrics.sessions.set(len(self._sessions))
        self._parts.metrics.sessions_total.labels(how).inc()
        return True

    @contextlib.asynccontextmanager
    async def running(self) -> AsyncIterator[SessionRegistry]:
        """Ends idle sessions while the context lasts, and all sessions at its end."""
        watcher = asyncio.create_task(self._expire(), name="session-expiry")
        try:
            yield self
        finally:
            watcher.cancel()
            await asyncio.wait([watcher])
            for session in list(self._sessions.values()):
                await self.end(session, "shutdown", WSCloseCode.GOING_AWAY, b"engine shutting down")

    async def drain(self, limit_s: float) -> None:
        """Admit no more sessions, and wait until no tutor speaks, at most ``limit_s`` seconds."""
        self._draining = True
        try:
            async with asyncio.timeout(limit_s):
                busy = [s.conversation.wait_idle() for s in self._sessions.values()]
                await asyncio.gather(*busy)
        except TimeoutError:
            log.warning("drain_limit_reached", sessions=len(self._sessions))

    async def _run(self, session: Session) -> None:
        try:
            await session.conversation.run()
        except Exception:
            log.exception("session_failed", session=session.id)
            if self._forget(session, "failed"):
                await session.close_connections(WSCloseCode.INTERNAL_ERROR, b"session failed")
                self._parts.end_session(session.id)

    async def _expire(self) -> None:
        """End sessions whose idle clock is past the limit, and return memory to the system now and then."""
        limit = self._parts.settings.sessions.idle_s
        loop = asyncio.get_running_loop()
        given_back_at = loop.time()
        while True:
            await asyncio.sleep(min(5.0, limit / 4))
            now = loop.time()
            for session in list(self._sessions.values()):
                if session.idle_s(now) > limit:
                    await self.end(session, "expired", WSCloseCode.OK, b"session expired")
                else:
                    await session.close_if_unauthorized(time.time())
            speaking = any(session.conversation.speaking for session in self._sessions.values())
            collected = self._collect(speaking)
            if not speaking and (collected or now - given_back_at > GIVE_BACK_EVERY_S):
                given_back_at = now
                await self._free_memory()

    def _collect(self, speaking: bool) -> bool:
        """Free what ended sessions left in reference cycles: audio encoders with their threads and megabytes.

        A collection takes 10 to 80 ms (what was there at the start is frozen, see ``app.serve``), so it is done when
        nobody speaks, or when it cannot be put off any longer. True when it was done.
        """
        if self._uncollected and (not speaking or self._uncollected >= MAX_UNCOLLECTED):
            self._uncollected = 0
            gc.collect()
            return True
        return False
