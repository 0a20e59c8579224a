"""The engine's Prometheus metrics; docs/operations.md says what to read from them.

No label contains a token, or a word that a student or tutor said.
"""

from __future__ import annotations

import asyncio
import contextlib
from collections.abc import AsyncIterator, Callable
from typing import Any
from weakref import WeakSet

from prometheus_client import CollectorRegistry, Counter, Gauge, Histogram, ProcessCollector
from prometheus_client.exposition import generate_latest

from engine.concurrency import waits
from engine.concurrency.channel import Channel
from engine.telemetry.machine import MachineCollector

STAGES = ("listen", "recognise", "prompt", "think", "speak", "render", "send")
"""From the end of the student's speech to the first frame, in order. What a reply does not need takes no time."""

STAGE_BUCKETS = (0.005, 0.01, 0.02, 0.04, 0.06, 0.08, 0.1, 0.15, 0.2, 0.3, 0.5, 0.8, 1.2, 2, 3, 5, 10, 30)
LAG_BUCKETS = (0.0005, 0.001, 0.002, 0.005, 0.01, 0.02, 0.05, 0.1, 0.25, 0.5, 1)
WAIT_BUCKETS = (0.001, 0.005, 0.02, 0.05, 0.1, 0.25, 0.5, 1, 2.5, 10)
BATCH_BUCKETS = (1, 2, 4, 8, 16, 32)


class Metrics:
    """The engine's Prometheus metrics, in a registry of their own."""

    def __init__(self) -> None:
        self.registry = CollectorRegistry()
        self._watched: dict[str, WeakSet[Channel[Any]]] = {}
        ProcessCollector(registry=self.registry)
        self.registry.register(MachineCollector())
        self._declare_sessions()
        self._declare_replies()
        self._declare_stages()
        self._declare_queues()
        self._declare_language_model()

    def _declare_sessions(self) -> None:
        r = self.registry
        self.build = Gauge("tutor_build_info", "Always 1; the label is the engine's version.", ["version"], registry=r)
        self.sessions = Gauge("tutor_sessions", "Live sessions.", registry=r)
        self.sessions_max = Gauge("tutor_sessions_max", "Live sessions that are allowed (sessions.max).", registry=r)
        self.sessions_total = Counter("tutor_sessions_ended_total", "Sessions by how they ended.", ["end"], registry=r)
        self.sessions_refused = Counter("tutor_sessions_refused_total", "Sessions refused as busy.", registry=r)
        self.sockets = Gauge("tutor_connections", "Open connections.", ["kind"], registry=r)
        self.errors = Counter("tutor_errors_total", "Errors sent to clients.", ["code"], registry=r)

    def _declare_replies(self) -> None:
        r = self.registry
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
        self.preemptive_replies = Counter(
            "tutor_speculations_total", "Preemptive replies: used or dropped.", ["end"], registry=r
        )
        self.preemptive_waste = Counter(
            "tutor_speculation_wasted_seconds_total",
            "Seconds for which preemptive replies were computed that were then dropped.",
            registry=r,
        )
        self.interruptions = Counter("tutor_interruptions_total", "Replies cut short.", ["reason"], registry=r)
        self.turns_reopened = Counter(
            "tutor_turns_reopened_total", "User turns that went on after they seemed to be over.", registry=r
        )

    def _declare_stages(self) -> None:
        r = self.registry
        self.stage = Histogram(
            "tutor_stage_seconds",
            "From the start of a reply to the end of a stage.",
            ["stage"],
            buckets=STAGE_BUCKETS,
            registry=r,
        )
        self.stage_share = Histogram(
            "tutor_reply_stage_seconds",
            "What a stage adds to the time to the first frame; the stages are listen, recognise, prompt, think … send.",
            ["stage"],
            buckets=STAGE_BUCKETS,
            registry=r,
        )
        for stage in STAGES:
            self.stage_share.labels(stage)
        self.unheard = Counter(
            "tutor_replies_unheard_total",
            "Replies that ended before their first frame was sent, by the stage they were in.",
            ["stage"],
            registry=r,
        )
        self.frames = Counter("tutor_frames_total", "Pictures made, late, repeated, dropped.", ["what"], registry=r)
        self.batch_pictures = Histogram(
            "tutor_batch_pictures", "Pictures drawn together.", buckets=BATCH_BUCKETS, registry=r
        )
        self.picture_lateness = Histogram(
            "tutor_picture_lateness_seconds",
            "How long after their deadline late pictures were drawn; those in time are not counted.",
            buckets=WAIT_BUCKETS,
            registry=r,
        )
        self.loop_lag = Histogram(
            "tutor_loop_lag_seconds", "How late the event loop wakes up.", buckets=LAG_BUCKETS, registry=r
        )
        self.tasks = Gauge("tutor_tasks", "Tasks of the event loop.", registry=r)

    def _declare_queues(self) -> None:
        r = self.registry
        self.queue_depth = Gauge(
            "tutor_queue_depth", "Messages waiting in the outboxes of all clients, by kind.", ["queue"], registry=r
        )
        # Counted: "microphone" (32 ms frames), "outbox" and "peer-events" (messages), "audio-packets" and
        # "video-packets" (RTP payloads a peer's sender did not take in time). Not counted here: pictures that are
        # replaced while they wait for an encoder, which are tutor_frames_total{what="dropped"}; and listener-notes,
        # the answers of the recognizer and the turn model, which fill only when the listener itself has stalled for
        # 256 answers, and then its microphone overflows too.
        self.queue_dropped = Counter(
            "tutor_queue_dropped_total", "Items discarded on overflow or interruption.", ["queue"], registry=r
        )
        self.queue_wait = Histogram(
            "tutor_queue_wait_seconds",
            "How long work waited for its turn: pictures, asr-queue (recognitions), and each worker by its name.",
            ["queue"],
            buckets=WAIT_BUCKETS,
            registry=r,
        )
        self.worker_seconds = Histogram(
            "tutor_worker_seconds",
            "How long one piece of work took a worker's thread.",
            ["worker"],
            buckets=WAIT_BUCKETS,
            registry=r,
        )
        self.recognitions_waiting = Gauge("tutor_asr_backlog", "Recognitions that wait for a thread.", registry=r)

    def _declare_language_model(self) -> None:
        r = self.registry
        self.llm_first_token = Histogram(
            "tutor_llm_first_token_seconds",
            "From the request to the language model to its first text.",
            buckets=STAGE_BUCKETS,
            registry=r,
        )
        self.llm_tokens = Counter(
            "tutor_llm_tokens_total",
            "Tokens of prompts and answers; estimated where the endpoint does not count.",
            ["kind"],
            registry=r,
        )
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

    def watch_recognizer(self, backlog: Callable[[], int]) -> None:
        """``backlog`` gives the recognitions that wait."""
        self.recognitions_waiting.set_function(backlog)

    def render(self) -> bytes:
        """All metrics in Prometheus text format."""
        return generate_latest(self.registry)

    @contextlib.asynccontextmanager
    async def watch_loop(self, every_s: float = 0.25) -> AsyncIterator[None]:
        """Measures the event loop's lag and the workers' queues, and counts tasks, while the context lasts."""

        async def watch() -> None:
            loop = asyncio.get_running_loop()
            while True:
                due = loop.time() + every_s
                await asyncio.sleep(every_s)
                self.loop_lag.observe(max(0.0, loop.time() - due))
                self.tasks.set(len(asyncio.all_tasks(loop)))

        with waits.observing(self._waited):
            task = asyncio.create_task(watch(), name="loop-watch")
            try:
                yield
            finally:
                task.cancel()
                with contextlib.suppress(asyncio.CancelledError):
                    await task

    def _waited(self, queue: str, waited_s: float, took_s: float) -> None:
        self.queue_wait.labels(queue).observe(waited_s)
        if took_s > 0:
            self.worker_seconds.labels(queue).observe(took_s)
