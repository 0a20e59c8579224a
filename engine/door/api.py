"""The HTTP side of a door: sessions are placed, found and resumed here; everything else is passed on to an engine."""

from __future__ import annotations

import asyncio
import random
from typing import Any

import aiohttp
from aiohttp import hdrs, web

from engine.cluster.calls import EngineCallFailed
from engine.cluster.directory import Directory, DirectoryDown
from engine.cluster.metrics import DoorMetrics
from engine.cluster.nodes import NodeTable
from engine.door.forwarding import forward
from engine.door.placing import Placing
from engine.errors import Busy, Forbidden, Unauthorized, UnknownSession
from engine.protocol.http import CreateSession
from engine.settings import Settings
from engine.telemetry import Metrics
from engine.tokens import TokenSigner
from engine.transport.api.authentication import bearer
from engine.transport.api.bodies import read_body
from engine.transport.api.callers import Callers
from engine.transport.api.middleware import management
from engine.transport.api.public_address import http_base

PUBLIC = ("/", "/openapi.json")
PUBLIC_PREFIXES = ("/static/", "/v1/avatars/")


class DoorApi:
    """Handlers of a door.

    Args:
        settings: the door's.
        client: calls engines in the door's own name, with the API key.
        forwarder: passes on what callers ask, with their credentials.
        directory: who has which session.
        nodes: the engines heard of.
        metrics: the door's.
        counts: the cluster's.
    """

    def __init__(
        self,
        settings: Settings,
        client: aiohttp.ClientSession,
        forwarder: aiohttp.ClientSession,
        directory: Directory,
        nodes: NodeTable,
        metrics: Metrics,
        counts: DoorMetrics,
    ) -> None:
        self._settings = settings
        self._client = client
        self._forwarder = forwarder
        self._directory = directory
        self._nodes = nodes
        self._metrics = metrics
        self._counts = counts
        self._callers = Callers(settings)
        self._tokens = TokenSigner.of(settings)
        self._placing = Placing(client, directory, nodes, counts)

    def routes(self) -> list[web.RouteDef]:
        """All routes of a door."""
        session = "/v1/sessions/{session_id}"
        return [
            web.get("/health", self.health),
            web.get("/ready", self.ready),
            web.get("/metrics", self.metrics),
            web.get("/v1/nodes", self.list_nodes),
            web.post("/v1/sessions", self.create),
            web.get("/v1/sessions", self.list_sessions),
            web.get(f"{session}/resume", self.resume),
            web.delete(session, self.delete),
            web.route("*", session, self.to_owner),
            web.route("*", session + "/{rest:.+}", self.to_owner_with_token),
            web.route("*", "/{rest:.*}", self.to_any),
        ]

    async def health(self, request: web.Request) -> web.Response:
        """The process is alive."""
        return web.json_response({"status": "healthy", "service": "GPU Server"})

    async def ready(self, request: web.Request) -> web.Response:
        """200 when sessions can be placed: the directory is reachable, and an engine is ready."""
        if not self._directory.reachable:
            raise Busy("not ready: the cluster's directory cannot be reached", retry_after_s=2)
        if not any(node["state"] == "ready" for node in self._nodes.listed()):
            raise Busy("not ready: no engine has been heard of", retry_after_s=2)
        return web.json_response({"status": "ready"})

    @management
    async def metrics(self, request: web.Request) -> web.Response:
        """Prometheus text."""
        for state in ("starting", "ready", "draining"):
            count = sum(node["state"] == state for node in self._nodes.listed())
            self._counts.nodes.labels(state).set(count)
        return web.Response(body=self._metrics.render(), headers={hdrs.CONTENT_TYPE: "text/plain; version=0.0.4"})

    @management
    async def list_nodes(self, request: web.Request) -> web.Response:
        """``GET /v1/nodes``: the engines heard of within a minute."""
        return web.json_response({"nodes": self._nodes.listed(), "directory": self._directory.reachable})

    # --- sessions

    @management
    async def create(self, request: web.Request) -> web.Response:
        """``POST /v1/sessions``: on the engine that it is placed on."""
        body = await read_body(request, CreateSession)
        if not self._directory.reachable:
            raise DirectoryDown("the cluster's directory cannot be reached", retry_after_s=2)
        created = await self._placing.create(body.model_dump(mode="json", exclude_none=True))
        return web.json_response(self._with_resume_url(request, created))

    async def resume(self, request: web.Request) -> web.Response:
        """``GET /v1/sessions/{id}/resume``: where the session is now. For its own token."""
        session_id = request.match_info["session_id"]
        try:
            self._tokens.check(request.query.get("token") or bearer(request), session_id)
        except Forbidden as error:
            raise Unauthorized(error.message) from None
        found = self._with_resume_url(request, await self._placing.resume(session_id))
        return web.json_response(found, headers={hdrs.CACHE_CONTROL: "no-store"})

    @management
    async def list_sessions(self, request: web.Request) -> web.Response:
        """``GET /v1/sessions``: of all engines heard of."""
        listed = await asyncio.gather(*(self._sessions_of(node["url"]) for node in self._nodes.listed()))
        return web.json_response({"sessions": [session for each in listed for session in each]})

    async def _sessions_of(self, url: str) -> list[Any]:
        try:
            async with self._client.get(f"{url}/v1/sessions") as answer:
                return list((await answer.json())["sessions"]) if answer.status == 200 else []
        except (aiohttp.ClientError, TimeoutError, ValueError, KeyError, EngineCallFailed):
            return []

    @management
    async def delete(self, request: web.Request) -> web.StreamResponse:
        """``DELETE /v1/sessions/{id}``; one whose engine is gone is forgotten here."""
        session_id = request.match_info["session_id"]
        owner = await self._placing.owner(session_id)
        try:
            answer = await forward(self._forwarder, request, owner.url)
        except Busy:
            answer = web.Response(status=404)
        if answer.status == 404 and not answer.prepared:
            await self._directory.forget(session_id)
            return web.Response(status=204)
        return answer

    @management
    async def to_owner(self, request: web.Request) -> web.StreamResponse:
        """A management call about one session, on the engine that has it."""
        owner = await self._placing.owner(request.match_info["session_id"])
        return await forward(self._forwarder, request, owner.url)

    async def to_owner_with_token(self, request: web.Request) -> web.StreamResponse:
        """A call about one session for which its token is enough, or which the engine judges."""
        self._check_page(request)
        if request.match_info["rest"] == "adopt":
            raise UnknownSession("no such address")
        owner = await self._placing.owner(request.match_info["session_id"])
        return await forward(self._forwarder, request, owner.url)

    async def to_any(self, request: web.Request) -> web.StreamResponse:
        """What every engine answers alike: the page, avatars, voices, tutors."""
        self._check_page(request)
        ready = [report for report, _ in self._nodes.ready()] or [
            report for node in self._nodes.listed() if (report := self._nodes.find(node["node"])) is not None
        ]
        if not ready:
            raise Busy("no engine has been heard of", retry_after_s=2)
        return await forward(self._forwarder, request, random.choice(ready).url)

    def _check_page(self, request: web.Request) -> None:
        """Judge the calling page here: the engine is not told of it."""
        public = request.path in PUBLIC or request.path.startswith(PUBLIC_PREFIXES)
        token = request.path.endswith(("/leave", "/transcript", "/webrtc", "/ice"))
        self._callers.check(request, management=not public and not token)

    def _with_resume_url(self, request: web.Request, session: dict[str, Any]) -> dict[str, Any]:
        base = http_base(request, self._settings)
        known = {name: value for name, value in session.items() if name != "adopted"}
        return {**known, "resume_url": f"{base}/v1/sessions/{session['session_id']}/resume"}
