"""Traces: one for each reply, made when it has ended, of the times it noted anyway.

Nothing is measured for a trace alone, and OpenTelemetry is not imported unless ``tracing.endpoint`` is set
(``otel.py``). A reply's ids are drawn when it begins, so that its log lines have them. No words are in a trace.
"""

from __future__ import annotations

import contextlib
from collections.abc import AsyncIterator, Iterator, Mapping
from dataclasses import dataclass
from typing import TYPE_CHECKING

import structlog

from engine.errors import SettingsError
from engine.settings import TracingSettings

if TYPE_CHECKING:
    from engine.telemetry.otel import Exporter

Attributes = Mapping[str, str | int | float | bool]

_exporter: Exporter | None = None


@dataclass(frozen=True, slots=True)
class TraceIds:
    """Names one span, as W3C Trace Context does."""

    trace_id: int
    span_id: int

    def for_log(self) -> dict[str, str]:
        """As log lines have them."""
        return {"trace_id": f"{self.trace_id:032x}", "span_id": f"{self.span_id:016x}"}


@dataclass(frozen=True, slots=True)
class StageSpan:
    """A stage of a reply, with seconds on the loop's clock."""

    name: str
    began: float
    ended: float
    attributes: Attributes
    client: bool = False
    """It is a request to another server."""

    first: tuple[str, float] | None = None
    """The first thing that came of it: what, and when."""


@contextlib.asynccontextmanager
async def exporting(settings: TracingSettings) -> AsyncIterator[None]:
    """Export traces while the context lasts, if the settings ask for it.

    Raises:
        SettingsError: they do, and OpenTelemetry is not installed.
    """
    global _exporter
    if settings.endpoint is None:
        yield
        return
    try:
        from engine.telemetry.otel import Exporter
    except ModuleNotFoundError:
        raise SettingsError("tracing.endpoint needs OpenTelemetry: pip install 'talking-tutor[otel]'") from None
    _exporter = exporter = Exporter(settings)
    try:
        yield
    finally:
        _exporter = None
        await exporter.close()


def begin() -> TraceIds | None:
    """Ids for a new trace; None when there are no traces, or this one is not sampled."""
    return None if _exporter is None else _exporter.draw()


def end_reply(ids: TraceIds, session: str, spans: list[StageSpan], ended: float, attributes: Attributes) -> None:
    """A reply has ended at ``ended``: export its trace.

    Args:
        ids: from ``begin``.
        session: the id of its session.
        spans: its stages; the first to begin begins the trace.
        ended: seconds on the loop's clock.
        attributes: of the reply as a whole.
    """
    if _exporter is not None:
        _exporter.export_reply(ids, session, spans, ended, attributes)


@contextlib.contextmanager
def in_logs(ids: TraceIds | None) -> Iterator[None]:
    """Log lines have the ids of the trace while the context lasts, also those of tasks that begin in it."""
    if ids is None:
        yield
        return
    with structlog.contextvars.bound_contextvars(**ids.for_log()):
        yield


@contextlib.contextmanager
def request(name: str, headers: Mapping[str, str]) -> Iterator[TraceIds | None]:
    """A request in the trace of its ``traceparent`` header (W3C Trace Context), or in a new one."""
    if _exporter is None:
        yield None
        return
    with _exporter.request(name, headers) as ids, in_logs(ids):
        yield ids


def session_began(session: str, ids: TraceIds | None) -> None:
    """Traces of the replies of ``session`` are linked to the request that created it."""
    if _exporter is not None and ids is not None:
        _exporter.sessions[session] = ids


def session_ended(session: str) -> None:
    """There are no more replies of ``session``."""
    if _exporter is not None:
        _exporter.sessions.pop(session, None)
