"""One scheduler per device: pictures for all sessions, earliest deadline first, in small batches.

``BatchPolicy`` is pure: it is told what is queued and what batches cost, and picks the next batch.
``FrameScheduler`` is its shell: one task that hands batches to one worker thread. A request
whose awaiter was cancelled before its batch began is never rendered. When the machine cannot
draw all pictures in time, ``offer`` drops some (see ``frame_dropping``); ``render`` never does.
"""

from __future__ import annotations

import asyncio
import contextlib
import heapq
import itertools
from collections.abc import AsyncIterator, Mapping, Sequence
from dataclasses import dataclass
from types import MappingProxyType

import structlog

from engine.concurrency.worker import Worker
from engine.contracts import FrameRequest, Renderer
from engine.errors import EngineError, RenderFailed
from engine.items import Picture
from engine.rendering.frame_dropping import FrameDropping
from engine.telemetry import Metrics

log = structlog.get_logger(__name__)

NEARLY_FREE = 1.25
"""A batch that takes at most this many times as long as a single picture draws the others for free. A judgement."""


class CostTable:
    """Seconds a batch takes, by its size: a moving average of what was measured.

    Args:
        sizes: the renderer's batch sizes.
        measured: seconds by batch size, as ``Renderer.warm_up`` gives them.
        guess_s: seconds for a single picture, used for sizes that were not measured.
    """

    def __init__(
        self, sizes: Sequence[int], measured: Mapping[int, float] = MappingProxyType({}), guess_s: float = 0.005
    ) -> None:
        self.sizes = sorted(sizes)
        self._seconds = {size: measured.get(size, guess_s * (0.5 + 0.5 * size)) for size in self.sizes}

    def bucket(self, count: int) -> int:
        """The smallest size that holds ``count`` requests, or the largest there is."""
        return next((size for size in self.sizes if size >= count), self.sizes[-1])

    def __getitem__(self, size: int) -> float:
        return self._seconds[size]

    def observe(self, count: int, seconds: float) -> None:
        """A batch of ``count`` took ``seconds``."""
        size = self.bucket(count)
        self._seconds[size] += 0.1 * (seconds - self._seconds[size])

    def frame_s(self) -> float:
        """Seconds per picture at the most efficient size."""
        return min(self._seconds[size] / size for size in self.sizes)


class BatchPolicy:
    """Which requests to draw next.

    Earliest deadline first. The batch is the largest size that still meets the earliest deadline and that the
    queue needs; it need not be full. When the earliest deadline cannot be met any more, its picture is drawn as soon
    as possible: alone, or with others if that takes hardly longer (a GPU may draw four in the time of one). When the
    queue holds twice the largest size, the most efficient size is used, since nothing else can catch up.
    """

    def __init__(self, costs: CostTable) -> None:
        self._costs = costs
        self._heap: list[tuple[float, int]] = []
        self._order = itertools.count()
        self._cancelled: set[int] = set()

    def __len__(self) -> int:
        return len(self._heap) - len(self._cancelled)

    def add(self, deadline: float) -> int:
        """Queue a request due at ``deadline`` (seconds on the clock of ``next_batch``); gives its ticket."""
        ticket = next(self._order)
        heapq.heappush(self._heap, (deadline, ticket))
        return ticket

    def cancel(self, ticket: int) -> None:
        """Drop a queued ticket. It must not have been given out by ``next_batch``."""
        self._cancelled.add(ticket)

    def next_batch(self, now: float) -> list[int]:
        """Tickets to draw together now, removed from the queue; empty when the queue is."""
        self._discard_cancelled()
        waiting = len(self)
        if not waiting:
            return []
        slack = self._heap[0][0] - now
        useful = [size for size in self._costs.sizes if size <= self._costs.bucket(waiting)]
        fitting = [size for size in useful if self._costs[size] <= slack]
        if fitting:
            size = fitting[-1]
        elif waiting >= 2 * self._costs.sizes[-1]:
            size = min(self._costs.sizes, key=lambda s: self._costs[s] / s)
        else:
            nearly_free = NEARLY_FREE * self._costs[self._costs.sizes[0]]
            size = max((size for size in useful if self._costs[size] <= nearly_free), default=self._costs.sizes[0])
        batch: list[int] = []
        while self._heap and len(batch) < size:
            _, ticket = heapq.heappop(self._heap)
            if ticket in self._cancelled:
                self._cancelled.discard(ticket)
            else:
                batch.append(ticket)
        return batch

    def _discard_cancelled(self) -> None:
        while self._heap and self._heap[0][1] in self._cancelled:
            self._cancelled.discard(heapq.heappop(self._heap)[1])


@dataclass(slots=True)
class _Pending:
    request: FrameRequest
    done: asyncio.Future[Picture]
    asked: float
    """Seconds on the loop's clock."""


class FrameScheduler:
    """Serves ``render`` calls of all sessions with one renderer on one thread.

    Args:
        renderer: called from one thread, which ``running`` owns.
        metrics: where pictures made, late and repeated are counted.
        measured: what ``renderer.warm_up`` returned.
    """

    def __init__(
        self, renderer: Renderer, metrics: Metrics, measured: Mapping[int, float] = MappingProxyType({})
    ) -> None:
        self.renderer = renderer
        self.costs = CostTable(renderer.batch_sizes, measured)
        self._policy = BatchPolicy(self.costs)
        self._pending: dict[int, _Pending] = {}
        self._ended: list[str] = []
        self._wake = asyncio.Event()
        self._metrics = metrics
        self.frame_dropping = FrameDropping()

    async def offer(self, requests: Sequence[FrameRequest], every: int = 1) -> list[Picture | None]:
        """As ``render``, but None for pictures that are dropped so that the others are in time.

        Args:
            requests: frames of one reply.
            every: the client has a use for one picture in so many frames; the others are None too.

        Raises:
            EngineError: as ``render``.
        """
        wanted = [request.frame.index % every == 0 for request in requests]
        draws = [self.frame_dropping.draws(request.frame.index, every) for request in requests]
        if draws != wanted:
            self._metrics.frames.labels("repeated").inc(wanted.count(True) - draws.count(True))
        pictures = iter(await self.render(list(itertools.compress(requests, draws))))
        return [next(pictures) if drawn else None for drawn in draws]

    async def render(self, requests: Sequence[FrameRequest]) -> list[Picture]:
        """Pictures for ``requests``, in order. Cancelling drops those whose batch has not begun.

        Raises:
            EngineError: the renderer could not draw one of them; ``RenderFailed`` if it broke.
        """
        loop = asyncio.get_running_loop()
        now = loop.time()
        tickets: list[int] = []
        futures: list[asyncio.Future[Picture]] = []
        for request in requests:
            ticket = self._policy.add(request.deadline)
            future: asyncio.Future[Picture] = loop.create_future()
            self._pending[ticket] = _Pending(request, future, now)
            tickets.append(ticket)
            futures.append(future)
        self._wake.set()
        try:
            return await asyncio.gather(*futures)
        finally:
            for ticket, future in zip(tickets, futures, strict=True):
                if self._pending.pop(ticket, None) is not None:
                    self._policy.cancel(ticket)
                if not future.done():
                    future.cancel()

    def end_session(self, session: str) -> None:
        """Free what the renderer keeps for ``session``, which has ended, before the next batch. Returns at once."""
        self._ended.append(session)
        self._wake.set()

    @contextlib.asynccontextmanager
    async def running(self) -> AsyncIterator[FrameScheduler]:
        """Draw while the context lasts; what is still queued at its end is cancelled."""
        worker = Worker("render", threads=1)
        task = asyncio.create_task(self._run(worker), name="frame-scheduler")
        try:
            yield self
        finally:
            task.cancel()
            with contextlib.suppress(asyncio.CancelledError):
                await task
            for pending in self._pending.values():
                pending.done.cancel()
            worker.close()

    async def _run(self, worker: Worker) -> None:
        loop = asyncio.get_running_loop()
        while True:
            while self._ended:
                await worker.run(self.renderer.end_session, self._ended.pop())
            batch = self._policy.next_batch(loop.time())
            if not batch:
                self._wake.clear()
                await self._wake.wait()
                continue
            pending = [self._pending.pop(ticket) for ticket in batch]
            requests = [item.request for item in pending]
            began = loop.time()
            try:
                pictures = await worker.run(self.renderer.render, requests)
            except EngineError as error:
                _fail(pending, error)
                continue
            except Exception as error:  # a defect; the other sessions' pictures must still be drawn
                log.exception("rendering_failed", pictures=len(batch))
                _fail(pending, RenderFailed(f"the renderer failed: {type(error).__name__}"))
                continue
            now = loop.time()
            self.costs.observe(len(batch), now - began)
            self.frame_dropping.observe(began, now, min(request.deadline for request in requests) - now)
            self._count(pending, began, now)
            for item, picture in zip(pending, pictures, strict=True):
                if not item.done.done():
                    item.done.set_result(picture)

    def _count(self, drawn: Sequence[_Pending], began: float, now: float) -> None:
        """A batch was begun at ``began`` and is there ``now``."""
        metrics = self._metrics
        metrics.frames.labels("made").inc(len(drawn))
        metrics.batch_pictures.observe(len(drawn))
        metrics.queue_wait.labels("pictures").observe(began - min(item.asked for item in drawn))
        late = [now - item.request.deadline for item in drawn if now > item.request.deadline]
        if late:
            metrics.frames.labels("late").inc(len(late))
            for seconds in late:
                metrics.picture_lateness.observe(seconds)


def _fail(pending: Sequence[_Pending], error: EngineError) -> None:
    for item in pending:
        if not item.done.done():
            item.done.set_exception(error)
