"""What sessions used: by key and by session, across restarts, over the webhook."""

from __future__ import annotations

import json
from collections.abc import Callable
from datetime import UTC, datetime
from pathlib import Path
from types import SimpleNamespace
from typing import Any, cast
from uuid import uuid4

import pytest
from aiohttp import ClientSession, web

from engine.protocol.lessons import LessonUsage
from engine.protocol.usage import SessionUsage
from engine.sessions import SessionRegistry
from engine.settings import UsageSettings
from engine.telemetry import Metrics
from engine.transport.api.middleware import errors_as_json
from engine.transport.api.usage_api import UsageApi
from engine.usage import UsageLedger
from tests.serving import serving


def session(key: str = "web-tier", *, month: int = 3, seconds: float = 60.0, ended: bool = True) -> SessionUsage:
    began = datetime(2026, month, 5, tzinfo=UTC)
    used = LessonUsage(
        listened_s=20.5, spoken_s=10.0, replies=3, interruptions=1, pictures=250,
        prompt_tokens=400, completion_tokens=90, received_bytes=1000, sent_bytes=50_000,
    )  # fmt: skip
    return SessionUsage(
        session_id=uuid4(),
        key=key,
        tutor_id=1,
        student_id=2,
        started_at=began,
        ended_at=began if ended else None,
        duration_s=seconds,
        usage=used,
    )


@pytest.fixture(params=["memory", "folder"])
def ledger(request: pytest.FixtureRequest, tmp_path: Path) -> UsageLedger:
    return UsageLedger(UsageSettings(dir=None if request.param == "memory" else tmp_path, keep_days=0), Metrics())


async def test_usage_adds_up_by_key(ledger: UsageLedger) -> None:
    async with ledger.running():
        for each in (session(), session(seconds=30.5), session("other")):
            ledger.ended(each)
    report = await ledger.report([session(ended=False)])
    assert [(key.key, key.sessions, key.duration_s) for key in report.keys] == [
        ("other", 1, 60),
        ("web-tier", 3, 150.5),
    ]
    used = report.keys[1].usage
    assert (used.listened_s, used.pictures, used.prompt_tokens, used.sent_bytes) == (61.5, 750, 1200, 150_000)
    assert report.sessions is None


async def test_a_span_and_a_key_are_chosen(ledger: UsageLedger) -> None:
    async with ledger.running():
        for month in (1, 2, 3):
            ledger.ended(session(month=month))
        ledger.ended(session("other", month=2))
    report = await ledger.report(
        [], key="web-tier", since=datetime(2026, 2, 1, tzinfo=UTC), until=datetime(2026, 3, 5, tzinfo=UTC), each=True
    )
    assert [each.started_at.month for each in report.sessions or ()] == [2]


async def test_usage_outlives_the_engine_and_a_line_that_a_crash_cut_off(tmp_path: Path) -> None:
    settings = UsageSettings(dir=tmp_path, keep_days=0)
    async with UsageLedger(settings, Metrics()).running() as first:
        first.ended(session())
    file = tmp_path / "2026-03.jsonl"
    file.write_bytes(file.read_bytes() + b'{"session_id": "cut o\n')
    async with UsageLedger(settings, Metrics()).running() as second:
        second.ended(session())
    assert (await UsageLedger(settings, Metrics()).report([])).keys[0].sessions == 2
    assert file.stat().st_mode & 0o077 == 0


async def test_old_months_are_forgotten(tmp_path: Path) -> None:
    for month in ("2020-01", "2999-01"):
        (tmp_path / f"{month}.jsonl").write_text("")
    (tmp_path / "notes.txt").write_text("mine")
    async with UsageLedger(UsageSettings(dir=tmp_path, keep_days=30), Metrics()).running():
        pass
    left = {file.name for file in tmp_path.glob("*")}  # noqa: ASYNC240 - a folder in memory
    assert left == {"2999-01.jsonl", "notes.txt"}


async def test_the_webhook_is_told_what_each_session_used() -> None:
    told: list[dict[str, Any]] = []

    async def receive(request: web.Request) -> web.Response:
        assert request.headers["X-Tutor-Signature"]
        told.append(json.loads(await request.read()))
        return web.Response()

    app = web.Application()
    app.add_routes([web.post("/", receive)])
    async with serving(app) as url:
        settings = UsageSettings.model_validate({"webhook_url": url, "webhook_secret": "s" * 32})
        async with UsageLedger(settings, Metrics()).running() as ledger:
            ledger.ended(session())
    assert (told[0]["event"], told[0]["key"], told[0]["usage"]["pictures"]) == ("session_usage", "web-tier", 250)


async def answer(ledger: UsageLedger, query: str) -> tuple[int, dict[str, Any]]:
    registry = cast(SessionRegistry, SimpleNamespace(all=lambda: [SimpleNamespace(usage=lambda: session(ended=False))]))
    given: Callable[[], SessionRegistry] = lambda: registry  # noqa: E731
    app = web.Application(middlewares=[errors_as_json])
    app.add_routes(UsageApi(ledger, given).routes())
    async with serving(app) as url, ClientSession() as client, client.get(f"{url}/v1/usage{query}") as response:
        return response.status, await response.json()


async def test_the_api_gives_live_and_ended_sessions(ledger: UsageLedger) -> None:
    async with ledger.running():
        ledger.ended(session())
    status, report = await answer(ledger, "?since=2026-01-01&until=2026-12-31T00:00:00+01:00&sessions=true")
    assert status == 200 and report["keys"][0]["sessions"] == 2
    assert sum("ended_at" in each for each in report["sessions"]) == 1


@pytest.mark.parametrize("query", ["?since=yesterday", "?until=", "?sessions=1"])
async def test_the_api_refuses_what_it_does_not_understand(ledger: UsageLedger, query: str) -> None:
    assert (await answer(ledger, query))[0] == 422
