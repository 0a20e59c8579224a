"""Starting the school: ports that are taken, and paths that the front end hands on."""

from __future__ import annotations

import asyncio
import socket
import sys
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from importlib import util
from pathlib import Path
from types import ModuleType

import aiohttp
import pytest
from aiohttp import web
from yarl import URL

from tests.serving import serving

ROOT = Path(__file__).parents[2]


def load(path: str) -> ModuleType:
    """A script of the web folder, as a module."""
    spec = util.spec_from_file_location(Path(path).stem, ROOT / path)
    assert spec is not None and spec.loader is not None
    module = util.module_from_spec(spec)
    spec.loader.exec_module(module)
    return module


async def output(*command: str) -> tuple[int | None, str]:
    """Exit status and what a command of the repository printed."""
    process = await asyncio.create_subprocess_exec(
        sys.executable, *command, cwd=ROOT, stdout=asyncio.subprocess.PIPE, stderr=asyncio.subprocess.STDOUT
    )
    async with asyncio.timeout(60):
        text, _ = await process.communicate()
    return process.returncode, text.decode()


@pytest.mark.parametrize("option", ["engine", "backend", "frontend"])
async def test_a_taken_port_is_told_before_anything_starts(option: str) -> None:
    with socket.socket() as taken:
        taken.bind(("127.0.0.1", 0))
        taken.listen()
        port = taken.getsockname()[1]
        status, text = await output("web/run.py", f"--{option}-port", str(port))
    assert status == 1
    assert f"port {port} is taken" in text and f"--{option}-port" in text
    assert "starting" not in text and "Traceback" not in text


async def test_the_front_end_alone_tells_of_a_taken_port() -> None:
    with socket.socket() as taken:
        taken.bind(("127.0.0.1", 0))
        taken.listen()
        status, text = await output("web/frontend/serve.py", "--port", str(taken.getsockname()[1]))
    assert status == 1 and "cannot listen" in text and "Traceback" not in text


async def test_only_an_engine_is_taken_for_one() -> None:
    run = load("web/run.py")

    def answering(body: object) -> web.Application:
        app = web.Application()

        async def health(request: web.Request) -> web.Response:
            return web.json_response(body)

        app.router.add_get("/health", health)
        return app

    for body, expected in (({"service": "GPU Server"}, True), ({"service": "other"}, False), ([1], False)):
        async with serving(answering(body)) as url:
            assert await asyncio.to_thread(run._is_engine, url) is expected


@pytest.mark.parametrize(
    "path",
    ["/api/..%2fdocs", "/api/%2e%2e/docs", "/api/%252e%252e%252fdocs", "/api/..%5cdocs", "/api/a/%2E%2E/%2E%2E/docs"],
)
async def test_no_path_leaves_api(path: str) -> None:
    async with front_end() as (url, asked), aiohttp.ClientSession() as http:
        async with http.get(URL(url + path, encoded=True)) as answer:
            assert answer.status == 404
        assert asked == []


async def test_paths_and_queries_are_handed_on_as_they_were_sent() -> None:
    async with front_end() as (url, asked), aiohttp.ClientSession() as http:
        async with http.get(URL(f"{url}/api/a%20b?q=%26x", encoded=True)) as answer:
            assert (answer.status, answer.headers["X-Content-Type-Options"]) == (200, "nosniff")
        assert asked == ["/api/a%20b?q=%26x"]


async def test_the_page_may_run_no_foreign_script() -> None:
    async with front_end() as (url, _), aiohttp.ClientSession() as http, http.get(url) as answer:
        policy = answer.headers["Content-Security-Policy"]
    assert "default-src 'self'" in policy and "frame-ancestors 'none'" in policy and "unsafe" not in policy


async def test_a_large_body_is_refused_by_the_front_end() -> None:
    async with front_end() as (url, asked), aiohttp.ClientSession() as http:
        async with http.post(f"{url}/api/x", data=b"x" * 100_000) as answer:
            assert answer.status == 413
        assert asked == []


@asynccontextmanager
async def front_end() -> AsyncIterator[tuple[str, list[str]]]:
    """The front end before a web tier that notes what it is asked."""
    asked: list[str] = []

    async def note(request: web.Request) -> web.Response:
        asked.append(request.raw_path)
        return web.json_response({})

    backend = web.Application()
    backend.router.add_route("*", "/{path:.*}", note)
    async with serving(backend) as backend_url, serving(load("web/frontend/serve.py").create_app(backend_url)) as url:
        yield url, asked
