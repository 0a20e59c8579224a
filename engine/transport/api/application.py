"""The HTTP application of an engine or a door: its middlewares, and what holds for every route."""

from __future__ import annotations

from collections.abc import Iterable

from aiohttp import web

from engine.settings import Settings
from engine.transport.api.authentication import Authentication
from engine.transport.api.headers import on_response_prepare
from engine.transport.api.middleware import (
    answering_expectations,
    api_key,
    cors,
    errors_as_json,
    only_own_pages,
    refuse_encodings,
)

MAX_BODY_BYTES = 256_000
"""Of JSON and offers; documents and portraits have limits of their own. A profile with every text at its longest,
each character escaped, has 200 kB. What a door passes on is limited by the engine."""


def application(
    settings: Settings, routes: Iterable[web.RouteDef], authentication: Authentication | None = None
) -> web.Application:
    """An application with ``routes``.

    Args:
        settings: of the engine or door.
        routes: all of its routes.
        authentication: of management calls; by the settings if None.
    """
    app = web.Application(
        middlewares=[
            cors(settings),
            errors_as_json,
            refuse_encodings,
            only_own_pages(settings),
            api_key(settings, authentication),
        ],
        client_max_size=MAX_BODY_BYTES,
    )
    app.on_response_prepare.append(on_response_prepare)
    app.add_routes(answering_expectations(routes))
    return app
