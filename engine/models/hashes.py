"""SHA-256 of files, remembered so that a second start need not read half a gigabyte again.

Blocking; call it before the event loop starts or in a worker thread. A stamp remembers a file's
size and modification time beside its hash; either one changing makes the file be read again.
"""

from __future__ import annotations

import hashlib
import json
import os
import tempfile
from collections.abc import Callable
from pathlib import Path

import structlog

Progress = Callable[[str, int, int], None]
"""Called with what is being read or written, bytes done so far and bytes in all."""

_BLOCK = 1 << 20
_log = structlog.get_logger(__name__)


def quiet(_label: str, _done: int, _total: int) -> None:
    """A ``Progress`` that shows nothing."""


def hash_file(path: Path, progress: Progress = quiet) -> str:
    """Hex SHA-256 of a file. Raises OSError when it cannot be read."""
    digest, done, total = hashlib.sha256(), 0, path.stat().st_size
    with path.open("rb") as stream:
        while block := stream.read(_BLOCK):
            digest.update(block)
            done += len(block)
            progress(path.name, done, total)
    return digest.hexdigest()


class Stamps:
    """What is known of files already hashed: one small JSON file each under ``folder``.

    One file a stamp, replaced atomically, so processes that start together need no lock.
    """

    def __init__(self, folder: Path) -> None:
        self._folder = folder

    def sha256(self, path: Path, progress: Progress = quiet, *, reread: bool = False) -> str:
        """The file's hash, from the stamp while size and time still agree (unless ``reread``)."""
        real = path.resolve()
        state = real.stat()
        facts = {"size": state.st_size, "mtime_ns": state.st_mtime_ns}
        if not reread:
            known = _read_json(self._stamp(real))
            if all(known.get(key) == value for key, value in facts.items()) and isinstance(known.get("sha256"), str):
                return str(known["sha256"])
        sha256 = hash_file(real, progress)
        self._keep(real, {**facts, "sha256": sha256})
        return sha256

    def note(self, path: Path, sha256: str) -> None:
        """Remembers the hash of a file just written, so that it need not be read back."""
        real = path.resolve()
        state = real.stat()
        self._keep(real, {"size": state.st_size, "mtime_ns": state.st_mtime_ns, "sha256": sha256})

    def _stamp(self, real: Path) -> Path:
        return self._folder / f"{hashlib.sha256(str(real).encode()).hexdigest()[:32]}.json"

    def _keep(self, real: Path, facts: dict[str, object]) -> None:
        try:
            write_atomic(self._stamp(real), json.dumps(facts).encode())
        except OSError as error:  # a read-only cache only costs time: the file was really read
            _log.warning("model_stamp_not_kept", folder=str(self._folder), reason=error.strerror)


def write_atomic(path: Path, content: bytes) -> None:
    """Writes a small file so that readers see the old one or the new one, never a part."""
    path.parent.mkdir(parents=True, exist_ok=True)
    handle, name = tempfile.mkstemp(dir=path.parent, prefix=f".{path.name}-")
    try:
        with os.fdopen(handle, "wb") as stream:
            stream.write(content)
            stream.flush()
            os.fsync(stream.fileno())
        Path(name).replace(path)
    except BaseException:
        Path(name).unlink(missing_ok=True)
        raise


def _read_json(path: Path) -> dict[str, object]:
    try:
        found = json.loads(path.read_bytes())
    except (OSError, ValueError):
        return {}
    return found if isinstance(found, dict) else {}
