"""One session's conversation: who speaks, what is remembered, what is interrupted.

An actor: what the client asks for and what the listener hears wait in one bounded inbox, in the order
they came, and are handled one by one on the event loop, so no two of them race. Interrupting does not
wait there: the tutor is silenced at once, and only what follows from it (the history, the message to
the client) waits in the inbox. Replies run as tasks; at most one speaks, at most one is preemptive.
``run`` owns everything and ends it when it is cancelled or ``close`` is called.
"""

from __future__ import annotations

import asyncio
from contextlib import suppress

from engine.animation.idle_motion import IdleMotion, Mood
from engine.concurrency.channel import Channel, ChannelClosed
from engine.contracts import Avatar
from engine.conversation.client import AttachedClient
from engine.conversation.commands import (
    Command,
    ConcludeInterruption,
    Message,
    NextMessage,
    PrefillDialogue,
    Recording,
    TypedMessage,
)
from engine.conversation.floor import Floor, Reason
from engine.conversation.listen_messages import listen_message
from engine.conversation.microphone import ListenerInbox, StudentMicrophone
from engine.conversation.parts import Parts
from engine.conversation.preemptive import PreemptiveReply
from engine.conversation.prefill import DialoguePrefill
from engine.conversation.recordings import transcribe_recording
from engine.conversation.reply import Reply, unexpected_failure
from engine.conversation.reply_context import ReplyOptions
from engine.conversation.sink import Sink
from engine.conversation.tasks import SessionTasks
from engine.errors import Busy, EngineError, InvalidField, ReplyFailed
from engine.items import AnimatedFrame, AudioChunk
from engine.llm.history import ChatHistory
from engine.protocol.outgoing import TranscriptionEvent, TurnDoneEvent
from engine.settings import Patience
from engine.turn_taking import events as listening
from engine.tutors.profile import TutorProfile

MAX_PENDING_MESSAGES = 4
"""Messages a client that does not stream may send ahead of their answers."""

INBOX_ITEMS = 256
"""Commands and listen events that may wait. They wait only while a slow client holds one of them up."""


class Conversation:
    """The dialogue of one student with one tutor.

    Args:
        parts: shared models and workers.
        profile: the tutor.
        session_id: for logs and the renderer.
        kb_id: the knowledge base answers rest on; None takes the profile's, if that exists.
        patience: before a pause ends the user turn; None takes the profile's, or else the setting.
    """

    def __init__(
        self,
        parts: Parts,
        profile: TutorProfile,
        session_id: str,
        kb_id: str | None = None,
        patience: Patience | None = None,
    ) -> None:
        self.profile = profile
        self.history = ChatHistory(
            profile.persona,
            context_tokens=parts.settings.llm.context,
            reply_tokens=parts.settings.llm.max_tokens,
            greeting=profile.greeting,
            examples=[(e.question, e.answer) for e in profile.examples],
        )
        own = profile.knowledge if profile.knowledge and parts.knowledge.exists(profile.knowledge) else None
        self._kb_id = kb_id or own
        self._parts = parts
        self._session_id = session_id
        self._languages = parts.settings.asr.language or profile.heard_languages
        self._idle_motion = IdleMotion(seed=hash(session_id) & 0x7FFFFFFF)
        self._client = AttachedClient(session_id, parts.metrics)
        self._inbox: Channel[Command | listening.ListenEvent] = Channel("inbox", INBOX_ITEMS)
        self._pending: list[Message] = []
        self._stops = 0
        """How often the student has pressed stop."""
        self._tasks = SessionTasks()
        self._floor = Floor(self._tasks, self.history, parts.metrics)
        self._preemptive = PreemptiveReply(self._tasks, parts.metrics)
        self._prefill = DialoguePrefill(parts, self.history, self._tasks)
        self._microphone = StudentMicrophone(
            parts,
            self._tasks,
            ListenerInbox(self._inbox, self._cut_off),
            self._languages,
            patience or profile.patience,
        )
        self._answer_to_speech: Reply | None = None
        """The reply to what the student said last by voice."""
        self._continued = 0
        """Number of the reply that is void because the student goes on with the user turn it answered; 0 for none."""

    # --- life cycle

    async def run(self) -> None:
        """Handle what comes until closed or cancelled; ends every task it started."""
        try:
            async with asyncio.TaskGroup() as group:
                self._tasks.group = group
                self._prefill.begin(0.0)
                async for item in self._inbox:
                    try:
                        await self._handle(item)
                    except EngineError as error:
                        await self._client.tell_error(error)
                    except Exception as error:  # noqa: BLE001 - logged; ends nothing but what was being handled
                        await self._client.tell_error(unexpected_failure(error, self._session_id))
                raise _Closed
        except* _Closed:
            pass
        finally:
            self._tasks.group = None

    def close(self) -> None:
        """End ``run``: replies are cancelled, the listener stops. Idempotent."""
        self._inbox.close()

    def attach(self, sink: Sink, *, streaming: bool, avatar: Avatar | None) -> None:
        """Send to ``sink`` from now on.

        Args:
            sink: the client's.
            streaming: a new message interrupts the reply before it; else messages wait for each other.
            avatar: the face for replies to live speech.
        """
        self._client.attach(sink, streaming=streaming, avatar=avatar)

    def detach(self, sink: Sink) -> None:
        """``sink`` is gone: the reply it was getting ends. Ignored when another one is attached by now."""
        if self._client.detach(sink):
            self._interrupt("disconnected")

    @property
    def speaking(self) -> bool:
        """A reply is being made or played."""
        return self._floor.taken

    async def wait_idle(self) -> None:
        """Wait until no reply is being made or played."""
        await self._floor.idle.wait()

    def idle_frame(self, now: float, mood: Mood) -> AnimatedFrame:
        """How the tutor looks at ``now`` (seconds on the loop's clock) when it does not speak."""
        return self._idle_motion.idle_frame(now, mood)

    # --- what a client does; each returns at once

    def expect_language(self, language: str | None) -> None:
        """The student speaks ``language`` (ISO 639-1) from now on; None: the setting's or the tutor's languages.

        Raises:
            InvalidField: the recognizer does not know the language.
        """
        if language is not None and not self._parts.recognizer.understands(language):
            raise InvalidField(f"field 'language': the recognizer does not know {language!r}")
        self._languages = language or self._parts.settings.asr.language or self.profile.heard_languages
        self._microphone.use_languages(self._languages)

    def say(self, text: str, avatar: Avatar | None) -> None:
        """The student typed. What they were saying by voice is discarded.

        Raises:
            Busy: too much is waiting.
        """
        self._microphone.discard()
        self._receive(TypedMessage(text, avatar, asyncio.get_running_loop().time(), self._stops))

    def submit_recording(self, recording: bytes, avatar: Avatar | None) -> None:
        """The student sent a whole recording. What they were saying by live voice is discarded.

        Raises:
            Busy: too much is waiting.
        """
        self._microphone.discard()
        self._receive(Recording(recording, avatar, asyncio.get_running_loop().time(), self._stops))

    def listen(self, chunk: AudioChunk) -> None:
        """Live microphone audio; never waits, the oldest is dropped when behind."""
        self._microphone.push(chunk)

    def end_talk(self) -> None:
        """The talk button was released: the user turn is over."""
        self._microphone.end_turn()

    def interrupt(self) -> None:
        """The student pressed stop: the tutor is silenced at once, and nothing that was sent before is answered."""
        self._stops += 1
        self._interrupt("client")

    def acknowledge(self, number: int, position_ms: float) -> None:
        """The client has played so much of reply ``number`` (ms of its audio)."""
        self._floor.acknowledge(number, position_ms)

    # --- the inbox

    async def _handle(self, item: Command | listening.ListenEvent) -> None:
        match item:
            case TypedMessage() | Recording():
                await self._answer_message(item)
            case NextMessage():
                if self._pending:
                    await self._answer_message(self._pending.pop(0))
            case ConcludeInterruption():
                await self._conclude_interruption()
            case PrefillDialogue():
                if not self.speaking and not self._preemptive:
                    self._prefill.begin()
            case _:
                await self._handle_listen_event(item)

    async def _handle_listen_event(self, event: listening.ListenEvent) -> None:
        if (message := listen_message(event)) is not None:
            await self._client.tell(message)
        match event:
            case listening.Partial(transcript=partial):
                if self._kb_id is None and not self.speaking and not self._preemptive:
                    self._prefill.begin_partial(partial.text)
            case listening.BeginPreemptiveReply(transcript=transcript, id=preemptive_id):
                self._begin_preemptive(transcript.text, preemptive_id)
            case listening.PreemptiveReplyDropped():
                self._preemptive.drop()
            case listening.UserTurnEnded():
                await self._answer_speech(event)
            case listening.UserTurnReopened():
                await self._reopen()
            case listening.Interrupt():
                await self._stop_reply("voice")
            case listening.Overload(dropped_ms=dropped):
                self._parts.metrics.queue_dropped.labels("microphone").inc(round(dropped / 32))
                await self._client.tell_error(Busy(f"audio came too fast: {dropped:.0f} ms of it were dropped"))
            case listening.ListeningFailed(error=error):
                await self._client.tell_error(error)

    def _receive(self, message: Message) -> None:
        if not self._inbox.closed and not self._inbox.put_nowait(message):
            raise Busy("too many messages at once", retry_after_s=1)
        if self._client.streaming:
            self._interrupt("client")

    def _post(self, command: Command) -> None:
        """Put ``command`` into the inbox, when there is room. Ignored once it is closed."""
        if not self._inbox.closed and not self._inbox.put_nowait(command):
            with suppress(Busy):
                self._tasks.start(self._post_later(command), "command")

    async def _post_later(self, command: Command) -> None:
        with suppress(ChannelClosed):
            await self._inbox.put(command)

    # --- answering

    async def _answer_message(self, message: Message) -> None:
        if self._client.streaming:
            await self._stop_reply("client")
        elif self.speaking:
            if len(self._pending) >= MAX_PENDING_MESSAGES:
                raise Busy(f"{MAX_PENDING_MESSAGES} messages are waiting for their answers", retry_after_s=2)
            self._pending.append(message)
            return
        await self._conclude_interruption()
        if message.stops == self._stops:
            self._prefill.give_way()
            self._floor.take(self._exchange(message))

    async def _answer_speech(self, ended: listening.UserTurnEnded) -> None:
        """The user turn is over: speak the preemptive reply to it, or a new one."""
        stops = self._stops
        await self._stop_reply("voice")
        transcript = ended.transcript
        continues, self._continued = self._continued or None, 0
        text, language = transcript.text, transcript.language
        await self._client.tell(TranscriptionEvent(content=text, language=language, continues=continues))
        reply = self._preemptive.take(ended.preemptive_id)
        self._answer_to_speech = None
        if self._client.sink is None or stops != self._stops:
            if reply is not None:
                reply.abandon()
            return
        if reply is None:
            reply = self._new_reply(text, ended.acoustic_end_at, self._client.avatar)
        self._answer_to_speech = reply
        reply.timeline.restart(ended.acoustic_end_at)
        reply.timeline.marks.update({f"listen_{name}": ms for name, ms in ended.timings.items()})
        reply.timeline.mark("committed", asyncio.get_running_loop().time())
        self._prefill.give_way()
        self._floor.take(self._exchange(reply))

    async def _exchange(self, answered: Message | Reply) -> None:
        """From a message, or from a reply that was prepared, to the end of the reply's playback."""
        try:
            reply = answered if isinstance(answered, Reply) else await self._reply_to(answered)
            try:
                await self._floor.give(reply, self._microphone)
            except ReplyFailed as error:
                await self._client.tell_error(error, reply.number)
                await self._client.tell(TurnDoneEvent(turn=reply.number, timings=reply.timeline.marks))
            finally:
                self._microphone.tutor_silent()
        except EngineError as error:
            await self._client.tell_error(error)
        except Exception as error:  # noqa: BLE001 - logged; ends nothing but its exchange
            await self._client.tell_error(unexpected_failure(error, self._session_id))
        finally:
            if self._pending:
                self._post(NextMessage())
            else:
                self._floor.idle.set()
                self._post(PrefillDialogue())

    async def _reply_to(self, message: Message) -> Reply:
        if isinstance(message, TypedMessage):
            return self._new_reply(message.text, message.received_at, message.avatar)
        transcript = await transcribe_recording(self._parts, message.data, self._languages)
        transcribed_at = asyncio.get_running_loop().time()
        await self._client.tell(TranscriptionEvent(content=transcript.text, language=transcript.language))
        reply = self._new_reply(transcript.text, message.received_at, message.avatar)
        reply.timeline.mark("asr_done", transcribed_at)
        return reply

    def _new_reply(self, question: str, asked_at: float, avatar: Avatar | None) -> Reply:
        if self._client.sink is None:
            raise Busy("no client is connected that could get the reply")
        options = ReplyOptions(self.profile, avatar, self._session_id, self._kb_id)
        return Reply(self._parts, self._client.sink, self.history, self._idle_motion, question, asked_at, options)

    def _begin_preemptive(self, text: str, preemptive_id: int) -> None:
        if self._client.sink is None:
            self._preemptive.drop()
            return
        self._prefill.give_way()
        reply = self._new_reply(text, asyncio.get_running_loop().time(), self._client.avatar)
        self._preemptive.begin(preemptive_id, reply)

    async def _reopen(self) -> None:
        """The user turn was not over: what the student goes on to say is answered together with it."""
        await self._stop_reply("voice")
        answer = self._answer_to_speech
        if answer is not None and 0 < answer.number == self._floor.replies:
            self._continued = answer.number
            self.history.reopen(answer.number)
            self._parts.metrics.turns_reopened.inc()

    # --- interrupting

    def _interrupt(self, reason: Reason) -> None:
        """Silence the tutor now; the rest follows when the inbox gets to it."""
        if self._cut_off(reason):
            self._post(ConcludeInterruption())

    async def _stop_reply(self, reason: Reason) -> None:
        """Interrupt the reply that is being given, if any, and finish with it."""
        self._cut_off(reason)
        await self._conclude_interruption()

    def _cut_off(self, reason: Reason) -> bool:
        self._pending.clear()
        cut = self._floor.cut_off(reason, self._client.sink)
        if cut:
            self._microphone.tutor_silent()
        return cut

    async def _conclude_interruption(self) -> None:
        interrupted = await self._floor.conclude()
        if interrupted is not None:
            await self._client.tell(interrupted)


class _Closed(Exception):
    """Ends the conversation's task group."""
