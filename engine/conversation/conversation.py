"""One session's conversation: its life cycle, and what a client can ask of it.

An actor: what the client asks for and what the listener hears wait in one bounded inbox, in the order they
came, and are handled one by one on the event loop (``answering.py``). ``run`` owns all tasks and ends them when it is
cancelled or ``close`` is called.
"""

from __future__ import annotations

import asyncio
import zlib

from engine.animation.idle_motion import IdleMotion
from engine.animation.moods import Mood
from engine.contracts import Avatar
from engine.conversation.answering import Answering, Dialogue
from engine.conversation.client import AttachedClient
from engine.conversation.commands import AnswerUnanswered, Greeting, Message, Recording, TypedMessage
from engine.conversation.inbox import Inbox
from engine.conversation.memory import ConversationMemory
from engine.conversation.parts import Parts
from engine.conversation.reply import unexpected_failure
from engine.conversation.sink import Sink
from engine.conversation.tasks import SessionTasks
from engine.errors import EngineError, InvalidField
from engine.items import AnimatedFrame, AudioChunk
from engine.lessons import LessonRecord
from engine.llm.history import ChatHistory
from engine.protocol.outgoing import Event
from engine.settings import Patience
from engine.tutors.profile import TutorProfile

QUESTION_TOKENS = 64
"""Of the model's window, kept free for the next question. A judgement: a long spoken sentence has 40."""


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
        self.kb_id, self.patience = kb_id, patience
        """As they were asked for, not as the profile completes them."""
        self.unanswered = False
        """Another engine was answering the student when the session came here; the next client gets the answer."""
        own = profile.knowledge if profile.knowledge and parts.knowledge.exists(profile.knowledge) else None
        base = kb_id or own
        has_notes = base is not None and not parts.knowledge.built_in(base)
        self.history = ChatHistory(
            profile.persona,
            context_tokens=parts.settings.llm.context,
            reply_tokens=parts.settings.llm.max_tokens,
            greeting=profile.greeting,
            examples=[(e.question, e.answer) for e in profile.examples],
            question_tokens=QUESTION_TOKENS + (parts.settings.knowledge.tokens if has_notes else 0),
        )
        self.record = LessonRecord(
            _loop_time, words=parts.settings.lessons.record, held_back_words=parts.settings.lessons.held_back_words
        )
        self._parts = parts
        self._session_id = session_id
        # Idle tutors of one profile move alike, so that their pictures can be shared.
        self._idle_motion = IdleMotion(seed=zlib.crc32(str(profile.id).encode()))
        self._client = AttachedClient(session_id, self.record, parts.metrics)
        self._tasks = SessionTasks()
        self._inbox = Inbox(self._tasks)
        self._answering = Answering(
            parts,
            Dialogue(profile, self.history, self.record, self._idle_motion, session_id, base),
            self._client,
            self._inbox,
            self._tasks,
            parts.settings.asr.language or profile.heard_languages,
            patience or profile.patience,
        )

    # --- on another engine

    def memory(self) -> ConversationMemory:
        """What another engine needs to go on with it."""
        floor = self._answering.floor
        return ConversationMemory(
            floor.replies, floor.answering or self.unanswered, self.history.memory(), self.record.memory()
        )

    def recall(self, memory: ConversationMemory, away_ms: float) -> None:
        """Go on with a conversation of another engine, ``away_ms`` after it was saved. Before ``run``."""
        self._answering.floor.replies = memory.replies
        self.history.recall(memory.history)
        self.record.recall(memory.record, away_ms)
        self.unanswered = memory.answering and self.history.unanswered

    @property
    def replies(self) -> int:
        """Number of the latest reply; 0 before the first."""
        return self._answering.floor.replies

    @property
    def quiet(self) -> bool:
        """Neither side is speaking."""
        return not self.speaking and not self.record.hearing

    async def tell(self, event: Event) -> None:
        """Send a message to the client, if one is attached."""
        await self._client.tell(event)

    # --- life cycle

    async def run(self) -> None:
        """Handle what comes until closed or cancelled; ends every task it started."""
        try:
            async with asyncio.TaskGroup() as group:
                self._tasks.group = group
                self._answering.prefill.begin(0.0)
                async for item in self._inbox:
                    try:
                        await self._answering.handle(item)
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
        if self.unanswered and streaming:
            self.unanswered = False
            self._inbox.post(AnswerUnanswered(_loop_time()))

    def detach(self, sink: Sink) -> None:
        """``sink`` is gone: the reply it was getting ends. Ignored when another one is attached by now."""
        if self._client.detach(sink):
            self._answering.interrupt("disconnected")

    @property
    def speaking(self) -> bool:
        """A reply is being made or played."""
        return self._answering.floor.taken

    async def wait_idle(self) -> None:
        """Wait until no reply is being made or played."""
        await self._answering.floor.idle.wait()

    def idle_frame(self, now: float, mood: Mood) -> AnimatedFrame:
        """How the tutor looks at ``now`` (seconds on the loop's clock) when it does not speak.

        Args:
            mood: what the client's messages tell; a tutor with nothing to do thinks while a reply is being made.
        """
        thinking = mood == "idle" and self.speaking
        return self._idle_motion.idle_frame(now, "thinking" if thinking else mood)

    # --- what a client does; each returns at once

    def use_patience(self, patience: Patience) -> None:
        """From now on, wait so long before a pause ends the user turn."""
        self._answering.microphone.use_patience(patience)

    def expect_language(self, language: str | None) -> None:
        """The student speaks ``language`` (ISO 639-1) from now on; None: the setting's or the tutor's languages.

        Raises:
            InvalidField: the recognizer does not know the language.
        """
        if language is not None and not self._parts.recognizer.understands(language):
            raise InvalidField(f"field 'language': the recognizer does not know {language!r}")
        languages = language or self._parts.settings.asr.language or self.profile.heard_languages
        self._answering.microphone.use_languages(languages)

    def say(self, text: str, avatar: Avatar | None) -> None:
        """The student typed. What they were saying by voice is discarded.

        Raises:
            Busy: too much is waiting.
        """
        self._answering.microphone.discard()
        self._receive(TypedMessage(text, avatar, _loop_time(), self._answering.stops))

    def submit_recording(self, recording: bytes, avatar: Avatar | None) -> None:
        """The student sent a whole recording. What they were saying by live voice is discarded.

        Raises:
            Busy: too much is waiting.
        """
        self._answering.microphone.discard()
        self._receive(Recording(recording, avatar, _loop_time(), self._answering.stops))

    def greet(self, avatar: Avatar | None) -> None:
        """Let the tutor say its greeting, as the first reply. Ignored when anything has been said already.

        Args:
            avatar: who says it; None: text only.

        Raises:
            Busy: too much is waiting.
        """
        self._inbox.receive(Greeting(avatar, _loop_time(), self._answering.stops))

    def listen(self, chunk: AudioChunk) -> None:
        """Live microphone audio; never waits, the oldest is dropped when behind."""
        self.record.listened(len(chunk.pcm))
        self._answering.microphone.push(chunk)

    def end_talk(self) -> None:
        """The talk button was released: the user turn is over."""
        self._answering.microphone.end_turn()

    def interrupt(self) -> None:
        """The student pressed stop: the tutor is silenced at once, and nothing that was sent before is answered."""
        self._answering.stop()

    def acknowledge(self, number: int, position_ms: float) -> None:
        """The client has played so much of reply ``number`` (ms of its audio)."""
        self._answering.floor.acknowledge(number, position_ms)

    def _receive(self, message: Message) -> None:
        self._inbox.receive(message)
        if isinstance(message, TypedMessage):
            self.record.typed(message.text)
        if self._client.streaming:
            self._answering.interrupt("client")


def _loop_time() -> float:
    """Seconds on the event loop's clock."""
    return asyncio.get_running_loop().time()


class _Closed(Exception):
    """Ends the conversation's task group."""
