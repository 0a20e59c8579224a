"""The transcript of a lesson: ``GET`` and ``DELETE /v1/sessions/{session_id}/transcript``."""

from __future__ import annotations

from collections.abc import Callable

from aiohttp import hdrs, web

from engine.errors import Forbidden, InvalidField, Unauthorized
from engine.lessons import Lesson
from engine.sessions import SessionRegistry
from engine.settings import Settings
from engine.tokens import TokenSigner
from engine.transport.api.authentication import Authentication, bearer
from engine.transport.api.callers import Callers
from engine.transport.api.middleware import management

VTT = "text/vtt"


class LessonsApi:
    """Handlers for the record of a lesson.

    Args:
        settings: the API key, and which pages may call.
        tokens: check session tokens.
        registry: gives the sessions, or raises Busy while models load.
        authentication: of API keys; None makes one.
    """

    def __init__(
        self,
        settings: Settings,
        tokens: TokenSigner,
        registry: Callable[[], SessionRegistry],
        authentication: Authentication | None = None,
    ) -> None:
        self._settings = settings
        self._callers = Callers(settings)
        self._tokens = tokens
        self._registry = registry
        self._authentication = authentication or Authentication(settings)

    def routes(self) -> list[web.RouteDef]:
        """All routes of this API."""
        return [
            web.get("/v1/sessions/{session_id}/transcript", self.get_transcript),
            web.delete("/v1/sessions/{session_id}/transcript", self.delete_transcript),
        ]

    async def get_transcript(self, request: web.Request) -> web.Response:
        """JSON, or WebVTT with ``?format=vtt`` or ``Accept: text/vtt``. For the API key, or the session's token."""
        self._authorize(request)
        wants_vtt = _wants_vtt(request)
        lesson = self._lesson(request)
        headers = {hdrs.CACHE_CONTROL: "no-store", hdrs.VARY: "Accept"}
        if wants_vtt:
            return web.Response(text=lesson.vtt(), content_type=VTT, charset="utf-8", headers=headers)
        text = lesson.transcript().model_dump_json()
        return web.Response(text=text, content_type="application/json", headers=headers)

    @management
    async def delete_transcript(self, request: web.Request) -> web.Response:
        """Erase it: 204. A live session goes on; what is said from now on is recorded."""
        self._registry().erase_lesson(request.match_info["session_id"])
        return web.Response(status=204)

    def _lesson(self, request: web.Request) -> Lesson:
        return self._registry().find_lesson(request.match_info["session_id"])

    def _authorize(self, request: web.Request) -> None:
        """Let in the session's token, and whoever may use the management API.

        Raises:
            Unauthorized: neither was given.
            Forbidden: the key is for something else, or a page of another site asks an engine without an API key.
        """
        token = request.query.get("token") or bearer(request)
        keyed = self._settings.keyed
        if keyed and self._authentication.knows(request):
            self._authentication.authenticate(request)
            return
        if token:
            try:
                self._tokens.check(token, request.match_info["session_id"])
            except Forbidden as error:
                raise Unauthorized(error.message) from None
        elif keyed:
            raise Unauthorized("a transcript needs Authorization: Bearer with the API key or the session's token")
        else:
            self._callers.check(request, management=True)


def _wants_vtt(request: web.Request) -> bool:
    """Raises InvalidField for a format that there is not."""
    wanted = request.query.get("format")
    if wanted is not None:
        if wanted not in ("json", "vtt"):
            raise InvalidField("field 'format' in the query must be json or vtt")
        return wanted == "vtt"
    accepted = request.headers.get(hdrs.ACCEPT, "")
    kinds = [kind.split(";")[0].strip().lower() for kind in accepted.split(",")]
    return VTT in kinds and "application/json" not in kinds[: kinds.index(VTT)]
