"""An entry of a session in the directory: who owns it, readable, and what it remembers, encrypted.

``{"node": …, "epoch": …}`` on a line of its own, then a nonce of 12 bytes and the snapshot under AES-256-GCM (NIST SP
800-38D). The line and the session's id are authenticated with it, so neither can be exchanged.
"""

from __future__ import annotations

import hashlib
import os
from dataclasses import dataclass

from cryptography.exceptions import InvalidTag
from cryptography.hazmat.primitives.ciphers.aead import AESGCM
from pydantic import TypeAdapter, ValidationError

from engine.errors import EngineError

NONCE_BYTES = 12


class EnvelopeRefused(EngineError):
    """It was sealed with another key, or is damaged."""

    code, status = "snapshot_refused", 500


@dataclass(frozen=True, slots=True)
class Owner:
    """Which engine has a session."""

    node: str
    """Its name in the cluster."""
    boot: str
    """Random at each start of it."""
    url: str
    """Where doors and other engines reach it."""
    epoch: int
    """How often the session has changed engines, from 1."""


_OWNER = TypeAdapter(Owner)


def read_owner(value: bytes) -> Owner:
    """Who owns the session of this entry.

    Raises:
        EnvelopeRefused: it is damaged.
    """
    try:
        return _OWNER.validate_json(value.partition(b"\n")[0])
    except ValidationError:
        raise EnvelopeRefused("an entry of the directory is damaged") from None


class Sealer:
    """Seals and opens entries with one key.

    Args:
        key: any text of 32 bytes or more, the same on every engine.
    """

    def __init__(self, key: str) -> None:
        self._cipher = AESGCM(hashlib.sha256(b"talking-tutor session memory\0" + key.encode()).digest())

    def seal(self, session_id: str, owner: Owner, memory: bytes) -> bytes:
        """An entry."""
        head, nonce = _OWNER.dump_json(owner), os.urandom(NONCE_BYTES)
        return head + b"\n" + nonce + self._cipher.encrypt(nonce, memory, head + b"\n" + session_id.encode())

    def open(self, session_id: str, value: bytes) -> bytes:
        """The memory in an entry.

        Raises:
            EnvelopeRefused: it was sealed with another key or for another session, or is damaged.
        """
        head, _, sealed = value.partition(b"\n")
        try:
            return self._cipher.decrypt(sealed[:NONCE_BYTES], sealed[NONCE_BYTES:], head + b"\n" + session_id.encode())
        except (InvalidTag, ValueError):
            raise EnvelopeRefused("a session's memory cannot be decrypted (cluster.key)") from None
