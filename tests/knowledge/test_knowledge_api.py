"""The HTTP routes over a real socket."""

from __future__ import annotations

import json
from collections.abc import AsyncIterator
from pathlib import Path
from typing import Any

import pytest
from aiohttp import web
from aiohttp.test_utils import TestClient, TestServer
from test_knowledge_store import LetterEmbedder

from engine.errors import EngineError
from engine.knowledge.items import Limits
from engine.knowledge.service import Knowledge
from engine.transport.knowledge_api import routes

Client = TestClient[web.Request, web.Application]


@web.middleware
async def errors_as_json(request: web.Request, handler: Any) -> web.StreamResponse:
    try:
        return await handler(request)  # type: ignore[no-any-return]
    except EngineError as error:
        return web.json_response({"error": error.to_wire()}, status=error.status)


@pytest.fixture
async def client(tmp_path: Path) -> AsyncIterator[Client]:
    knowledge = Knowledge(tmp_path / "kb", LetterEmbedder, "letters", Limits(document_bytes=1_000_000))
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
        200, {"knowledge": [{"kb_id": "school", "documents": 1, "passages": 1}]},
    )
    assert (await call(client, "GET", "/v1/knowledge/school"))[1]["documents"] == [info]
    _, found = await call(client, "GET", "/v1/knowledge/school/search", params={"q": "zebras stripes"})
    assert found["sources"][0]["document"] == "Zebra notes.txt"
    assert await call(client, "DELETE", path) == (204, None)
    assert await call(client, "DELETE", "/v1/knowledge/school") == (204, None)
    assert await call(client, "GET", "/v1/knowledge") == (200, {"knowledge": []})


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
