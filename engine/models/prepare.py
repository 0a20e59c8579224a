"""Making what the packages do not carry: Whisper joined from its parts, a voice that tells phoneme times.

Blocking; runs before the port opens or in a worker thread. Results live in folders of the cache,
each with a ``manifest.json`` of its files' hashes. A folder appears complete or not at all: it is
built beside its place, flushed to disk and renamed, under a file lock, so two processes may
prepare at once and one that is killed leaves only a folder the next one removes.
"""

from __future__ import annotations

import hashlib
import json
import os
import shutil
import tempfile
from collections.abc import Callable
from pathlib import Path

import structlog
from filelock import FileLock

from engine.errors import ModelMissing
from engine.models.hashes import Progress, Stamps

MANIFEST = "manifest.json"
_BLOCK = 1 << 20
_log = structlog.get_logger(__name__)


class NoAlignment(Exception):
    """This voice's graph has no single place to read phoneme durations from."""


def intact(folder: Path, stamps: Stamps, *, reread: bool = False, progress: Progress = lambda *_: None) -> bool:
    """Whether every file named in the folder's manifest is there with its hash."""
    try:
        files = json.loads((folder / MANIFEST).read_bytes())["files"]
        return all(stamps.sha256(folder / name, progress, reread=reread) == sha256 for name, sha256 in files.items())
    except (OSError, ValueError, KeyError, TypeError, AttributeError):
        return False


def build_once(folder: Path, fill: Callable[[Path], dict[str, str]], stamps: Stamps, about: dict[str, object]) -> Path:
    """The folder, made by ``fill`` unless it is there and intact already.

    Args:
        folder: where it shall be; its parent is made.
        fill: writes the files into the empty folder it is given and returns their SHA-256 by name.
        about: more for the manifest (source, revision, ...).

    Raises:
        ModelMissing: the cache cannot be written.
        Whatever ``fill`` raises; nothing is left at ``folder`` then.
    """
    try:
        folder.parent.mkdir(parents=True, exist_ok=True)
        with FileLock(folder.parent / f".{folder.name}.lock"):
            if intact(folder, stamps):
                return folder
            _drop_leftovers(folder)
            if folder.exists():
                _log.warning("prepared_model_damaged", folder=str(folder), action="made anew")
                _remove(folder)
            for name, sha256 in _build(folder, fill, about).items():
                stamps.note(folder / name, sha256)
        return folder
    except OSError as error:
        raise ModelMissing(
            f"cannot prepare a model in {folder.parent}: {error.strerror or error}; "
            "free some space or set ENGINE_CACHE_DIR to a folder that can be written"
        ) from error


def join(parts: list[Path], target: Path, label: str, progress: Progress) -> str:
    """Writes the parts one after another into ``target``; gives the SHA-256 of the whole."""
    digest, done, total = hashlib.sha256(), 0, sum(part.stat().st_size for part in parts)
    with target.open("wb") as out:
        for part in parts:
            with part.open("rb") as stream:
                while block := stream.read(_BLOCK):
                    out.write(block)
                    digest.update(block)
                    done += len(block)
                    progress(label, done, total)
    return digest.hexdigest()


def align_voice(source: Path, target: Path) -> str:
    """Copies a Piper voice with its phoneme durations as a second output; gives the copy's SHA-256.

    Raises:
        NoAlignment: the graph has no duration tensor, several, or gives it already.
    """
    import onnx  # 0.3 s to import, needed once in the life of a machine
    from piper.patch_voice_with_alignment import add_alignment_output

    model = onnx.load(str(source))
    try:
        add_alignment_output(model)
    except ValueError as error:
        raise NoAlignment(str(error)) from error
    content = model.SerializeToString()
    target.write_bytes(content)
    return hashlib.sha256(content).hexdigest()


def _build(folder: Path, fill: Callable[[Path], dict[str, str]], about: dict[str, object]) -> dict[str, str]:
    work = Path(tempfile.mkdtemp(dir=folder.parent, prefix=f".{folder.name}-"))
    try:
        files = fill(work)
        (work / MANIFEST).write_text(json.dumps({**about, "files": files}, indent=1))
        for path in [*(p for p in work.rglob("*") if p.is_file()), work]:
            _flush(path)
        work.chmod(0o755)
        work.rename(folder)
        _flush(folder.parent)
        return files
    except BaseException:
        shutil.rmtree(work, ignore_errors=True)
        raise


def _drop_leftovers(folder: Path) -> None:
    """Removes what a killed process left; the caller holds the lock, so nobody is at work in them."""
    for left in folder.parent.glob(f".{folder.name}-*"):
        shutil.rmtree(left, ignore_errors=True)


def _remove(folder: Path) -> None:
    """Moves aside first: a half-removed folder must never stand at the good place."""
    aside = folder.parent / f".{folder.name}-damaged"
    folder.rename(aside)
    shutil.rmtree(aside, ignore_errors=True)


def _flush(path: Path) -> None:
    handle = os.open(path, os.O_RDONLY)
    try:
        os.fsync(handle)
    finally:
        os.close(handle)
