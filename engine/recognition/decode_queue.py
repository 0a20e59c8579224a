"""Who may use the recognizer next, when several students speak at once.

In: decodes that sessions ask for, each with an urgency and a length. Out: their results. A decode
runs in a worker thread; the order is decided on the event loop. ``close`` ends the threads.
"""

from __future__ import annotations

import asyncio
import itertools
import time
from collections.abc import Callable
from dataclasses import dataclass, field
from enum import Enum
from typing import Concatenate, ParamSpec, TypeVar

from engine.concurrency import waits
from engine.concurrency.worker import Worker

P = ParamSpec("P")
R = TypeVar("R")

COST_PER_SECOND = 0.06
"""Seconds of a core for a second of speech. A rough value, good enough to let short decodes go first."""


class Urgency(Enum):
    """Seconds a decode may be held back in favour of others that came a little later."""

    PREVIEW = 0.1
    """A student has probably finished and waits for an answer."""

    RECORDING = 0.3
    """A piece of a recording that was sent as a whole."""

    PARTIAL = 1.0
    """A student speaks; the captions follow."""


class Ticket:
    """Tells a running decode that nobody waits for it any more, so that it can stop between two steps."""

    def __init__(self) -> None:
        self.dropped = False

    def is_dropped(self) -> bool:
        return self.dropped


@dataclass(order=True, slots=True)
class _Waiting:
    due: float
    number: int
    urgency: Urgency = field(compare=False)
    admitted: asyncio.Future[None] = field(compare=False)


class DecodeQueue:
    """Runs ``workers`` decodes at once, the earliest deadline first.

    A decode is due at the time it was asked for, plus its urgency, plus its expected cost: previews
    go before partials and short ones before long ones, but one that has waited long enough goes
    before all that came later, so none starves.

    Args:
        express: further decodes that may run when a student waits for an answer. A decode that has begun cannot be
            stopped, and the partial before the last words is often still running when they end.
    """

    def __init__(self, name: str, workers: int = 1, express: int = 0) -> None:
        self._name = name
        self._worker = Worker(name, workers + express, backlog=workers + express)
        self._worker.start()
        self._workers, self._express = workers, express
        self._running = 0
        self._waiting: list[_Waiting] = []
        self._numbers = itertools.count()

    @property
    def depth(self) -> int:
        """Decodes that wait for a worker."""
        return sum(not waiting.admitted.done() for waiting in self._waiting)

    async def run(
        self,
        urgency: Urgency,
        seconds: float,
        function: Callable[Concatenate[Ticket, P], R],
        *args: P.args,
        **kwargs: P.kwargs,
    ) -> R:
        """Call ``function(ticket, ...)`` in a worker thread once one is free for it.

        Cancelled before that, it never runs. Cancelled while it runs, the ticket says so and
        the thread stays taken until the function has noticed.

        Args:
            seconds: of audio to decode.
        """
        asked = time.perf_counter()
        await self._wait_for_slot(urgency, seconds * COST_PER_SECOND)
        waits.note(f"{self._name}-queue", time.perf_counter() - asked, 0.0)
        ticket = Ticket()
        job = asyncio.ensure_future(self._worker.run(function, ticket, *args, **kwargs))
        job.add_done_callback(self._finished)
        try:
            return await asyncio.shield(job)
        except asyncio.CancelledError:
            ticket.dropped = True
            raise

    def close(self) -> None:
        """Wait for the running decodes and end the threads."""
        self._worker.close()

    async def _wait_for_slot(self, urgency: Urgency, cost_s: float) -> None:
        loop = asyncio.get_running_loop()
        waiting = _Waiting(loop.time() + urgency.value + cost_s, next(self._numbers), urgency, loop.create_future())
        self._waiting.append(waiting)
        self._next()
        try:
            await waiting.admitted
        except asyncio.CancelledError:
            if waiting.admitted.done() and not waiting.admitted.cancelled():
                self._running -= 1
                self._next()
            raise

    def _finished(self, job: asyncio.Future[R]) -> None:
        if not job.cancelled():
            job.exception()  # the awaiter may be gone; asyncio would warn that nobody retrieved it
        self._running -= 1
        self._next()

    def _next(self) -> None:
        """Start the decodes that may run."""
        while self._running < self._workers + self._express:
            self._waiting = [waiting for waiting in self._waiting if not waiting.admitted.done()]
            chosen = min(filter(self._may_run, self._waiting), default=None)
            if chosen is None:
                return
            self._running += 1
            chosen.admitted.set_result(None)

    def _may_run(self, waiting: _Waiting) -> bool:
        overdue = waiting.due <= asyncio.get_running_loop().time()
        if self._running < self._workers or waiting.urgency is Urgency.PREVIEW:
            return True
        # A long recording is always overdue; two would take the worker that is reserved for students who wait.
        return overdue and waiting.urgency is not Urgency.RECORDING
