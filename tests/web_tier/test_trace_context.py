"""The web tier hands the trace of a request on to the engine."""

from __future__ import annotations

from collections.abc import Mapping

import pytest
from app.tracing import MAX_CHARS, TraceContext, trace_headers
from starlette.types import Message, Receive, Scope, Send

PARENT = "00-0af7651916cd43dd8448eb211c80319c-b7ad6b7169203331-01"


@pytest.mark.parametrize(
    ("sent", "kept"),
    [
        ([(b"traceparent", PARENT.encode()), (b"cookie", b"secret")], {"traceparent": PARENT}),
        ([], {}),
        ([(b"traceparent", b"x" * (MAX_CHARS + 1))], {}),
    ],
)
async def test_only_the_names_of_the_trace_are_kept(sent: list[tuple[bytes, bytes]], kept: dict[str, str]) -> None:
    seen: list[Mapping[str, str]] = []

    async def app(scope: Scope, receive: Receive, send: Send) -> None:
        seen.append(trace_headers.get())

    async def nothing(message: Message | None = None) -> Message:
        return {}

    await TraceContext(app)({"type": "http", "headers": sent}, nothing, nothing)  # type: ignore[arg-type]
    assert seen == [kept]
