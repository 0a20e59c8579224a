"""The engine as a process of its own: how it starts, refuses to start, drains and ends."""

from __future__ import annotations

import re
import signal
import socket

import aiohttp
import pytest

from engine.app import Engine
from engine.errors import SettingsError
from engine.settings import Settings
from tests.system.engine_process import LIMIT_S, all_gone, run_engine


@pytest.fixture(autouse=True)
def no_leaked_threads_or_sockets() -> None:
    """No engine runs in this process, so the package's own check would start one in vain."""


async def test_a_taken_port_is_told_with_a_remedy_before_any_model_is_loaded() -> None:
    with socket.create_server(("127.0.0.1", 0)) as taken:
        port = taken.getsockname()[1]
        with pytest.raises(SettingsError, match=rf"port {port} on 127\.0\.0\.1 is taken: .* --port"):
            async with Engine(Settings(port=port)):
                pytest.fail("started")


async def test_a_missing_model_is_told_with_a_remedy_and_nothing_else() -> None:
    async with run_engine("--port", "0", "--asr-model", "whisper-nosuch") as engine:
        status, log = await engine.ended()
    assert status == 1 and "Traceback" not in log
    assert re.search(r"run_engine.py: .*whisper-nosuch.* python -m engine models pull whisper-nosuch", log), log


async def test_sigterm_lets_the_answer_finish_and_admits_nobody() -> None:
    async with run_engine("--port", "0", "--sessions-drain-s", "50", "--llm-max-tokens", "40") as engine:
        base = (await engine.logged("ready"))["page"].rstrip("/")
        async with aiohttp.ClientSession(connector=aiohttp.TCPConnector(force_close=True)) as http:
            body = {"tutor_id": 1, "student_id": 1}
            async with http.post(f"{base}/v1/sessions", json=body) as reply:
                session = await reply.json()
            async with http.ws_connect(f"{session['engine_url']}?token={session['engine_token']}") as ws:
                await ws.send_json({"type": "text", "content": "Hello!", "avatar_id": "avatar_tutor_13"})
                assert (await ws.receive_json(timeout=LIMIT_S))["type"] == "text"
                engine.signal(signal.SIGTERM)
                await engine.logged("draining")
                async with http.post(f"{base}/v1/sessions", json=body) as reply:
                    assert reply.status == 503 and "Retry-After" in reply.headers
                async with http.get(f"{base}/ready") as reply:
                    assert reply.status == 503
                assert (await ws.receive_json(timeout=LIMIT_S))["type"] == "video"
                closing = await ws.receive(LIMIT_S)
                assert (closing.type, closing.data) == (aiohttp.WSMsgType.CLOSE, aiohttp.WSCloseCode.GOING_AWAY)
        assert (await engine.ended())[0] == 0
        assert engine.children and all_gone(engine.children)


async def test_a_second_sigint_ends_at_once() -> None:
    async with run_engine("--port", "0", "--sessions-drain-s", "600") as engine:
        base = (await engine.logged("ready"))["page"].rstrip("/")
        async with aiohttp.ClientSession(connector=aiohttp.TCPConnector(force_close=True)) as http:
            async with http.post(f"{base}/v1/sessions", json={"tutor_id": 1, "student_id": 1}) as reply:
                session = await reply.json()
            async with http.ws_connect(f"{session['engine_url']}?token={session['engine_token']}&stream=1") as ws:
                await ws.send_json({"type": "text", "content": "Tell me a very long story."})
                while (await ws.receive_json(timeout=LIMIT_S))["type"] != "media":
                    pass
                engine.signal(signal.SIGINT)
                await engine.logged("draining")
                engine.signal(signal.SIGINT)
                status, log = await engine.ended()
        assert status == 0 and "ended_at_once" in log and "Traceback" not in log
        assert engine.children and all_gone(engine.children)
