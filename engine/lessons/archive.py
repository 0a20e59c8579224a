"""The lessons of ended sessions, kept as long as the settings say, and the webhook that gets them."""

from __future__ import annotations

import asyncio
import contextlib
from collections import OrderedDict
from collections.abc import AsyncIterator, Iterable
from datetime import UTC, datetime
from typing import Literal
from uuid import uuid4

from engine.errors import NotFound
from engine.lessons.lesson import Lesson
from engine.settings import LessonSettings
from engine.telemetry import Metrics
from engine.webhooks import webhook_of

MAX_KEPT = 500
"""Lessons of ended sessions; the oldest goes first. At the largest size of a record that is about half a gigabyte, at
the size of an ordinary lesson a few megabytes."""

WEBHOOK_ATTEMPTS = 9
"""Over about two minutes: a web tier is restarted in that time."""


class LessonArchive:
    """Keeps and announces the lessons of an engine.

    Args:
        settings: ``[lessons]``.
        metrics: count what the webhook loses.
    """

    def __init__(self, settings: LessonSettings, metrics: Metrics) -> None:
        self._settings = settings
        self._kept: OrderedDict[str, tuple[float, Lesson]] = OrderedDict()
        """By session: when it ended, on the event loop's clock, and the lesson."""
        self._told: dict[str, tuple[float, int]] = {}
        """By live session: when the webhook was told of it last, and which revision."""
        self._webhook = webhook_of("lesson-webhook", settings, metrics, attempts=WEBHOOK_ATTEMPTS)

    @contextlib.asynccontextmanager
    async def running(self) -> AsyncIterator[LessonArchive]:
        """The webhook delivers while the context lasts."""
        async with contextlib.AsyncExitStack() as stack:
            if self._webhook is not None:
                await stack.enter_async_context(self._webhook.running())
            yield self

    def keep(self, lesson: Lesson, how: str) -> None:
        """The session of ``lesson`` has ended: keep it if the settings say so. Called before ``announce``."""
        lesson.end(how)
        if self._settings.keep_s > 0:
            self._kept[lesson.session_id] = (asyncio.get_running_loop().time(), lesson)
            if len(self._kept) > MAX_KEPT:
                self._kept.popitem(last=False)

    def announce(self, lesson: Lesson) -> None:
        """Tell the webhook of an ended lesson. Never waits."""
        self._told.pop(lesson.session_id, None)
        self._post("lesson_ended", lesson)

    def find(self, session_id: str) -> Lesson:
        """The kept lesson of an ended session.

        Raises:
            NotFound: there is none, or no longer.
        """
        self.tidy(())
        kept = self._kept.get(session_id)
        if kept is None:
            raise NotFound("there is no transcript of this session (see the setting lessons.keep_s)")
        return kept[1]

    def erase(self, session_id: str) -> None:
        """Forget the lesson of an ended session.

        Raises:
            NotFound: as for ``find``.
        """
        self.find(session_id)
        del self._kept[session_id]

    def tidy(self, live: Iterable[Lesson]) -> None:
        """Forget what has been kept long enough, and tell the webhook how far the ``live`` lessons are."""
        now = asyncio.get_running_loop().time()
        while self._kept and now - next(iter(self._kept.values()))[0] > self._settings.keep_s:
            self._kept.popitem(last=False)
        if self._webhook is None or self._settings.webhook_every_s == 0:
            return
        for lesson in live:
            at, revision = self._told.get(lesson.session_id, (0.0, 0))
            if lesson.record.revision != revision and now - at >= self._settings.webhook_every_s:
                self._told[lesson.session_id] = (now, lesson.record.revision)
                self._post("lesson_progress", lesson)

    def _post(self, event: Literal["lesson_ended", "lesson_progress"], lesson: Lesson) -> None:
        if self._webhook is None:
            return
        left_out = None if self._settings.webhook_transcript else {"entries"}
        body = {
            "id": str(uuid4()),
            "event": event,
            "at": datetime.now(UTC).isoformat(timespec="milliseconds"),
            **lesson.transcript().model_dump(mode="json", exclude=left_out),
        }
        # What is known of a lesson later has all of what was known earlier.
        self._webhook.post(body, replaces=lesson.session_id)
