"""A whole cluster of real processes: NATS, doors, engines with their models, and a scripted language model for all."""

from __future__ import annotations

import asyncio
import contextlib
import json
import os
import signal
import sys
from collections.abc import AsyncIterator
from pathlib import Path
from typing import Any

import aiohttp
from aiohttp import web

from tests.cluster.nats_server import NatsServers, free_ports

ROOT = Path(__file__).parents[2]
START_S = 300
SECRET, KEY = "s" * 32, "k" * 32


class ScriptedModel:
    """An OpenAI-compatible endpoint that remembers what it was asked, and answers slowly."""

    def __init__(self) -> None:
        self.prompts: list[list[dict[str, str]]] = []
        self.word_s = 0.02

    async def models(self, request: web.Request) -> web.Response:
        return web.json_response({"object": "list", "data": [{"id": "scripted", "object": "model"}]})

    async def complete(self, request: web.Request) -> web.StreamResponse:
        asked = await request.json()
        prefill = asked.get("max_tokens") == 1
        if not prefill:
            self.prompts.append(asked["messages"])
        response = web.StreamResponse(headers={"Content-Type": "text/event-stream"})
        await response.prepare(request)
        with contextlib.suppress(ConnectionError):  # the engine that asked is gone
            await self._answer(response, prefill)
        return response

    async def _answer(self, response: web.StreamResponse, prefill: bool) -> None:
        text = f"Answer number {len(self.prompts)} is that plants turn light into sugar, with water and air."
        for word in text.split()[: 1 if prefill else None]:
            piece = {
                "id": "1",
                "object": "chat.completion.chunk",
                "choices": [{"index": 0, "delta": {"content": word + " "}}],
            }
            await response.write(f"data: {json.dumps(piece)}\n\n".encode())
            await asyncio.sleep(self.word_s)
        last = {
            "id": "1",
            "object": "chat.completion.chunk",
            "choices": [{"index": 0, "delta": {}, "finish_reason": "stop"}],
        }
        await response.write(f"data: {json.dumps(last)}\n\ndata: [DONE]\n\n".encode())


class Process:
    """An engine or a door."""

    def __init__(self, name: str, port: int, process: asyncio.subprocess.Process) -> None:
        self.name, self.port, self.process = name, port, process
        self.base = f"http://127.0.0.1:{port}"

    async def end(self, number: int = signal.SIGKILL) -> int:
        if self.process.returncode is None:
            self.process.send_signal(number)
        return await self.process.wait()


class RealCluster:
    """Starts and ends its processes.

    Args:
        folder: for their files and logs.
        http: calls them.
    """

    def __init__(self, folder: Path, http: aiohttp.ClientSession, nats: NatsServers, model_url: str) -> None:
        self._folder, self.http, self.nats, self._model_url = folder, http, nats, model_url
        self.processes: list[Process] = []

    async def start(self, name: str, *options: str) -> Process:
        """Start a process; it is not ready yet."""
        [port] = free_ports(1)
        environment = {
            **os.environ,
            "PYTHONPATH": str(ROOT),
            "ENGINE_PORT": str(port),
            "ENGINE_SECRET": SECRET,
            "ENGINE_CLUSTER_SERVERS": ",".join(self.nats.urls),
            "ENGINE_CLUSTER_KEY": KEY,
            "ENGINE_CLUSTER_NODE": name,
            "ENGINE_LLM_BASE_URL": self._model_url,
            "ENGINE_LLM_MODEL": "scripted",
            "ENGINE_KNOWLEDGE_DIR": str(self._folder / "knowledge"),
            "ENGINE_KNOWLEDGE_STARTER": "0",
            "ENGINE_SESSIONS_ADMISSION": "fixed",
            "ENGINE_LOG_FORMAT": "json",
        }
        with (self._folder / f"{name}.log").open("ab") as log:
            process = await asyncio.create_subprocess_exec(
                sys.executable, "run_engine.py", *options, cwd=ROOT, env=environment, stderr=log, stdout=log
            )
        started = Process(name, port, process)
        self.processes.append(started)
        return started

    async def ready(self, *processes: Process) -> None:
        """Wait until they are."""
        async with asyncio.timeout(START_S):
            for each in processes:
                while not await self._is_ready(each):
                    assert each.process.returncode is None, (self._folder / f"{each.name}.log").read_text()[-3000:]
                    await asyncio.sleep(0.1)

    async def _is_ready(self, process: Process) -> bool:
        with contextlib.suppress(aiohttp.ClientError, TimeoutError):
            async with self.http.get(f"{process.base}/ready") as answer:
                return answer.status == 200
        return False

    def owner(self, session: dict[str, Any]) -> Process:
        """The engine that a session is on, by its address."""
        return next(each for each in self.processes if f":{each.port}/" in session["engine_url"])


@contextlib.asynccontextmanager
async def real_cluster(folder: Path, model: ScriptedModel, servers: int = 3) -> AsyncIterator[RealCluster]:
    """NATS servers and a language model; engines and doors are started by the test and ended with the context."""
    async with contextlib.AsyncExitStack() as stack:
        app = web.Application(client_max_size=16_000_000)
        app.add_routes([web.post("/v1/chat/completions", model.complete), web.get("/v1/models", model.models)])
        runner = web.AppRunner(app)
        await runner.setup()
        stack.push_async_callback(runner.cleanup)
        await web.TCPSite(runner, "127.0.0.1", 0).start()
        nats = await stack.enter_async_context(NatsServers(folder, servers).running())
        http = await stack.enter_async_context(aiohttp.ClientSession())
        cluster = RealCluster(folder, http, nats, f"http://127.0.0.1:{runner.addresses[0][1]}/v1")
        try:
            yield cluster
        finally:
            for each in cluster.processes:
                await each.end()


class Student:
    """A page that streams text, and resumes by itself."""

    def __init__(self, cluster: RealCluster, session: dict[str, Any]) -> None:
        self._cluster, self.session = cluster, session
        self._socket: aiohttp.ClientWebSocketResponse | None = None
        self.ready: dict[str, Any] = {}
        self.moved = 0
        self._unanswered = ""

    async def connect(self) -> dict[str, Any]:
        """Gives ``ready``."""
        if self._socket is not None:
            await self._socket.close()
        url = f"{self.session['engine_url']}?token={self.session['engine_token']}"
        self._socket = await self._cluster.http.ws_connect(url, max_msg_size=0)
        await self._socket.send_json({"type": "configure", "stream": True, "video": "none"})
        self.ready = await self.until("ready")
        return self.ready

    async def say(self, text: str) -> None:
        assert self._socket is not None
        self._unanswered = text
        await self._socket.send_json({"type": "text", "content": text})

    async def until(self, kind: str) -> dict[str, Any]:
        """The next message of this type; follows ``moved``.

        Raises:
            ConnectionError: the engine is gone.
        """
        assert self._socket is not None
        async with asyncio.timeout(START_S):
            while True:
                message = await self._socket.receive()
                if message.type is not aiohttp.WSMsgType.TEXT:
                    raise ConnectionError(str(message))
                fields: dict[str, Any] = json.loads(message.data)
                if fields["type"] in ("turn_done", "interrupted", "error"):
                    self._unanswered = ""
                if fields["type"] == "moved" and kind != "moved":
                    self.moved += 1
                    self.session["engine_url"] = fields["engine_url"]
                    await self.connect()
                    if self._unanswered and not self.ready["resumed"]["answering"]:
                        await self.say(self._unanswered)
                elif fields["type"] == kind:
                    return fields

    async def resume(self) -> dict[str, Any]:
        """Ask the door where the session is until it knows, and connect there; gives ``ready``."""
        headers = {"Authorization": f"Bearer {self.session['engine_token']}"}
        async with asyncio.timeout(START_S):
            while True:
                async with self._cluster.http.get(self.session["resume_url"], headers=headers) as answer:
                    if answer.status == 200:
                        self.session["engine_url"] = (await answer.json())["engine_url"]
                        return await self.connect()
                await asyncio.sleep(0.2)

    async def close(self) -> None:
        if self._socket is not None:
            await self._socket.close()
