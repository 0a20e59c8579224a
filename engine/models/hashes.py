"""SHA-256 hashes of files, cached so that a second start does not read half a gigabyte again.

Blocking: call it before the event loop starts or in a worker thread. A stamp holds a file's size, modification time
and hash. When the size or the time has changed, the file is read again.
"""

from __future__ import annotations

import hashlib
import json
from collections.abc import Callable
from pathlib import Path

import structlog

from engine.files import write_atomically

Progress = Callable[[str, int, int], None]
"""Called with a label for what is being read or written, the bytes done so far and the total bytes."""

_BLOCK = 1 << 20
_log = structlog.get_logger(__name__)


def no_progress(_label: str, _done: int, _total: int) -> None:
    """A ``Progress`` that shows nothing."""


def hash_file(path: Path, progress: Progress = no_progress) -> str:
    """The SHA-256 of a file in lower-case hex.

    Raises:
        OSError: the file cannot be read.
    """
    digest, done, total = hashlib.sha256(), 0, path.stat().st_size
    with path.open("rb") as stream:
        while block := stream.read(_BLOCK):
            digest.update(block)
            done += len(block)
            progress(path.name, done, total)
    return digest.hexdigest()


class Stamps:
    """The hashes of files read before, one small JSON file for each under ``folder``.

    Each is replaced atomically, so processes that start together need no lock.
    """

    def __init__(self, folder: Path) -> None:
        self._folder = folder

    def sha256(self, path: Path, progress: Progress = no_progress, *, reread: bool = False) -> str:
        """The SHA-256 of a file in lower-case hex, from its stamp if size and modification time still match.

        Args:
            path: the file; symbolic links are followed.
            progress: called while the file is read.
            reread: hash the file even if its stamp matches.

        Raises:
            OSError: the file cannot be read.
        """
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
        """Stores the hash of a file just written, so that it need not be read back.

        Raises:
            OSError: the file does not exist.
        """
        real = path.resolve()
        state = real.stat()
        self._keep(real, {"size": state.st_size, "mtime_ns": state.st_mtime_ns, "sha256": sha256})

    def _stamp(self, real: Path) -> Path:
        return self._folder / f"{hashlib.sha256(str(real).encode()).hexdigest()[:32]}.json"

    def _keep(self, real: Path, facts: dict[str, object]) -> None:
        try:
            write_atomically(self._stamp(real), json.dumps(facts).encode())
        except OSError as error:  # a read-only cache only costs time: the next start hashes the file again
            _log.warning("model_stamp_not_written", folder=str(self._folder), reason=error.strerror)


def _read_json(path: Path) -> dict[str, object]:
    try:
        found = json.loads(path.read_bytes())
    except (OSError, ValueError):
        return {}
    return found if isinstance(found, dict) else {}
