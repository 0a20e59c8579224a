"""An operator's own avatars over HTTP: ``POST /v1/avatars``, ``GET`` and ``DELETE /v1/avatars/{avatar_id}``.

The body of a POST is the portrait itself; what it is called comes in the query. Making takes a
while, so the answer is 202 with the address of its progress.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Any, get_args

from aiohttp import hdrs, web

from engine.avatars.making import MAX_QUEUED, AvatarMaker, Making
from engine.contracts import Presents
from engine.errors import InvalidField, UnreadableMedia
from engine.transport.api.bodies import Uploads, read_bytes
from engine.transport.api.middleware import management


class AvatarsApi:
    """Handlers for own avatars.

    Args:
        maker: gives the maker, or raises Busy while models load.
        limit: largest portrait in bytes.
    """

    def __init__(self, maker: Callable[[], AvatarMaker], limit: int) -> None:
        self._maker = maker
        self._limit = limit
        self._uploads = Uploads(MAX_QUEUED, "portraits")

    def routes(self) -> list[web.RouteDef]:
        """All routes of this API."""
        return [
            web.post("/v1/avatars", self.create_avatar),
            web.get("/v1/avatars/{avatar_id}", self.get_avatar),
            web.delete("/v1/avatars/{avatar_id}", self.delete_avatar),
        ]

    @management
    async def create_avatar(self, request: web.Request) -> web.Response:
        """``?id=ada&name=Ada&presents=woman&replace=1``, body a picture: 202 with the avatar's state and address."""
        maker = self._maker()
        await maker.check()
        avatar_id = request.query.get("id")
        if avatar_id is None:
            raise InvalidField("field 'id' is missing in the query")
        replace = request.query.get("replace", "0")
        if replace not in ("0", "1"):
            raise InvalidField("field 'replace' must be 0 or 1")
        presents = _presents(request.query.get("presents", ""))
        if request.content_type.startswith("multipart/"):
            raise UnreadableMedia("send the picture itself as the body, not a form")
        with self._uploads.one():
            data = await read_bytes(request, self._limit, "a portrait")
            making = await maker.make(
                avatar_id, data, request.query.get("name"), presents=presents, replace=replace == "1"
            )
        headers = {hdrs.LOCATION: f"/v1/avatars/{making.id}"}
        return web.json_response(_to_wire(making), status=202, headers=headers)

    @management
    async def get_avatar(self, request: web.Request) -> web.Response:
        """Whether it is ``waiting``, ``making`` (``step``, ``progress``), ``ready`` or ``failed`` (``error``)."""
        return web.json_response(_to_wire(self._maker().find(request.match_info["avatar_id"])))

    @management
    async def delete_avatar(self, request: web.Request) -> web.Response:
        """Remove an own avatar: 204."""
        await self._maker().delete(request.match_info["avatar_id"])
        return web.Response(status=204)


def _presents(given: str) -> Presents:
    known: tuple[Presents, ...] = get_args(Presents)
    for value in known:
        if given == value:
            return value
    raise InvalidField(f"field 'presents': use {', '.join(filter(None, known))}, or leave it out")


def _to_wire(making: Making) -> dict[str, Any]:
    wire: dict[str, Any] = {
        "id": making.id,
        "status": making.state,
        "step": making.step,
        "progress": round(making.progress, 2),
        "status_url": f"/v1/avatars/{making.id}",
    }
    if making.error is not None:
        wire["error"] = {"code": making.error.code, "message": making.error.message}
    return wire
