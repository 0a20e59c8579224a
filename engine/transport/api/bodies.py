"""Request bodies: JSON checked against a model, and files read piece by piece up to a limit."""

from __future__ import annotations

import asyncio
from typing import Any, TypeVar

from aiohttp import web
from pydantic import BaseModel, ValidationError

from engine.errors import BadRequest, InvalidField, TooLarge, UnsupportedMedia
from engine.protocol.bounded_json import LOOP_CHARS, load_object
from engine.protocol.incoming import explain
from engine.transport.api.middleware import BODY_S, read_text

PIECE_BYTES = 1 << 18

MAX_VALUES = 1000
"""Values in a JSON body. A tutor's profile has the most, some hundred."""

Body = TypeVar("Body", bound=BaseModel)


async def read_object(request: web.Request) -> dict[str, Any]:
    """The JSON object a request carries.

    Raises:
        UnsupportedMedia: not called ``application/json``. Browsers send other types for any page without asking us.
        TooLarge: more bytes than the application allows, or more than ``MAX_VALUES`` values.
        BadRequest: not JSON, not an object, or it did not arrive in time.
    """
    if (request.content_length or 0) > request.client_max_size:
        raise TooLarge(f"the body may have at most {request.client_max_size} bytes")
    if request.content_type != "application/json":
        raise UnsupportedMedia("header 'Content-Type': application/json is needed")
    text = await read_text(request)
    if len(text) > LOOP_CHARS:
        return await asyncio.to_thread(load_object, text, "the body", MAX_VALUES)
    return load_object(text, "the body", MAX_VALUES)


async def read_body(request: web.Request, model: type[Body]) -> Body:
    """The JSON body of a request, checked.

    Raises:
        BadRequest: not JSON, not an object, or it did not arrive in time.
        InvalidField: names the field and what is allowed.
    """
    value = await read_object(request)
    try:
        return model.model_validate(value)
    except ValidationError as error:
        raise InvalidField(explain(error)) from None


async def read_bytes(request: web.Request, limit: int, what: str) -> bytes:
    """The whole body, at most ``limit`` bytes; ``what`` names it in the error.

    Raises:
        TooLarge: it has more, or says so.
        BadRequest: no further bytes arrived for ``BODY_S`` seconds.
    """
    refusal = f"{what} may have at most {limit} bytes"
    if (request.content_length or 0) > limit:
        raise TooLarge(refusal)
    pieces = bytearray()
    try:
        while True:
            async with asyncio.timeout(BODY_S):
                piece = await request.content.read(PIECE_BYTES)
            if not piece:
                return bytes(pieces)
            pieces += piece
            if len(pieces) > limit:
                raise TooLarge(refusal)
    except TimeoutError:
        raise BadRequest(f"nothing more of the body arrived for {BODY_S:.0f} s") from None
