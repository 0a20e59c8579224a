"""Request bodies that are files: read piece by piece, so that a limit holds whatever the headers claim."""

from __future__ import annotations

import asyncio

from aiohttp import web

from engine.errors import BadRequest, TooLarge
from engine.transport.api.middleware import BODY_S

PIECE = 1 << 18


async def read_bytes(request: web.Request, limit: int, what: str) -> bytes:
    """The whole body, at most ``limit`` bytes; ``what`` names it in the error.

    Raises:
        TooLarge: it has more, or says so.
        BadRequest: nothing more of it came for a while.
    """
    refusal = f"{what} has at most {limit} bytes"
    if (request.content_length or 0) > limit:
        raise TooLarge(refusal)
    pieces = bytearray()
    try:
        while True:
            async with asyncio.timeout(BODY_S):
                piece = await request.content.read(PIECE)
            if not piece:
                return bytes(pieces)
            pieces += piece
            if len(pieces) > limit:
                raise TooLarge(refusal)
    except TimeoutError:
        raise BadRequest(f"nothing more of the body arrived for {BODY_S:.0f} s") from None
