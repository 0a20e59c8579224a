"""What an engine of a cluster is asked by doors and other engines."""

from __future__ import annotations

from collections.abc import Callable

from aiohttp import web

from engine.protocol.http import AdoptSession
from engine.sessions import SessionRegistry
from engine.tokens import TokenSigner
from engine.transport.api.bodies import read_body
from engine.transport.api.middleware import management


class ClusterApi:
    """Handlers.

    Args:
        registry: gives the sessions, or raises Busy until the models are warm.
        tokens: signs those of adopted sessions.
        websocket_url: of a session of this engine.
    """

    def __init__(
        self, registry: Callable[[], SessionRegistry], tokens: TokenSigner, websocket_url: Callable[[str], str]
    ) -> None:
        self._registry = registry
        self._tokens = tokens
        self._websocket_url = websocket_url

    def routes(self) -> list[web.RouteDef]:
        """All routes of this API."""
        return [web.post("/v1/sessions/{session_id}/adopt", self.adopt)]

    @management
    async def adopt(self, request: web.Request) -> web.Response:
        """``POST /v1/sessions/{id}/adopt``: the session is, or from now on will be, on this engine."""
        registry = self._registry()
        body = await read_body(request, AdoptSession)
        session_id = request.match_info["session_id"]
        had = any(session.id == session_id for session in registry.all())
        session = await registry.adopt(session_id, body.epoch)
        session.stay()
        token = self._tokens.issue(session.id, session.tutor_id, session.student_id)
        session.authorize_until(token.expires_at)
        return web.json_response(
            {
                "session_id": session.id,
                "engine_url": self._websocket_url(session.id),
                "engine_token": token.text,
                "status": session.status,
                "adopted": not had,
            }
        )
