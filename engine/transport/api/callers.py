"""Who may call: what a browser's headers say of the page that sent a request.

Without an API key, whoever reaches the port may do everything, and every web page in a browser on this machine reaches
it. Such a page cannot choose its ``Origin``, nor the name under which it reached us (``Host``), which DNS rebinding
makes its own. Tokens are no such trouble: a page that has one was given it.
"""

from __future__ import annotations

import re
from urllib.parse import urlsplit

from aiohttp import hdrs, web

from engine.errors import BadRequest, Forbidden
from engine.settings import Settings
from engine.settings.model import LOOPBACK
from engine.transport.proxies import forwarded_host

HOST = re.compile(r"([A-Za-z0-9._-]{1,255}|\[[0-9A-Fa-f:.]{2,45}\])(:[0-9]{1,5})?")
"""A name or address with or without a port, as a ``Host`` header has it."""

PROBES = ("/health", "/ready")
"""Asked by load balancers under any name; they tell nothing about anybody."""


class Callers:
    """The rules of one engine's settings."""

    def __init__(self, settings: Settings) -> None:
        self._settings = settings
        self._public = urlsplit(settings.public_url or "")

    def known_host(self, host: str) -> bool:
        """Whether ``host`` (``name[:port]``) is this machine, or the public URL's."""
        name = HOST.fullmatch(host)
        return name is not None and (
            name[1].lower().strip("[]") in LOOPBACK or name[1].lower() == (self._public.hostname or "")
        )

    def may_call(self, request: web.Request, origin: str, *, management: bool) -> bool:
        """Whether a page of ``origin`` may call.

        Args:
            request: the call.
            origin: its header.
            management: the call needs the API key, where there is one.
        """
        allowed = self._settings.allowed_origins
        if origin in allowed or (self._settings.keyed and "*" in allowed):
            return True
        if self._settings.keyed:
            return False
        try:
            page = urlsplit(origin)
        except ValueError:
            return False
        if page.scheme in ("http", "https") and page.netloc.lower() in self._own_hosts(request):
            return True
        # A web tier's page on another port of this machine talks with a token.
        return not management and page.scheme in ("http", "https") and page.hostname in LOOPBACK

    def _own_hosts(self, request: web.Request) -> set[str]:
        hosts = {request.headers.get(hdrs.HOST, "").lower(), self._public.netloc.lower()}
        hosts.add((forwarded_host(request, self._settings) or "").lower())
        return hosts - {""}

    def check(self, request: web.Request, *, management: bool) -> None:
        """Refuse what a page may not ask of an engine without an API key.

        Args:
            request: the call.
            management: it needs the API key, where there is one.

        Raises:
            BadRequest: the ``Host`` is none.
            Forbidden: the ``Host`` is not this machine, or the page is another site's.
        """
        if self._settings.keyed or request.path in PROBES:
            return
        host = request.headers.get(hdrs.HOST, "")
        if HOST.fullmatch(host) is None:
            raise BadRequest("header 'Host' is not a host, or host:port")
        if self._settings.host in LOOPBACK and not self.known_host(host):
            raise Forbidden("header 'Host': without an API key only localhost is answered (or set public_url)")
        origin = request.headers.get(hdrs.ORIGIN)
        if origin is not None and not self.may_call(request, origin, management=management):
            raise Forbidden("this origin may not call an engine without an API key (ENGINE_ALLOWED_ORIGINS)")
        if origin is None and management and request.headers.get("Sec-Fetch-Site") == "cross-site":
            raise Forbidden("pages of other sites may not call an engine without an API key")
