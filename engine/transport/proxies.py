"""Which peers are proxies, and what they say of the requests they pass on.

``X-Forwarded-Host`` and ``X-Forwarded-Proto`` are believed only from the addresses in the setting ``trusted_proxies``:
anybody can send them.
"""

from __future__ import annotations

import ipaddress
from collections.abc import Sequence
from functools import lru_cache

import structlog
from aiohttp import hdrs, web

from engine.settings import Settings

log = structlog.get_logger(__name__)

FORWARDED = ("X-Forwarded-Host", "X-Forwarded-Proto", "X-Forwarded-For")


class Proxies:
    """Addresses of proxies: ``address in proxies``.

    Args:
        given: addresses and networks (``10.1.2.3``, ``10.0.0.0/8``, ``fd00::/8``).

    Raises:
        ValueError: one is neither.
    """

    def __init__(self, given: Sequence[str]) -> None:
        self._networks = [ipaddress.ip_network(each, strict=False) for each in given]

    def __contains__(self, address: object) -> bool:
        if not self._networks or not isinstance(address, str):
            return False
        try:
            found = ipaddress.ip_address(address.partition("%")[0])
        except ValueError:
            return False
        # What a socket for both families calls an IPv4 peer.
        found = getattr(found, "ipv4_mapped", None) or found
        return any(found in network for network in self._networks)


@lru_cache(maxsize=8)
def _proxies(given: tuple[str, ...]) -> Proxies:
    return Proxies(given)


def trusted_proxies(settings: Settings) -> Proxies:
    """The proxies of these settings."""
    return _proxies(tuple(settings.trusted_proxies))


def forwarded_host(request: web.Request, settings: Settings) -> str | None:
    """``X-Forwarded-Host`` of a trusted proxy; None without one."""
    if request.remote not in trusted_proxies(settings):
        return None
    given = request.headers.get("X-Forwarded-Host")
    return None if given is None else given.split(",")[0].strip()


def reached_by_https(request: web.Request, settings: Settings, host: str) -> bool:
    """Whether the caller came over TLS: to us, to a trusted proxy, or as a page of ``https://host``.

    A browser lets no page choose its ``Origin``. So a page behind a proxy that nobody declared is still not given an
    address that its browser would refuse as mixed content.
    """
    scheme = request.scheme
    if request.remote in trusted_proxies(settings):
        scheme = request.headers.get("X-Forwarded-Proto", scheme).split(",")[0].strip()
    return scheme == "https" or request.headers.get(hdrs.ORIGIN, "").lower() == f"https://{host}".lower()


class UntrustedProxyWarning:
    """Logs once that a peer forwards requests and is not in ``trusted_proxies``.

    Its headers are ignored and all its clients count as one address, which an operator would notice late.
    """

    def __init__(self, settings: Settings) -> None:
        self._settings = settings
        self._warned = False

    def look(self, request: web.Request) -> None:
        """To be called with every request."""
        if self._warned or not any(name in request.headers for name in FORWARDED):
            return
        if request.remote not in trusted_proxies(self._settings):
            self._warned = True
            log.warning("proxy_not_trusted", peer=request.remote, setting="trusted_proxies")
