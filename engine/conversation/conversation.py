"""One session's conversation: who speaks, what is remembered, what is interrupted.

An actor: commands (typed text, recordings, interruptions, what the listener heard) wait in one
bounded channel and are handled one by one on the event loop, so no two of them race. Replies
run as tasks of the conversation's own group; at most one speaks, at most one is held back.
``run`` owns everything and ends it when it is cancelled or ``close`` is called.
"""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable, Coroutine
from contextlib import suppress
from dataclasses import dataclass
from typing import Any, Literal

import structlog

from engine.animation.idle_motion import IdleMotion
from engine.audio.decoding import decode
from engine.concurrency.channel import Channel, ChannelClosed
from engine.contracts import Avatar
from engine.conversation.heard_events import told
from engine.conversation.held_reply import HeldReply
from engine.conversation.parts import Parts
from engine.conversation.prefill import ReadAhead
from engine.conversation.reply import Reply, our_fault
from engine.conversation.sink import Sink
from engine.errors import Busy, EngineError, NoSpeech, ReplyFailed
from engine.items import AudioChunk
from engine.llm.history import ChatHistory
from engine.protocol.outgoing import ErrorEvent, Event, InterruptedEvent, TranscriptionEvent
from engine.telemetry import Timeline
from engine.turn_taking import events as heard
from engine.turn_taking.listener import Listener
from engine.tutors.profile import TutorProfile

log = structlog.get_logger(__name__)

PENDING_EXCHANGES = 4
"""Messages a client that does not stream may send ahead of their answers."""


@dataclass(frozen=True, slots=True)
class _Command:
    """Something to do in turn with everything else."""

    act: Callable[[], Awaitable[None]]


class Conversation:
    """The dialogue of one student with one tutor.

    Args:
        parts: shared models and workers.
        profile: the tutor.
        session_id: for logs and fairness.
    """

    def __init__(self, parts: Parts, profile: TutorProfile, session_id: str, kb_id: str | None = None) -> None:
        self.profile = profile
        self.history = ChatHistory(
            profile.persona,
            context_tokens=parts.settings.llm.context,
            reply_tokens=parts.settings.llm.max_tokens,
            greeting=profile.greeting,
            examples=[(e.question, e.answer) for e in profile.examples],
        )
        self.life = IdleMotion(seed=hash(session_id) & 0x7FFFFFFF)
        own = profile.knowledge if profile.knowledge and parts.knowledge.exists(profile.knowledge) else None
        self.kb_id = kb_id or own
        self._parts = parts
        self._session_id = session_id
        self._sink: Sink | None = None
        self._avatar: Avatar | None = None
        self._streaming = False
        self._commands: Channel[_Command | heard.ListenEvent] = Channel("commands", 64)
        self._pending: list[Callable[[], Awaitable[None]]] = []
        self._group: asyncio.TaskGroup | None = None
        self._exchange: asyncio.Task[None] | None = None
        self._reply: Reply | None = None
        # Kept for the client's last word on it, which may come when the next reply speaks already.
        self._interrupted: Reply | None = None
        self._spoken: Reply | None = None
        """To what the student said last by voice."""
        self._reopened = 0
        """The turn that the student goes on with; 0 for none."""
        self._held = HeldReply(parts.metrics)
        self._read_ahead = ReadAhead(parts, self.history, self._spawn, lambda: not self.speaking and not self._held)
        self._listener: Listener | None = None
        self._turns = 0
        self.idle = asyncio.Event()
        """Set while no reply is being made or played."""
        self.idle.set()

    # --- life cycle

    async def run(self) -> None:
        """Handle commands until closed or cancelled; ends every task it started."""
        try:
            async with asyncio.TaskGroup() as group:
                self._group = group
                await self._read_ahead.begin(0.0)
                async for command in self._commands:
                    try:
                        await (command.act() if isinstance(command, _Command) else self._heard(command))
                    except EngineError as error:
                        await self._tell_error(error)
                    except Exception as error:  # noqa: BLE001 - logged; a fault of ours ends nothing but its command
                        await self._tell_error(our_fault(error, self._session_id))
                raise _Closed
        except* _Closed:
            pass
        finally:
            self._group = None

    def close(self) -> None:
        """End ``run``: replies are cancelled, the listener stops. Idempotent."""
        self._commands.close()

    def attach(self, sink: Sink, *, streaming: bool, avatar: Avatar | None) -> None:
        """Send to ``sink`` from now on. With ``streaming`` a new message interrupts a reply."""
        self._sink = sink
        self._streaming = streaming
        self._avatar = avatar

    def detach(self, sink: Sink) -> None:
        """``sink`` is gone: what it was being told stops."""
        if self._sink is sink:
            self._sink = None
            with suppress(Busy):  # with so much waiting, what is being said runs out unheard
                self._later(lambda: self._stop_talking("disconnected"))

    @property
    def speaking(self) -> bool:
        """A reply is being made or played."""
        return self._exchange is not None and not self._exchange.done()

    @property
    def sink(self) -> Sink | None:
        return self._sink

    @property
    def _spoken_languages(self) -> str:
        return self._parts.settings.asr.language or self.profile.heard_languages

    # --- what a client does; each returns at once

    def say(self, text: str, avatar: Avatar | None) -> None:
        """The student typed. Raises Busy when too much waits."""
        received = asyncio.get_running_loop().time()

        async def exchange() -> None:
            reply = self._make_reply(text, Timeline(received), avatar)
            await self._commit(reply, text)

        self._later(lambda: self._start(exchange))

    def hear(self, recording: bytes, avatar: Avatar | None) -> None:
        """The student sent a whole recording. Raises Busy when too much waits."""
        received = asyncio.get_running_loop().time()

        async def exchange() -> None:
            timeline = Timeline(received)
            text = await self._transcribe(recording, timeline)
            reply = self._make_reply(text, timeline, avatar)
            await self._commit(reply, text)

        self._later(lambda: self._start(exchange))

    def listen(self, chunk: AudioChunk) -> None:
        """Live microphone audio; never waits, the oldest is dropped when behind."""
        if self._group is None:
            return
        if self._listener is None:
            self._listener = self._parts.make_listener(self._spoken_languages)
            self._spawn(self._forward(self._listener), "listener")
        self._listener.push(chunk)

    def end_talk(self) -> None:
        """The talk button was released: answer what was said so far."""
        if self._listener is not None:
            self._listener.end_turn()

    def interrupt(self) -> None:
        """The student pressed stop."""
        self._later(lambda: self._stop_talking("client"))

    def acknowledge(self, turn: int, position_ms: float) -> None:
        """The client has played this much of ``turn``."""
        now = asyncio.get_running_loop().time()
        if self._reply is not None and self._reply.number == turn:
            self._reply.playback.acknowledge(position_ms, now)
        elif self._interrupted is not None and self._interrupted.number == turn:
            self._interrupted.playback.correct(position_ms, now)
            self.history.heard(turn, self._interrupted.heard_text(now))

    # --- exchanges

    async def _start(self, exchange: Callable[[], Awaitable[None]]) -> None:
        if self._streaming:
            await self._stop_talking("client")
        elif self.speaking:
            if len(self._pending) >= PENDING_EXCHANGES:
                raise Busy(f"{PENDING_EXCHANGES} messages wait for their answers already", retry_after_s=2)
            self._pending.append(exchange)
            return
        self._begin(exchange)

    def _begin(self, exchange: Callable[[], Awaitable[None]]) -> None:
        self.idle.clear()
        self._exchange = self._spawn(self._run_exchange(exchange), "exchange")

    async def _run_exchange(self, exchange: Callable[[], Awaitable[None]]) -> None:
        try:
            await exchange()
        except EngineError as error:
            await self._tell_error(error)
        except Exception as error:  # noqa: BLE001 - logged; a fault of ours ends nothing but its turn
            await self._tell_error(our_fault(error, self._session_id))
        finally:
            if self._pending and not self._commands.closed:
                following = self._pending.pop(0)
                self._later(lambda: self._start(following))
            else:
                self.idle.set()
                with suppress(Busy):
                    self._later(self._read_ahead.begin)

    async def _transcribe(self, recording: bytes, timeline: Timeline) -> str:
        settings = self._parts.settings
        pcm = await self._parts.decoder.run(
            decode,
            recording,
            max_bytes=settings.limits.message_bytes,
            max_seconds=settings.limits.audio_s,
            max_decode_s=settings.limits.decode_s,
        )
        transcript = await self._parts.recognizer.transcribe(pcm, self._spoken_languages)
        timeline.mark("asr_done", asyncio.get_running_loop().time())
        if not transcript.text:
            raise NoSpeech("no speech was found in the recording")
        await self._tell(TranscriptionEvent(content=transcript.text, language=transcript.language))
        return transcript.text

    def _make_reply(self, text: str, timeline: Timeline, avatar: Avatar | None) -> Reply:
        if self._sink is None:
            raise Busy("nobody is connected to answer to")
        return Reply(
            self._parts,
            self._sink,
            self.profile,
            self.history,
            text,
            timeline,
            self.life,
            avatar=avatar,
            session_id=self._session_id,
            kb_id=self.kb_id,
        )

    async def _commit(self, reply: Reply, text: str) -> None:
        """Let ``reply`` speak as the next turn and see it to the end of its playback."""
        self._turns += 1
        self._reply = reply
        self.history.add_user(self._turns, text)
        try:
            await reply.speak(self._turns, on_progress=self._tutor_speaks)
        except ReplyFailed as error:
            await self._tell_error(error, turn=reply.number)
        finally:
            if self._reply is reply:
                self._reply = None
                self._tutor_silent()

    async def _stop_talking(self, reason: Literal["voice", "client", "disconnected"]) -> None:
        """Cancel the exchange that runs, tell the client, and keep what was heard."""
        self._pending.clear()
        task, reply = self._exchange, self._reply
        if task is None or task.done():
            return
        task.cancel()
        await asyncio.wait([task])
        self._exchange = None
        self.idle.set()  # an exchange that was cancelled before its first step could not
        if reply is None:
            return
        if self._sink is not None:
            self._sink.drop(reply.number)
        now = asyncio.get_running_loop().time()
        played_ms = reply.playback.heard_ms(now)
        content = reply.heard_text(now)
        self.history.heard(reply.number, content)
        self._interrupted = reply
        self._parts.metrics.interruptions.labels(reason).inc()
        self._parts.metrics.turns.labels("interrupted").inc()
        await self._tell(
            InterruptedEvent(
                turn=reply.number,
                played_ms=round(played_ms),
                content=content,
                reason=reason,
                timings=reply.turn.timeline.marks,
            )
        )

    # --- the microphone

    async def _forward(self, listener: Listener) -> None:
        async with listener:
            async for event in listener.events:
                with suppress(ChannelClosed):
                    await self._commands.put(event)

    async def _heard(self, event: heard.ListenEvent) -> None:
        if (message := told(event)) is not None:
            await self._tell(message)
        match event:
            case heard.Partial(transcript=partial) if self.kb_id is None and not self.speaking:
                await self._read_ahead.begin_partial(partial.text)
            case heard.Speculate(transcript=transcript, id=speculation):
                self._speculate(transcript.text, speculation)
            case heard.SpeculationDropped():
                self._held.drop()
            case heard.TurnEnded():
                await self._answer(event)
            case heard.TurnReopened():
                await self._reopen()
            case heard.Interrupt():
                await self._stop_talking("voice")
            case heard.Overload(dropped_ms=dropped):
                await self._tell_error(Busy(f"audio came too fast: {dropped:.0f} ms of it were dropped"))
            case heard.ListeningFailed(error=error):
                await self._tell_error(error)

    def _speculate(self, text: str, speculation: int) -> None:
        if self._sink is None:
            self._held.drop()
            return
        reply = self._make_reply(text, Timeline(asyncio.get_running_loop().time()), self._avatar)
        reply.prepare(self._spawn)
        self._held.hold(speculation, reply)

    async def _reopen(self) -> None:
        """The student had not finished: what they go on to say is answered with what they said before."""
        await self._stop_talking("voice")
        if self._spoken is not None and 0 < self._spoken.number == self._turns:
            self._reopened = self._spoken.number
            self.history.reopen(self._reopened)
            self._parts.metrics.turns_reopened.inc()

    async def _answer(self, ended: heard.TurnEnded) -> None:
        text = ended.transcript.text
        await self._stop_talking("voice")
        reopened, self._reopened = self._reopened, 0
        await self._tell(
            TranscriptionEvent(content=text, language=ended.transcript.language, continues=reopened or None)
        )
        prepared = self._held.take(ended.speculation_id)
        self._spoken = None
        if self._sink is None:
            return
        reply = prepared or self._make_reply(text, Timeline(ended.acoustic_end_at), self._avatar)
        self._spoken = reply
        reply.turn.timeline.restart(ended.acoustic_end_at)
        reply.turn.timeline.marks.update({f"listen_{k}": v for k, v in ended.timings.items()})
        reply.turn.timeline.mark("committed", asyncio.get_running_loop().time())
        self._begin(lambda: self._commit(reply, text))

    def _tutor_speaks(self, text: str) -> None:
        if self._listener is not None:
            self._listener.tutor_speaking(True, text)

    def _tutor_silent(self) -> None:
        if self._listener is not None:
            self._listener.tutor_speaking(False)

    # --- plumbing

    def _spawn(self, coroutine: Coroutine[Any, Any, None], name: str) -> asyncio.Task[None]:
        if self._group is None:
            coroutine.close()
            raise Busy("the session is ending")
        return self._group.create_task(coroutine, name=name)

    def _later(self, act: Callable[[], Awaitable[None]]) -> None:
        if self._commands.closed:
            return
        if not self._commands.put_nowait(_Command(act)):
            raise Busy("too many messages at once", retry_after_s=1)

    async def _tell(self, event: Event) -> None:
        if self._sink is not None:
            await self._sink.event(event)

    async def _tell_error(self, error: EngineError, turn: int | None = None) -> None:
        self._parts.metrics.errors.labels(error.code).inc()
        log.info("error told", session=self._session_id, code=error.code, turn=turn)
        await self._tell(ErrorEvent.of(error, turn))


class _Closed(Exception):
    """Ends the conversation's task group."""
