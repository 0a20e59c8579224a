"""What web pages may do to an engine: with and without an API key, over every way in."""

from __future__ import annotations

from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from typing import Any

import aiohttp
import pytest
from aiohttp import web

from engine.settings import Settings
from engine.transport.api.middleware import api_key, cors, errors_as_json, management, only_own_pages
from tests.serving import serving

KEY = "k" * 40


@asynccontextmanager
async def served(**settings: Any) -> AsyncIterator[str]:
    """An engine's middlewares before two handlers: ``/manage`` needs the key, ``/talk`` a token."""
    chosen = Settings(port=0, **settings)

    @management
    async def manage(request: web.Request) -> web.Response:
        return web.Response(text="managed")

    async def talk(request: web.Request) -> web.Response:
        return web.Response(text="talked")

    app = web.Application(middlewares=[cors(chosen), errors_as_json, only_own_pages(chosen), api_key(chosen)])
    for path, handler in (("/manage", manage), ("/talk", talk), ("/health", talk)):
        for method in ("GET", "POST", "PUT", "DELETE"):
            app.router.add_route(method, path, handler)
    async with serving(app) as base:
        yield base


async def ask(base: str, path: str, method: str = "GET", **headers: str) -> tuple[int, str | None]:
    """Status, and the origin that may read the answer."""
    sent = {name.replace("_", "-"): value for name, value in headers.items()}
    connector = aiohttp.TCPConnector(force_close=True)
    async with (
        aiohttp.ClientSession(connector=connector) as http,
        http.request(method, base + path, headers=sent) as reply,
    ):
        return reply.status, reply.headers.get("Access-Control-Allow-Origin")


FOREIGN = ["http://evil.test", "http://evil.test:39417", "null", "https://127.0.0.1.evil.test", "file://", "http://["]


@pytest.mark.parametrize("origin", FOREIGN)
async def test_without_a_key_foreign_pages_get_nothing_and_may_read_nothing(origin: str) -> None:
    async with served() as base:
        for path in ("/manage", "/talk"):
            for method in ("GET", "POST", "PUT", "DELETE"):
                assert await ask(base, path, method, Origin=origin) == (403, None)
            preflight = await ask(base, path, "OPTIONS", Origin=origin, Access_Control_Request_Method="PUT")
            assert preflight == (204, None)


async def test_the_engine_s_own_page_may_do_everything() -> None:
    async with served() as base:
        for path in ("/manage", "/talk"):
            assert await ask(base, path, "POST", Origin=base) == (200, base)
            assert (await ask(base, path))[0] == 200  # no page at all: curl, a web tier


async def test_a_page_on_another_port_may_talk_and_not_manage() -> None:
    page = "http://localhost:3000"
    async with served() as base:
        assert await ask(base, "/talk", "POST", Origin=page) == (200, page)
        assert await ask(base, "/manage", "POST", Origin=page) == (403, None)
        assert await ask(base, "/talk", "OPTIONS", Origin=page, Access_Control_Request_Method="POST") == (204, page)


async def test_named_origins_may_manage() -> None:
    page = "http://school.test"
    async with served(allowed_origins=[page]) as base:
        assert await ask(base, "/manage", "POST", Origin=page) == (200, page)
        assert await ask(base, "/manage", "POST", Origin="http://evil.test") == (403, None)


async def test_images_and_links_of_foreign_pages_send_no_origin_and_are_refused_too() -> None:
    async with served() as base:
        assert (await ask(base, "/manage", Sec_Fetch_Site="cross-site"))[0] == 403
        assert (await ask(base, "/manage", Sec_Fetch_Site="none"))[0] == 200
        assert (await ask(base, "/talk", Sec_Fetch_Site="cross-site"))[0] == 200


@pytest.mark.parametrize("host", ["evil.test", "evil.test:80", "10.0.0.7:9000", "localhost.evil.test", "xlocalhost"])
async def test_a_name_that_a_stranger_bound_to_this_machine_is_not_answered(host: str) -> None:
    async with served() as base:
        assert (await ask(base, "/manage", Host=host))[0] == 403
        assert (await ask(base, "/manage", Host=host, Origin=f"http://{host}"))[0] == 403
        assert (await ask(base, "/health", Host=host))[0] == 200


@pytest.mark.parametrize("host", ["localhost", "LOCALHOST:9000", "127.0.0.1", "[::1]:9000", "tutor.school.test"])
async def test_own_names_are_answered(host: str) -> None:
    async with served(public_url="https://tutor.school.test") as base:
        assert (await ask(base, "/manage", Host=host))[0] == 200


@pytest.mark.parametrize("host", ["a b", "user@localhost", "localhost:port", ""])
async def test_a_host_that_is_none_is_a_bad_request(host: str) -> None:
    async with served() as base:
        assert (await ask(base, "/manage", Host=host))[0] == 400


async def test_with_a_key_the_key_decides() -> None:
    bearer = {"Authorization": f"Bearer {KEY}", "Host": "anything.test"}
    async with served(api_key=KEY) as base:
        assert await ask(base, "/manage", "POST", Origin="http://school.test", **bearer) == (200, "*")
        assert (await ask(base, "/manage", "POST", Origin="http://school.test"))[0] == 401
    async with served(api_key=KEY, allowed_origins=["http://school.test"]) as base:
        assert await ask(base, "/manage", Origin="http://school.test", **bearer) == (200, "http://school.test")
        assert await ask(base, "/manage", Origin="http://evil.test", **bearer) == (200, None)
