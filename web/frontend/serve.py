"""The front end, port 3000: static files, the engine's client modules, and ``/api`` handed on to the web tier.

    python web/frontend/serve.py --port 3000 --backend http://localhost:8000

A school would let its web server do this (``location /api { proxy_pass … }``); one origin for page and API
needs no CORS. The client modules are served from where they are kept, so that there is one copy of them.
"""

from __future__ import annotations

import argparse
import re
import sys
from collections.abc import AsyncIterator, Awaitable, Callable
from pathlib import Path
from urllib.parse import unquote

import aiohttp
from aiohttp import hdrs, web
from yarl import URL

FOLDER = Path(__file__).parent
CLIENT_FOLDER = FOLDER.parents[1] / "engine" / "web"
# What the engine's client consists of, and what shows a conversation: in step with the voice, with its formulas.
CLIENT_FILES = (
    "client.js", "webrtc-link.js", "websocket-link.js", "mse-player.js", "captions.js", "heartbeat.js",
    "microphone-worklet.js", "conversation.js", "markdown.js", "formulas.js",
    "katex/katex.min.js", "katex/katex.min.css",
    *(f"katex/fonts/{font.name}" for font in (CLIENT_FOLDER / "katex" / "fonts").glob("*.woff2")),
)  # fmt: skip
PAGE_FILES = ("index.html", "app.js", "style.css", "transcript.css", "teacher.html", "teacher.js", "school.js")
HANDED_ON = (hdrs.AUTHORIZATION, hdrs.CONTENT_TYPE, hdrs.RETRY_AFTER, hdrs.WWW_AUTHENTICATE)

MAX_BODY_BYTES = 64 << 10
SECURITY_HEADERS = {
    # The engine may be on another origin, so connections, pictures and clips may go anywhere; scripts may not.
    "Content-Security-Policy": "default-src 'self'; connect-src *; img-src * data: blob:; media-src * blob:; "
    "object-src 'none'; base-uri 'none'; form-action 'self'; frame-ancestors 'none'",
    "X-Content-Type-Options": "nosniff",
    "Referrer-Policy": "no-referrer",
    "Server": "web",
}

BACKEND = web.AppKey("backend", str)
HTTP = web.AppKey("http", aiohttp.ClientSession)


@web.middleware
async def security_headers(
    request: web.Request, handler: Callable[[web.Request], Awaitable[web.StreamResponse]]
) -> web.StreamResponse:
    """Adds ``SECURITY_HEADERS`` to every answer, also to errors."""
    try:
        response = await handler(request)
    except web.HTTPException as error:
        error.headers.update(SECURITY_HEADERS)
        raise
    response.headers.update(SECURITY_HEADERS)
    return response


async def page_file(request: web.Request) -> web.FileResponse:
    """The page itself."""
    name = request.match_info.get("name") or "index.html"
    if name not in PAGE_FILES:
        raise web.HTTPNotFound
    return web.FileResponse(FOLDER / name, headers={hdrs.CACHE_CONTROL: "no-cache"})


async def client_file(request: web.Request) -> web.FileResponse:
    """A module, style sheet or font of the engine's client."""
    if request.match_info["name"] not in CLIENT_FILES:
        raise web.HTTPNotFound
    return web.FileResponse(CLIENT_FOLDER / request.match_info["name"], headers={hdrs.CACHE_CONTROL: "no-cache"})


async def api(request: web.Request) -> web.Response:
    """Ask the web tier and give its answer."""
    headers = {name: request.headers[name] for name in HANDED_ON if name in request.headers}
    headers["X-Forwarded-For"] = request.remote or ""  # the web tier slows down guesses by address
    # As it was sent: decoding %2f and .. here would let a path out of /api at the web tier.
    path = request.rel_url.raw_path
    if any(part in (".", "..") for part in re.split(r"[/\\]", unquote(unquote(path)))):
        raise web.HTTPNotFound
    query = request.rel_url.raw_query_string
    url = URL(request.app[BACKEND] + path + (f"?{query}" if query else ""), encoded=True)
    body = await request.read()
    try:
        async with request.app[HTTP].request(request.method, url, data=body, headers=headers) as answer:
            kept = {name: answer.headers[name] for name in HANDED_ON if name in answer.headers}
            return web.Response(status=answer.status, body=await answer.read(), headers=kept)
    except (aiohttp.ClientError, TimeoutError):
        return web.json_response({"detail": "the school's server is down"}, status=503, headers={"Retry-After": "5"})


async def http_session(app: web.Application) -> AsyncIterator[None]:
    async with aiohttp.ClientSession(timeout=aiohttp.ClientTimeout(30)) as session:
        app[HTTP] = session
        yield


def create_app(backend: str) -> web.Application:
    """The server; ``backend`` is the address of the web tier."""
    app = web.Application(client_max_size=MAX_BODY_BYTES, middlewares=[security_headers])
    app[BACKEND] = backend.rstrip("/")
    app.cleanup_ctx.append(http_session)
    app.add_routes(
        [
            web.route("*", "/api/{path:.*}", api),
            web.get("/client/{name:.+}", client_file),
            web.get("/{name:[a-z.]*}", page_file),
        ]
    )
    return app


def main() -> int:
    """The command line; 1 when the port is taken."""
    parser = argparse.ArgumentParser(description="Serve the front end.")
    parser.add_argument("--host", default="127.0.0.1")
    parser.add_argument("--port", type=int, default=3000)
    parser.add_argument("--backend", default="http://localhost:8000")
    args = parser.parse_args()
    try:
        web.run_app(create_app(args.backend), host=args.host, port=args.port, print=None)
    except OSError as error:
        print(f"serve.py: cannot listen on {args.host}:{args.port}: {error.strerror or error}", file=sys.stderr)
        return 1
    return 0


if __name__ == "__main__":
    raise SystemExit(main())
