"""What clients may send over a WebSocket or data channel, checked field by field.

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
AudioFormat = Literal["pcm_s16le", "opus"]


class _Part(BaseModel):
    # Extra fields are let through: clients of later versions may send more.
    model_config = ConfigDict(extra="ignore", frozen=True, strict=True, use_attribute_docstrings=True)


class TextMessage(_Part):
    """The student typed."""

    type: Literal["text"]
    content: str = Field(min_length=1)
    """At most ``ENGINE_MAX_TEXT_CHARS`` characters."""
    avatar_id: AvatarId | None = None
    """Who answers; without ``stream``, a missing avatar means that nothing is spoken."""


class AudioMessage(_Part):
    """A whole recording, or with ``format`` a chunk of live microphone. WebSocket only."""

    type: Literal["audio"]
    data: str
    """Base64; a ``data:`` URL is taken too."""
    avatar_id: AvatarId | None = None
    """As in ``text``; for recordings only."""
    format: AudioFormat | None = None
    """The data is live: mono PCM of 16 kHz, or a piece of Opus in WebM or Ogg."""
    end: bool = False
    """The talk button was released after this chunk."""


class InputAudio(_Part):
    """How live microphone audio is sent."""

    format: AudioFormat = "pcm_s16le"
    """Mono PCM, or Opus in WebM or Ogg as ``MediaRecorder`` gives it."""
    sample_rate: int = Field(default=16_000, ge=8_000, le=48_000)
    """Of PCM, in Hz; Opus states its own."""


class ConfigureMessage(_Part):
    """Opts in to streaming and says how. WebSocket only."""

    type: Literal["configure"]
    stream: bool = True
    video: Literal["fmp4", "none"] = "fmp4"
    """``none``: text and events only, nothing is spoken."""
    audio_codec: Literal["aac", "opus"] = "aac"
    """Opus has the shorter delay, and not every browser plays it."""
    input_audio: InputAudio | None = None
    """Needed before binary frames of live microphone."""
    avatar_id: AvatarId | None = None
    """An avatar other than the tutor's own."""
    language: str | None = Field(default=None, pattern=r"^[a-z]{2,3}$")
    """The language the student speaks, an ISO 639-1 code the recognizer knows; without it the tutor's languages."""


class InterruptMessage(_Part):
    """Stop the tutor now."""

    type: Literal["interrupt"]


class PlaybackMessage(_Part):
    """How much of a reply has been played."""

    type: Literal["playback"]
    turn: int = Field(ge=0)
    """The reply's number."""
    position_ms: float = Field(ge=0, le=1e9, allow_inf_nan=False)
    """From the start of the reply."""


class EndTalkMessage(_Part):
    """The talk button was released: answer what was said."""

    type: Literal["end_talk"]


class PingMessage(_Part):
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
    """The bytes of a base64 field (the head of a ``data:`` URL is skipped).

    Raises:
        InvalidField: not base64.
    """
    if data.startswith("data:"):
        data = data.partition(",")[2]
    try:
        return base64.b64decode(data, validate=True)
    except (binascii.Error, ValueError):
        raise InvalidField(f"field '{field}' is not base64") from None
