"""What was used, for billing: ``GET /v1/usage``."""

from __future__ import annotations

from collections.abc import Callable
from datetime import UTC, datetime

from aiohttp import hdrs, web

from engine.errors import InvalidField
from engine.sessions import SessionRegistry
from engine.transport.api.middleware import management
from engine.usage import UsageLedger


class UsageApi:
    """Handlers for the ledger of usage.

    Args:
        ledger: has the ended sessions.
        registry: gives the live ones, or raises Busy while models load.
    """

    def __init__(self, ledger: UsageLedger, registry: Callable[[], SessionRegistry]) -> None:
        self._ledger = ledger
        self._registry = registry

    def routes(self) -> list[web.RouteDef]:
        """All routes of this API."""
        return [web.get("/v1/usage", self.get_usage)]

    @management
    async def get_usage(self, request: web.Request) -> web.Response:
        """``GET /v1/usage?key=&since=&until=&sessions=true``: by key, and session by session if that is asked for."""
        each = request.query.get("sessions", "false")
        if each not in ("true", "false"):
            raise InvalidField("field 'sessions' in the query must be true or false")
        report = await self._ledger.report(
            [session.usage() for session in self._registry().all()],
            key=request.query.get("key"),
            since=_time(request, "since"),
            until=_time(request, "until"),
            each=each == "true",
        )
        text = report.model_dump_json(exclude_none=True)
        return web.Response(text=text, content_type="application/json", headers={hdrs.CACHE_CONTROL: "no-store"})


def _time(request: web.Request, field: str) -> datetime | None:
    """Raises InvalidField for what is not a time."""
    text = request.query.get(field)
    if text is None:
        return None
    try:
        # "+" in an address means a space.
        time = datetime.fromisoformat(text.replace(" ", "+"))
    except ValueError:
        raise InvalidField(f"field {field!r} in the query must be a date or time, for example 2026-01-31") from None
    return time if time.tzinfo is not None else time.replace(tzinfo=UTC)
