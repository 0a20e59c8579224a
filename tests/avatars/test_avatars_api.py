"""``POST /v1/avatars`` over a real socket: made, shown, deleted; refused when hostile or not possible."""

from __future__ import annotations

import asyncio
import io
import struct
import zlib
from collections.abc import AsyncIterator
from pathlib import Path
from typing import Any

import aiohttp
import pytest
import pytest_asyncio
from aiohttp import web
from PIL import Image

from engine.avatars.face_detection import FaceFinder
from engine.avatars.making import MAX_QUEUED, AvatarMaker
from engine.avatars.portrait import PortraitFactory
from engine.errors import ModelMissing
from engine.rendering.puppet.renderer import PuppetRenderer
from engine.settings import Settings
from engine.transport.api.avatars_api import AvatarsApi
from engine.transport.api.middleware import api_key, errors_as_json

PORTRAIT = (Path(__file__).parent / "astronaut.jpg").read_bytes()
KEY = "k" * 40
LIMIT = 1_000_000


class Server:
    """The avatar API alone, with a renderer of its own."""

    def __init__(self, directory: Path | None, http: aiohttp.ClientSession) -> None:
        self.renderer = PuppetRenderer([directory] if directory else [], size=128)
        self.forgotten: list[str] = []
        self.maker = AvatarMaker(directory, self.renderer, PortraitFactory(), self._forget)
        self._http = http
        self.base = ""

    def _forget(self, avatar_id: str) -> None:
        self.forgotten.append(avatar_id)
        self.renderer.forget(avatar_id)

    async def call(self, method: str, path: str, *, key: str = KEY, **options: Any) -> tuple[int, Any]:
        headers = {"Authorization": f"Bearer {key}", **options.pop("headers", {})}
        async with self._http.request(method, self.base + path, headers=headers, **options) as reply:
            return reply.status, await reply.json() if reply.content_type == "application/json" else None

    async def settled(self, path: str) -> dict[str, Any]:
        for _ in range(600):
            _, body = await self.call("GET", path)
            if body["status"] in ("ready", "failed"):
                return dict(body)
            await asyncio.sleep(0.05)
        raise AssertionError(body)


async def serve(directory: Path | None) -> AsyncIterator[Server]:
    connector = aiohttp.TCPConnector(force_close=True)
    async with aiohttp.ClientSession(connector=connector) as http:
        server = Server(directory, http)
        settings = Settings(port=0, api_key=KEY)
        app = web.Application(middlewares=[errors_as_json, api_key(settings)])
        app.add_routes(AvatarsApi(lambda: server.maker, LIMIT).routes())
        runner = web.AppRunner(app, shutdown_timeout=0.2, lingering_time=0.2)
        await runner.setup()
        await web.TCPSite(runner, "127.0.0.1", 0).start()
        server.base = f"http://127.0.0.1:{runner.addresses[0][1]}"
        yield server
        await runner.cleanup()
        await server.maker.close()
        server.renderer.close()


@pytest_asyncio.fixture
async def server(tmp_path: Path) -> AsyncIterator[Server]:
    pytest.importorskip("ai_edge_litert")
    try:
        FaceFinder()
    except ModelMissing as error:
        pytest.skip(error.message)
    async for each in serve(tmp_path / "avatars"):
        yield each


@pytest_asyncio.fixture
async def bare(request: pytest.FixtureRequest, tmp_path: Path) -> AsyncIterator[Server]:
    """An engine without a folder of its own, or (``"folder"``) with one."""
    async for each in serve(tmp_path / "avatars" if request.param == "folder" else None):
        yield each


async def test_made_shown_replaced_and_deleted(server: Server, tmp_path: Path) -> None:
    status, body = await server.call("POST", "/v1/avatars?id=ada&name=Ada%20L&presents=woman", data=PORTRAIT)
    assert (status, body["id"], body["status_url"]) == (202, "ada", "/v1/avatars/ada")
    assert body["status"] in ("waiting", "making")
    assert (await server.call("POST", "/v1/avatars?id=ada", data=PORTRAIT))[1]["error"]["code"] == "conflict"
    done = await server.settled("/v1/avatars/ada")
    assert (done["status"], done["progress"]) == ("ready", 1.0)
    assert [(a.name, a.presents) for a in server.renderer.list_avatars() if a.id == "ada"] == [("Ada L", "woman")]
    shown = server.renderer.load("ada")
    assert shown.presents == "woman"
    assert (await server.call("POST", "/v1/avatars?id=ada", data=PORTRAIT))[0] == 409
    assert (await server.call("POST", "/v1/avatars?id=ada&replace=1", data=PORTRAIT))[0] == 202
    assert (await server.settled("/v1/avatars/ada"))["status"] == "ready"
    assert server.renderer.load("ada") is not shown and server.forgotten == ["ada", "ada"]
    assert (await server.call("DELETE", "/v1/avatars/ada"))[0] == 204
    assert list((tmp_path / "avatars").iterdir()) == []
    assert (await server.call("GET", "/v1/avatars/ada"))[0] == 404
    assert (await server.call("DELETE", "/v1/avatars/ada"))[0] == 404


async def test_what_is_wrong_with_a_portrait_is_told(server: Server, tmp_path: Path) -> None:
    blank = io.BytesIO()
    Image.new("RGB", (500, 500), "#88aacc").save(blank, "PNG")
    for number, (data, code, words) in enumerate(
        (
            (blank.getvalue(), "unsuitable_portrait", "no face"),
            (b"not a picture", "unreadable_media", "PNG"),
            (PORTRAIT[: len(PORTRAIT) // 2], "unreadable_media", "PNG"),
            (b"", "unreadable_media", "PNG"),
            (bomb(), "too_large", "pixels"),
        )
    ):
        assert (await server.call("POST", f"/v1/avatars?id=bad-{number}", data=data))[0] == 202
        done = await server.settled(f"/v1/avatars/bad-{number}")
        assert (done["status"], done["error"]["code"]) == ("failed", code), done
        assert words in done["error"]["message"]
    left = tmp_path / "avatars"
    assert not left.exists() or list(left.iterdir()) == []


def bomb() -> bytes:
    """A PNG of some kilobytes that unfolds to 60,000 x 60,000 pixels."""

    def chunk(kind: bytes, data: bytes) -> bytes:
        return struct.pack(">I", len(data)) + kind + data + struct.pack(">I", zlib.crc32(kind + data))

    header = struct.pack(">IIBBBBB", 60_000, 60_000, 8, 2, 0, 0, 0)
    pixels = chunk(b"IDAT", zlib.compress(bytes(1 << 20)))
    return b"\x89PNG\r\n\x1a\n" + chunk(b"IHDR", header) + pixels + chunk(b"IEND", b"")


async def test_too_large_is_refused_while_it_arrives(server: Server) -> None:
    async def endless() -> AsyncIterator[bytes]:
        for _ in range(50):
            yield bytes(100_000)

    for data in (bytes(LIMIT + 1), endless()):
        status, body = await server.call("POST", "/v1/avatars?id=big", data=data)
        assert (status, body["error"]["code"]) == (413, "too_large")


@pytest.mark.parametrize("avatar_id", ["../up", "..", "a/b", "/etc", "A", "", "x" * 65, "a%00b", "avatar_tutor_13"])
async def test_ids_are_names_and_not_taken(server: Server, tmp_path: Path, avatar_id: str) -> None:
    status, body = await server.call("POST", "/v1/avatars", params={"id": avatar_id}, data=PORTRAIT)
    assert status == (409 if avatar_id == "avatar_tutor_13" else 422), body
    assert not (tmp_path / "avatars").exists() and not (tmp_path / "up").exists()


@pytest.mark.parametrize("path", ["..%2Fkeep", "%2Fetc", "keep", "link", "avatar_tutor_13", "a%00b"])
async def test_deleting_touches_own_avatars_only(server: Server, tmp_path: Path, path: str) -> None:
    keep = tmp_path / "keep"
    keep.mkdir()
    (tmp_path / "avatars").mkdir()
    (tmp_path / "avatars" / "link").symlink_to(keep)
    status, _ = await server.call("DELETE", f"/v1/avatars/{path}")
    assert status == (409 if path == "avatar_tutor_13" else 404)
    assert keep.is_dir() and (tmp_path / "avatars" / "link").is_symlink()


async def test_fields_are_named(server: Server) -> None:
    wrong = (
        ("", "'id'"),
        ("?id=a&replace=yes", "'replace'"),
        ("?id=a&name=%00", "'name'"),
        ("?id=a&presents=robot", "'presents': use woman, man, child"),
    )
    for query, word in wrong:
        status, body = await server.call("POST", f"/v1/avatars{query}", data=PORTRAIT)
        assert status == 422 and word in body["error"]["message"]
    form = aiohttp.FormData()
    form.add_field("portrait", PORTRAIT, filename="x.jpg")
    assert (await server.call("POST", "/v1/avatars?id=a", data=form))[0] == 415


async def test_only_so_many_wait(server: Server) -> None:
    answers = [(await server.call("POST", f"/v1/avatars?id=a{i}", data=PORTRAIT))[0] for i in range(MAX_QUEUED + 6)]
    assert answers[:MAX_QUEUED] == [202] * MAX_QUEUED and 503 in answers


@pytest.mark.parametrize("bare", ["none"], indirect=True)
async def test_an_engine_without_a_folder_says_so(bare: Server) -> None:
    status, body = await bare.call("POST", "/v1/avatars?id=ada", data=PORTRAIT)
    assert (status, body["error"]["code"]) == (501, "not_available")
    assert "ENGINE_AVATARS_DIR" in body["error"]["message"]
    assert (await bare.call("GET", "/v1/avatars/avatar_tutor_13"))[1]["status"] == "ready"
    assert (await bare.call("POST", "/v1/avatars?id=ada", key="wrong"))[0] == 401
    assert (await bare.call("DELETE", "/v1/avatars/avatar_tutor_13", key=""))[0] == 401


@pytest.mark.parametrize("bare", ["folder"], indirect=True)
async def test_without_face_models_the_remedy_is_named(bare: Server, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setitem(__import__("sys").modules, "ai_edge_litert.interpreter", None)
    status, body = await bare.call("POST", "/v1/avatars?id=ada", data=PORTRAIT)
    assert (status, body["error"]["code"]) == (501, "not_available")
    assert "make portrait" in body["error"]["message"]
