"""Which key a call of the management API comes with, and what that key may do."""

from __future__ import annotations

import time

from aiohttp import hdrs, web

from engine.api_keys import ApiKey, KeyRing, Scope
from engine.errors import Forbidden, TooFast, Unauthorized
from engine.settings import Settings
from engine.transport.rate_limit import RateLimit

CALLER = web.RequestKey("caller", ApiKey)
"""Where a request keeps its ``ApiKey``."""

AREAS: dict[str, Scope] = {
    "/v1/tutors": "content",
    "/v1/avatars": "content",
    "/v1/voices": "content",
    "/v1/knowledge": "content",
    "/v1/usage": "metrics",
    "/metrics": "metrics",
}
"""Scopes by the beginning of the path; everything else is ``sessions``."""


class Authentication:
    """Checks keys and counts their requests.

    Args:
        settings: the key, or the file of keys.

    Raises:
        SettingsError: the file of keys is missing or damaged.
    """

    def __init__(self, settings: Settings) -> None:
        single = None if settings.api_key is None else settings.api_key.get_secret_value()
        self._keys = KeyRing(single, settings.api_keys_file)
        self._limits: dict[str, tuple[int, RateLimit]] = {}

    def authenticate(self, request: web.Request) -> ApiKey:
        """The key of a call of the management API.

        Raises:
            Unauthorized: it has none, or not a valid one.
            Forbidden: the key is for something else.
            TooFast: the key has made its calls of this minute.
        """
        key = self._keys.find(bearer(request))
        if key is None:
            raise Unauthorized("the management API needs Authorization: Bearer with the API key")
        needed = scopes_for(request.method, request.path)
        if not needed & set(key.scopes):
            raise Forbidden(
                f"the API key {key.name!r} may not do this: it lacks the scope {' or '.join(sorted(needed))}"
            )
        if key.requests_per_minute is not None:
            self._count(key.name, key.requests_per_minute)
        request[CALLER] = key
        return key

    def knows(self, request: web.Request) -> bool:
        """Whether the request comes with a valid key, whatever that is for."""
        return self._keys.find(bearer(request)) is not None

    def _count(self, name: str, limit: int) -> None:
        known = self._limits.get(name)
        if known is None or known[0] != limit:
            known = self._limits[name] = (limit, RateLimit(limit, 60, "requests with this API key"))
        known[1].check(time.monotonic())


def scopes_for(method: str, path: str) -> set[Scope]:
    """The scopes of which a call needs one."""
    areas = [scope for start, scope in AREAS.items() if path == start or path.startswith(f"{start}/")]
    needed: set[Scope] = set(areas) or {"sessions"}
    return needed | {"read"} if method in ("GET", "HEAD") else needed


def check_sessions(key: ApiKey, live: int) -> None:
    """Whether ``key`` may have one more session than the ``live`` ones of its name.

    Raises:
        TooFast: it may not.
    """
    if key.sessions is not None and live >= key.sessions:
        raise TooFast(f"all {key.sessions} sessions of this API key are taken", retry_after_s=5)


def bearer(request: web.Request) -> str:
    """The bearer token of a request, or an empty string."""
    scheme, _, value = request.headers.get(hdrs.AUTHORIZATION, "").partition(" ")
    return value.strip() if scheme.lower() == "bearer" else ""
