"""A reply as the conversation sees it: made at once or held back, then seen to the end of its playback.

Wraps a ``Turn`` with what surrounds it: the prompt from the history, the memory of what was
said, the closing ``turn_done``, and the wait until the student has heard it all.
"""

from __future__ import annotations

import asyncio
from collections.abc import Callable, Coroutine
from typing import Any

import structlog

from engine.animation.idle_motion import IdleMotion
from engine.contracts import Avatar
from engine.conversation.parts import Parts
from engine.conversation.playback import Playback
from engine.conversation.sink import Sink
from engine.conversation.turn import Prompt, Turn, TurnOptions
from engine.errors import EngineError, ReplyFailed
from engine.knowledge.follow_up import search_query
from engine.knowledge.prompt import knowledge_prompt
from engine.knowledge.terms import asks_something
from engine.llm.history import ChatHistory
from engine.protocol.outgoing import SourcePassage, TurnDoneEvent
from engine.telemetry import Timeline, log_fault
from engine.tutors.profile import TutorProfile

log = structlog.get_logger(__name__)


class Reply:
    """The tutor's answer to one message of the student."""

    def __init__(
        self,
        parts: Parts,
        sink: Sink,
        profile: TutorProfile,
        history: ChatHistory,
        text: str,
        timeline: Timeline,
        life: IdleMotion,
        *,
        avatar: Avatar | None,
        session_id: str,
        kb_id: str | None = None,
    ) -> None:
        self._parts = parts
        self._sink = sink
        self._history = history
        options = TurnOptions(profile, avatar, session_id)
        self.turn = Turn(parts, sink, self._prompt, options, timeline, life)
        self._profile = profile
        self._text = text
        self._kb_id = kb_id
        self._spoken = avatar is not None
        self._task: asyncio.Task[None] | None = None
        self._failure: ReplyFailed | None = None
        self._session_id = session_id

    async def _prompt(self) -> Prompt:
        """The chat so far and the student's words, with what the knowledge base has on them."""
        if self._kb_id is None:
            return Prompt(self._history.messages(self._text))
        query = search_query(self._text, self._history.asked_before(self._text))
        if not query:
            return Prompt(self._history.messages(self._text), ())
        settings = self._parts.settings
        try:
            found = await self._parts.knowledge.search(self._kb_id, query, settings.knowledge.found)
        except EngineError as error:
            log.warning("knowledge base failed", session=self._session_id, code=error.code)
            found = []
        embedded = settings.llm.base_url is None
        if not found and not asks_something(self._text):
            # "Why?", after talk of other things: that the material lacks them was said then.
            return Prompt(self._history.messages(self._text), ())
        if not found and embedded:
            # The small model can not be relied on to say so itself.
            return Prompt(self._history.messages(self._text), (), self._profile.nothing_found)
        notes = knowledge_prompt(found, settings.knowledge.tokens, self._profile.nothing_found)
        opening = ""
        if found and embedded and self._spoken and self._profile.openings:
            # It has the notes to read first.
            opening = self._profile.openings[len(self._history) % len(self._profile.openings)]
        sources = tuple(SourcePassage.model_validate(passage.source()) for passage in found)
        return Prompt(self._history.messages(self._text, knowledge=notes), sources, opening)

    @property
    def number(self) -> int:
        """The turn's number; 0 while it is held."""
        return self.turn.number

    @property
    def playback(self) -> Playback:
        return self.turn.playback

    def heard_text(self, now: float) -> str:
        """What the student knows of the reply: the words played, or all that was shown when nothing is spoken."""
        if not self._spoken:
            return self.turn.text.strip()
        return self.playback.heard_text(self.turn.text, self.playback.heard_ms(now))

    def prepare(self, spawn: Callable[[Coroutine[Any, Any, None], str], asyncio.Task[None]]) -> None:
        """Begin it behind the gate: compute, send nothing."""
        self._task = spawn(self._run(), "speculation")

    def abandon(self) -> None:
        """Drop a held reply; nothing of it was or will be seen."""
        if self._task is not None:
            self._task.cancel()

    async def speak(self, number: int, on_progress: Callable[[str], None]) -> None:
        """Open the gate as turn ``number`` and wait until the student has heard it.

        Cancelling it cancels the reply. ``on_progress`` gets the text said so far, when its sound begins.

        Raises:
            ReplyFailed: a stage failed.
        """
        self.turn.on_media = lambda: on_progress(self.turn.text)
        self.turn.release(number)
        try:
            await (self._run() if self._task is None else _join(self._task))
        finally:
            # What was said belongs to the memory however the turn ends; an interruption cuts it later.
            self._history.add_assistant(number, self.turn.text.strip())
        self.turn.timeline.report(self._parts.metrics)
        if self._failure is not None:
            self._parts.metrics.turns.labels("failed").inc()
            raise self._failure
        self._parts.metrics.turns.labels("done").inc()
        await self._sink.event(TurnDoneEvent(turn=number, timings=self.turn.timeline.marks))
        if self._spoken and self._sink.live:
            now = asyncio.get_running_loop().time()
            await asyncio.sleep(max(0.0, self.playback.sent_ms - self.playback.heard_ms(now)) / 1000)

    async def _run(self) -> None:
        """The turn; a failure is kept for ``speak``, since a held reply may fail before it is wanted."""
        try:
            await self.turn.run()
        except* EngineError as group:
            self._failure = _first(group)
        except* Exception as group:  # noqa: BLE001 - logged in our_fault
            self._failure = our_fault(group.exceptions[0], self._session_id)


async def _join(task: asyncio.Task[None]) -> None:
    """Wait for ``task``; being cancelled cancels it too."""
    try:
        await asyncio.shield(task)
    except asyncio.CancelledError:
        task.cancel()
        await asyncio.wait([task])
        raise


def _first(group: BaseExceptionGroup[EngineError]) -> ReplyFailed:
    error: BaseException = group
    while isinstance(error, BaseExceptionGroup):
        error = error.exceptions[0]
    if isinstance(error, ReplyFailed):
        return error
    failed = ReplyFailed(error.message if isinstance(error, EngineError) else "the reply could not be made")
    failed.__cause__ = error
    return failed


def our_fault(error: Exception, session_id: str) -> ReplyFailed:
    """Log what nobody expected; gives what to tell the client."""
    log_fault(log, error, session=session_id)
    return ReplyFailed("the reply could not be made: the engine failed")
