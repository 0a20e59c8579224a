"""The guard of an engine: judges, finds the tutor's words, and tells everyone who should know."""

from __future__ import annotations

import asyncio
import contextlib
from collections.abc import AsyncIterator, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime
from uuid import uuid4

import aiohttp
import structlog

from engine.protocol.outgoing import SafetyCategory, SafetyStage
from engine.safety.guard import judge_answer, judge_question
from engine.safety.moderation import moderated
from engine.safety.texts import reply_language, safety_text
from engine.settings import SafetySettings
from engine.telemetry import Metrics
from engine.tutors.profile import Strictness, TutorProfile
from engine.webhooks import webhook_of

log = structlog.get_logger(__name__)

INLINE_CHARS = 200
"""A longer question is judged in a thread: up to here it takes less than a millisecond."""


@dataclass(frozen=True, slots=True)
class Incident:
    """Something was held back."""

    category: SafetyCategory
    stage: SafetyStage
    session: str
    reply: int
    tutor: str
    question: str
    """The student's words. They leave only with the webhook, and only if ``safety.webhook_words`` is set."""


class Safety:
    """One per engine.

    Args:
        settings: ``[safety]``.
        metrics: count incidents.
    """

    def __init__(self, settings: SafetySettings, metrics: Metrics) -> None:
        self._settings = settings
        self._metrics = metrics
        self._lines = dict(line.split("=", 1) for line in settings.help_lines)
        self._http: aiohttp.ClientSession | None = None
        self._webhook = webhook_of("safety-webhook", settings, metrics)

    @contextlib.asynccontextmanager
    async def running(self) -> AsyncIterator[None]:
        """Endpoint and webhook are used while the context lasts."""
        async with contextlib.AsyncExitStack() as stack:
            if self._settings.moderation_url is not None:
                self._http = await stack.enter_async_context(aiohttp.ClientSession())
            if self._webhook is not None:
                await stack.enter_async_context(self._webhook.running())
            yield
        self._http = None

    async def question(self, text: str, strictness: Strictness, asked: Sequence[str] = ()) -> SafetyCategory | None:
        """The category for which the student's words are held back from the language model; None lets them pass.

        Args:
            text: the student's words.
            strictness: of the tutor's profile.
            asked: what the student said before, oldest first.
        """
        if strictness == "off":
            return None
        if len(text) > INLINE_CHARS:
            found = await asyncio.to_thread(judge_question, text, strictness, asked)
        else:
            found = judge_question(text, strictness, asked)
        if found is None and self._http is not None:
            found = await moderated(self._http, self._settings, text)
        return found

    def answer(self, text: str, strictness: Strictness) -> SafetyCategory | None:
        """The same for a clause of the model's answer, with some text before it."""
        return judge_answer(text, strictness)

    def text(self, category: SafetyCategory, stage: SafetyStage, question: str, profile: TutorProfile) -> str:
        """What the tutor says instead, in the language of ``question``, the student's words."""
        language = reply_language(question, profile.language, profile.languages)
        return safety_text(category, stage, language, self._lines, self._settings.country)

    def report(self, incident: Incident) -> None:
        """Count, log and announce ``incident``. Never waits; the log and the metric have no words."""
        self._metrics.safety.labels(incident.category, incident.stage).inc()
        log.info("safety", session=incident.session, reply=incident.reply, category=incident.category,
                 stage=incident.stage)  # fmt: skip
        if self._webhook is None:
            return
        body: dict[str, object] = {
            "id": str(uuid4()),
            "event": "safety",
            "session": incident.session,
            "reply": incident.reply,
            "tutor": incident.tutor,
            "category": incident.category,
            "stage": incident.stage,
            "at": datetime.now(UTC).isoformat(timespec="milliseconds"),
        }
        if self._settings.webhook_words:
            body["words"] = incident.question
        self._webhook.post(body)
