"""The ledger of what sessions used: one line of JSON for each ended session, in a file a month.

The lines hold ids and figures, nothing that anybody said.
"""

from __future__ import annotations

import asyncio
import contextlib
import os
from collections import deque
from collections.abc import AsyncIterator, Iterable, Iterator
from datetime import UTC, datetime, timedelta
from pathlib import Path
from uuid import uuid4

import structlog
from pydantic import ValidationError

from engine.concurrency.channel import Channel, ChannelClosed
from engine.protocol.lessons import LessonUsage
from engine.protocol.usage import KeyUsage, SessionUsage, UsageReport
from engine.settings import UsageSettings
from engine.telemetry import Metrics
from engine.webhooks import webhook_of

log = structlog.get_logger(__name__)

MAX_IN_MEMORY = 10_000
"""Ended sessions that are remembered without a folder: some megabytes."""

MAX_UNWRITTEN = 1024


class UsageLedger:
    """Writes down and adds up what sessions used.

    Args:
        settings: ``[usage]``.
        metrics: count what the webhook loses.
    """

    def __init__(self, settings: UsageSettings, metrics: Metrics) -> None:
        self._settings = settings
        self._recent: deque[SessionUsage] = deque(maxlen=MAX_IN_MEMORY)
        self._unwritten: Channel[SessionUsage] = Channel("usage", MAX_UNWRITTEN, "drop_oldest")
        self._webhook = webhook_of("usage-webhook", settings, metrics)

    @contextlib.asynccontextmanager
    async def running(self) -> AsyncIterator[UsageLedger]:
        """Write and deliver while the context lasts; at its end everything that waits is written."""
        async with contextlib.AsyncExitStack() as stack:
            if self._webhook is not None:
                await stack.enter_async_context(self._webhook.running())
            task = asyncio.create_task(self._write_all(), name="usage-ledger")
            try:
                yield self
            finally:
                self._unwritten.close()
                await asyncio.wait([task])

    def ended(self, session: SessionUsage) -> None:
        """A session has ended. Never waits."""
        if self._settings.dir is None:
            self._recent.append(session)
        else:
            with contextlib.suppress(ChannelClosed):
                self._unwritten.put_nowait(session)
        if self._webhook is not None:
            at = datetime.now(UTC).isoformat(timespec="milliseconds")
            body = {"id": str(uuid4()), "event": "session_usage", "at": at, **session.model_dump(mode="json")}
            self._webhook.post(body)

    async def report(
        self,
        live: Iterable[SessionUsage],
        *,
        key: str | None = None,
        since: datetime | None = None,
        until: datetime | None = None,
        each: bool = False,
    ) -> UsageReport:
        """What was used by sessions that began at ``since`` or later, and before ``until``.

        Args:
            live: usage of the sessions that have not ended.
            key: only those of the key of this name.
            since: None: from the beginning.
            until: None: up to now.
            each: list the sessions too.
        """
        live = list(live)
        past = await asyncio.to_thread(self._ended, since, until)
        chosen = [
            session
            for session in (*past, *live)
            if (key is None or session.key == key)
            and (since is None or session.started_at >= since)
            and (until is None or session.started_at < until)
        ]
        chosen.sort(key=lambda session: session.started_at)
        names = sorted({session.key for session in chosen})
        totals = tuple(_total(name, [session for session in chosen if session.key == name]) for name in names)
        return UsageReport(since=since, until=until, keys=totals, sessions=tuple(chosen) if each else None)

    def _ended(self, since: datetime | None, until: datetime | None) -> list[SessionUsage]:
        if self._settings.dir is None:
            return list(self._recent)
        return [session for file in sorted(self._settings.dir.glob("????-??.jsonl")) if _within(file, since, until)
                for session in _read(file)]  # fmt: skip

    async def _write_all(self) -> None:
        if self._settings.dir is None:
            return
        await asyncio.to_thread(self._forget_old)
        async for session in self._unwritten:
            try:
                await asyncio.to_thread(_append, self._settings.dir, session)
                await asyncio.to_thread(self._forget_old)
            except OSError as error:
                log.error("usage_not_written", session=str(session.session_id), reason=error.strerror)

    def _forget_old(self) -> None:
        """Delete the files whose last day is older than the settings allow."""
        if self._settings.dir is None or self._settings.keep_days == 0:
            return
        oldest = datetime.now(UTC) - timedelta(days=self._settings.keep_days)
        for file in self._settings.dir.glob("????-??.jsonl"):
            if not _within(file, oldest, None):
                file.unlink(missing_ok=True)
                log.info("usage_forgotten", month=file.stem)


def _append(folder: Path, session: SessionUsage) -> None:
    folder.mkdir(parents=True, exist_ok=True)
    file = folder / f"{session.started_at.astimezone(UTC):%Y-%m}.jsonl"
    handle = os.open(file, os.O_WRONLY | os.O_APPEND | os.O_CREAT, 0o600)
    with os.fdopen(handle, "ab") as stream:  # one write, so that engines may share the folder
        stream.write(session.model_dump_json().encode() + b"\n")


def _read(file: Path) -> Iterator[SessionUsage]:
    """The lines of a file, but for what a crash cut off."""
    for line in file.read_bytes().splitlines():
        try:
            yield SessionUsage.model_validate_json(line)
        except ValidationError:
            log.warning("usage_line_damaged", month=file.stem)


def _within(file: Path, since: datetime | None, until: datetime | None) -> bool:
    """Whether the month of a file has a part in a span."""
    try:
        first = datetime.strptime(file.stem, "%Y-%m").replace(tzinfo=UTC)
    except ValueError:
        return False
    after = (first + timedelta(days=32)).replace(day=1)
    return (since is None or after > since) and (until is None or first < until)


def _total(key: str, sessions: list[SessionUsage]) -> KeyUsage:
    figures = {
        name: round(sum(getattr(session.usage, name) for session in sessions), 1) for name in LessonUsage.model_fields
    }
    return KeyUsage(
        key=key,
        sessions=len(sessions),
        duration_s=round(sum(session.duration_s for session in sessions), 1),
        usage=LessonUsage.model_validate(figures),
    )
