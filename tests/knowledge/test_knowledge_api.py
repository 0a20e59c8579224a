"""The HTTP routes over a real socket."""

from __future__ import annotations

import asyncio
import json
import threading
from collections.abc import AsyncIterator, Awaitable, Callable
from pathlib import Path
from typing import Any

import psutil
import pytest
from aiohttp import web
from aiohttp.test_utils import TestClient, TestServer
from aiohttp.typedefs import Handler

from engine.errors import EngineError
from engine.items import FloatArray
from engine.knowledge.items import KnowledgeLimits
from engine.knowledge.service import Knowledge
from engine.transport.api.knowledge_api import MAX_UPLOADS, routes
from tests.knowledge.test_knowledge_store import LetterEmbedder

Client = TestClient[web.Request, web.Application]


@web.middleware
async def errors_as_json(request: web.Request, handler: Handler) -> web.StreamResponse:
    try:
        return await handler(request)
    except EngineError as error:
        return web.json_response({"error": error.to_wire()}, status=error.status)


class SlowEmbedder(LetterEmbedder):
    """Waits after the third batch until it is told to go on."""

    def __init__(self) -> None:
        self.go = threading.Event()
        self.embedded = 0

    def embed(self, texts: list[str]) -> FloatArray:
        if self.embedded >= 48:
            self.go.wait(30)
        self.embedded += len(texts)
        return super().embed(texts)


@pytest.fixture
def slow() -> SlowEmbedder:
    return SlowEmbedder()


@pytest.fixture
async def client(tmp_path: Path, request: pytest.FixtureRequest) -> AsyncIterator[Client]:
    embedder = request.getfixturevalue("slow") if "slow" in request.fixturenames else LetterEmbedder()
    knowledge = Knowledge(tmp_path / "kb", lambda: embedder, "letters", KnowledgeLimits(document_bytes=1_000_000))
    app = web.Application(middlewares=[errors_as_json])
    app.add_routes(routes(knowledge))
    async with TestClient(TestServer(app)) as made:
        yield made
    knowledge.close()


async def call(client: Client, method: str, path: str, **more: Any) -> tuple[int, Any]:
    async with client.request(method, path, **more) as response:
        text = await response.text()
        return response.status, json.loads(text) if text else None


async def test_a_document_comes_and_goes(client: Client) -> None:
    path = "/v1/knowledge/school/documents/Zebra notes.txt"
    status, info = await call(client, "PUT", path, data=b"zebras have stripes")
    assert status == 200 and info["passages"] == 1 and info["name"] == "Zebra notes.txt"
    assert await call(client, "GET", path) == (200, info)
    assert await call(client, "GET", "/v1/knowledge") == (
        200,
        {"knowledge": [{"kb_id": "school", "documents": 1, "passages": 1, "built_in": False}]},
    )
    assert (await call(client, "GET", "/v1/knowledge/school"))[1]["documents"] == [info]
    _, found = await call(client, "GET", "/v1/knowledge/school/search", params={"q": "zebras stripes"})
    assert found["sources"][0]["document"] == "Zebra notes.txt"
    assert await call(client, "DELETE", path) == (204, None)
    assert await call(client, "DELETE", "/v1/knowledge/school") == (204, None)
    assert await call(client, "GET", "/v1/knowledge") == (200, {"knowledge": []})


async def test_a_deleted_base_is_closed(client: Client) -> None:
    def open_bases() -> list[str]:
        return [file.path for file in psutil.Process().open_files() if "/kb/" in file.path]

    assert (await call(client, "PUT", "/v1/knowledge/school/documents/a.txt", data=b"zebras"))[0] == 200
    assert (await call(client, "GET", "/v1/knowledge/school/search", params={"q": "zebras"}))[0] == 200
    assert open_bases()
    assert await call(client, "DELETE", "/v1/knowledge/school") == (204, None)
    assert open_bases() == []


async def until(condition: Callable[[], Awaitable[bool]]) -> None:
    async with asyncio.timeout(30):
        while not await condition():  # noqa: ASYNC110 - the server tells nobody
            await asyncio.sleep(0.02)


async def embeds(client: Client, path: str) -> bool:
    status, told = await call(client, "GET", path)
    return status == 200 and told["stage"] == "embed" and 0 < told["done"] < told["total"] == 200


async def test_a_long_document_tells_how_far_it_is_and_stops_when_its_client_goes(
    slow: SlowEmbedder, client: Client
) -> None:
    path = "/v1/knowledge/school/documents/long.md"
    body = "".join(f"# {i}\n\nzebra {i}\n\n" for i in range(200)).encode()
    putting = asyncio.create_task(call(client, "PUT", path, data=body))
    await until(lambda: embeds(client, path))
    putting.cancel()
    await asyncio.wait([putting])
    await asyncio.sleep(0.2)  # until the server has seen the connection close
    slow.go.set()

    async def gone() -> bool:
        return (await call(client, "GET", path))[0] == 404

    await until(gone)
    assert slow.embedded < 200, "the rest was never embedded"


async def test_only_so_many_documents_are_held_at_once(slow: SlowEmbedder, client: Client) -> None:
    body = "".join(f"# {i}\n\nzebra {i}\n\n" for i in range(60)).encode()
    paths = [f"/v1/knowledge/school/documents/{number}.md" for number in range(MAX_UPLOADS + 1)]
    slow.embedded = 48  # so that it waits at once
    putting = [asyncio.create_task(call(client, "PUT", path, data=body)) for path in paths[:-1]]

    async def all_wait() -> bool:
        status, told = await call(client, "GET", paths[-2])
        return status == 200 and told["stage"] == "waiting"

    await until(all_wait)
    status, answer = await call(client, "PUT", paths[-1], data=body)
    assert (status, answer["error"]["code"]) == (503, "busy")
    slow.go.set()
    assert {status for status, _ in await asyncio.gather(*putting)} == {200}
    assert (await call(client, "PUT", paths[-1], data=body))[0] == 200


async def test_deleting_stops_what_is_being_added(slow: SlowEmbedder, client: Client) -> None:
    path = "/v1/knowledge/school/documents/long.md"
    body = "".join(f"# {i}\n\nzebra {i}\n\n" for i in range(200)).encode()
    putting = asyncio.create_task(call(client, "PUT", path, data=body))
    await until(lambda: embeds(client, path))
    deleting = asyncio.create_task(call(client, "DELETE", path))
    await asyncio.sleep(0.1)
    slow.go.set()
    status, answer = await putting
    assert (status, answer["error"]["code"]) == (409, "adding_stopped")
    assert (await deleting)[0] == 404, "there never was one"
    assert slow.embedded < 200


@pytest.mark.parametrize(
    ("method", "path", "body", "status", "code"),
    [
        ("GET", "/v1/knowledge/none", None, 404, "not_found"),
        ("GET", "/v1/knowledge/none/documents/a.txt", None, 404, "not_found"),
        ("GET", "/v1/knowledge/none/search?q=x", None, 404, "not_found"),
        ("DELETE", "/v1/knowledge/none", None, 404, "not_found"),
        ("DELETE", "/v1/knowledge/none/documents/a.txt", None, 404, "not_found"),
        ("PUT", "/v1/knowledge/..%2Fx/documents/a.txt", b"x", 422, "invalid_field"),
        ("PUT", "/v1/knowledge/kb/documents/..%2Fa.txt", b"x", 422, "invalid_field"),
        ("PUT", "/v1/knowledge/kb/documents/a.pdf", b"no pdf", 415, "unreadable_media"),
        ("PUT", "/v1/knowledge/kb/documents/a.exe", b"x", 415, "unreadable_media"),
        ("PUT", "/v1/knowledge/kb/documents/a.txt", b"x" * 1_000_001, 413, "too_large"),
    ],
)
async def test_errors(client: Client, method: str, path: str, body: bytes | None, status: int, code: str) -> None:
    got, answer = await call(client, method, path, data=body)
    assert (got, answer["error"]["code"]) == (status, code)
    assert "/tmp" not in answer["error"]["message"]


async def test_a_body_without_a_length_is_limited_too(client: Client) -> None:
    async def endless() -> AsyncIterator[bytes]:
        for _ in range(40):
            yield b"x" * 50_000

    status, answer = await call(client, "PUT", "/v1/knowledge/kb/documents/a.txt", data=endless())
    assert (status, answer["error"]["code"]) == (413, "too_large")
