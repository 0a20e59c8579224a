"""Handles what is in a conversation's inbox: gives replies and interrupts them.

Items are handled one by one, so no two of them race. A message or the end of a user turn is answered by an
exchange, a task of its own that lasts until the reply has been played. Interrupting has two steps: ``cut_off``
silences the tutor at once; the history and the client are updated when the inbox gets to it.
"""

from __future__ import annotations

import asyncio
from dataclasses import dataclass

from engine.animation.idle_motion import IdleMotion
from engine.contracts import Avatar
from engine.conversation.answers import ReadyAnswer
from engine.conversation.client import AttachedClient
from engine.conversation.commands import (
    AnswerUnanswered,
    Command,
    ConcludeInterruption,
    Greeting,
    Message,
    NextMessage,
    PrefillDialogue,
    Recording,
    TypedMessage,
)
from engine.conversation.floor import Floor, Reason
from engine.conversation.inbox import Inbox
from engine.conversation.listen_messages import listen_message
from engine.conversation.microphone import ListenerInbox, StudentMicrophone
from engine.conversation.parts import Parts
from engine.conversation.preemptive import PreemptiveReply
from engine.conversation.prefill import DialoguePrefill
from engine.conversation.recordings import transcribe_recording
from engine.conversation.reply import Reply, unexpected_failure
from engine.conversation.reply_context import ReplyOptions
from engine.conversation.tasks import SessionTasks
from engine.errors import Busy, EngineError, ReplyFailed
from engine.items import VAD_FRAME_MS
from engine.lessons import LessonRecord
from engine.llm.history import ChatHistory
from engine.protocol.outgoing import TranscriptionEvent, TurnDoneEvent
from engine.settings import Patience
from engine.turn_taking import events as listening
from engine.tutors.profile import TutorProfile

MAX_PENDING_MESSAGES = 4
"""Messages that may wait for their answers, of a client that does not stream."""


@dataclass(frozen=True, slots=True)
class Dialogue:
    """What all replies of a session share."""

    profile: TutorProfile
    history: ChatHistory
    record: LessonRecord
    idle_motion: IdleMotion
    session_id: str
    kb_id: str | None
    """The knowledge base that answers rest on, if any."""


class Answering:
    """Answers the student, one thing at a time.

    Args:
        parts: shared models and workers.
        dialogue: tutor, history and session.
        client: gets messages and replies.
        inbox: gets the listener's events, and the commands that follow from a reply's end.
        tasks: the conversation's.
        languages: of the student's speech, as a ``Recognizer`` takes them.
        patience: before a pause ends the user turn; None takes the setting.
    """

    def __init__(
        self,
        parts: Parts,
        dialogue: Dialogue,
        client: AttachedClient,
        inbox: Inbox,
        tasks: SessionTasks,
        languages: str,
        patience: Patience | None,
    ) -> None:
        self.microphone = StudentMicrophone(parts, tasks, ListenerInbox(inbox, self.cut_off), languages, patience)
        self.floor = Floor(tasks, dialogue.history, dialogue.record, parts.metrics)
        self.prefill = DialoguePrefill(parts, dialogue.history, tasks, dialogue.profile.safety, dialogue.session_id)
        self.stops = 0
        """How often the student has pressed stop."""
        self._parts = parts
        self._dialogue = dialogue
        self._client = client
        self._inbox = inbox
        self._preemptive = PreemptiveReply(tasks, parts.metrics)
        self._pending: list[Message] = []
        self._answer_to_speech: Reply | None = None
        """The reply to what the student said last by voice."""
        self._continued = 0
        """Number of the reply that is void because the student goes on with the user turn it answered; 0 for none."""

    async def handle(self, item: Command | listening.ListenEvent) -> None:
        """Handle one item. An answer goes on as a task; an interruption is finished on return.

        Raises:
            EngineError: to report to the client.
        """
        match item:
            case TypedMessage() | Recording():
                await self._answer_message(item)
            case Greeting():
                await self._greet(item)
            case AnswerUnanswered():
                self._answer_unanswered(item)
            case NextMessage():
                if self._pending:
                    await self._answer_message(self._pending.pop(0))
            case ConcludeInterruption():
                await self._conclude_interruption()
            case PrefillDialogue():
                if not self.floor.taken and not self._preemptive:
                    self.prefill.begin()
            case _:
                await self._handle_listen_event(item)

    async def _handle_listen_event(self, event: listening.ListenEvent) -> None:
        if (message := listen_message(event)) is not None:
            await self._client.tell(message)
        match event:
            case listening.SpeechStopped():
                self._dialogue.idle_motion.nod_at(asyncio.get_running_loop().time())
            case listening.Partial(transcript=partial):
                if self._prompt_is_known and not self.floor.taken and not self._preemptive:
                    self.prefill.begin_partial(partial.text)
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
                self._parts.metrics.queue_dropped.labels("microphone").inc(round(dropped / VAD_FRAME_MS))
                await self._client.tell_error(Busy(f"audio came too fast: {dropped:.0f} ms of it were dropped"))
            case listening.ListeningFailed(error=error):
                await self._client.tell_error(error)

    # --- answering

    async def _answer_message(self, message: Message) -> None:
        if self._client.streaming:
            await self._stop_reply("client")
        elif self.floor.taken:
            if len(self._pending) >= MAX_PENDING_MESSAGES:
                raise Busy(f"{MAX_PENDING_MESSAGES} messages are waiting for their answers", retry_after_s=2)
            self._pending.append(message)
            return
        await self._conclude_interruption()
        if message.stops == self.stops:
            self.prefill.give_way()
            self.floor.take(self._exchange(message))

    async def _greet(self, greeting: Greeting) -> None:
        """Give the tutor's greeting as a reply, unless anything has been said or sent already."""
        await self._conclude_interruption()
        begun = self.floor.taken or self.floor.replies or self._preemptive or greeting.stops != self.stops
        if begun or self._client.sink is None:
            return
        said = self._dialogue.history.take_greeting()
        if said:
            avatar = greeting.avatar if self._dialogue.profile.speaks_greeting else None
            reply = self._new_reply("", greeting.received_at, avatar, ReadyAnswer(said, "greeting"))
            self.prefill.give_way()
            self.floor.take(self._exchange(reply))

    def _answer_unanswered(self, command: AnswerUnanswered) -> None:
        """Answer what the student said last, unless something else has been said since."""
        if self.floor.taken or self._preemptive or self._client.sink is None:
            return
        question = self._dialogue.history.take_unanswered()
        if question:
            reply = self._new_reply(question, command.received_at, self._client.avatar)
            self.prefill.give_way()
            self.floor.take(self._exchange(reply))

    async def _answer_speech(self, ended: listening.UserTurnEnded) -> None:
        """The user turn is over: speak the preemptive reply to it, or a new one."""
        stops = self.stops
        await self._stop_reply("voice")
        transcript = ended.transcript
        continues, self._continued = self._continued or None, 0
        text, language = transcript.text, transcript.language
        await self._client.tell(TranscriptionEvent(content=text, language=language, continues=continues))
        reply = self._preemptive.take(ended.preemptive_id)
        self._answer_to_speech = None
        if self._client.sink is None or stops != self.stops:
            if reply is not None:
                reply.abandon()
            return
        if reply is None:
            reply = self._new_reply(text, ended.acoustic_end_at, self._client.avatar)
        self._answer_to_speech = reply
        reply.timeline.restart(ended.acoustic_end_at)
        reply.timeline.marks.update({f"listen_{name}": ms for name, ms in ended.timings.items()})
        reply.timeline.mark("committed", asyncio.get_running_loop().time())
        self.prefill.give_way()
        self.floor.take(self._exchange(reply))

    async def _exchange(self, answered: Message | Reply) -> None:
        """From a message, or a preemptive reply, to the end of the reply's playback."""
        try:
            reply = answered if isinstance(answered, Reply) else await self._reply_to(answered)
            try:
                await self.floor.give(reply, self.microphone)
            except ReplyFailed as error:
                await self._client.tell_error(error, reply.number)
                await self._client.tell(TurnDoneEvent(turn=reply.number, timings=reply.timeline.marks))
            finally:
                self.microphone.tutor_silent()
        except EngineError as error:
            await self._client.tell_error(error)
        except Exception as error:  # noqa: BLE001 - logged; ends nothing but its exchange
            await self._client.tell_error(unexpected_failure(error, self._dialogue.session_id))
        finally:
            if self._pending:
                self._inbox.post(NextMessage())
            else:
                self.floor.idle.set()
                self._inbox.post(PrefillDialogue())

    async def _reply_to(self, message: Message) -> Reply:
        if isinstance(message, TypedMessage):
            return self._new_reply(message.text, message.received_at, message.avatar)
        transcript = await transcribe_recording(
            self._parts, message.data, self.microphone.languages, self._dialogue.record.listened
        )
        transcribed_at = asyncio.get_running_loop().time()
        await self._client.tell(TranscriptionEvent(content=transcript.text, language=transcript.language))
        reply = self._new_reply(transcript.text, message.received_at, message.avatar)
        reply.timeline.mark("asr_done", transcribed_at)
        return reply

    def _new_reply(
        self, question: str, asked_at: float, avatar: Avatar | None, answer: ReadyAnswer | None = None
    ) -> Reply:
        if self._client.sink is None:
            raise Busy("no client is connected that could get the reply")
        options = ReplyOptions(self._dialogue.profile, avatar, self._dialogue.session_id, self._dialogue.kb_id)
        return Reply(
            self._parts,
            self._client.sink,
            self._dialogue.history,
            self._dialogue.idle_motion,
            question,
            asked_at,
            options,
            answer,
        )

    @property
    def _prompt_is_known(self) -> bool:
        """Whether the model is asked nothing but the dialogue: no notes are looked up for the question."""
        kb_id = self._dialogue.kb_id
        return kb_id is None or self._parts.knowledge.built_in(kb_id)

    def _begin_preemptive(self, text: str, preemptive_id: int) -> None:
        if self._client.sink is None:
            self._preemptive.drop()
            return
        self.prefill.give_way()
        reply = self._new_reply(text, asyncio.get_running_loop().time(), self._client.avatar)
        self._preemptive.begin(preemptive_id, reply)

    async def _reopen(self) -> None:
        """The user turn was not over: interrupt its reply. The next one answers all of it."""
        await self._stop_reply("voice")
        answer = self._answer_to_speech
        if answer is not None and 0 < answer.number == self.floor.replies:
            self._continued = answer.number
            self._dialogue.history.reopen(answer.number)
            self._parts.metrics.turns_reopened.inc()

    # --- interrupting

    def stop(self) -> None:
        """The student pressed stop: silence the tutor now, and do not answer what was sent before."""
        self.stops += 1
        self.interrupt("client")

    def interrupt(self, reason: Reason) -> None:
        """Silence the tutor now; the rest follows when the inbox gets to it."""
        if self.cut_off(reason):
            self._inbox.post(ConcludeInterruption())

    async def _stop_reply(self, reason: Reason) -> None:
        """Interrupt the present reply, if there is one, and finish that."""
        self.cut_off(reason)
        await self._conclude_interruption()

    def cut_off(self, reason: Reason) -> bool:
        """Silence the tutor and forget the messages that wait; never waits. False when nothing was being said."""
        self._pending.clear()
        cut = self.floor.cut_off(reason, self._client.sink)
        if cut:
            self.microphone.tutor_silent()
        return cut

    async def _conclude_interruption(self) -> None:
        interrupted = await self.floor.conclude()
        if interrupted is not None:
            await self._client.tell(interrupted)
