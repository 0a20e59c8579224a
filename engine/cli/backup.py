"""``talking-tutor backup|restore ARCHIVE``: what an engine keeps on disk that it did not download, as one archive.

Databases are copied by SQLite itself, so a backup of a running engine is whole. Models are not in it (``models pull``),
nor are settings and secrets. Exit status: 0 for success; 1 if something cannot be read or written, or is in the way;
2 for an invalid argument or setting.
"""

from __future__ import annotations

import argparse
import contextlib
import json
import os
import shutil
import sqlite3
import sys
import tarfile
import tempfile
import zlib
from datetime import UTC, datetime
from pathlib import Path, PurePosixPath

from engine import __version__
from engine.errors import EngineError
from engine.settings import Settings, load_settings

MANIFEST = "manifest.json"
SQLITE = b"SQLite format 3\x00"
LEFT_OUT = ("-wal", "-shm", "-journal", ".lock", ".tmp")
"""Files of a moment: SQLite's log, which its copy has, locks and files that are being written."""


class Unusable(Exception):
    """The archive or a place is not as it must be; the message says how."""


def main(argv: list[str] | None = None) -> int:
    """Runs one command and returns the exit status."""
    args = _parser().parse_args(argv)
    try:
        settings = load_settings([])
        also = dict(args.also)
        if args.command == "backup":
            return write(args.archive, {**places(settings), **also})
        return restore(args.archive, {**places(settings), **also}, replace=args.replace)
    except EngineError as error:
        print(error.message, file=sys.stderr)
        return 2
    except (OSError, EOFError, zlib.error, sqlite3.Error, tarfile.TarError, Unusable) as error:
        print(f"{args.command} failed: {error}", file=sys.stderr)
        return 1


def places(settings: Settings) -> dict[str, Path]:
    """What is saved, by its name in the archive; only what the settings name."""
    found = {
        "tutors": settings.tutors_dir,
        "avatars": settings.avatars_dir,
        "knowledge": settings.knowledge.dir,
        "usage": settings.usage.dir,
        "keys": settings.api_keys_file,
    }
    return {name: path for name, path in found.items() if path is not None}


def write(archive: Path, sources: dict[str, Path]) -> int:
    """Save those of ``sources`` that exist as ``archive`` (.tar.gz), which appears when it is complete.

    Raises:
        OSError, sqlite3.Error: something cannot be read or written.
    """
    sources = {name: source for name, source in sources.items() if source.exists()}
    counts: dict[str, int] = {}
    handle, unfinished = tempfile.mkstemp(dir=archive.resolve().parent, prefix=f".{archive.name}-", suffix=".tmp")
    try:
        with os.fdopen(handle, "wb") as stream, tarfile.open(fileobj=stream, mode="w:gz") as tar:
            for name, source in sources.items():
                counts[name] = sum(_add(tar, file, f"{name}/{inside}") for file, inside in _files(source))
            manifest = {
                "version": __version__,
                "at": datetime.now(UTC).isoformat(timespec="seconds"),
                "folders": {name: not source.is_file() for name, source in sources.items()},
            }
            with tempfile.NamedTemporaryFile() as described:
                described.write(json.dumps(manifest).encode())
                described.flush()
                tar.add(described.name, MANIFEST)
        Path(unfinished).replace(archive)
    except BaseException:
        Path(unfinished).unlink(missing_ok=True)
        raise
    for name, count in counts.items():
        print(f"{name}: {count} files")
    return 0


def restore(archive: Path, targets: dict[str, Path], *, replace: bool) -> int:
    """Put what ``archive`` holds into ``targets``. Everything is unpacked and checked before anything is put in place.

    Args:
        targets: the place of each part.
        replace: also where there is something already, which is moved aside as ``NAME.before-restore``.

    Raises:
        Unusable: a place is not known or not empty, or the archive is not one of ours.
        OSError, sqlite3.Error, tarfile.TarError: something cannot be read or written.
    """
    with tempfile.TemporaryDirectory() as folder, tarfile.open(archive) as tar:
        unpacked = Path(folder)
        tar.extractall(unpacked, filter="data")
        try:
            folders: dict[str, bool] = json.loads((unpacked / MANIFEST).read_bytes())["folders"]
        except (OSError, ValueError, KeyError, TypeError):
            raise Unusable(f"{archive} is no backup of an engine") from None
        for part in folders:
            if part not in targets:
                raise Unusable(f"the backup has {part!r}, and no setting or --also {part}=PATH says where it belongs")
            if _taken(targets[part]) and not replace:
                raise Unusable(f"{targets[part]} is not empty (--replace moves it aside)")
            _check_databases(unpacked / part)
        for part, is_folder in folders.items():
            _put(unpacked / part, targets[part], is_folder=is_folder)
            print(f"{part}: {targets[part]}")
    return 0


def _files(source: Path) -> list[tuple[Path, PurePosixPath]]:
    """The files to save, each with its place below the part; a part that is one file is called by its name."""
    if source.is_file():
        return [(source, PurePosixPath(source.name))]
    files = sorted(path for path in source.rglob("*") if path.is_file() and not path.is_symlink())
    return [
        (path, PurePosixPath(path.relative_to(source).as_posix())) for path in files if not path.name.endswith(LEFT_OUT)
    ]


def _add(tar: tarfile.TarFile, file: Path, name: str) -> int:
    with file.open("rb") as stream:
        database = stream.read(len(SQLITE)) == SQLITE
    if not database:
        tar.add(file, name)
        return 1
    with tempfile.TemporaryDirectory() as folder:
        copy = Path(folder) / "copy"
        with (
            contextlib.closing(sqlite3.connect(f"file:{file}?mode=ro", uri=True)) as source,
            contextlib.closing(sqlite3.connect(copy)) as target,
        ):
            source.backup(target)
        tar.add(copy, name)
    return 1


def _check_databases(part: Path) -> None:
    for file in part.rglob("*"):
        if file.is_file() and file.open("rb").read(len(SQLITE)) == SQLITE:
            with contextlib.closing(sqlite3.connect(f"file:{file}?immutable=1", uri=True)) as database:
                said = database.execute("PRAGMA integrity_check").fetchone()[0]
            if said != "ok":
                raise Unusable(f"{file.name} is damaged: {said}")


def _taken(target: Path) -> bool:
    return target.is_file() or (target.is_dir() and any(target.iterdir()))


def _put(part: Path, target: Path, *, is_folder: bool) -> None:
    """``part`` becomes ``target``: a folder, or the one file in it."""
    if _taken(target):
        aside = target.with_name(f"{target.name}.before-restore")
        if aside.exists():
            raise Unusable(f"{aside} is in the way")
        target.rename(aside)
    target.parent.mkdir(parents=True, exist_ok=True)
    if is_folder:
        part.mkdir(exist_ok=True)  # it was empty
        shutil.copytree(part, target, dirs_exist_ok=True)
    else:
        shutil.copyfile(next(part.iterdir()), target)
        target.chmod(0o600)


def _also(text: str) -> tuple[str, Path]:
    name, equals, path = text.partition("=")
    if not equals or not path or not name.isidentifier():
        raise argparse.ArgumentTypeError("NAME=PATH, for example web=/srv/school/school.db")
    return name, Path(path)


def _parser() -> argparse.ArgumentParser:
    parser = argparse.ArgumentParser(
        prog="python -m engine", description="What an engine keeps on disk, as one archive."
    )
    commands = parser.add_subparsers(dest="command", required=True)
    for command, about in (("backup", "Write an archive."), ("restore", "Put back what an archive holds.")):
        each = commands.add_parser(command, help=about, description=about)
        each.add_argument("archive", type=Path, help="A .tar.gz file.")
        each.add_argument("--also", type=_also, action="append", default=[], metavar="NAME=PATH",
                          help="A further file or folder, such as the database of a web tier.")  # fmt: skip
        if command == "restore":
            each.add_argument("--replace", action="store_true", help="Move what is there aside.")
    return parser
