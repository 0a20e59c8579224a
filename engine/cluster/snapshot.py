"""What an engine needs to go on with a session of another one: typed, versioned, bounded. Pure.

As bytes it is JSON, compressed. A field that is added later needs a default, so that older snapshots can be read; one
whose meaning changes needs a new ``VERSION``, and engines of before refuse it.
"""

from __future__ import annotations

import json
import zlib
from dataclasses import dataclass
from datetime import datetime

from pydantic import TypeAdapter, ValidationError

from engine.conversation.memory import ConversationMemory
from engine.errors import EngineError
from engine.settings import Patience

VERSION = 1

MAX_BYTES = 512_000
"""Of the compressed form. NATS takes messages of up to a megabyte."""

MAX_JSON_BYTES = 8_000_000


class SnapshotRefused(EngineError):
    """It is damaged, too large, or was written by a later version of the engine."""

    code, status = "snapshot_refused", 500


@dataclass(frozen=True, slots=True)
class SessionSnapshot:
    """A session between two changes."""

    session_id: str
    tutor_id: int
    student_id: int
    kb_id: str | None
    patience: Patience | None
    profile_version: int
    """Of the tutor's profile it was held with."""
    created_at: datetime
    saved_at: datetime
    conversation: ConversationMemory
    version: int = VERSION


_SNAPSHOT = TypeAdapter(SessionSnapshot)


def pack(snapshot: SessionSnapshot) -> bytes:
    """Bytes that ``unpack`` reads.

    Raises:
        SnapshotRefused: it takes more than ``MAX_BYTES``.
    """
    packed = zlib.compress(_SNAPSHOT.dump_json(snapshot), level=1)
    if len(packed) > MAX_BYTES:
        raise SnapshotRefused(f"a session's memory takes {len(packed)} bytes; the limit is {MAX_BYTES}")
    return packed


def unpack(packed: bytes) -> SessionSnapshot:
    """The snapshot in ``packed``.

    Raises:
        SnapshotRefused: it is damaged, too large, or of a later version.
    """
    inflate = zlib.decompressobj()
    try:
        text = inflate.decompress(packed, MAX_JSON_BYTES)
        fields = json.loads(text) if inflate.eof else None
    except (zlib.error, ValueError, RecursionError):
        fields = None
    if not isinstance(fields, dict) or not isinstance(version := fields.get("version"), int):
        raise SnapshotRefused("a session's memory is damaged")
    if version > VERSION:
        raise SnapshotRefused(f"a session's memory has version {version}; this engine reads up to {VERSION}")
    try:
        return _SNAPSHOT.validate_json(text)
    except ValidationError:
        raise SnapshotRefused("a session's memory is damaged") from None
