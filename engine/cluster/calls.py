"""HTTP calls from doors and engines to engines."""

from __future__ import annotations

from typing import Any

import aiohttp

from engine.errors import EngineError
from engine.settings import Settings

CALL_S = 3.0
"""Longest wait for an engine's answer; a machine that has vanished gives none."""

CONNECT_S = 1.0


class EngineCallFailed(EngineError):
    """An engine did not answer, or refused."""

    code, status = "engine_failed", 502

    def __init__(self, message: str, status: int = 0, retry_after_s: float | None = None) -> None:
        super().__init__(message, retry_after_s=retry_after_s)
        self.answered = status
        """Its HTTP status; 0 when it did not answer."""


def open_client(settings: Settings) -> aiohttp.ClientSession:
    """A client that has the API key."""
    key = settings.api_key
    headers = {} if key is None else {"Authorization": f"Bearer {key.get_secret_value()}"}
    timeout = aiohttp.ClientTimeout(total=CALL_S, sock_connect=CONNECT_S)
    return aiohttp.ClientSession(timeout=timeout, headers=headers, auto_decompress=False)


async def post(client: aiohttp.ClientSession, url: str, body: object = None) -> dict[str, Any]:
    """The JSON object that an engine answers with.

    Raises:
        EngineCallFailed: it does not answer, or not with 200.
    """
    try:
        async with client.post(url, json=body) as answer:
            fields = await answer.json(content_type=None)
            if answer.status == 200 and isinstance(fields, dict):
                return fields
            error = fields.get("error", {}) if isinstance(fields, dict) else {}
            retry = answer.headers.get("Retry-After", "")
            raise EngineCallFailed(
                str(error.get("message", "an engine refused")),
                answer.status,
                float(retry) if retry.isdecimal() else None,
            )
    except (aiohttp.ClientError, TimeoutError, ValueError):
        raise EngineCallFailed("an engine does not answer") from None
