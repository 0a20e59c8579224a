"""Tutor profiles: one TOML file per tutor, built in or in the operator's folder.

The operator's profiles take precedence. Files are read once, at start; ``find`` looks up memory and
may run on the event loop. ``put`` and ``delete`` write files: call them in a thread. A profile is
written to a new file that replaces the old one, so a crash leaves one or the other.
"""

from __future__ import annotations

import threading
import tomllib
from collections.abc import Callable, Mapping
from pathlib import Path
from typing import Any

import structlog
import tomli_w
from pydantic import ValidationError

from engine.errors import Conflict, InvalidField, NotFound, SettingsError
from engine.files import write_atomically
from engine.tutors.profile import TUTOR_ID, TutorProfile

BUILT_IN = Path(__file__).with_name("profiles")
DEFAULT = "default"
MAX_FILE_BYTES = 64_000

log = structlog.get_logger(__name__)


class TutorStore:
    """All profiles. Thread safe.

    Args:
        folder: the operator's own profiles (created at the first ``put``), or None.

    Raises:
        SettingsError: a profile file is not readable or not valid; file and field are named.
    """

    def __init__(self, folder: Path | None = None) -> None:
        self._folder = folder
        self._lock = threading.Lock()
        self._built_in = _read_folder(BUILT_IN)
        self._own = _read_folder(folder) if folder is not None and folder.is_dir() else {}

    def find(self, tutor_id: int | str) -> TutorProfile:
        """The profile of ``tutor_id``, or the default profile when there is none."""
        key = str(tutor_id)
        profile = self._own.get(key) or self._built_in.get(key)
        if profile is not None:
            return profile
        log.info("tutor_unknown", tutor=key[:64], served="default")
        return self._own.get(DEFAULT) or self._built_in[DEFAULT]

    def get(self, tutor_id: str) -> TutorProfile:
        """The profile of ``tutor_id``.

        Raises:
            NotFound: there is none.
        """
        profile = self._own.get(tutor_id) or self._built_in.get(tutor_id)
        if profile is None:
            raise NotFound(f"there is no tutor {tutor_id[:64]!r}")
        return profile

    def all(self) -> list[TutorProfile]:
        """Every profile, in the order of their ids."""
        return [profile for _, profile in sorted({**self._built_in, **self._own}.items())]

    def put(
        self,
        tutor_id: str,
        fields: Mapping[str, Any],
        *,
        expected_version: int | None = None,
        check: Callable[[TutorProfile], None] | None = None,
    ) -> TutorProfile:
        """Write a profile; live sessions keep the old one.

        Args:
            tutor_id: letters, digits, ``-`` and ``_``.
            fields: those of ``TutorProfile`` except ``id`` and ``version``; missing ones take their defaults.
            expected_version: refuse unless the present profile has this version (0: there is none).
            check: raises when the engine cannot serve this profile.

        Returns:
            The profile, with its new version.

        Raises:
            InvalidField: a field is unknown or has a wrong value.
            Conflict: there is no folder to write to, or the version is not the expected one.
        """
        if self._folder is None:
            raise Conflict("profiles are read-only: set tutors_dir (ENGINE_TUTORS_DIR) to a folder for your own")
        if not TUTOR_ID.fullmatch(tutor_id):
            raise InvalidField("tutor_id: letters, digits, - and _, at most 64")
        with self._lock:
            present = self._own.get(tutor_id) or self._built_in.get(tutor_id)
            version = present.version if present is not None else 0
            if expected_version is not None and expected_version != version:
                raise Conflict(f"tutor {tutor_id} has version {version}, not {expected_version}")
            content = {k: v for k, v in fields.items() if k not in ("id", "version")}
            try:
                profile = TutorProfile.model_validate({**content, "id": tutor_id, "version": version + 1})
            except ValidationError as error:
                raise InvalidField(_explain(error)) from None
            if check is not None:
                check(profile)
            _write(self._folder / f"{tutor_id}.toml", profile)
            self._own[tutor_id] = profile
        return profile

    def delete(self, tutor_id: str) -> None:
        """Remove the operator's profile; a built-in one of that id shows again.

        Raises:
            NotFound: the operator has none of that id.
            Conflict: it is built in and cannot be deleted.
        """
        with self._lock:
            if tutor_id not in self._own:
                if tutor_id in self._built_in:
                    raise Conflict(
                        f"tutor {tutor_id} is built in and cannot be deleted; put a profile of your own in its place"
                    )
                raise NotFound(f"there is no tutor {tutor_id[:64]!r}")
            assert self._folder is not None
            (self._folder / f"{tutor_id}.toml").unlink(missing_ok=True)
            del self._own[tutor_id]


def _read_folder(folder: Path) -> dict[str, TutorProfile]:
    profiles: dict[str, TutorProfile] = {}
    for file in sorted(folder.glob("*.toml")):
        if file.stat().st_size > MAX_FILE_BYTES:
            raise SettingsError(f"tutor profile {file.name} is larger than {MAX_FILE_BYTES} bytes")
        try:
            with file.open("rb") as opened:
                fields = tomllib.load(opened)
            profiles[file.stem] = TutorProfile.model_validate({**fields, "id": file.stem})
        except (tomllib.TOMLDecodeError, UnicodeDecodeError) as error:
            raise SettingsError(f"tutor profile {file} is not valid TOML: {error}") from None
        except ValidationError as error:
            raise SettingsError(f"tutor profile {file}: {_explain(error)}") from None
    return profiles


def _write(file: Path, profile: TutorProfile) -> None:
    fields = profile.model_dump(mode="json", exclude={"id"}, exclude_none=True, exclude_defaults=True)
    fields["version"] = profile.version
    write_atomically(file, tomli_w.dumps(fields, multiline_strings=True).encode())


def _explain(error: ValidationError) -> str:
    return "; ".join(f"{'.'.join(map(str, e['loc'])) or 'profile'}: {e['msg']}" for e in error.errors())
