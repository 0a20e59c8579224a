"""A reply: the tutor's answer to one user turn, from the prompt to the end of its playback.

In: the student's words. Out: events, and frames of picture and audio, to a sink, in order. The
stages run as one task group: text -> speech -> pictures -> send. Cancelling the task that awaits
``speak`` cancels them all; a model call that is already in a thread finishes there, and its result
is dropped. On the wire the number of a reply is called ``turn``.

A preemptive reply is begun (``begin``) before the user turn is over: it computes as far as it can
without sending anything, until ``speak`` releases it or ``abandon`` ends it.
"""

from __future__ import annotations

import asyncio
from collections.abc import Sequence
from dataclasses import replace
from typing import Protocol

import structlog

from engine.animation.idle_motion import IdleMotion
from engine.contracts import Avatar, Message, TokenCount
from engine.conversation.answers import ReadyAnswer, find_answer
from engine.conversation.parts import Parts
from engine.conversation.picture_stage import PictureStage
from engine.conversation.playback import Playback
from engine.conversation.reply_context import ReplyOptions, open_context
from engine.conversation.reply_trace import chat_attributes, stage_spans
from engine.conversation.sink import Sink
from engine.conversation.speech_stage import SpeechStage
from engine.conversation.tasks import SessionTasks
from engine.conversation.text_stage import TextStage
from engine.errors import EngineError, ReplyFailed
from engine.lessons.entries import Delivery
from engine.llm.history import ChatHistory
from engine.protocol.lessons import Origin
from engine.protocol.outgoing import SafetyEvent, SourcePassage, TurnDoneEvent, numbered
from engine.safety.service import Incident
from engine.telemetry import log_fault, tracing
from engine.telemetry.timeline import Timeline

log = structlog.get_logger(__name__)


class RoomSound(Protocol):
    """Is told what the tutor's voice says, so that its echo is not taken for the student's voice."""

    def tutor_says(self, text: str) -> None:
        """The tutor is speaking and has said ``text`` so far in this reply."""


class Reply:
    """The tutor's answer to one user turn.

    Args:
        parts: models and workers.
        sink: where it goes.
        history: the dialogue it belongs to. It is read for the prompt, and gets the reply's text.
        idle_motion: how the tutor moves before and after it.
        question: the student's words; empty for a greeting, which answers nothing.
        asked_at: when they arrived, or the acoustic end of speech; seconds on the loop's clock.
        options: tutor, avatar, session and knowledge base.
        answer: what it says, if that is known; None: find out.
    """

    def __init__(
        self,
        parts: Parts,
        sink: Sink,
        history: ChatHistory,
        idle_motion: IdleMotion,
        question: str,
        asked_at: float,
        options: ReplyOptions,
        answer: ReadyAnswer | None = None,
    ) -> None:
        self.number = 0
        """Counts the replies of a session from 1; 0 until it is released."""
        self.question = question
        self.playback = Playback()
        self._parts = parts
        self._sink = sink
        self._history = history
        self._answer = answer
        self._options = replace(options, live=sink.live)
        self._context = open_context(parts, self._options, asked_at)
        self._text = TextStage(self._context, question)
        self._speech = SpeechStage(self._context)
        self._pictures = PictureStage(self._context, idle_motion, self.playback, sink)
        self._judged = answer is not None
        """The guard has let the question pass, or answers it itself; a known answer has no question."""
        self._released = asyncio.Event()
        self._room: RoomSound | None = None
        self._task: asyncio.Task[None] | None = None
        self._failure: ReplyFailed | None = None
        self._trace = tracing.begin()
        self._begun_at = asyncio.get_running_loop().time()

    @property
    def timeline(self) -> Timeline:
        """When its stages were reached."""
        return self._context.timeline

    @property
    def text(self) -> str:
        """What it says so far, as shown."""
        return self._text.text

    @property
    def origin(self) -> Origin:
        """Who wrote it."""
        return self._text.origin

    @property
    def sources(self) -> Sequence[SourcePassage]:
        """Passages of the knowledge base that it rests on."""
        return self._text.sources

    @property
    def asked(self) -> Sequence[Message]:
        """What the language model was given, if it was asked."""
        return self._text.asked

    @property
    def counted(self) -> TokenCount | None:
        """The tokens that the language model's endpoint counted for it, if it told."""
        return self._text.counted

    @property
    def delivery(self) -> Delivery:
        """How it reaches the client."""
        if self._options.avatar is None:
            return "text"
        return "live" if self._options.live else "clip"

    def heard_text(self, now: float) -> str:
        """What the student has got of it: the words played so far, or all of the text if nothing is spoken."""
        if self._options.avatar is None:
            return self.text.strip()
        return self.playback.heard_text(self.text, self.playback.heard_ms(now))

    def begin(self, tasks: SessionTasks) -> None:
        """Begin it preemptively: compute, send nothing. A failure is kept for ``speak``.

        Raises:
            Busy: the session is ending.
        """
        self._task = tasks.start(self._run(), "preemptive-reply")

    def abandon(self) -> None:
        """End it; nothing of it was sent. Only before ``speak``."""
        if self._task is not None:
            self._task.cancel()

    async def speak(self, number: int, room: RoomSound) -> None:
        """Send it as reply ``number`` and return when the student has heard it.

        Cancelling this cancels the reply. ``room`` is told what the tutor says, as it is sent.

        Raises:
            ReplyFailed: a stage failed.
        """
        self.number, self._room = number, room
        self._released.set()
        try:
            await (self._run() if self._task is None else _join(self._task))
        finally:
            # What was said is remembered however the reply ends; an interruption cuts it later.
            self._history.add_assistant(number, self.text.strip())
            if self._text.held_back is not None or not self._judged:
                self._history.withhold(number)
            greeting = self._text.origin == "greeting"
            if not greeting:  # nobody waited for it, and it would flatter the latencies
                self._measure()
            self._export_trace()
        if self._failure is not None:
            self._parts.metrics.replies.labels("failed").inc()
            raise self._failure
        self._parts.metrics.replies.labels("failed" if self._text.failed else "done").inc()
        if not greeting:
            self._parts.metrics.answers.labels(self._text.origin).inc()
        await self._sink.event(TurnDoneEvent(turn=number, timings=self.timeline.marks))
        if self._options.avatar is not None and self._options.live:
            now = asyncio.get_running_loop().time()
            await asyncio.sleep(max(0.0, self.playback.sent_ms - self.playback.heard_ms(now)) / 1000)

    def _measure(self) -> None:
        """Add the reply to the metrics, however it ended: a slow one is interrupted more often than a fast one."""
        metrics = self._parts.metrics
        self.timeline.report(metrics)
        stage = self.timeline.waiting_for()
        shown = self._options.avatar is None and "first_clause" in self.timeline.marks
        if stage is not None and not shown:
            metrics.unheard.labels(stage).inc()

    def _export_trace(self) -> None:
        if self._trace is None:
            return
        now, text = asyncio.get_running_loop().time(), self._text
        chat = None
        if text.asked:
            chat = chat_attributes(self._parts.settings, *text.tokens)
        spans = stage_spans(self.timeline, self._begun_at, now, chat)
        about = {"tutor.reply.number": self.number, "tutor.reply.origin": text.origin, "tutor.delivery": self.delivery}
        tracing.end_reply(self._trace, self._options.session, spans, now, about)

    async def _run(self) -> None:
        """All stages. Does not raise: a preemptive reply may fail before it is wanted."""
        try:
            with tracing.in_logs(self._trace):
                async with asyncio.TaskGroup() as group:
                    group.create_task(self._produce(group, self._options.avatar), name="reply-text")
                    group.create_task(self._send(), name="reply-send")
        except* EngineError as error_group:
            self._failure = _first(error_group)
        except* Exception as error_group:  # noqa: BLE001 - logged in ``unexpected_failure``
            self._failure = unexpected_failure(error_group.exceptions[0], self._options.session)

    async def _produce(self, group: asyncio.TaskGroup, avatar: Avatar | None) -> None:
        """The stages up to the frames; the last one to end closes the way out."""
        if avatar is not None:
            group.create_task(self._speech.run(self._text.clauses), name="reply-speech")
            group.create_task(self._draw(avatar), name="reply-pictures")
        answer = self._answer or await find_answer(self._parts, self._options, self._history, self.question)
        self._judged = True
        self._context.mark("prompt")
        await self._text.run(answer)
        if avatar is None:
            self._context.out.close()

    async def _draw(self, avatar: Avatar) -> None:
        await self._pictures.run(avatar, self._speech)
        self._context.out.close()

    async def _send(self) -> None:
        await self._released.wait()
        loop = asyncio.get_running_loop()
        async for item in self._context.out:
            if not isinstance(item, list):
                if isinstance(item, SafetyEvent):
                    self._report(item)
                await self._sink.event(numbered(item, self.number))
                continue
            await self._sink.media([replace(frame, reply=self.number) for frame in item])
            now = loop.time()
            self._context.mark("first_media_sent")
            self.playback.sent(len(item), now)
            self._pictures.add_sent(len(item), now)
            if self._room is not None:
                self._room.tutor_says(self.text)
        await self._sink.finish(self.number)
        self._context.mark("sent")

    def _report(self, event: SafetyEvent) -> None:
        options = self._options
        self._parts.safety.report(
            Incident(event.category, event.stage, options.session, self.number, options.profile.id, self.question)
        )


async def _join(task: asyncio.Task[None]) -> None:
    """Wait for ``task``; cancelling this cancels it too."""
    try:
        await asyncio.shield(task)
    except asyncio.CancelledError:
        task.cancel()
        await asyncio.wait([task])
        raise


def _first(group: BaseExceptionGroup[EngineError]) -> ReplyFailed:
    """What the client is told of a failed stage."""
    error: BaseException = group
    while isinstance(error, BaseExceptionGroup):
        error = error.exceptions[0]
    if isinstance(error, ReplyFailed):
        return error
    failed = ReplyFailed(error.message if isinstance(error, EngineError) else "the reply could not be made")
    failed.__cause__ = error
    return failed


def unexpected_failure(error: Exception, session_id: str) -> ReplyFailed:
    """Log an error that is a defect of the engine, and return what the client is told of it."""
    log_fault(log, error, session=session_id)
    return ReplyFailed("the reply could not be made: the engine failed")
