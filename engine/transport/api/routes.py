"""The management API and what a browser fetches: sessions, avatars, health, metrics, the page."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

from aiohttp import hdrs, web

from engine import __version__
from engine.api_keys import THE_SETTING
from engine.avatars.folders import BUILTIN, MANIFEST, STILL
from engine.errors import BadRequest, Busy, Forbidden, NotFound, Unauthorized
from engine.models.known import CATALOG
from engine.protocol.http import CreateSession
from engine.sessions import Session, SessionRegistry
from engine.settings import Settings
from engine.telemetry import Metrics, tracing
from engine.tokens import SignedToken, TokenSigner
from engine.transport.api.authentication import CALLER, bearer, check_sessions
from engine.transport.api.bodies import read_body
from engine.transport.api.callers import Callers
from engine.transport.api.headers import PAGE
from engine.transport.api.idle_clips import IdleClips
from engine.transport.api.middleware import json_error, management, read_text
from engine.transport.api.openapi import description
from engine.transport.api.public_address import websocket_base
from engine.transport.webrtc import PATHS as WEBRTC_PATHS
from engine.transport.webrtc import WebRtcApi
from engine.transport.websocket.client import SUBPROTOCOL, serve_socket

WEB_DIR = Path(__file__).parents[2] / "web"
STILLS = {path.parent.name: path.read_bytes() for path in BUILTIN.glob(f"*/{STILL}")}
"""Of the built-in avatars, by their id; ``scripts/draw_stills.py`` writes them."""

ASSETS = frozenset(
    path.relative_to(WEB_DIR).as_posix() for path in WEB_DIR.rglob("*.*") if path.suffix in (".js", ".css", ".woff2")
)


REPLACE_DEMO_MODEL = "llm.base_url"
"""How an operator gets rid of the demonstration model."""

TOKEN_PROTOCOL = "tutor.token."
"""Begins the subprotocol that is a token."""


class Readiness:
    """Whether ``/ready`` says yes, and what is still missing."""

    def __init__(self) -> None:
        self.waiting_for: str | None = "models"
        self.progress = 0.0
        """Share of the parts that are loaded, 0 to 1."""
        self.trouble: Callable[[], str | None] = lambda: None
        """What keeps a running engine from answering students; None when nothing does."""

    def load(self, share: float) -> None:
        """``share`` (0 to 1) of the parts are loaded."""
        self.progress = share

    def refusal(self) -> Busy:
        """The error for a request that comes before the models are loaded."""
        return Busy(f"not ready: waiting for {self.waiting_for}", retry_after_s=2)


class Api:
    """Handlers of the HTTP side. Holds no state of its own."""

    def __init__(
        self,
        settings: Settings,
        metrics: Metrics,
        readiness: Readiness,
        tokens: TokenSigner,
    ) -> None:
        self._settings = settings
        self._metrics = metrics
        self._readiness = readiness
        self._tokens = tokens
        self._callers = Callers(settings)
        self._registry: SessionRegistry | None = None
        self._idle_clips: IdleClips | None = None
        self.webrtc = WebRtcApi(self.authorize)

    def serve(self, registry: SessionRegistry, idle_clips: IdleClips) -> None:
        """The models are warm: let sessions in."""
        self._registry = registry
        self._idle_clips = idle_clips
        self._readiness.waiting_for = None

    def routes(self) -> list[web.RouteDef]:
        """All routes of this API."""
        return [
            web.get("/health", self.health),
            web.get("/ready", self.ready),
            web.get("/metrics", self.metrics),
            web.post("/v1/sessions", self.create_session),
            web.get("/v1/sessions", self.list_sessions),
            web.get("/v1/sessions/{session_id}", self.get_session),
            web.delete("/v1/sessions/{session_id}", self.delete_session),
            web.post("/v1/sessions/{session_id}/token", self.renew_token),
            web.post("/v1/sessions/{session_id}/leave", self.leave_session),
            web.get("/v1/avatars", self.list_avatars),
            web.get("/v1/avatars/{avatar_id}/idle.mp4", self.idle_clip),
            web.get("/v1/avatars/{avatar_id}/still.jpg", self.still),
            web.get("/openapi.json", self.openapi),
            web.get("/ws/ws/{session_id}", self.websocket),
            *self.webrtc.routes(),
            web.get("/", self.page),
            web.get("/static/{name:.+}", self.asset),
        ]

    # --- health

    async def health(self, request: web.Request) -> web.Response:
        """The process is alive."""
        return web.json_response({"status": "healthy", "service": "GPU Server"})

    async def ready(self, request: web.Request) -> web.Response:
        """200 when models are warm, the language model answers and the engine is not draining."""
        if self._readiness.waiting_for is not None:
            return json_error(self._readiness.refusal(), progress=round(self._readiness.progress, 2))
        if self._registry is not None and self._registry.draining:
            raise Busy("draining", retry_after_s=5)
        if (trouble := self._readiness.trouble()) is not None:
            raise Busy(f"not ready: {trouble}", retry_after_s=10)
        answer: dict[str, object] = {"status": "ready"}
        if self._settings.llm.base_url is None:
            model = self._settings.llm.model
            demo: dict[str, object] = {"name": model, "replace_with": REPLACE_DEMO_MODEL}
            if (entry := CATALOG.get(model)) is not None and entry.languages:
                demo["languages"] = entry.languages
            answer["demo_model"] = demo
        return web.json_response(answer)

    @management
    async def metrics(self, request: web.Request) -> web.Response:
        """Prometheus text."""
        return web.Response(body=self._metrics.render(), headers={hdrs.CONTENT_TYPE: "text/plain; version=0.0.4"})

    # --- sessions

    @management
    async def create_session(self, request: web.Request) -> web.Response:
        """``POST /v1/sessions``."""
        body = await read_body(request, CreateSession)
        base = websocket_base(request, self._settings)
        key = request.get(CALLER, THE_SETTING)
        check_sessions(key, sum(session.key == key.name for session in self.registry.all()))
        with tracing.request("POST /v1/sessions", request.headers) as ids:
            session = await self.registry.open(body.tutor_id, body.student_id, body.kb_id, body.patience)
            session.key = key.name
            tracing.session_began(session.id, ids)
        return web.json_response(
            {
                "session_id": session.id,
                "engine_url": f"{base}/ws/ws/{session.id}",
                "engine_token": self._new_token(session).text,
                "status": session.status,
            }
        )

    @management
    async def renew_token(self, request: web.Request) -> web.Response:
        """``POST /v1/sessions/{id}/token``: a new token; what is connected may stay until that one expires."""
        session = self._session(request)
        session.stay()
        token = self._new_token(session)
        return web.json_response(
            {"engine_token": token.text, "expires_at": token.expires_at}, headers={hdrs.CACHE_CONTROL: "no-store"}
        )

    async def leave_session(self, request: web.Request) -> web.Response:
        """``POST /v1/sessions/{id}/leave``: 204. The page was closed; if it does not come back, the session ends.

        The token is the body: a page that is being closed can send a beacon, but no headers with it.
        """
        session_id = request.match_info["session_id"]
        try:
            self._tokens.check((await read_text(request)).strip(), session_id)
        except Forbidden as error:
            raise Unauthorized(error.message) from None
        self.registry.find(session_id).leave()
        return web.Response(status=204)

    def _new_token(self, session: Session) -> SignedToken:
        token = self._tokens.issue(session.id, session.tutor_id, session.student_id)
        session.authorize_until(token.expires_at)
        return token

    @management
    async def list_sessions(self, request: web.Request) -> web.Response:
        """``GET /v1/sessions``."""
        return web.json_response({"sessions": [session.to_wire() for session in self.registry.all()]})

    @management
    async def get_session(self, request: web.Request) -> web.Response:
        """``GET /v1/sessions/{id}``."""
        return web.json_response(self._session(request).to_wire())

    @management
    async def delete_session(self, request: web.Request) -> web.Response:
        """``DELETE /v1/sessions/{id}``: 204 when all of it is gone."""
        await self.registry.end(self._session(request), "deleted")
        return web.Response(status=204)

    # --- the socket

    async def websocket(self, request: web.Request) -> web.StreamResponse:
        """The handshake: 401 for a bad token, 404 for an unknown session, then the protocol."""
        session = self.authorize(request)
        origin = request.headers.get(hdrs.ORIGIN)
        if origin is not None and not self._callers.may_call(request, origin, management=False):
            raise Forbidden("this origin may not connect (ENGINE_ALLOWED_ORIGINS)")
        if not web.WebSocketResponse().can_prepare(request):
            raise BadRequest("this address needs a WebSocket upgrade")
        return await serve_socket(request, session)

    def authorize(self, request: web.Request) -> Session:
        """The session of a request that carries its token.

        Raises:
            Unauthorized, Forbidden, UnknownSession.
        """
        session_id = request.match_info["session_id"]
        token = request.query.get("token") or bearer(request) or offered_token(request)
        try:
            claims = self._tokens.check(token, session_id)
        except Forbidden as error:
            # PROTOCOL: a bad token is refused with 401, whatever is bad about it.
            raise Unauthorized(error.message) from None
        session = self.registry.find(session_id)
        session.authorize_until(claims.expires_at)
        return session

    # --- avatars and the page

    async def list_avatars(self, request: web.Request) -> web.Response:
        """``GET /v1/avatars``."""
        return web.json_response({"avatars": self.idle_clips.list_avatars()})

    async def idle_clip(self, request: web.Request) -> web.Response:
        """A silent loop of the avatar, made once."""
        data = await self.idle_clips.get(request.match_info["avatar_id"])
        return web.Response(
            body=data, headers={hdrs.CONTENT_TYPE: "video/mp4", hdrs.CACHE_CONTROL: "public, max-age=3600"}
        )

    async def still(self, request: web.Request) -> web.Response:
        """One picture of the avatar, while the loop is not there yet. Those of built-in avatars need no models."""
        avatar_id = request.match_info["avatar_id"]
        data = None if self._settings.renderer != "puppet" else STILLS.get(avatar_id)
        own = self._settings.avatars_dir
        if data is None or (own is not None and (own / avatar_id / MANIFEST).exists()):
            data = await self.idle_clips.still(avatar_id)
        return web.Response(
            body=data, headers={hdrs.CONTENT_TYPE: "image/jpeg", hdrs.CACHE_CONTROL: "public, max-age=3600"}
        )

    async def openapi(self, request: web.Request) -> web.Response:
        """The API's description."""
        return web.json_response(description(__version__, WEBRTC_PATHS))

    async def page(self, request: web.Request) -> web.FileResponse:
        """The built-in page."""
        return web.FileResponse(
            WEB_DIR / "index.html", headers={hdrs.CACHE_CONTROL: "no-cache", "Content-Security-Policy": PAGE}
        )

    async def asset(self, request: web.Request) -> web.FileResponse:
        """A module, style sheet or font of the page. Always asked for anew: old ones do not fit a new page."""
        name = request.match_info["name"]
        if name not in ASSETS:
            raise NotFound("no such file")
        return web.FileResponse(WEB_DIR / name, headers={hdrs.CACHE_CONTROL: "no-cache"})

    # --- shared

    @property
    def registry(self) -> SessionRegistry:
        """Raises Busy until the models are warm."""
        if self._registry is None:
            raise self._readiness.refusal()
        return self._registry

    @property
    def idle_clips(self) -> IdleClips:
        """Raises Busy until the models are warm."""
        if self._idle_clips is None:
            raise self._readiness.refusal()
        return self._idle_clips

    def _session(self, request: web.Request) -> Session:
        return self.registry.find(request.match_info["session_id"])


def offered_token(request: web.Request) -> str:
    """The token among the subprotocols a WebSocket client offers, or an empty string.

    A page can send no other header with a handshake, and a token in an address ends up in the logs of proxies.
    """
    offered = [each.strip() for each in request.headers.get(hdrs.SEC_WEBSOCKET_PROTOCOL, "").split(",")]
    tokens = [each.removeprefix(TOKEN_PROTOCOL) for each in offered if each.startswith(TOKEN_PROTOCOL)]
    if tokens and SUBPROTOCOL not in offered:
        raise BadRequest(f"header 'Sec-WebSocket-Protocol': offer {SUBPROTOCOL} beside the token; it is what is chosen")
    return tokens[0] if tokens else ""
