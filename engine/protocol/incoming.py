"""What clients may send over a socket or data channel, checked field by field.

``parse`` turns one JSON text into one of the message classes, or raises an error that names
the field. Pure; the limits that depend on settings are checked by the caller.
"""

from __future__ import annotations

import base64
import binascii
import json
from typing import Annotated, Literal

from pydantic import BaseModel, ConfigDict, Field, TypeAdapter, ValidationError

from engine.errors import BadRequest, InvalidField, UnknownType

AvatarId = Annotated[str, Field(max_length=128)]


class _Message(BaseModel):
    # Extra fields are let through: clients of later versions may send more.
    model_config = ConfigDict(extra="ignore", frozen=True, strict=True)


class TextMessage(_Message):
    """The student typed."""

    type: Literal["text"]
    content: str = Field(min_length=1)
    avatar_id: AvatarId | None = None


class AudioMessage(_Message):
    """A whole recording, or with ``format`` a chunk of live microphone."""

    type: Literal["audio"]
    data: str = Field(description="base64")
    avatar_id: AvatarId | None = None
    format: Literal["pcm_s16le", "opus"] | None = None
    seq: int | None = Field(default=None, ge=0)
    end: bool = False
    """The talk button was released after this chunk."""


class InputAudio(_Message):
    """How live microphone audio is sent."""

    format: Literal["pcm_s16le", "opus"] = "pcm_s16le"
    sample_rate: int = Field(default=16_000, ge=8_000, le=48_000)


class ConfigureMessage(_Message):
    """Opts in to streaming and says how."""

    type: Literal["configure"]
    stream: bool = True
    video: Literal["fmp4", "none"] = "fmp4"
    audio_codec: Literal["aac", "opus"] = "aac"
    input_audio: InputAudio | None = None
    avatar_id: AvatarId | None = None
    language: str | None = Field(default=None, pattern=r"^[a-z]{2,3}$")


class InterruptMessage(_Message):
    """Stop the tutor now."""

    type: Literal["interrupt"]


class PlaybackMessage(_Message):
    """How much of a turn has been played."""

    type: Literal["playback"]
    turn: int = Field(ge=0)
    position_ms: float = Field(ge=0, le=1e9, allow_inf_nan=False)


class EndTalkMessage(_Message):
    """The talk button was released: answer what was said."""

    type: Literal["end_talk"]


class PingMessage(_Message):
    """Answered ``pong``."""

    type: Literal["ping"]


ClientMessage = Annotated[
    TextMessage | AudioMessage | ConfigureMessage | InterruptMessage | PlaybackMessage | EndTalkMessage | PingMessage,
    Field(discriminator="type"),
]
_ADAPTER: TypeAdapter[ClientMessage] = TypeAdapter(ClientMessage)
TYPES = ("text", "audio", "configure", "interrupt", "playback", "end_talk", "ping")


def parse(text: str) -> ClientMessage:
    """One client message.

    Raises:
        BadRequest: not JSON, or not an object.
        UnknownType: no such ``type``.
        InvalidField: the message names the field and what is allowed.
    """
    try:
        value = json.loads(text)
    except (ValueError, RecursionError):
        raise BadRequest("the message is not JSON") from None
    if not isinstance(value, dict):
        raise BadRequest("the message is not a JSON object")
    kind = value.get("type")
    if kind is None:
        raise InvalidField(f"field 'type' is missing; it is one of {', '.join(TYPES)}")
    if not isinstance(kind, str) or kind not in TYPES:
        raise UnknownType(f"unknown type; it is one of {', '.join(TYPES)}")
    try:
        return _ADAPTER.validate_python(value)
    except ValidationError as error:
        raise InvalidField(explain(error, skip=1)) from None


def explain(error: ValidationError, skip: int = 0) -> str:
    """The first fault in one line: the field, and what is allowed. Never the value."""
    first = error.errors(include_input=False, include_url=False)[0]
    field = ".".join(str(part) for part in first["loc"][skip:]) or "body"
    if first["type"] == "missing":
        return f"field '{field}' is missing"
    return f"field '{field}': {first['msg'][0].lower()}{first['msg'][1:]}"


def decode_base64(data: str, field: str = "data") -> bytes:
    """The bytes of a base64 field (a ``data:`` URL's head is skipped).

    Raises:
        InvalidField: not base64.
    """
    if data.startswith("data:"):
        data = data.partition(",")[2]
    try:
        return base64.b64decode(data, validate=True)
    except (binascii.Error, ValueError):
        raise InvalidField(f"field '{field}' is not base64") from None
