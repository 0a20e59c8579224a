"""The floor: which reply speaks, how it is interrupted, and what the student has heard of it.

At most one exchange (from a message to the end of its reply's playback) runs at a time. Interrupting has
two steps. ``cut_off`` is immediate: the exchange is cancelled and the sink drops what it has of the
reply. ``conclude`` follows when the conversation gets to it: the history keeps what was heard, and
the client is told.
"""

from __future__ import annotations

import asyncio
from collections.abc import Coroutine
from contextlib import suppress
from dataclasses import dataclass
from typing import Any, Literal

from engine.concurrency.channel import ChannelClosed
from engine.conversation.reply import Reply, RoomSound
from engine.conversation.sink import Sink
from engine.conversation.tasks import SessionTasks
from engine.errors import ReplyFailed
from engine.lessons import LessonRecord
from engine.llm.history import ChatHistory
from engine.protocol.lessons import ReplyEnd
from engine.protocol.outgoing import InterruptedEvent
from engine.telemetry import Metrics

Reason = Literal["voice", "client", "disconnected"]
"""Why a reply was interrupted, as on the wire."""


@dataclass(frozen=True, slots=True)
class _Interruption:
    exchange: asyncio.Task[None]
    reply: Reply | None
    """None: no reply had begun to speak."""
    reason: Reason
    at: float
    """Seconds on the loop's clock."""


class Floor:
    """Keeps the floor for the tutor. On the event loop.

    Args:
        tasks: the conversation's.
        history: the dialogue.
        record: is told which reply speaks, and what was heard of it.
        metrics: count interruptions.
    """

    def __init__(self, tasks: SessionTasks, history: ChatHistory, record: LessonRecord, metrics: Metrics) -> None:
        self.replies = 0
        """Replies that were allowed to speak so far; the number of the latest one."""
        self.idle = asyncio.Event()
        """Set while no reply is being made or played."""
        self.idle.set()
        self._tasks = tasks
        self._history = history
        self._record = record
        self._metrics = metrics
        self._exchange: asyncio.Task[None] | None = None
        self._reply: Reply | None = None
        self._interruption: _Interruption | None = None
        self._interrupted: Reply | None = None
        """Kept for the client's last playback position, which may arrive when the next reply has begun."""

    @property
    def taken(self) -> bool:
        """A reply is being made or played."""
        return self._exchange is not None and not self._exchange.done()

    @property
    def answering(self) -> bool:
        """A reply to the student's words is being made or played."""
        return self._reply is not None and bool(self._reply.question)

    def take(self, exchange: Coroutine[Any, Any, None]) -> None:
        """Run an exchange. The one before must have ended, an interruption must be concluded.

        Raises:
            Busy: the session is ending.
        """
        self.idle.clear()
        self._exchange = self._tasks.start(exchange, "exchange")

    async def give(self, reply: Reply, room: RoomSound) -> None:
        """Let ``reply`` speak; returns at the end of its playback. Called within an exchange.

        Raises:
            ReplyFailed: a stage of the reply failed.
        """
        self.replies += 1
        self._reply = reply
        if reply.question:
            self._history.add_user(self.replies, reply.question)
        self._record.reply_begins(reply, self.replies)
        ended: ReplyEnd = "closed"
        try:
            await reply.speak(self.replies, room)
            ended = "done"
        except ReplyFailed:
            ended = "failed"
            raise
        finally:
            if self._reply is reply:
                self._reply = None
                self._record.reply_ends(reply, ended, asyncio.get_running_loop().time())

    def cut_off(self, reason: Reason, sink: Sink | None) -> bool:
        """Silence the tutor now; never waits. False when nothing was being said."""
        exchange, reply = self._exchange, self._reply
        if exchange is None or exchange.done():
            return False
        exchange.cancel()
        self._interruption = _Interruption(exchange, reply, reason, asyncio.get_running_loop().time())
        self._exchange = self._reply = None
        if reply is not None:
            self._interrupted = reply
            self._record.reply_ends(reply, "interrupted", self._interruption.at)
            if sink is not None:
                with suppress(ChannelClosed):  # its connection is closing and sends nothing more anyway
                    sink.drop(reply.number)
        return True

    async def conclude(self) -> InterruptedEvent | None:
        """Wait for the end of the interrupted exchange and remember what was heard. Gives the message to the client."""
        cut, self._interruption = self._interruption, None
        if cut is None:
            return None
        await asyncio.wait([cut.exchange])
        self.idle.set()  # an exchange cancelled before its first step did not do this
        if cut.reply is None:
            return None
        number, content = cut.reply.number, cut.reply.heard_text(cut.at)
        self._history.heard(number, content)
        self._metrics.interruptions.labels(cut.reason).inc()
        self._metrics.replies.labels("interrupted").inc()
        return InterruptedEvent(
            turn=number,
            played_ms=round(cut.reply.playback.heard_ms(cut.at)),
            content=content,
            reason=cut.reason,
            timings=cut.reply.timeline.marks,
        )

    def acknowledge(self, number: int, position_ms: float) -> None:
        """The client has played so much of reply ``number`` (ms of its audio)."""
        now = asyncio.get_running_loop().time()
        if self._reply is not None and self._reply.number == number:
            self._reply.playback.acknowledge(position_ms, now)
        elif self._interrupted is not None and self._interrupted.number == number:
            self._interrupted.playback.correct(position_ms, now)
            self._history.heard(number, self._interrupted.heard_text(now))
            self._record.corrected(self._interrupted, number, now)
