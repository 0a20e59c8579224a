"""Traces: one for each reply, of the times its metrics have, without a word in it; nothing at all when they are off."""

from __future__ import annotations

import asyncio
import json
import subprocess
import sys
from collections.abc import Iterator
from typing import Any

import pytest
import structlog
from aiohttp import web

from engine.errors import SettingsError
from engine.settings import TracingSettings
from engine.telemetry import tracing
from tests.conversation.conversation_stage import FakeModel, Stage
from tests.fakes import Script, play
from tests.serving import serving

pytest.importorskip("opentelemetry.sdk", reason="the extra otel is not installed: make otel")

from opentelemetry.sdk.trace import ReadableSpan
from opentelemetry.sdk.trace.export import SpanExporter, SpanExportResult
from opentelemetry.trace import SpanContext

from engine.telemetry import otel

QUESTION = "What do xylophones do?"
ANSWER = "Marimbas resemble them. They are larger and deeper."


class MemoryExporter(SpanExporter):
    """Remembers the spans."""

    def __init__(self) -> None:
        self.spans: list[ReadableSpan] = []

    def export(self, spans: Any) -> SpanExportResult:
        self.spans += spans
        return SpanExportResult.SUCCESS

    def shutdown(self) -> None: ...

    def force_flush(self, timeout_millis: int = 0) -> bool:
        return True


class Traced:
    """An exporter and what it was given."""

    def __init__(self, exporter: otel.Exporter, sink: MemoryExporter) -> None:
        self.exporter = exporter
        self._sink = sink

    def spans(self) -> dict[str, ReadableSpan]:
        asyncio.run(self.exporter.close())
        return {span.name: span for span in self._sink.spans}


@pytest.fixture
def traced(monkeypatch: pytest.MonkeyPatch) -> Iterator[Traced]:
    sink = MemoryExporter()
    exporter = otel.Exporter(TracingSettings(endpoint="http://localhost:1"), sink)
    monkeypatch.setattr(tracing, "_exporter", exporter)
    yield Traced(exporter, sink)
    asyncio.run(exporter.close())


def named(span: ReadableSpan) -> SpanContext:
    """The ids of a span."""
    context = span.get_span_context()
    assert context is not None
    return context


def ask(stage: Stage) -> Stage:
    script = Script().say(1000, QUESTION)
    return stage.play_all(lambda stage: play(stage.conversation.listen, script.pcm(12_000)))


def test_a_spoken_reply_is_one_trace_of_its_stages(traced: Traced) -> None:
    stage = ask(Stage(model=FakeModel(ANSWER)))
    spans = traced.spans()
    model = stage.settings.llm.model
    assert list(spans) == ["listen", "recognise", "prompt", f"chat {model}", "speak", "render", "send", "reply"]
    root = spans["reply"]
    assert root.parent is None
    context = named(root)
    for span in spans.values():
        assert named(span).trace_id == context.trace_id
        assert span is root or (span.parent is not None and span.parent.span_id == context.span_id)
        assert span.start_time is not None and span.end_time is not None and span.start_time <= span.end_time
    # The trace shows what the metrics count.
    timings = stage.sink.last("turn_done")["timings"]
    sent = next(event for event in spans["send"].events if event.name == "first_media_sent")
    assert (sent.timestamp - (spans["listen"].start_time or 0)) / 1e6 == pytest.approx(
        timings["first_media_sent"], abs=2
    )


def test_the_request_to_the_model_is_described_by_the_conventions_for_generative_ai(traced: Traced) -> None:
    stage = ask(Stage(model=FakeModel(ANSWER)))
    attributes = traced.spans()[f"chat {stage.settings.llm.model}"].attributes or {}
    assert attributes["gen_ai.operation.name"] == "chat"
    assert attributes["gen_ai.request.model"] == stage.settings.llm.model
    assert int(str(attributes["gen_ai.usage.input_tokens"])) > int(str(attributes["gen_ai.usage.output_tokens"])) > 0


def test_no_word_of_anybody_is_in_a_trace(traced: Traced) -> None:
    ask(Stage(model=FakeModel(ANSWER)))
    exported = " ".join(span.to_json() for span in traced.spans().values()).lower()
    for word in ("xylophones", "marimbas", "resemble", "deeper"):
        assert word not in exported


def test_log_lines_of_a_reply_have_its_trace(traced: Traced) -> None:
    seen: list[dict[str, Any]] = []

    class Telling(FakeModel):
        async def reply(self, *args: Any, **kwargs: Any) -> Any:
            seen.append(structlog.contextvars.get_contextvars())
            async for delta in super().reply(*args, **kwargs):
                yield delta

    ask(Stage(model=Telling(ANSWER)))
    root = named(traced.spans()["reply"])
    assert seen == [{"trace_id": f"{root.trace_id:032x}", "span_id": f"{root.span_id:016x}"}]


def test_the_trace_of_the_web_tier_continues_and_replies_link_to_it(traced: Traced) -> None:
    above = "00-0af7651916cd43dd8448eb211c80319c-b7ad6b7169203331-01"
    with tracing.request("POST /v1/sessions", {"traceparent": above}) as ids:
        tracing.session_began("session", ids)
        assert structlog.contextvars.get_contextvars()["trace_id"] == above.split("-")[1]
    ask(Stage(model=FakeModel(ANSWER)))
    tracing.session_ended("session")
    assert traced.exporter.sessions == {}
    spans = traced.spans()
    request = spans["POST /v1/sessions"]
    assert request.parent is not None and f"{request.parent.span_id:016x}" == above.split("-")[2]
    assert [link.context.trace_id for link in spans["reply"].links] == [named(request).trace_id]


@pytest.mark.parametrize("header", ["", "nonsense", "00-" + "0" * 32 + "-" + "0" * 16 + "-01", "x" * 5000])
def test_a_bad_traceparent_begins_a_trace_of_its_own(traced: Traced, header: str) -> None:
    with tracing.request("POST /v1/sessions", {"traceparent": header}) as ids:
        assert ids is not None and ids.trace_id
    assert traced.spans()["POST /v1/sessions"].parent is None


def test_what_is_not_sampled_is_not_traced(traced: Traced, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(traced.exporter, "_sample", 0.0)
    ask(Stage(model=FakeModel(ANSWER)))
    assert traced.spans() == {}


async def test_traces_go_to_the_endpoint_as_otlp() -> None:
    got: list[tuple[str, str, int]] = []

    async def receive(request: web.Request) -> web.Response:
        got.append((request.path, request.content_type, len(await request.read())))
        return web.Response()

    app = web.Application()
    app.add_routes([web.post("/{path:.*}", receive)])
    async with serving(app) as url, tracing.exporting(TracingSettings(endpoint=url)):
        ids = tracing.begin()
        assert ids is not None
        tracing.end_reply(ids, "session", [], asyncio.get_running_loop().time(), {})
        await asyncio.sleep(0)
    assert tracing.begin() is None, "off again"
    assert [(path, kind) for path, kind, _ in got] == [("/v1/traces", "application/x-protobuf")]


OFF = """
import asyncio, sys
import engine.conversation.reply_trace
from engine.telemetry import tracing
from engine.settings import TracingSettings
async def main():
    async with tracing.exporting(TracingSettings()):
        assert tracing.begin() is None
        with tracing.request("POST /v1/sessions", {"traceparent": "00-" + "1" * 32 + "-" + "1" * 16 + "-01"}) as ids:
            assert ids is None
asyncio.run(main())
print([name for name in sys.modules if name.startswith("opentelemetry.sdk") or "otlp" in name])
"""


def test_nothing_of_it_is_imported_when_it_is_off() -> None:
    result = subprocess.run([sys.executable, "-c", OFF], capture_output=True, check=True, text=True)
    assert json.loads(result.stdout.replace("'", '"')) == []


async def test_an_engine_without_the_library_says_what_to_install(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setitem(sys.modules, "engine.telemetry.otel", None)
    with pytest.raises(SettingsError, match=r"talking-tutor\[otel\]"):
        async with tracing.exporting(TracingSettings(endpoint="http://localhost:1")):
            pass
