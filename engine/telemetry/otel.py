"""Hands traces to OpenTelemetry. Imported only when they are wanted: it belongs to the extra ``otel``."""

from __future__ import annotations

import asyncio
import contextlib
import random
import time
from collections.abc import Iterator, Mapping

from opentelemetry import trace
from opentelemetry.exporter.otlp.proto.http.trace_exporter import OTLPSpanExporter
from opentelemetry.sdk.resources import Resource
from opentelemetry.sdk.trace import TracerProvider
from opentelemetry.sdk.trace.export import BatchSpanProcessor, SpanExporter
from opentelemetry.sdk.trace.id_generator import IdGenerator, RandomIdGenerator
from opentelemetry.trace import Link, SpanContext, SpanKind, TraceFlags
from opentelemetry.trace.propagation.tracecontext import TraceContextTextMapPropagator

from engine import __version__
from engine.settings import TracingSettings
from engine.telemetry.tracing import Attributes, StageSpan, TraceIds

EXPORT_S = 2.0
"""Longest export of a batch, and what the last one gets when the engine ends."""


class _GivenIds(IdGenerator):
    """Random ids, but for those that were drawn before their span was made."""

    def __init__(self) -> None:
        self._random = RandomIdGenerator()
        self.given: TraceIds | None = None

    def generate_trace_id(self) -> int:
        return self.given.trace_id if self.given is not None else self._random.generate_trace_id()

    def generate_span_id(self) -> int:
        given, self.given = self.given, None
        return given.span_id if given is not None else self._random.generate_span_id()


class Exporter:
    """Makes spans and exports them in a thread. On the event loop.

    Args:
        settings: ``[tracing]``.
        sink: takes the spans; None sends them to the endpoint of the settings.
    """

    def __init__(self, settings: TracingSettings, sink: SpanExporter | None = None) -> None:
        self.sessions: dict[str, TraceIds] = {}
        """By session: the request that created it."""
        self._sample = settings.sample
        self._ids = _GivenIds()
        resource = Resource.create({"service.name": settings.service, "service.version": __version__})
        self._provider = TracerProvider(resource=resource, id_generator=self._ids)
        endpoint = f"{(settings.endpoint or '').rstrip('/')}/v1/traces"
        exporter = sink or OTLPSpanExporter(endpoint=endpoint, timeout=EXPORT_S)
        self._provider.add_span_processor(BatchSpanProcessor(exporter))
        self._tracer = self._provider.get_tracer("talking-tutor", __version__)

    async def close(self) -> None:
        """Export what waits, for a short time."""
        await asyncio.to_thread(self._provider.force_flush, int(EXPORT_S * 1000))
        await asyncio.to_thread(self._provider.shutdown)

    def draw(self) -> TraceIds | None:
        """Ids for a new trace; None for one that is not sampled."""
        if random.random() >= self._sample:
            return None
        generator = RandomIdGenerator()
        return TraceIds(generator.generate_trace_id(), generator.generate_span_id())

    def export_reply(
        self, ids: TraceIds, session: str, spans: list[StageSpan], ended: float, attributes: Attributes
    ) -> None:
        """See ``tracing.end_reply``."""
        since_loop = time.time() - asyncio.get_running_loop().time()

        def ns(at: float) -> int:
            return int((at + since_loop) * 1e9)

        began = min([span.began for span in spans], default=ended)
        created = self.sessions.get(session)
        links = [] if created is None else [Link(_context(created))]
        self._ids.given = ids
        root = self._tracer.start_span(
            "reply", context=trace.set_span_in_context(trace.INVALID_SPAN), start_time=ns(began), links=links,
            attributes={"session.id": session, **attributes},
        )  # fmt: skip
        inside = trace.set_span_in_context(root)
        for span in spans:
            kind = SpanKind.CLIENT if span.client else SpanKind.INTERNAL
            made = self._tracer.start_span(
                span.name, context=inside, kind=kind, start_time=ns(span.began), attributes=dict(span.attributes)
            )
            if span.first is not None:
                made.add_event(span.first[0], timestamp=ns(span.first[1]))
            made.end(ns(max(span.began, span.ended)))
        root.end(ns(max(began, ended)))

    @contextlib.contextmanager
    def request(self, name: str, headers: Mapping[str, str]) -> Iterator[TraceIds]:
        """See ``tracing.request``."""
        carried = {key: value for key in ("traceparent", "tracestate") if (value := headers.get(key)) is not None}
        above = TraceContextTextMapPropagator().extract(carried, trace.set_span_in_context(trace.INVALID_SPAN))
        with self._tracer.start_as_current_span(
            name, context=above, kind=SpanKind.SERVER, record_exception=False
        ) as span:
            context = span.get_span_context()
            yield TraceIds(context.trace_id, context.span_id)


def _context(ids: TraceIds) -> SpanContext:
    return SpanContext(ids.trace_id, ids.span_id, is_remote=False, trace_flags=TraceFlags(TraceFlags.SAMPLED))
