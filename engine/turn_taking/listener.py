"""The listener: one student's microphone in, the events of turn taking out.

Takes ``AudioChunk``s (``push``, from the event loop), gives ``ListenEvent``s in a bounded
channel. It runs as tasks on the event loop while its ``async with`` block lasts; voice detection,
turn model and recognition run in worker threads. ``MicrophoneLine`` keeps what arrives, ``TurnTaker``
decides everything, and this is the async shell around both. It knows no reply, no language model and no transport.
"""

from __future__ import annotations

import asyncio
from collections.abc import Callable, Coroutine
from dataclasses import replace
from functools import partial
from types import TracebackType
from typing import Any, Protocol, Self

import numpy as np
import structlog

from engine.concurrency.channel import Channel
from engine.contracts import CompletionScorer, EndOfTurn, RecognitionStream, Recognizer, SpeechDetector
from engine.errors import EngineError, RecognitionFailed
from engine.items import AudioChunk
from engine.settings import Patience, Settings
from engine.telemetry import log_fault
from engine.turn_taking.actions import Action, AskCompletion, AskTurnModel, AskWords, BeginUtterance, EndUtterance
from engine.turn_taking.doubtful_voice import LASTS_MS, DoubtfulVoice
from engine.turn_taking.events import (
    BeginPreemptiveReply,
    Interrupt,
    ListenEvent,
    ListeningFailed,
    Overload,
    Partial,
    UserTurnEnded,
    UserTurnReopened,
)
from engine.turn_taking.framing import RecentAudio
from engine.turn_taking.microphone_line import MicrophoneLine
from engine.turn_taking.reopening import LONGEST_MS
from engine.turn_taking.turn_taker import TurnTaker

BATCH_FRAMES = 8
"""Judged by the VAD in one go when there is a backlog."""

IDLE_FRAMES = 2
"""Judged in one go while nobody speaks: an open microphone costs a third less."""

_log = structlog.get_logger(__name__)


class ListenOutput(Protocol):
    """Where a listener's events go, in order: a channel, also one that carries other things besides."""

    async def put(self, item: ListenEvent) -> None:
        """Add an event; waits for room. Raises ChannelClosed when nobody takes events any more."""

    def put_nowait(self, item: ListenEvent) -> bool:
        """Add an event if there is room."""


class Listener:
    """One live microphone.

    Runs while ``run`` does, or as an async context manager. ``push`` and the others may be called before that and take
    effect when it starts. Its end cancels open questions to the models and closes ``events``.

    Args:
        recognizer: shared, as are ``detector`` and ``end_of_turn``; they stay open.
        end_of_turn: None decides by words alone.
        completion: shared too; None decides without the small language model.
        language: of the student's speech, as a ``Recognizer`` takes it; None detects it.
        patience: how long to wait before a pause ends the user turn; None takes the setting.
        output: takes the events; None puts them into ``events``.
    """

    def __init__(
        self,
        recognizer: Recognizer,
        detector: SpeechDetector,
        end_of_turn: EndOfTurn | None,
        settings: Settings,
        *,
        completion: CompletionScorer | None = None,
        language: str | None = None,
        patience: Patience | None = None,
        output: ListenOutput | None = None,
    ) -> None:
        self.events: Channel[ListenEvent] = Channel("listen-events", 256)
        """Read with ``async for event in listener.events``; ends when the listener is closed."""

        self._output: ListenOutput = self.events if output is None else output

        self._recognizer = recognizer
        self._end_of_turn = end_of_turn
        self._completion = completion
        self._language = language
        self._preroll_ms = settings.listening.preroll_ms
        self._late_s = settings.listening.late_ms / 1000
        self._taker = TurnTaker(
            settings.listening.with_patience(patience or settings.patience),
            barge_in=settings.barge_in,
            turn_model=end_of_turn is not None,
            word_model=completion is not None,
        )
        self._voice = detector.stream()
        self._doubt = DoubtfulVoice(settings.listening.vad.start)
        self._line = MicrophoneLine()
        # The turn model listens to 8 s at most, a turn that is reopened is longer.
        self._past = RecentAudio((LONGEST_MS + settings.listening.preroll_ms) / 1000)
        # Answers of the models and calls of the conversation; full only if nobody reads the events.
        self._notes: Channel[Callable[[], list[Action]]] = Channel("listener-notes", 256, "drop_oldest")
        self._wake = asyncio.Event()
        self._end_after: int | None = None
        self._discarding = False
        """``discard`` was called and has not been carried out yet."""
        self._silent_until = 0
        self._stream: RecognitionStream | None = None
        self._start_ms = 0.0
        self._questions: set[asyncio.Task[None]] = set()
        self._words: asyncio.Task[None] | None = None
        self._runner: asyncio.Task[None] | None = None

    # --- from outside

    async def __aenter__(self) -> Self:
        self._runner = asyncio.create_task(self.run(), name="listener")
        return self

    async def __aexit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        if self._runner is not None:
            self._runner.cancel()
            await asyncio.wait([self._runner])
            if not self._runner.cancelled():
                self._runner.result()

    def push(self, chunk: AudioChunk) -> None:
        """Take a chunk. Cheap, never waits; when too much waits, the oldest is dropped and reported (``Overload``)."""
        if not self._line.closed and self._line.push(chunk, asyncio.get_running_loop().time()):
            self._wake.set()

    def tutor_speaking(self, speaking: bool, text: str = "") -> None:
        """Whether the tutor's voice is in the room. ``text``: what it has said so far, to recognise its echo.

        Call with True when the first sound of a reply is sent and whenever ``text`` grows, with
        False when its playback ended or it was interrupted.
        """
        self._note(partial(self._tutor_now, speaking, text, self._line.unsent_ms(asyncio.get_running_loop().time())))

    def end_turn(self) -> None:
        """Commit what was pushed so far without waiting for silence (the client released its talk button)."""
        self._end_after = self._line.frames_in
        self._wake.set()

    def discard(self) -> None:
        """Forget what the student is saying: they typed instead.

        Everything pushed so far, and what follows it without a pause, leads neither to a user turn nor to an
        interruption. A preemptive reply to it is dropped, and the user turn before it can no longer be
        reopened. Events already in ``events`` stay there.
        """
        self._end_after = None
        self._silent_until = self._line.frames_in
        self._discarding = True
        self._note(self._discard_now)

    def _tutor_now(self, speaking: bool, text: str, unsent_ms: float) -> list[Action]:
        self._taker.unsent(unsent_ms)
        return self._taker.tutor(speaking, text)

    def _discard_now(self) -> list[Action]:
        self._discarding = False
        return self._taker.discard()

    # --- the loop

    async def run(self) -> None:
        """Listen until cancelled. Once only."""
        try:
            async with asyncio.TaskGroup() as group:
                while True:
                    await self._something_to_do()
                    for note in self._notes.drain():
                        await self._do(note(), group)
                    await self._hear(group)
                    if self._end_after is not None and self._line.frames_out >= self._end_after:
                        self._end_after = None
                        await self._do(self._taker.end_turn(), group)
        finally:
            for closable in (self.events, self._line, self._notes):
                closable.close()

    async def _something_to_do(self) -> None:
        """Wait for audio or a note. While silence would mean something, a gap in what arrives becomes silence."""
        if self._has_enough():
            return
        if not self._taker.engaged:
            while not self._has_enough():
                self._wake.clear()
                await self._wake.wait()
            return
        self._wake.clear()
        due = self._line.gap_ends_at(sounding=self._taker.sounding)
        try:
            async with asyncio.timeout_at(due):
                await self._wake.wait()
        except TimeoutError:
            self._line.fill_gap(due, asyncio.get_running_loop().time())

    def _has_enough(self) -> bool:
        if self._end_after is not None or len(self._notes) > 0:
            return True
        return self._line.waiting >= (1 if self._taker.urgent else IDLE_FRAMES)

    async def _hear(self, group: asyncio.TaskGroup) -> None:
        if self._line.waiting > BATCH_FRAMES and self._taker.awaits_words and self._questions:
            # Audio that came faster than real time must not outrun its own words.
            await asyncio.wait(self._questions, timeout=self._late_s)
            return
        first = self._line.frames_out
        frames = await self._line.take(BATCH_FRAMES)
        if (dropped_ms := self._line.newly_dropped_ms()) > 0:
            await self._output.put(Overload(dropped_ms))
        if not frames:
            return
        try:
            probabilities = await self._voice.probabilities(np.stack([frame.pcm for frame in frames]))
        except Exception as error:  # noqa: BLE001 - reported; logged if it is unexpected
            await self._output.put(ListeningFailed(_failure("voice_detector", error)))
            probabilities = np.zeros(len(frames), np.float32)
        probabilities[: max(0, self._silent_until - first)] = 0.0
        self._taker.unsent(self._line.unsent_ms())
        for frame, detected in zip(frames, probabilities, strict=True):
            self._past.add(frame, float(detected))
            probability = self._doubt.feed(frame.pcm, float(detected), tutor_speaks=self._taker.tutor_speaks)
            if self._stream is not None:
                self._stream.push(frame.pcm, np.array([probability], np.float32))
            await self._do(self._taker.frame(probability, frame.end_ms), group)

    def _note(self, note: Callable[[], list[Action]]) -> None:
        if not self._notes.closed:
            self._notes.put_nowait(note)
            self._wake.set()

    # --- what the turn taker asks for

    async def _do(self, actions: list[Action], group: asyncio.TaskGroup) -> None:
        for action in actions:
            match action:
                case UserTurnEnded() | Interrupt() | UserTurnReopened() | BeginPreemptiveReply() if self._discarding:
                    pass  # decided while the discarded words were still being judged
                case BeginUtterance(start_ms=start_ms):
                    doubted_ms = LASTS_MS if self._doubt.suspicious else 0.0
                    self._start_ms = start_ms - self._preroll_ms - doubted_ms
                    self._stream = self._recognizer.stream(self._language)
                    pcm, probabilities = self._past.since(self._start_ms)
                    self._stream.push(pcm, self._doubt.all_raised(probabilities))
                case EndUtterance():
                    self._stream = None
                    for question in self._questions:
                        question.cancel()
                case AskWords() if self._stream is not None:
                    if self._words is not None:
                        self._words.cancel()
                    self._words = self._ask(group, self._ask_words(action, self._stream), "listener-words")
                case AskTurnModel() if self._end_of_turn is not None:
                    self._ask(group, self._ask_turn_model(action, self._end_of_turn), "listener-turn-model")
                case AskCompletion() if self._completion is not None:
                    self._ask(group, self._ask_completion(action, self._completion), "listener-completion")
                case Partial():
                    self._output.put_nowait(action)  # a display may miss one; hearing must not wait for it
                case UserTurnEnded(acoustic_end_ms=end_ms):
                    await self._output.put(replace(action, acoustic_end_at=self._line.loop_time(end_ms)))
                case AskWords() | AskTurnModel() | AskCompletion():
                    raise AssertionError(f"no model to ask: {action}")
                case _:
                    await self._output.put(action)

    def _ask(self, group: asyncio.TaskGroup, question: Coroutine[Any, Any, None], name: str) -> asyncio.Task[None]:
        task = group.create_task(question, name=name)
        self._questions.add(task)
        task.add_done_callback(self._questions.discard)
        return task

    async def _ask_words(self, action: AskWords, stream: RecognitionStream) -> None:
        try:
            transcript = await (stream.preview() if action.kind == "preview" else stream.revise())
        except Exception as error:  # noqa: BLE001 - reported; logged if it is unexpected
            failure = _failure("recognizer", error)
            self._note(partial(self._taker.words_failed, action.utterance, action.kind, failure))
        else:
            self._note(partial(self._taker.words, action.utterance, action.kind, transcript))

    async def _ask_turn_model(self, action: AskTurnModel, model: EndOfTurn) -> None:
        probability: float | None = None
        try:
            probability = await model.probability(self._past.since(self._start_ms)[0])
        except Exception as error:  # noqa: BLE001 - the words decide without it
            log_fault(_log, error, part="turn_model")
        self._note(partial(self._taker.verdict, action.utterance, probability))

    async def _ask_completion(self, action: AskCompletion, scorer: CompletionScorer) -> None:
        score: float | None = None
        try:
            score = await scorer.score(action.text)
        except Exception as error:  # noqa: BLE001 - the voice decides without it
            log_fault(_log, error, part="completion_score")
        self._note(partial(self._taker.completion, action.utterance, action.text, score))


def _failure(part: str, error: Exception) -> EngineError:
    """The error to report for a model that failed. Even a bug in the engine ends no session."""
    if isinstance(error, EngineError):
        return error
    log_fault(_log, error, part=part)
    return RecognitionFailed("the student could not be heard: the engine failed")
