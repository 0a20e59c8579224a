"""The preemptive reply: begun before the user turn is over, held back until it is.

*When* one is begun, and for which words, is decided in ``engine/turn_taking/preemptive.py``, which
gives each its id. Here it is kept: at most one, computing but sending nothing.
"""

from __future__ import annotations

import asyncio

from engine.conversation.reply import Reply
from engine.conversation.tasks import SessionTasks
from engine.telemetry import Metrics


class PreemptiveReply:
    """Holds the preemptive reply, if there is one. Synchronous.

    Args:
        tasks: the conversation's, which the reply runs in.
        metrics: count the used and the dropped ones.
    """

    def __init__(self, tasks: SessionTasks, metrics: Metrics) -> None:
        self._tasks = tasks
        self._metrics = metrics
        self._held: tuple[int, Reply] | None = None
        self._begun_at = 0.0
        """Seconds on the loop's clock."""

    def __bool__(self) -> bool:
        """Whether there is one."""
        return self._held is not None

    def begin(self, preemptive_id: int, reply: Reply) -> None:
        """Begin ``reply`` and hold it back; one that was held before is dropped.

        Raises:
            Busy: the session is ending.
        """
        self.drop()
        reply.begin(self._tasks)
        self._held = preemptive_id, reply
        self._begun_at = asyncio.get_running_loop().time()

    def drop(self) -> None:
        """End it, if there is one: the student went on, or said something else."""
        if self._held is not None:
            self._held[1].abandon()
            self._held = None
            self._metrics.preemptive_replies.labels("dropped").inc()
            self._metrics.preemptive_waste.inc(asyncio.get_running_loop().time() - self._begun_at)

    def take(self, preemptive_id: int | None) -> Reply | None:
        """Release the one with this id, to be spoken now; any other is dropped."""
        if self._held is None or self._held[0] != preemptive_id:
            self.drop()
            return None
        reply = self._held[1]
        self._held = None
        self._metrics.preemptive_replies.labels("used").inc()
        return reply
