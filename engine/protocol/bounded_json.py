"""JSON from strangers: how much of it there is is known before any of it is parsed.

Python's parser lets no other thread run and makes an object of every ``[]``: 30 MB of them take seconds and 700 MB.
Pure.
"""

from __future__ import annotations

import json
import re
from typing import Any

from engine.errors import BadRequest, TooLarge

LOOP_CHARS = 64_000
"""Longest text that is parsed on the event loop."""

_STRING = re.compile(r'"(?:[^"\\]++|\\.)*+"?', re.DOTALL)
"""A JSON string, closed or not: what does not fit in one is looked at once only, whatever it is."""


def load_object(text: str, what: str, max_values: int) -> dict[str, Any]:
    """The JSON object in ``text``.

    Args:
        text: of the sender.
        what: names it in errors.
        max_values: values allowed, nested ones and keys included; bounds the depth, too.

    Raises:
        TooLarge: more values.
        BadRequest: not JSON, or not an object.
    """
    if not text.lstrip(" \t\r\n").startswith("{"):
        raise BadRequest(f"{what} is not a JSON object")
    if _values(text, max_values) > max_values:
        raise TooLarge(f"{what} has more than {max_values} values of JSON")
    try:
        value = json.loads(text)
    except (ValueError, RecursionError):
        raise BadRequest(f"{what} is not JSON") from None
    parsed: dict[str, Any] = value
    return parsed


def _values(text: str, enough: int) -> int:
    """At least how many values there are; exact up to ``enough``."""
    quotes = text.count('"') - text.count('\\"')
    if quotes > 4 * enough:
        return quotes // 4
    bare = _STRING.sub("", text)
    return bare.count(",") + bare.count("[") + bare.count("{")
