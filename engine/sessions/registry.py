"""All live sessions of an engine: create, find, expire, drain.

The registry runs on the event loop and owns one task per session. However a session ends, its
conversation, sockets and peers end with it. All clocks here are the event loop's.
"""

from __future__ import annotations

import asyncio
import contextlib
import time
import uuid
from collections.abc import AsyncIterator, Awaitable, Callable
from datetime import UTC, datetime

import structlog
from aiohttp import WSCloseCode

from engine.admission import MAX_DRAWING_SHARE, MIN_SPEAKING_SHARE, Admission
from engine.cluster.capacity import Load
from engine.conversation.conversation import Conversation
from engine.conversation.parts import Parts
from engine.errors import Busy, InvalidField, UnknownSession
from engine.items import FPS
from engine.lessons import Lesson, LessonArchive
from engine.protocol.outgoing import MovedEvent
from engine.sessions.keeper import SessionKeeper
from engine.sessions.memory import MemoryKeeper
from engine.sessions.session import Session
from engine.settings import Patience
from engine.tutors.store import TutorStore

log = structlog.get_logger(__name__)

GONE_ELSEWHERE = ("moved", "lost")
"""Ends of sessions that go on on another engine."""

PAUSE_LOOK_S = 0.05
"""How often a session that is to move is looked at."""

MOVE_ATTEMPTS, MOVE_AGAIN_S = 5, 1.0
"""How often an engine that ends offers a session to the others, and after how many seconds again."""

MOVE_S = 5.0
"""How long a client has to follow ``moved`` before its connection is closed."""


class SessionRegistry:
    """All live sessions of this engine.

    Args:
        parts: what all sessions share.
        tutors: the profiles.
        memory: None makes one.
        lessons: keeps what was said in ended sessions; None makes one that no webhook is told by.
        keeper: lets other engines go on with the sessions; None on a machine of its own.
    """

    def __init__(
        self,
        parts: Parts,
        tutors: TutorStore,
        memory: MemoryKeeper | None = None,
        lessons: LessonArchive | None = None,
        keeper: SessionKeeper | None = None,
    ) -> None:
        self._memory = memory or MemoryKeeper()
        self._parts = parts
        self._tutors = tutors
        settings = parts.settings
        self._admission = Admission(settings.sessions.max, measured=settings.sessions.admission == "measured")
        self._lessons = lessons or LessonArchive(settings.lessons, parts.metrics)
        self.ended: Callable[[Session], None] = lambda session: None
        """Told of each session that has ended for good."""
        self._sessions: dict[str, Session] = {}
        self.draining = False
        """No new sessions are admitted, since the engine is shutting down."""
        self._keeper = keeper
        self._adopting: dict[str, asyncio.Task[Session]] = {}
        self.move: Callable[[Session, int], Awaitable[str | None]] = _nowhere
        """Has another engine adopt a session (of this epoch); gives its WebSocket address there, or None."""
        if keeper is not None:
            keeper.let_go = self._let_go

    def __len__(self) -> int:
        return len(self._sessions)

    def all(self) -> list[Session]:
        """Every live session."""
        return [*self._sessions.values()]

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
        self._admit()
        if kb_id is not None and not self._parts.knowledge.exists(kb_id):
            raise InvalidField("field 'kb_id': there is no knowledge base of this name")
        session_id = str(uuid.uuid4())
        profile = self._tutors.find(tutor_id)
        conversation = Conversation(self._parts, profile, session_id, kb_id, patience)
        session = Session(session_id, tutor_id, student_id, conversation, self._parts)
        self._begin(session)
        log.info("session_created", session=session_id, tutor=tutor_id, profile=profile.id)
        return session

    async def open(
        self, tutor_id: int, student_id: int, kb_id: str | None = None, patience: Patience | None = None
    ) -> Session:
        """As ``create``; in a cluster it is also stored, so that another engine can go on with it.

        Raises:
            Busy, InvalidField: as ``create``; also when it cannot be stored.
        """
        session = self.create(tutor_id, student_id, kb_id, patience)
        if self._keeper is not None:
            try:
                await self._keeper.create(session)
            except BaseException:
                await self.end(session, "failed")
                raise
        return session

    async def adopt(self, session_id: str, epoch: int) -> Session:
        """The session, which this engine takes over unless it has it already.

        Args:
            session_id: which.
            epoch: of the owner that it is taken over from.

        Raises:
            UnknownSession: nobody remembers it.
            Busy: no more sessions fit here, or the directory is down.
            Conflict: another engine has just taken it over.
        """
        if (session := self._sessions.get(session_id)) is not None:
            return session
        if (task := self._adopting.get(session_id)) is None:
            task = asyncio.create_task(self._adopt(session_id, epoch), name=f"adopt-{session_id[:8]}")
            self._adopting[session_id] = task
            task.add_done_callback(lambda _: self._adopting.pop(session_id, None))
        return await asyncio.shield(task)

    async def _adopt(self, session_id: str, epoch: int) -> Session:
        if self._keeper is None:
            raise UnknownSession("no live session has this id")
        self._admit()
        snapshot, claim = await self._keeper.claim(session_id, epoch)
        profile = self._tutors.find(snapshot.tutor_id)
        conversation = Conversation(self._parts, profile, session_id, snapshot.kb_id, snapshot.patience)
        conversation.recall(snapshot.conversation, (datetime.now(UTC) - snapshot.saved_at).total_seconds() * 1000)
        session = Session(
            session_id, snapshot.tutor_id, snapshot.student_id, conversation, self._parts, snapshot.created_at
        )
        session.resumed = (conversation.replies, conversation.unanswered)
        self._begin(session)
        self._keeper.keep(session, claim)
        self._keeper.metrics.sessions.labels("adopted").inc()
        same_profile = profile.version == snapshot.profile_version
        log.info("session_adopted", session=session_id, replies=conversation.replies, same_profile=same_profile)
        return session

    def _begin(self, session: Session) -> None:
        session.task = asyncio.create_task(self._run(session), name=f"session-{session.id[:8]}")
        self._sessions[session.id] = session
        self._parts.metrics.sessions.set(len(self._sessions))

    def _admit(self) -> None:
        """Raises Busy when no further session fits."""
        if self.draining:
            raise Busy("the engine is shutting down", retry_after_s=5)
        refused = self._refused()
        if refused is not None:
            self._parts.metrics.sessions_refused.inc()
            raise Busy(refused[0], retry_after_s=refused[1])

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

    def load(self, loop_lag_s: float, free_bytes: int) -> Load:
        """What is measured of this engine now, for its headroom.

        Args:
            loop_lag_s: how late the event loop is.
            free_bytes: memory that the machine has left.
        """
        now = asyncio.get_running_loop().time()
        measured = self._admission.measured
        return Load(
            sessions=len(self._sessions),
            max_sessions=self._admission.max_sessions,
            draining=self.draining,
            present=sum(session.present(now) for session in self._sessions.values()),
            speaking=sum(session.conversation.speaking for session in self._sessions.values()),
            picture_s=self._parts.picture_cost_s() if measured else 0.0,
            fps=FPS,
            drawing_share=MAX_DRAWING_SHARE,
            speaking_share=MIN_SPEAKING_SHARE,
            dropping=measured and self._parts.dropping_frames(now),
            loop_lag_s=loop_lag_s if measured else 0.0,
            free_bytes=free_bytes,
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
        await self._end_keeping(session, how)
        if how not in GONE_ELSEWHERE:
            self._announce(session)
        self._parts.end_session(session.id)
        log.info("session_ended", session=session.id, how=how)

    def _announce(self, session: Session) -> None:
        self._lessons.announce(session.lesson)
        self.ended(session)

    async def _end_keeping(self, session: Session, how: str) -> None:
        if self._keeper is None:
            return
        if how == "shutdown":
            await self._keeper.release(session)
        elif how in GONE_ELSEWHERE:
            await self._keeper.lose(session)
        else:
            await self._keeper.forget(session)

    async def _let_go(self, session: Session) -> None:
        """Another engine has the session."""
        await self.end(session, "lost", WSCloseCode.SERVICE_RESTART, b"on another engine by now")

    def _forget(self, session: Session, how: str) -> bool:
        """Take it off the list. False when that was done before."""
        if self._sessions.pop(session.id, None) is None:
            return False
        session.status = "ended"
        if how not in GONE_ELSEWHERE:
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
            if self._keeper is not None:
                await self._keeper.close()

    async def drain(self, limit_s: float) -> None:
        """Admit no more sessions, and wait until no tutor speaks, at most ``limit_s`` seconds.

        In a cluster each session moves to another engine in its next pause.
        """
        self.draining = True
        try:
            async with asyncio.timeout(limit_s):
                await asyncio.gather(*map(self._leave, list(self._sessions.values())))
        except TimeoutError:
            log.warning("drain_limit_reached", sessions=len(self._sessions))

    async def _leave(self, session: Session) -> None:
        await session.conversation.wait_idle()
        if self._keeper is None:
            return
        for _ in range(MOVE_ATTEMPTS):
            while not session.conversation.quiet:  # noqa: ASYNC110 - a pause is no event of either side
                await asyncio.sleep(PAUSE_LOOK_S)
            claim = self._keeper.claim_of(session)
            if claim is None or self._sessions.get(session.id) is not session:
                return
            await self._keeper.release(session)
            url = await self.move(session, claim.owner.epoch)
            if url is not None:
                await self._follow(session, url, self._keeper)
                return
            self._keeper.resume(session, claim)
            await asyncio.sleep(MOVE_AGAIN_S)

    async def _follow(self, session: Session, url: str, keeper: SessionKeeper) -> None:
        """Send the client after a session that is on another engine by now."""
        keeper.metrics.sessions.labels("moved").inc()
        await session.conversation.tell(MovedEvent(engine_url=url))
        with contextlib.suppress(TimeoutError):
            async with asyncio.timeout(MOVE_S):
                await session.disconnected.wait()
        await self.end(session, "moved", WSCloseCode.SERVICE_RESTART, b"moved to another engine")

    async def _run(self, session: Session) -> None:
        try:
            await session.conversation.run()
        except Exception:
            log.exception("session_failed", session=session.id)
            if self._forget(session, "failed"):
                self._announce(session)
                await session.close_connections(WSCloseCode.INTERNAL_ERROR, b"session failed")
                await self._end_keeping(session, "failed")
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


async def _nowhere(session: Session, epoch: int) -> str | None:
    """There is no other engine."""
    return None
