"""API keys: names, scopes and limits, in a file that holds only their hashes and is read again when it changes.

A key is ``tutor_ID_SECRET``. The file has the SHA-256 of the whole of it. A slow hash would add nothing: the secret has
256 random bits, which nobody can guess (OWASP, Password Storage Cheat Sheet, is about passwords that people choose).
"""

from __future__ import annotations

import hashlib
import hmac
import re
import secrets
import time
import tomllib
from collections.abc import Iterable
from datetime import UTC, datetime
from pathlib import Path
from typing import Any, Literal, get_args

import structlog
import tomli_w
from pydantic import BaseModel, ConfigDict, Field, ValidationError

from engine.errors import InvalidField, SettingsError
from engine.files import write_atomically

log = structlog.get_logger(__name__)

Scope = Literal["sessions", "content", "read", "metrics"]
"""What a key is for: sessions and their transcripts; tutors, avatars and knowledge; reading all of that; metrics and
usage. Only ``read`` and ``metrics`` change nothing."""

SCOPES: tuple[Scope, ...] = get_args(Scope)
LOOK_EVERY_S = 1.0
"""How often the file is looked at, at most."""

FORM = re.compile(r"tutor_([0-9a-f]{8})_[A-Za-z0-9_-]{43}")


class ApiKey(BaseModel):
    """One key. Several may have one name, while a new one takes over; limits and usage are those of the name."""

    model_config = ConfigDict(extra="forbid", frozen=True)

    name: str = Field(pattern=r"^[A-Za-z0-9][A-Za-z0-9._-]{0,63}$")
    id: str = Field(pattern="^[0-9a-f]{8}$")
    sha256: str = Field(pattern="^[0-9a-f]{64}$")
    scopes: tuple[Scope, ...] = SCOPES
    sessions: int | None = Field(default=None, ge=1)
    """Live sessions at once; None: no limit but the engine's."""
    requests_per_minute: int | None = Field(default=None, ge=1)
    created: datetime
    expires: datetime | None = None

    def expired(self, now: datetime) -> bool:
        """Whether it is no longer good."""
        return self.expires is not None and now >= self.expires


THE_SETTING = ApiKey(name="default", id="0" * 8, sha256="0" * 64, created=datetime(1970, 1, 1, tzinfo=UTC))
"""Stands for the setting ``api_key``, and for everybody where no key is asked for: it may do everything."""


class KeyRing:
    """The keys of an engine.

    Args:
        single: the setting ``api_key``.
        file: the setting ``api_keys_file``.

    Raises:
        SettingsError: the file is missing or damaged.
    """

    def __init__(self, single: str | None, file: Path | None) -> None:
        self._single = single
        self._file = file
        self._keys: dict[str, ApiKey] = {}
        self._seen: tuple[int, int, int] | None = None
        self._looked_at = 0.0
        if file is not None:
            if not file.is_file():
                raise SettingsError(
                    f"api_keys_file is {str(file)!r}: there is no such file (talking-tutor keys create)"
                )
            self._seen = _stamp(file)
            self._keys = {key.id: key for key in read_keys(file)}

    def find(self, given: str) -> ApiKey | None:
        """The key whose text is ``given``, if it is valid now. Without any keys, everybody has all rights."""
        if self._single is None and self._file is None:
            return THE_SETTING
        encoded = given.encode(errors="surrogateescape")
        if self._single is not None and hmac.compare_digest(encoded, self._single.encode()):
            return THE_SETTING
        self._look()
        form = FORM.fullmatch(given)
        key = self._keys.get(form[1]) if form is not None else None
        if key is None or not hmac.compare_digest(digest(given), key.sha256) or key.expired(datetime.now(UTC)):
            return None
        return key

    def _look(self) -> None:
        """Read the file again if it has changed. Damaged, the old keys stay; gone, none is valid."""
        now = time.monotonic()
        if self._file is None or now - self._looked_at < LOOK_EVERY_S:
            return
        self._looked_at = now
        stamp = _stamp(self._file)
        if stamp == self._seen:
            return
        self._seen = stamp
        if stamp is None:
            log.error("api_keys_file_missing")
            self._keys = {}
            return
        try:
            self._keys = {key.id: key for key in read_keys(self._file)}
            log.info("api_keys_read", keys=len(self._keys))
        except SettingsError as error:
            log.error("api_keys_file_damaged", reason=error.message)


def digest(text: str) -> str:
    """What the file has of a key, in hexadecimal digits."""
    return hashlib.sha256(text.encode(errors="surrogateescape")).hexdigest()


def new_key(
    name: str,
    scopes: Iterable[Scope] = SCOPES,
    *,
    sessions: int | None = None,
    requests_per_minute: int | None = None,
    expires: datetime | None = None,
) -> tuple[ApiKey, str]:
    """A new key, and its text, which is nowhere else.

    Raises:
        InvalidField: the name or a limit is not allowed.
    """
    key_id = secrets.token_hex(4)
    text = f"tutor_{key_id}_{secrets.token_urlsafe(32)}"
    try:
        key = ApiKey(
            name=name,
            id=key_id,
            sha256=digest(text),
            scopes=tuple(scopes),
            sessions=sessions,
            requests_per_minute=requests_per_minute,
            created=datetime.now(UTC).replace(microsecond=0),
            expires=expires,
        )
    except ValidationError as error:
        first = error.errors()[0]
        raise InvalidField(f"{first['loc'][0]}: {first['msg']}") from None
    return key, text


def read_keys(file: Path) -> list[ApiKey]:
    """The keys in ``file``.

    Raises:
        SettingsError: it cannot be read, or is not what ``write_keys`` writes.
    """
    try:
        found: dict[str, Any] = tomllib.loads(file.read_text())
        return [ApiKey.model_validate(entry) for entry in found.get("keys", [])]
    except (OSError, UnicodeDecodeError, tomllib.TOMLDecodeError) as error:
        raise SettingsError(f"{file} cannot be read as a file of API keys: {error}") from None
    except (ValidationError, TypeError) as error:
        fault = (
            error.errors(include_input=False)[0] if isinstance(error, ValidationError) else {"loc": (), "msg": error}
        )
        raise SettingsError(f"{file} is no file of API keys: {fault['loc']} {fault['msg']}") from None


def write_keys(file: Path, keys: Iterable[ApiKey]) -> None:
    """Replace the keys in ``file``, at once for whoever reads it.

    Raises:
        OSError: it cannot be written.
    """
    entries = [key.model_dump(exclude_none=True) for key in keys]
    for entry in entries:
        entry["scopes"] = list(entry["scopes"])
    write_atomically(file, tomli_w.dumps({"keys": entries}).encode())


def _stamp(file: Path) -> tuple[int, int, int] | None:
    try:
        status = file.stat()
    except OSError:
        return None
    return status.st_mtime_ns, status.st_size, status.st_ino
