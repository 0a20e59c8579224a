"""The web tier on a PostgreSQL of its own: two workers, logins, lessons that come twice, teachers, deletion."""

from __future__ import annotations

import asyncio
import contextlib
import os
import shutil
import subprocess
from collections.abc import AsyncIterator, Iterator
from pathlib import Path
from typing import Any

import httpx
import pytest
from aiohttp import web
from app.main import create_app
from app.settings import Settings

from tests.browser.conftest import free_port
from tests.deploy.conftest import opened, program, running
from tests.serving import serving
from tests.web_tier.conftest import log_in
from tests.web_tier.test_lessons import SECRET, deliver, teacher, told

pytest.importorskip("psycopg", reason="psycopg is not installed (make test-deploy installs it)")


@pytest.fixture(scope="module")
def database_url(tmp_path_factory: pytest.TempPathFactory) -> Iterator[str]:
    """An empty cluster of the user ``postgres``, which will not run as root."""
    folder, port = Path("/tmp") / f"postgres-{os.getpid()}", free_port()
    as_postgres = [program("runuser"), "-u", "postgres", "--"] if os.geteuid() == 0 else []
    folder.mkdir(mode=0o700)
    try:
        if as_postgres:
            shutil.chown(folder, "postgres")
        initdb = [program("initdb"), "-D", str(folder / "data"), "-U", "school", "--auth=trust", "--no-sync"]
        subprocess.run([*as_postgres, *initdb], check=True, capture_output=True, cwd="/")
        command = [
            *as_postgres, program("postgres"), "-D", str(folder / "data"), "-p", str(port), "-k", str(folder),
            "-c", "listen_addresses=127.0.0.1",
        ]  # fmt: skip
        with running("postgres", command, lambda: opened(port)):
            yield f"postgresql+psycopg://school@127.0.0.1:{port}/postgres"
    finally:
        shutil.rmtree(folder, ignore_errors=True)


async def _session(request: web.Request) -> web.Response:
    return web.json_response(
        {"session_id": "s-1", "engine_url": "wss://tutor/ws/ws/s-1", "engine_token": "t", "status": "active"}
    )


async def _gone(request: web.Request) -> web.Response:
    return web.Response(status=204 if request.method == "DELETE" else 404)


@contextlib.asynccontextmanager
async def worker(database_url: str, engine_url: str) -> AsyncIterator[httpx.AsyncClient]:
    settings: Any = {"database_url": database_url, "engine_url": engine_url, "engine_webhook_secret": SECRET}
    app = create_app(Settings(_env_file=None, app_secret="s" * 40, **settings))
    client = httpx.AsyncClient(transport=httpx.ASGITransport(app=app), base_url="http://school")
    async with app.router.lifespan_context(app), client as http:
        yield http


async def test_a_lesson_from_login_to_deletion(database_url: str) -> None:
    engine = web.Application()
    engine.router.add_post("/v1/sessions", _session)
    engine.router.add_route("*", "/v1/sessions/{path:.*}", _gone)
    async with (
        serving(engine) as engine_url,
        worker(database_url, engine_url) as one,
        worker(database_url, engine_url) as two,
    ):
        student = await log_in(one)
        opened_ = await two.post("/api/student/sessions", json={"tutor_id": 1}, headers=student)
        assert opened_.status_code == 200, opened_.text
        answers = await asyncio.gather(
            *(deliver(http, told("s-1", revision)) for revision in (1, 2, 3) for http in (one, two))
        )
        # Two that meet in the database: one is told to come again, as the engine does.
        assert {answer.status_code for answer in answers} <= {200, 503}
        assert (await deliver(one, told("s-1", 3))).status_code == 200
        clara = await teacher(two)
        read = await one.get("/api/teacher/lessons/s-1", headers=clara)
        assert read.status_code == 200 and "What is a leaf?" in read.text
        students = (await one.get("/api/teacher/students", headers=clara)).json()
        anna = next(each["id"] for each in students if each["name"] == "Anna")
        assert (await one.delete(f"/api/teacher/students/{anna}/records", headers=clara)).status_code < 300
        assert (await two.get("/api/teacher/lessons/s-1", headers=clara)).status_code == 404
    # What is there outlives the web tier.
    async with worker(database_url, "http://127.0.0.1:9") as again:
        assert (await again.get("/api/student/lessons", headers=await log_in(again))).status_code == 200
