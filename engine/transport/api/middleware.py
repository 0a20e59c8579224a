"""What every request passes through: errors as JSON, CORS and the API key.

Order, outermost first: CORS, errors, encodings, the caller's page, authentication.
"""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable, Iterable
from typing import Final, TypeVar

import structlog
from aiohttp import HttpVersion11, hdrs, web
from aiohttp.typedefs import Middleware

from engine.errors import BadRequest, EngineError, NotFound, TooLarge, UnsupportedMedia
from engine.settings import Settings
from engine.transport.api.authentication import Authentication
from engine.transport.api.callers import Callers
from engine.transport.proxies import UntrustedProxyWarning

log = structlog.get_logger(__name__)

Handler = Callable[[web.Request], Awaitable[web.StreamResponse]]

BODY_S = 20.0
"""How long a JSON body may take to arrive: a client that sends slowly must not hold a connection forever."""

H = TypeVar("H", bound=Callable[..., Awaitable[web.StreamResponse]])

MANAGEMENT: Final = "management"
"""Set on handlers that need the API key."""


def management(handler: H) -> H:
    """Decorates a handler that belongs to the management API."""
    setattr(handler, MANAGEMENT, True)
    return handler


def is_management(request: web.Request) -> bool:
    """Whether the request's handler belongs to the management API."""
    return bool(getattr(request.match_info.handler, MANAGEMENT, False))


def json_error(error: EngineError, **more: float) -> web.Response:
    """The one shape of errors over HTTP; ``more`` stands beside the error."""
    headers = {}
    if error.retry_after_s is not None:
        headers[hdrs.RETRY_AFTER] = str(max(1, round(error.retry_after_s)))
    if error.status == 401:
        headers[hdrs.WWW_AUTHENTICATE] = "Bearer"
    body = {"error": {"code": error.code, "message": error.message}, **more}
    return web.json_response(body, status=error.status, headers=headers)


@web.middleware
async def errors_as_json(request: web.Request, handler: Handler) -> web.StreamResponse:
    """EngineErrors and aiohttp's own become JSON; anything else is logged and hidden."""
    try:
        return await handler(request)
    except EngineError as error:
        return json_error(error)
    except web.HTTPException as error:
        if error.status < 400:
            raise
        return json_error(translate(error))
    except ConnectionResetError:
        # The client went away in the middle of it: nobody will read this.
        return json_error(BadRequest("the connection was lost"))
    except web.RequestPayloadError:
        return json_error(BadRequest("the body is damaged or not encoded as it claims"))
    except Exception:
        log.exception("request_failed", method=request.method, route=_route_name(request))
        return json_error(EngineError("the engine failed; see its log"))


def translate(error: web.HTTPException) -> EngineError:
    """aiohttp's own refusal of a request as an error of ours."""
    if error.status == 404:
        return NotFound("no such address")
    if error.status == 413:
        return TooLarge("the body is too large")
    translated = BadRequest(error.reason.lower())
    translated.status = error.status
    if error.status == 405:
        translated.code = "method_not_allowed"
    return translated


def answering_expectations(routes: Iterable[web.RouteDef]) -> list[web.RouteDef]:
    """The routes, which answer an ``Expect`` header as JSON too: aiohttp does that before any middleware, as text."""
    answering = list(routes)
    for route in answering:
        route.kwargs["expect_handler"] = _expectation
    return answering


async def _expectation(request: web.Request) -> web.StreamResponse | None:
    if request.version < HttpVersion11:
        return None
    if request.headers[hdrs.EXPECT].lower() != "100-continue":
        error = BadRequest("header 'Expect' must be 100-continue")
        error.status = 417
        return json_error(error)
    await request.writer.write(b"HTTP/1.1 100 Continue\r\n\r\n")
    request.writer.output_size = 0  # the answer itself has not begun
    return None


def _route_name(request: web.Request) -> str:
    resource = request.match_info.route.resource
    return resource.canonical if resource is not None else "?"


def api_key(settings: Settings, authentication: Authentication | None = None) -> Middleware:
    """Management calls need a key that may make them, when there are keys."""
    authentication = authentication or Authentication(settings)

    @web.middleware
    async def check(request: web.Request, handler: Handler) -> web.StreamResponse:
        if is_management(request):
            authentication.authenticate(request)
        return await handler(request)

    return check


@web.middleware
async def refuse_encodings(request: web.Request, handler: Handler) -> web.StreamResponse:
    """No body may be compressed: a megabyte can unfold to a gigabyte. The port leaves bodies as they came."""
    if request.headers.get(hdrs.CONTENT_ENCODING, "identity").strip().lower() not in ("identity", ""):
        raise UnsupportedMedia("header 'Content-Encoding': bodies are taken uncompressed only")
    return await handler(request)


async def read_text(request: web.Request) -> str:
    """The whole body as text: UTF-8, which JSON and SDP are by their standards (RFC 8259, RFC 8866).

    Raises:
        BadRequest: it claims or has another encoding, or did not arrive in time.
        web.HTTPException: too large.
    """
    # Whatever codec a stranger names is not looked up: Python has some that raise or unpack.
    if (request.charset or "utf-8").lower() not in ("utf-8", "utf8", "us-ascii", "ascii"):
        raise BadRequest("header 'Content-Type': the charset must be UTF-8")
    try:
        async with asyncio.timeout(BODY_S):
            return (await request.read()).decode()
    except TimeoutError:
        raise BadRequest(f"the body did not arrive within {BODY_S:.0f} s") from None
    except UnicodeDecodeError:
        raise BadRequest("the body is not UTF-8, which JSON and SDP must be") from None


def only_own_pages(settings: Settings) -> Middleware:
    """Without an API key, only this machine's own pages may call."""
    callers = Callers(settings)
    proxies = UntrustedProxyWarning(settings)

    @web.middleware
    async def check(request: web.Request, handler: Handler) -> web.StreamResponse:
        proxies.look(request)
        callers.check(request, management=is_management(request))
        return await handler(request)

    return check


def cors(settings: Settings) -> Middleware:
    """Lets pages of the allowed origins read answers, and answers their preflights."""
    callers = Callers(settings)
    anybody = "*" in settings.allowed_origins and settings.keyed

    @web.middleware
    async def add_headers(request: web.Request, handler: Handler) -> web.StreamResponse:
        origin = request.headers.get(hdrs.ORIGIN)
        preflight = request.method == "OPTIONS" and hdrs.ACCESS_CONTROL_REQUEST_METHOD in request.headers
        response: web.StreamResponse = web.Response(status=204) if preflight else await handler(request)
        if response.prepared:
            return response
        if origin and callers.may_call(request, origin, management=is_management(request)):
            response.headers[hdrs.ACCESS_CONTROL_ALLOW_ORIGIN] = "*" if anybody else origin
            response.headers[hdrs.ACCESS_CONTROL_EXPOSE_HEADERS] = "Location, Retry-After"
            if preflight:
                response.headers[hdrs.ACCESS_CONTROL_ALLOW_METHODS] = "GET, POST, PUT, DELETE, OPTIONS"
                response.headers[hdrs.ACCESS_CONTROL_ALLOW_HEADERS] = "Authorization, Content-Type"
                response.headers[hdrs.ACCESS_CONTROL_MAX_AGE] = "600"
        if not anybody:
            response.headers.add(hdrs.VARY, hdrs.ORIGIN)
        return response

    return add_headers
