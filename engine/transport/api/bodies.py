"""Request bodies: JSON checked against a model, and files read piece by piece up to a limit."""

from __future__ import annotations

import asyncio
from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any, TypeVar

from aiohttp import web
from pydantic import BaseModel, ValidationError

from engine.errors import BadRequest, Busy, InvalidField, TooLarge, UnsupportedMedia
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


class Uploads:
    """Bounds how many large bodies are held in memory at once, from their first byte until they have been worked on.

    Args:
        limit: how many.
        what: their name in the error, in the plural.
    """

    def __init__(self, limit: int, what: str) -> None:
        self._limit = limit
        self._what = what
        self._count = 0

    @contextmanager
    def one(self) -> Iterator[None]:
        """Hold one while the context lasts.

        Raises:
            Busy: there are as many as there may be.
        """
        if self._count >= self._limit:
            raise Busy(f"{self._limit} {self._what} are being received or worked on; try again later", retry_after_s=5)
        self._count += 1
        try:
            yield
        finally:
            self._count -= 1
