"""A real engine with room for two sessions, and the web tier in front of it, in one process."""

from __future__ import annotations

from collections.abc import AsyncIterator, Callable
from contextlib import AbstractAsyncContextManager, asynccontextmanager
from pathlib import Path
from typing import Any

import httpx
import pytest
import pytest_asyncio
from app.main import create_app
from app.settings import Settings

from engine.app import Engine
from engine.settings import Settings as EngineSettings

KEY = "key of the school"
SEATS = 2

Open = Callable[..., AbstractAsyncContextManager[httpx.AsyncClient]]


@pytest_asyncio.fixture(scope="session", loop_scope="session")
async def engine() -> AsyncIterator[Engine]:
    settings = EngineSettings(
        port=0, api_key=KEY, sessions={"max": SEATS, "admission": "fixed", "idle_s": 600, "detached_s": 600}
    )
    async with Engine(settings) as running:
        yield running


@pytest_asyncio.fixture(autouse=True, loop_scope="session")
async def no_leaked_threads_or_sockets(engine: Engine) -> AsyncIterator[None]:
    """The engine's pools outlive a test; its sessions must not."""
    yield
    registry = engine.registry
    assert registry is not None
    for session in registry.all():
        await registry.end(session, "test over")


@pytest.fixture
def web_tier(engine: Engine, tmp_path: Path) -> Open:
    """Opens a web tier; settings may be given."""

    @asynccontextmanager
    async def open_tier(**settings: Any) -> AsyncIterator[httpx.AsyncClient]:
        given = {
            "engine_url": f"http://127.0.0.1:{engine.port}", "engine_api_key": KEY,
            "database_url": f"sqlite:///{tmp_path / 'school.db'}", **settings,
        }  # fmt: skip
        app = create_app(Settings(_env_file=None, **given))
        transport = httpx.ASGITransport(app=app)
        client = httpx.AsyncClient(transport=transport, base_url="http://school")
        async with app.router.lifespan_context(app), client as http:
            yield http

    return open_tier


async def log_in(http: httpx.AsyncClient, username: str = "anna", password: str = "apple-tree") -> dict[str, str]:
    """Headers of a student who has logged in."""
    answer = await http.post("/api/student/login", json={"username": username, "password": password})
    assert answer.status_code == 200, answer.text
    return {"Authorization": f"Bearer {answer.json()['access_token']}"}


@pytest.fixture
def login() -> Any:
    return log_in
