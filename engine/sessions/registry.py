"""All live sessions of an engine: create, find, expire, drain.

The registry runs on the event loop and owns one task per session. However a session ends, its
conversation, sockets and peers end with it. All clocks here are the event loop's.
"""

from __future__ import annotations

import asyncio
import contextlib
import time
import uuid
from collections.abc import AsyncIterator

import structlog
from aiohttp import WSCloseCode

from engine.admission import Admission
from engine.conversation.conversation import Conversation
from engine.conversation.parts import Parts
from engine.errors import Busy, InvalidField, UnknownSession
from engine.lessons import Lesson, LessonArchive
from engine.sessions.memory import MemoryKeeper
from engine.sessions.session import Session
from engine.settings import Patience
from engine.tutors.store import TutorStore

log = structlog.get_logger(__name__)


class SessionRegistry:
    """All live sessions of this engine.

    Args:
        parts: what all sessions share.
        tutors: the profiles.
        memory: None makes one.
        lessons: keeps what was said in ended sessions; None makes one that no webhook is told by.
    """

    def __init__(
        self,
        parts: Parts,
        tutors: TutorStore,
        memory: MemoryKeeper | None = None,
        lessons: LessonArchive | None = None,
    ) -> None:
        self._memory = memory or MemoryKeeper()
        self._parts = parts
        self._tutors = tutors
        settings = parts.settings
        self._admission = Admission(settings.sessions.max, measured=settings.sessions.admission == "measured")
        self._lessons = lessons or LessonArchive(settings.lessons, parts.metrics)
        self._sessions: dict[str, Session] = {}
        self._draining = False

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
            student_id: kept, and given back to the caller.
            kb_id: a knowledge base instead of the profile's.
            patience: how long to wait before a pause ends the user turn; None takes the profile's.

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

    def find_lesson(self, session_id: str) -> Lesson:
        """The lesson of a session that lives, or whose transcript is still kept.

        Raises:
            NotFound: there is none.
        """
        session = self._sessions.get(session_id)
        return session.lesson if session is not None else self._lessons.find(session_id)

    def erase_lesson(self, session_id: str) -> None:
        """Forget what was said in a session so far.

        Raises:
            NotFound: as for ``find_lesson``.
        """
        session = self._sessions.get(session_id)
        if session is not None:
            session.lesson.record.erase()
        else:
            self._lessons.erase(session_id)

    async def end(
        self, session: Session, how: str, code: int = WSCloseCode.OK, reason: bytes = b"session ended"
    ) -> None:
        """End a session and all that belongs to it; returns when it is gone. Idempotent.

        Args:
            session: which.
            how: for the metrics: ``deleted``, ``expired``, ``abandoned``, ``shutdown`` …
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
        self._lessons.announce(session.lesson)
        self._parts.end_session(session.id)
        log.info("session_ended", session=session.id, how=how)

    def _forget(self, session: Session, how: str) -> bool:
        """Take it off the list. False when that was done before."""
        if self._sessions.pop(session.id, None) is None:
            return False
        session.status = "ended"
        self._lessons.keep(session.lesson, how)
        self._memory.session_ended()
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
                self._lessons.announce(session.lesson)
                await session.close_connections(WSCloseCode.INTERNAL_ERROR, b"session failed")
                self._parts.end_session(session.id)

    async def _expire(self) -> None:
        """End sessions that are idle or abandoned, and return memory to the system now and then."""
        limit, detached_s = self._parts.settings.sessions.idle_s, self._parts.settings.sessions.detached_s
        loop = asyncio.get_running_loop()
        while True:
            await asyncio.sleep(min(5.0, limit / 4, detached_s / 4))
            now = loop.time()
            for session in list(self._sessions.values()):
                if session.idle_s(now) > limit:
                    await self.end(session, "expired", WSCloseCode.OK, b"session expired")
                elif session.abandoned(now, detached_s):
                    await self.end(session, "abandoned", WSCloseCode.OK, b"session expired")
                else:
                    await session.close_if_unauthorized(time.time())
            speaking = any(session.conversation.speaking for session in self._sessions.values())
            await self._memory.tidy(now, speaking=speaking)
            self._lessons.tidy([session.lesson for session in self._sessions.values()])
