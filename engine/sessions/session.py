"""One live session: who takes part, how long it has been idle, what is connected to it."""

from __future__ import annotations

import asyncio
import math
from datetime import UTC, datetime
from typing import Protocol
from uuid import UUID

import structlog
from aiohttp import WSCloseCode

from engine.conversation.conversation import Conversation
from engine.conversation.parts import Parts
from engine.lessons import Lesson
from engine.protocol.usage import SessionUsage

log = structlog.get_logger(__name__)

ABSENT_S = 30.0
"""A session that nobody has been connected to for this long no longer counts as one that needs pictures. A judgement:
time for a reload of the page, or to find the network again."""

LEFT_S = 30.0
"""A session whose page was closed ends after this. A judgement: a reload closes the page too, and may take as long."""


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
        created_at: when another engine created it; None: now.
    """

    def __init__(
        self,
        session_id: str,
        tutor_id: int,
        student_id: int,
        conversation: Conversation,
        parts: Parts,
        created_at: datetime | None = None,
    ) -> None:
        self.id = session_id
        self.tutor_id = tutor_id
        self.student_id = student_id
        self.key = "default"
        """Name of the API key that asked for it."""
        self.conversation = conversation
        self.parts = parts
        self.status = "active"
        self.created_at = created_at or datetime.now(UTC)
        self.last_activity = datetime.now(UTC)
        self.resumed: tuple[int, bool] | None = None
        """It came from another engine and no client was told so yet: the latest reply's number, and whether the
        student's last words have no answer yet."""
        self.disconnected = asyncio.Event()
        """Set while no client is connected."""
        self.disconnected.set()
        self.lesson = Lesson(
            session_id, tutor_id, student_id, conversation.profile.name, self.created_at, conversation.record
        )
        if created_at is None:
            self.lesson.record.begin()
        self._active_at = asyncio.get_running_loop().time()
        self._connections: list[SessionConnection] = []
        self._detached_at = math.inf
        self._left_at = math.inf
        self.task: asyncio.Task[None] | None = None
        self._authorized_until = math.inf

    def authorize_until(self, expires_at: float) -> None:
        """A token of this session expires at ``expires_at`` (Unix seconds); the latest one counts."""
        known = 0.0 if self._authorized_until == math.inf else self._authorized_until
        self._authorized_until = max(known, expires_at)

    async def close_if_unauthorized(self, now: float) -> None:
        """Close the connections if every token has expired; with a new one the student can connect again.

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

    def leave(self) -> None:
        """The student's page was closed. If it does not come back within ``LEFT_S``, ``abandoned`` says so."""
        self._left_at = asyncio.get_running_loop().time()

    def stay(self) -> None:
        """The student's page is there again, but not connected yet."""
        self._left_at = math.inf
        if self._detached_at < math.inf:
            self._detached_at = asyncio.get_running_loop().time()

    def abandoned(self, now: float, detached_s: float) -> bool:
        """Whether the student is gone: disconnected for more than ``detached_s``, or the page was closed.

        A session that nobody has ever connected to only becomes idle.

        Args:
            now: on the event loop's clock.
            detached_s: seconds.
        """
        return now - self._detached_at > detached_s or (not self._connections and now - self._left_at > LEFT_S)

    def take_connection(self, connection: SessionConnection) -> SessionConnection | None:
        """Make ``connection`` the session's own. Returns the one it replaces, which the caller closes."""
        previous = self._connections[-1] if self._connections else None
        self._connections.append(connection)
        self.disconnected.clear()
        self._detached_at = self._left_at = math.inf
        self.touch()
        return previous

    def drop_connection(self, connection: SessionConnection) -> None:
        """``connection`` is closed."""
        if connection in self._connections:
            self._connections.remove(connection)
            if not self._connections:
                self._detached_at = asyncio.get_running_loop().time()
                self.disconnected.set()
        self.touch()

    async def close_connections(self, code: int, reason: bytes) -> None:
        """Close every socket and peer."""
        for connection in list(self._connections):
            await connection.close(code, reason)

    def usage(self) -> SessionUsage:
        """What it has used so far."""
        ended_at = self.lesson.ended_at
        return SessionUsage(
            session_id=UUID(self.id),
            key=self.key,
            tutor_id=self.tutor_id,
            student_id=self.student_id,
            started_at=self.created_at,
            ended_at=ended_at,
            duration_s=round(((ended_at or datetime.now(UTC)) - self.created_at).total_seconds(), 1),
            usage=self.lesson.record.usage(),
        )

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
