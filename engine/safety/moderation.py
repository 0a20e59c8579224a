"""Asks an OpenAI-compatible moderation endpoint (``POST /v1/moderations``) about a question, beside the guard.

When the endpoint fails or is slow, the guard alone decides, and a log line says so.
"""

from __future__ import annotations

import json
from typing import Any

import aiohttp
import structlog

from engine.protocol.outgoing import SafetyCategory
from engine.settings import SafetySettings

log = structlog.get_logger(__name__)

MAX_ANSWER_BYTES = 65_536

_CATEGORIES: tuple[tuple[str, SafetyCategory], ...] = (
    ("self-harm", "self_harm"),
    ("sexual", "sexual"),
    ("violence", "violence"),
    ("harassment/threatening", "violence"),
    ("hate", "hate"),
    ("harassment", "hate"),
    ("illicit", "weapons_drugs"),
)
"""The endpoint's categories by how they begin, the gravest first."""


async def moderated(http: aiohttp.ClientSession, settings: SafetySettings, text: str) -> SafetyCategory | None:
    """The category the endpoint flags ``text`` with; None when it flags nothing, or cannot be asked."""
    headers = {}
    if settings.moderation_key is not None:
        headers["Authorization"] = f"Bearer {settings.moderation_key.get_secret_value()}"
    body = {"input": text, "model": settings.moderation_model}
    timeout = aiohttp.ClientTimeout(total=settings.moderation_timeout_s)
    try:
        async with http.post(
            f"{settings.moderation_url}/moderations", json=body, headers=headers, timeout=timeout
        ) as answer:
            if answer.status != 200:
                log.warning("moderation_failed", status=answer.status)
                return None
            read = bytearray()  # a single read gives what has arrived, which may be half of it
            async for piece in answer.content.iter_any():
                read += piece
                if len(read) > MAX_ANSWER_BYTES:
                    raise ValueError("the answer is too long")
            return flagged(json.loads(read))
    except (aiohttp.ClientError, TimeoutError, OSError, ValueError) as error:
        log.warning("moderation_failed", kind=type(error).__name__)
        return None


def flagged(answer: Any) -> SafetyCategory | None:
    """The category of a moderation answer, parsed from JSON; one that flags for a reason of its own is ``jailbreak``,
    whose text is the most neutral.

    Raises:
        ValueError: it is not such an answer.
    """
    try:
        result = answer["results"][0]
        is_flagged, categories = bool(result["flagged"]), dict(result.get("categories") or {})
    except (LookupError, TypeError, AttributeError) as error:
        raise ValueError("not a moderation answer") from error
    if not is_flagged:
        return None
    named = [name for name, value in categories.items() if value]
    return next((ours for begin, ours in _CATEGORIES if any(name.startswith(begin) for name in named)), "jailbreak")
