"""A name server that does not answer costs those who need it, and nobody else."""

from __future__ import annotations

import asyncio
import socket
import threading
import time
from pathlib import Path
from typing import Any

import aiohttp
import pytest

from engine.app import Engine
from engine.settings import Settings
from tests.system.conftest import Caller

pytestmark = pytest.mark.asyncio(loop_scope="session")

HOST = "language-model.test"
STUDENTS = 8
NAME_S = 60.0
"""How long the name server keeps its callers waiting."""

WORST_S = 10.0
"""The longest answer to anything that needs no name: far more than a busy machine needs, far less than ``NAME_S``."""


async def test_the_page_is_served_while_every_question_waits_for_a_name(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    look_up, answers, asked = socket.getaddrinfo, threading.Event(), threading.Semaphore(0)

    def hangs(host: Any, *args: Any, **kwargs: Any) -> Any:
        if host == HOST:
            asked.release()
            answers.wait(NAME_S)
            raise socket.gaierror(socket.EAI_AGAIN, "Temporary failure in name resolution")
        return look_up(host, *args, **kwargs)

    monkeypatch.setattr(socket, "getaddrinfo", hangs)
    settings = Settings(
        port=0,
        sessions={"max": STUDENTS, "admission": "fixed"},
        knowledge={"dir": tmp_path / "knowledge"},
        tutors_dir=tmp_path / "tutors",
        llm={"base_url": f"http://{HOST}:8000/v1", "connect_timeout_s": 1, "first_token_timeout_s": 30},
    )
    try:
        async with Engine(settings) as engine, aiohttp.ClientSession() as http:
            caller = Caller(http, engine.port)
            sockets = [await caller.connect(await caller.create()) for _ in range(STUDENTS)]
            for each in sockets:
                await each.send(type="configure", stream=True, video="none")
                await each.expect("ready")
                await each.send(type="text", content="Why is the sky blue?")
            assert await asyncio.to_thread(asked.acquire, timeout=60)
            worst = 0.0
            for _ in range(20):
                for path in ("/", "/static/client.js", "/health", "/v1/avatars"):
                    began = time.monotonic()
                    async with http.get(f"{caller.base}{path}") as reply:
                        await reply.read()
                        assert reply.status == 200
                    worst = max(worst, time.monotonic() - began)
            assert worst < WORST_S
            for _ in range(100):
                async with http.get(f"{caller.base}/ready") as reply:
                    if reply.status == 503:
                        break
                await asyncio.sleep(0.1)
            assert reply.status == 503
            for each in sockets:
                await each.ws.close()
    finally:
        answers.set()
