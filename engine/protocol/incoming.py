"""What clients may send over a WebSocket or data channel, checked field by field.

``parse`` turns one JSON text into one of the message classes, or raises an error that names
the field; ``parse_recording`` does so for a message that is too long for the event loop. Pure; the
limits that depend on settings are checked by the caller.
"""

from __future__ import annotations

import binascii
import re
from typing import Annotated, Literal

from pydantic import BaseModel, ConfigDict, Field, TypeAdapter, ValidationError

from engine.errors import InvalidField, TooLarge, UnknownType
from engine.protocol.bounded_json import LOOP_CHARS, load_object

MAX_VALUES = 100
"""Values in a message, nested ones included. The longest known message has twelve."""

_DATA = re.compile(rb'"data"\s{0,20}:\s{0,20}"')
"""Where the long field of a recording begins."""

BASE64_PIECE = 1 << 16
"""Characters decoded in one go, 0.5 ms; other threads run in between. A multiple of four."""

_URL_HEAD_BYTES = 1000
"""Longest head of a ``data:`` URL: a media type."""

AvatarId = Annotated[str, Field(max_length=128)]
AudioFormat = Literal["pcm_s16le", "opus"]


class _Part(BaseModel):
    # Extra fields are let through: clients of later versions may send more.
    model_config = ConfigDict(extra="ignore", frozen=True, strict=True, use_attribute_docstrings=True)


class TextMessage(_Part):
    """The student typed."""

    type: Literal["text"]
    content: str = Field(min_length=1)
    """At most ``ENGINE_LIMITS_TEXT_CHARS`` characters."""
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
    shown_px: int | None = Field(default=None, ge=1, le=16_384)
    """The edge at which the tutor is shown, in device pixels; large pictures may follow (``ready.size``)."""
    language: str | None = Field(default=None, pattern=r"^[a-z]{2,3}$")
    """The language the student speaks, an ISO 639-1 code the recognizer knows; without it the tutor's languages."""
    patience: Literal["eager", "normal", "patient"] | None = None
    """How long a pause may last before it ends the user turn; without it as the session was created. Speech in progress
    while it changes is forgotten."""


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
    """The talk button was released: answer what was said. What comes after it is another question, however soon."""

    type: Literal["end_talk"]


class GreetMessage(_Part):
    """The tutor gives its greeting as reply 1, aloud if it has a face. Ignored once a conversation has begun."""

    type: Literal["greet"]


class VisibilityMessage(_Part):
    """Whether anybody can see the tutor. While nobody can, as in a hidden tab, the voice comes without pictures."""

    type: Literal["visibility"]
    visible: bool
    """True until the client says otherwise."""


class PingMessage(_Part):
    """Answered ``pong``."""

    type: Literal["ping"]


ClientMessage = Annotated[
    TextMessage | AudioMessage | ConfigureMessage | InterruptMessage | PlaybackMessage | EndTalkMessage | GreetMessage
    | VisibilityMessage | PingMessage,
    Field(discriminator="type"),
]  # fmt: skip
_ADAPTER: TypeAdapter[ClientMessage] = TypeAdapter(ClientMessage)
TYPES = ("text", "audio", "configure", "interrupt", "playback", "end_talk", "greet", "visibility", "ping")


def parse(text: str) -> ClientMessage:
    """One client message of at most ``LOOP_CHARS`` characters; takes about a millisecond at most.

    Raises:
        TooLarge: longer, or with more than ``MAX_VALUES`` values.
        BadRequest: not JSON, or not an object.
        UnknownType: no such ``type``.
        InvalidField: the message names the field and what is allowed.
    """
    if len(text) > LOOP_CHARS:
        raise _too_long(f"{len(text)} characters")
    value = load_object(text, "the message", MAX_VALUES)
    kind = value.get("type")
    if kind is None:
        raise InvalidField(f"field 'type' is missing; it is one of {', '.join(TYPES)}")
    if not isinstance(kind, str) or kind not in TYPES:
        raise UnknownType(f"unknown type; it is one of {', '.join(TYPES)}")
    try:
        return _ADAPTER.validate_python(value)
    except ValidationError as error:
        raise InvalidField(explain(error, skip=1)) from None


def parse_recording(data: bytes) -> tuple[AudioMessage, bytes]:
    """A message of any length that carries audio, and its decoded audio. Belongs in a thread.

    The base64 is taken out by its position and the rest is parsed, so that no length makes the JSON parser, which
    lets no other thread run, hold up the engine. For the same reason nothing here touches all of a long message in one
    step, except to search it.

    Args:
        data: UTF-8.

    Raises:
        TooLarge: the message is not ``audio``, or something other than ``data`` makes it long.
        InvalidField: ``data`` is not base64, or another field is wrong.
        UnicodeDecodeError: it is not UTF-8.
    """
    begin = _DATA.search(data, 0, LOOP_CHARS)
    end = -1 if begin is None else data.find(b'"', begin.end())
    if begin is None or end < 0 or begin.end() + len(data) - end > LOOP_CHARS:
        raise _too_long(f"{len(data)} bytes")
    message = parse((data[: begin.end()] + data[end:]).decode())
    if not isinstance(message, AudioMessage) or message.data:
        raise _too_long(f"{len(data)} bytes")
    return message, _decode_base64(memoryview(data)[begin.end() : end], "data")


def _too_long(size: str) -> TooLarge:
    return TooLarge(
        f"the message has {size}; the limit is {LOOP_CHARS} characters, except for the 'data' of type 'audio'"
    )


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
    try:
        return _decode_base64(memoryview(data.encode()), field)
    except UnicodeEncodeError:
        raise InvalidField(f"field '{field}' is not base64") from None


def _decode_base64(data: memoryview, field: str) -> bytes:
    """Piece by piece. Some JSON writers put a backslash before each slash, which is left out."""
    start = 0
    if bytes(data[:5]) == b"data:":
        start = bytes(data[:_URL_HEAD_BYTES]).find(b",") + 1 or len(data)
    decoded: list[bytes] = []
    rest, ended = b"", False
    try:
        for at in range(start, len(data), BASE64_PIECE):
            piece = rest + data[at : at + BASE64_PIECE]
            # The last backslash may belong to a slash of the next piece.
            held = len(piece) - piece.endswith(b"\\") if at + BASE64_PIECE < len(data) else len(piece)
            text = piece[:held].replace(b"\\/", b"/")
            whole = len(text) // 4 * 4
            rest = text[whole:] + piece[held:]
            if ended and text:
                raise InvalidField(f"field '{field}' is not base64")
            decoded.append(binascii.a2b_base64(text[:whole], strict_mode=True))
            ended = text.endswith(b"=", 0, whole)
        if rest:
            raise InvalidField(f"field '{field}' is not base64")
    except ValueError:  # binascii's error is one
        raise InvalidField(f"field '{field}' is not base64") from None
    return b"".join(decoded)
