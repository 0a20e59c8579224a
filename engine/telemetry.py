"""Structured logs, Prometheus metrics and the timeline of a reply.

No log line and no label contains a token, or a word that a student or tutor said.
"""

from __future__ import annotations

import asyncio
import contextlib
import logging
import sys
from collections.abc import AsyncIterator
from typing import Any
from weakref import WeakSet

import structlog
from prometheus_client import CollectorRegistry, Counter, Gauge, Histogram
from prometheus_client.exposition import generate_latest

from engine.concurrency.channel import Channel
from engine.settings import Settings

STAGE_BUCKETS = (0.005, 0.01, 0.02, 0.04, 0.06, 0.08, 0.1, 0.15, 0.2, 0.3, 0.5, 0.8, 1.2, 2, 3, 5, 10, 30)
LAG_BUCKETS = (0.0005, 0.001, 0.002, 0.005, 0.01, 0.02, 0.05, 0.1, 0.25, 0.5, 1)


def configure_logging(settings: Settings) -> None:
    """Set up structlog and the standard library's logging; once, at start."""
    console = settings.log_format == "console" or (settings.log_format == "auto" and sys.stderr.isatty())
    renderer: structlog.types.Processor = (
        structlog.dev.ConsoleRenderer() if console else structlog.processors.JSONRenderer()
    )
    level = getattr(logging, settings.log_level.upper())
    structlog.configure(
        processors=[
            structlog.contextvars.merge_contextvars,
            structlog.processors.add_log_level,
            structlog.processors.TimeStamper(fmt="iso", utc=True),
            structlog.processors.StackInfoRenderer(),
            structlog.processors.format_exc_info,
            renderer,
        ],
        wrapper_class=structlog.make_filtering_bound_logger(level),
        logger_factory=structlog.PrintLoggerFactory(sys.stderr),
    )
    logging.basicConfig(
        stream=sys.stderr, level=max(level, logging.WARNING), format="%(levelname)s %(name)s %(message)s"
    )


def log_fault(log: Any, error: Exception, **where: object) -> None:
    """Log an unexpected exception with its traceback but without its message, which may contain what was said."""
    while isinstance(error, ExceptionGroup):
        error = error.exceptions[0]
    log.error("unexpected_failure", **where, kind=type(error).__name__,
              exc_info=(type(error), None, error.__traceback__))  # fmt: skip


class Metrics:
    """The engine's Prometheus metrics, in a registry of their own."""

    def __init__(self) -> None:
        self.registry = CollectorRegistry()
        r = self.registry
        self.sessions = Gauge("tutor_sessions", "Live sessions.", registry=r)
        self.sessions_total = Counter("tutor_sessions_ended_total", "Sessions by how they ended.", ["end"], registry=r)
        self.sockets = Gauge("tutor_connections", "Open connections.", ["kind"], registry=r)
        self.replies = Counter("tutor_turns_total", "Replies by how they ended.", ["end"], registry=r)
        self.answers = Counter(
            "tutor_answers_total",
            "Replies by who wrote them: the language model or the engine.",
            ["origin"],
            registry=r,
        )
        self.safety = Counter(
            "tutor_safety_total",
            "Questions and answers held back by the guard, by category.",
            ["category", "stage"],
            registry=r,
        )
        self.stage = Histogram(
            "tutor_stage_seconds",
            "From the start of a reply to the end of a stage.",
            ["stage"],
            buckets=STAGE_BUCKETS,
            registry=r,
        )
        self.frames = Counter("tutor_frames_total", "Pictures made, late, repeated, dropped.", ["what"], registry=r)
        self.queue_depth = Gauge(
            "tutor_queue_depth", "Messages waiting in the outboxes of all clients, by kind.", ["queue"], registry=r
        )
        self._watched: dict[str, WeakSet[Channel[Any]]] = {}
        # Counted: "microphone" (32 ms frames), "outbox" and "peer-events" (messages), "audio-packets" and
        # "video-packets" (RTP payloads a peer's sender did not take in time). Not counted here: pictures that are
        # replaced while they wait for an encoder, which are tutor_frames_total{what="dropped"}; and listener-notes,
        # the answers of the recognizer and the turn model, which fill only when the listener itself has stalled for
        # 256 answers, and then its microphone overflows too.
        self.queue_dropped = Counter(
            "tutor_queue_dropped_total", "Items discarded on overflow or interruption.", ["queue"], registry=r
        )
        self.preemptive_replies = Counter(
            "tutor_speculations_total", "Preemptive replies: used or dropped.", ["end"], registry=r
        )
        self.interruptions = Counter("tutor_interruptions_total", "Replies cut short.", ["reason"], registry=r)
        self.turns_reopened = Counter(
            "tutor_turns_reopened_total", "User turns that went on after they seemed to be over.", registry=r
        )
        self.errors = Counter("tutor_errors_total", "Errors sent to clients.", ["code"], registry=r)
        self.loop_lag = Histogram(
            "tutor_loop_lag_seconds", "How late the event loop wakes up.", buckets=LAG_BUCKETS, registry=r
        )
        self.tasks = Gauge("tutor_tasks", "Tasks of the event loop.", registry=r)
        self.llm_prefills = Gauge("tutor_llm_prefills", "Prompts prefilled since the start.", registry=r)
        self.llm_stumbles = Counter(
            "tutor_llm_stumbles_total", "Answers the model spoiled, by what was wrong with them.", ["cause"], registry=r
        )
        self.llm_restarts = Gauge("tutor_llm_restarts", "Restarts of the embedded model since the start.", registry=r)

    def watch_queue(self, queue: Channel[Any]) -> None:
        """Count what waits in ``queue`` until it is closed. The sum over queues of one name is taken when asked for."""
        if queue.name not in self._watched:
            watched = self._watched[queue.name] = WeakSet()
            self.queue_depth.labels(queue.name).set_function(lambda: sum(len(q) for q in watched if not q.closed))
        self._watched[queue.name].add(queue)

    def render(self) -> bytes:
        """All metrics in Prometheus text format."""
        return generate_latest(self.registry)

    @contextlib.asynccontextmanager
    async def watch_loop(self, every_s: float = 0.25) -> AsyncIterator[None]:
        """Measures the event loop's lag and counts its tasks while the context lasts."""

        async def watch() -> None:
            loop = asyncio.get_running_loop()
            while True:
                due = loop.time() + every_s
                await asyncio.sleep(every_s)
                self.loop_lag.observe(max(0.0, loop.time() - due))
                self.tasks.set(len(asyncio.all_tasks(loop)))

        task = asyncio.create_task(watch(), name="loop-watch")
        try:
            yield
        finally:
            task.cancel()
            with contextlib.suppress(asyncio.CancelledError):
                await task


class Timeline:
    """When the stages of one reply were reached, in ms since its start. The first mark of a stage counts."""

    def __init__(self, start: float) -> None:
        self.start = start
        """Seconds on the loop's clock: text arrived, or the acoustic end of speech."""
        self.marks: dict[str, float] = {}

    def mark(self, stage: str, now: float) -> None:
        """Note that ``stage`` was reached at ``now`` (loop's clock), unless it was before."""
        self.marks.setdefault(stage, round((now - self.start) * 1000, 1))

    def restart(self, start: float) -> None:
        """Count from ``start`` instead; what was reached before it becomes negative."""
        shift = (self.start - start) * 1000
        self.marks = {stage: round(ms + shift, 1) for stage, ms in self.marks.items()}
        self.start = start

    def report(self, metrics: Metrics) -> None:
        """Add every mark to the per-stage histogram."""
        for stage, ms in self.marks.items():
            metrics.stage.labels(stage).observe(max(0.0, ms / 1000))
