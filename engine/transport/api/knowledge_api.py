"""Knowledge bases over HTTP: ``PUT/GET/DELETE /v1/knowledge[/{kb_id}[/documents/{doc}]]``.

A body is the document itself; its name in the URL tells its kind. The management API's
middleware asks for the API key and turns errors into JSON; this only speaks of documents.
"""

from __future__ import annotations

import asyncio
from dataclasses import asdict

from aiohttp import web

from engine.errors import NotFound
from engine.knowledge.service import Knowledge
from engine.knowledge.store import UnknownKnowledge
from engine.transport.api.bodies import Uploads, read_bytes
from engine.transport.api.middleware import management

LOOK_S = 1.0
"""How often the client of a long addition is checked to be still connected; aiohttp gives no event for it."""

MAX_UPLOADS = 16
"""Documents being received, waiting or being added; each is held whole. One is added at a time."""


def routes(knowledge: Knowledge) -> list[web.RouteDef]:
    """The routes, for ``app.add_routes``."""
    api = _KnowledgeApi(knowledge)
    return [
        web.get("/v1/knowledge", api.bases),
        web.get("/v1/knowledge/{kb_id}", api.base),
        web.delete("/v1/knowledge/{kb_id}", api.delete_base),
        web.get("/v1/knowledge/{kb_id}/documents/{document}", api.document),
        web.put("/v1/knowledge/{kb_id}/documents/{document}", api.put_document),
        web.delete("/v1/knowledge/{kb_id}/documents/{document}", api.delete_document),
        web.get("/v1/knowledge/{kb_id}/search", api.search),
    ]


class _KnowledgeApi:
    def __init__(self, knowledge: Knowledge) -> None:
        self._knowledge = knowledge
        self._uploads = Uploads(MAX_UPLOADS, "documents")

    @management
    async def bases(self, request: web.Request) -> web.Response:
        """``{"knowledge": [{"kb_id", "documents", "passages", "built_in"}]}``."""
        found = []
        for kb_id in await self._knowledge.bases():
            try:
                documents = await self._knowledge.documents(kb_id)
            except UnknownKnowledge:
                continue  # deleted since the list was made
            found.append(
                {
                    "kb_id": kb_id,
                    "documents": len(documents),
                    "passages": sum(d.passages for d in documents),
                    "built_in": self._knowledge.built_in(kb_id),
                }
            )
        return web.json_response({"knowledge": found})

    @management
    async def base(self, request: web.Request) -> web.Response:
        """``{"kb_id", "documents": [...], "adding": [...]}``; 404 when there is none."""
        kb_id = request.match_info["kb_id"]
        try:
            documents = await self._knowledge.documents(kb_id)
        except UnknownKnowledge as error:
            raise NotFound(error.message) from None
        adding = [each.to_wire() for each in self._knowledge.adding(kb_id)]
        return web.json_response({"kb_id": kb_id, "documents": [asdict(each) for each in documents], "adding": adding})

    @management
    async def delete_base(self, request: web.Request) -> web.Response:
        """204; 404 when there is none."""
        try:
            await self._knowledge.delete(request.match_info["kb_id"])
        except UnknownKnowledge as error:
            raise NotFound(error.message) from None
        return web.Response(status=204)

    @management
    async def document(self, request: web.Request) -> web.Response:
        """What is known of a document, or how far it is on its way in."""
        kb_id, name = request.match_info["kb_id"], request.match_info["document"]
        for adding in self._knowledge.adding(kb_id):
            if adding.name == name:
                return web.json_response(adding.to_wire())
        try:
            found = await self._knowledge.document(kb_id, name)
        except UnknownKnowledge as error:
            raise NotFound(error.message) from None
        return web.json_response(asdict(found))

    @management
    async def put_document(self, request: web.Request) -> web.Response:
        """Add or replace; answers when it can be found. A client that goes away stops it."""
        with self._uploads.one():
            data = await read_bytes(request, self._knowledge.limits.document_bytes, "a document")
            work = asyncio.ensure_future(
                self._knowledge.put(request.match_info["kb_id"], request.match_info["document"], data)
            )
            try:
                while not work.done() and request.transport is not None:
                    await asyncio.wait([work], timeout=LOOK_S)
            finally:
                # Has no effect once the work is done.
                work.cancel()
            return web.json_response(asdict(await work))

    @management
    async def delete_document(self, request: web.Request) -> web.Response:
        """204; 404 when there is none."""
        try:
            await self._knowledge.delete_document(request.match_info["kb_id"], request.match_info["document"])
        except UnknownKnowledge as error:
            raise NotFound(error.message) from None
        return web.Response(status=204)

    @management
    async def search(self, request: web.Request) -> web.Response:
        """``?q=...``: what a tutor would be given, ``{"sources": [...]}``."""
        try:
            found = await self._knowledge.search(request.match_info["kb_id"], request.query.get("q", ""))
        except UnknownKnowledge as error:
            raise NotFound(error.message) from None
        return web.json_response({"sources": [passage.source() for passage in found]})
