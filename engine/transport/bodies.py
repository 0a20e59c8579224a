"""Request bodies that are files: read piece by piece, so that a limit holds whatever the headers claim."""

from __future__ import annotations

from aiohttp import web

from engine.errors import TooLarge

PIECE = 1 << 18


async def read_bytes(request: web.Request, limit: int, what: str) -> bytes:
    """The whole body, at most ``limit`` bytes; ``what`` names it in the error.

    Raises:
        TooLarge: it has more, or says so.
    """
    refusal = f"{what} has at most {limit} bytes"
    if (request.content_length or 0) > limit:
        raise TooLarge(refusal)
    pieces = bytearray()
    async for piece in request.content.iter_chunked(PIECE):
        pieces += piece
        if len(pieces) > limit:
            raise TooLarge(refusal)
    return bytes(pieces)
