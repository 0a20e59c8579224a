"""Keeps what sessions remember in the cluster's directory, off the path of any reply.

One task per session writes whenever something changed: one write is under way at a time, and the next one has the
newest state. Every write names the revision it replaces. One that is refused tells that another engine has adopted the
session, so saving is what keeps two engines from holding one conversation.
"""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable
from dataclasses import dataclass, field
from datetime import UTC, datetime

import structlog

from engine.cluster.directory import Directory, DirectoryDown, Superseded
from engine.cluster.envelope import Owner, Sealer, read_owner
from engine.cluster.metrics import EngineMetrics
from engine.cluster.snapshot import SessionSnapshot, SnapshotRefused, pack, unpack
from engine.errors import UnknownSession
from engine.sessions.session import Session

log = structlog.get_logger(__name__)

TOUCH_S = 60.0
"""A session in which nothing changes is written this often: what nobody writes expires in the directory."""

RETRY_S = 0.5
"""After a write that failed. What is said meanwhile waits in memory."""


@dataclass(frozen=True, slots=True)
class Claim:
    """A session that this engine owns now."""

    owner: Owner
    revision: int


@dataclass(slots=True)
class _Kept:
    session: Session
    claim: Claim
    changed: asyncio.Event = field(default_factory=asyncio.Event)
    task: asyncio.Task[None] | None = None


class SessionKeeper:
    """Owns the entries of this engine's sessions.

    Args:
        directory: where they are.
        sealer: encrypts them.
        node: this engine's name in the cluster.
        boot: random at each start of it.
        url: where doors and other engines reach this one.
        metrics: count writes.
    """

    def __init__(
        self, directory: Directory, sealer: Sealer, node: str, boot: str, url: Callable[[], str], metrics: EngineMetrics
    ) -> None:
        self.metrics = metrics
        self.let_go: Callable[[Session], Awaitable[None]] = _nothing
        """Called with a session that another engine has taken over; it must end here."""
        self._directory = directory
        self._sealer = sealer
        self._node, self._boot, self._url = node, boot, url
        self._kept: dict[str, _Kept] = {}
        self._leaving: set[asyncio.Task[None]] = set()
        directory.on_reconnect(self.check_all)

    # --- owning

    async def create(self, session: Session) -> None:
        """Make the entry of a new session and keep it.

        Raises:
            DirectoryDown: it could not be stored.
        """
        owner = Owner(self._node, self._boot, self._url(), 1)
        revision = await self._directory.create(session.id, self._seal(session, owner))
        self.keep(session, Claim(owner, revision))

    async def claim(self, session_id: str, epoch: int) -> tuple[SessionSnapshot, Claim]:
        """Take a session over from whoever has it. What it remembers, for ``keep`` once it lives here.

        Args:
            session_id: which.
            epoch: of the owner that is gone or lets it go.

        Raises:
            UnknownSession: nothing is stored of it.
            Superseded: another engine was faster.
            DirectoryDown: the directory cannot be reached.
            SnapshotRefused: it cannot be read here.
        """
        stored = await self._directory.load(session_id)
        if stored is None:
            raise UnknownSession("no live session has this id")
        before = read_owner(stored.value)
        if before.epoch != epoch:
            raise Superseded("another engine has taken this session over already")
        memory = self._sealer.open(session_id, stored.value)
        snapshot = unpack(memory)
        owner = Owner(self._node, self._boot, self._url(), before.epoch + 1)
        revision = await self._directory.save(session_id, self._sealer.seal(session_id, owner, memory), stored.revision)
        await self._directory.publish(f"lost.{before.node}", session_id.encode())
        log.info("session_claimed", session=session_id, epoch=owner.epoch, before=before.node)
        return snapshot, Claim(owner, revision)

    def keep(self, session: Session, claim: Claim) -> None:
        """Write what changes in ``session`` from now on."""
        kept = _Kept(session, claim)
        self._kept[session.id] = kept
        session.lesson.record.on_change = kept.changed.set
        kept.task = asyncio.create_task(self._run(kept), name=f"keeper-{session.id[:8]}")

    async def release(self, session: Session) -> None:
        """Write it a last time and no more; its entry stays, for another engine to adopt."""
        kept = await self._drop(session)
        if kept is not None:
            try:
                await self._save(kept)
            except (DirectoryDown, SnapshotRefused, Superseded) as error:
                log.warning("last_save_failed", session=session.id, kind=type(error).__name__)

    def resume(self, session: Session, claim: Claim) -> None:
        """Keep a session that was released and that nobody has adopted."""
        self.keep(session, claim)
        self._kept[session.id].changed.set()

    def claim_of(self, session: Session) -> Claim | None:
        """How this engine owns ``session``; None when it does not keep it."""
        kept = self._kept.get(session.id)
        return kept.claim if kept is not None else None

    async def forget(self, session: Session) -> None:
        """The session is over: remove its entry. If the directory is down it expires there."""
        if await self._drop(session) is None:
            return
        try:
            await self._directory.forget(session.id)
        except DirectoryDown:
            log.warning("entry_left_to_expire", session=session.id)

    async def lose(self, session: Session) -> None:
        """Another engine has the session: write no more."""
        await self._drop(session)

    def check_all(self) -> None:
        """Write every session soon; one that another engine has by now is noticed by that."""
        for kept in self._kept.values():
            kept.changed.set()

    def check(self, session_id: str) -> None:
        """Write one session soon, because another engine is said to have it."""
        if (kept := self._kept.get(session_id)) is not None:
            kept.changed.set()

    async def close(self) -> None:
        """Wait for sessions that are being let go."""
        if self._leaving:
            await asyncio.wait(self._leaving)

    # --- writing

    async def _run(self, kept: _Kept) -> None:
        while True:
            try:
                async with asyncio.timeout(TOUCH_S):
                    await kept.changed.wait()
            except TimeoutError:
                pass
            kept.changed.clear()
            try:
                await self._save(kept)
            except DirectoryDown:
                kept.changed.set()
                await asyncio.sleep(RETRY_S)
            except SnapshotRefused as error:
                log.warning("snapshot_not_saved", session=kept.session.id, reason=error.message)
            except Superseded:
                log.warning("session_superseded", session=kept.session.id, epoch=kept.claim.owner.epoch)
                self.metrics.sessions.labels("lost").inc()
                task = asyncio.create_task(self._let_go(kept.session), name="session-lost")
                self._leaving.add(task)
                task.add_done_callback(self._leaving.discard)
                return

    async def _let_go(self, session: Session) -> None:
        await self.let_go(session)

    async def _save(self, kept: _Kept) -> None:
        """Write the present state.

        Raises:
            Superseded, DirectoryDown, SnapshotRefused.
        """
        value = self._seal(kept.session, kept.claim.owner)
        try:
            revision = await self._write(kept, value)
        except Superseded:
            self.metrics.saves.labels("refused").inc()
            raise
        except DirectoryDown:
            self.metrics.saves.labels("failed").inc()
            raise
        kept.claim = Claim(kept.claim.owner, revision)
        self.metrics.saves.labels("saved").inc()

    async def _write(self, kept: _Kept, value: bytes) -> int:
        try:
            return await self._directory.save(kept.session.id, value, kept.claim.revision)
        except Superseded:
            # A write whose answer was lost may have been done: then the entry is still ours, with a revision we missed.
            stored = await self._directory.load(kept.session.id)
            if stored is None or read_owner(stored.value) != kept.claim.owner or stored.revision == kept.claim.revision:
                raise
            return await self._directory.save(kept.session.id, value, stored.revision)

    def _seal(self, session: Session, owner: Owner) -> bytes:
        return self._sealer.seal(session.id, owner, pack(snapshot_of(session)))

    async def _drop(self, session: Session) -> _Kept | None:
        kept = self._kept.pop(session.id, None)
        if kept is None:
            return None
        session.lesson.record.on_change = _unchanged
        if kept.task is not None and kept.task is not asyncio.current_task():
            kept.task.cancel()
            await asyncio.wait([kept.task])
        return kept


def snapshot_of(session: Session) -> SessionSnapshot:
    """What another engine needs to go on with ``session``."""
    conversation = session.conversation
    return SessionSnapshot(
        session.id,
        session.tutor_id,
        session.student_id,
        conversation.kb_id,
        conversation.patience,
        conversation.profile.version,
        session.created_at,
        datetime.now(UTC),
        conversation.memory(),
    )


def _unchanged() -> None:
    """Nobody keeps it any more."""


async def _nothing(session: Session) -> None:
    """Before the registry says what to do."""
