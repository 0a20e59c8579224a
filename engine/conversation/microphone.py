"""The student's microphone: a listener that is started by the first audio."""

from __future__ import annotations

import asyncio
from collections.abc import Callable

from engine.concurrency.channel import ChannelClosed
from engine.conversation.floor import Reason
from engine.conversation.parts import Parts
from engine.conversation.tasks import SessionTasks
from engine.items import AudioChunk
from engine.settings import Patience
from engine.turn_taking.events import Interrupt, ListenEvent
from engine.turn_taking.listener import Listener, ListenOutput


class ListenerInbox:
    """The listener's way into the conversation's inbox. A barge-in silences the tutor before it waits there.

    Args:
        inbox: takes everything, in order.
        cut_off: silences the tutor at once.
    """

    def __init__(self, inbox: ListenOutput, cut_off: Callable[[Reason], bool]) -> None:
        self._inbox = inbox
        self._cut_off = cut_off

    async def put(self, item: ListenEvent) -> None:
        """See ``ListenOutput``."""
        if isinstance(item, Interrupt):
            self._cut_off("voice")
        await self._inbox.put(item)

    def put_nowait(self, item: ListenEvent) -> bool:
        """See ``ListenOutput``."""
        return self._inbox.put_nowait(item)


class StudentMicrophone:
    """A listener, started when it is needed. Every method returns at once.

    Args:
        parts: make the listener.
        tasks: the conversation's, which the listener runs in.
        output: where its events go.
        languages: of the student's speech, as a ``Recognizer`` takes them.
        patience: before a pause ends the user turn; None takes the setting.
    """

    def __init__(
        self,
        parts: Parts,
        tasks: SessionTasks,
        output: ListenOutput,
        languages: str,
        patience: Patience | None,
    ) -> None:
        self._parts = parts
        self._tasks = tasks
        self._output = output
        self.languages = languages
        """As given, or as changed by ``use_languages``."""
        self._patience = patience
        self._listener: Listener | None = None
        self._task: asyncio.Task[None] | None = None

    def use_languages(self, languages: str) -> None:
        """The student speaks these from now on. A listener for other languages ends, and what it has heard is lost."""
        if languages != self.languages:
            self.languages = languages
            self._end_listener()

    def use_patience(self, patience: Patience) -> None:
        """Wait so long for the end of a user turn from now on. What a listener with another patience heard is lost."""
        if patience != self._patience:
            self._patience = patience
            self._end_listener()

    def _end_listener(self) -> None:
        if self._task is not None:
            self._task.cancel()
            self._listener = self._task = None

    def push(self, chunk: AudioChunk) -> None:
        """Live audio. Ignored while the conversation does not run."""
        if self._tasks.group is None:
            return
        if self._listener is None:
            self._listener = self._parts.make_listener(self.languages, self._patience, self._output)
            self._task = self._tasks.start(self._listen(self._listener), "listener")
        self._listener.push(chunk)

    def end_turn(self) -> None:
        """The talk button was released: the user turn is over."""
        if self._listener is not None:
            self._listener.end_turn()

    def discard(self) -> None:
        """Forget what the student has been saying; speech from now on is a new utterance."""
        if self._listener is not None:
            self._listener.discard()

    def tutor_says(self, text: str) -> None:
        """The tutor is speaking and has said ``text`` so far in this reply."""
        if self._listener is not None:
            self._listener.tutor_speaking(True, text)

    def tutor_silent(self) -> None:
        """The tutor has stopped speaking."""
        if self._listener is not None:
            self._listener.tutor_speaking(False)

    async def _listen(self, listener: Listener) -> None:
        try:
            await listener.run()
        except* ChannelClosed:
            pass  # the conversation is closing and takes no more events
