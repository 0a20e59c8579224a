"""``python -m engine models list|prepare|verify|pull``: see, check and fetch models.

Ends with 0 when all is well, 1 when a model is missing, damaged or cannot be fetched, 2 for a
wrong command line or setting.
"""

from __future__ import annotations

import argparse
import json
import sys
import time
from collections.abc import Callable, Iterable
from pathlib import Path

from engine.errors import ModelMissing, SettingsError
from engine.models.bars import Bars
from engine.models.catalog import Shelf
from engine.models.known import CATALOG, Entry
from engine.models.prepare import MANIFEST
from engine.settings import load_settings

Row = tuple[str, str, str, str, str, str]


def main(argv: list[str] | None = None) -> int:
    """Runs one command; returns the exit code."""
    args = _parser().parse_args(argv)
    try:
        settings = load_settings([])
    except SettingsError as error:
        print(error.message, file=sys.stderr)
        return 2
    with Bars() as bars:
        shelf = Shelf(
            args.models_dir or settings.models_dir,
            args.cache_dir or settings.cache_dir,
            bars,
            reread=args.command == "verify",
        )
        if args.command == "list":
            return show(shelf)
        if args.command == "pull":
            from engine.models.pull import pull  # the hub client takes half a second to import

            return each(args.names, lambda name: pull(name, shelf, bars, args.revision), bars)
        return each(args.names or wanted(shelf), shelf.locate, bars)


def each(names: Iterable[str], act: Callable[[str], Path], bars: Bars) -> int:
    """Does one thing for every name, one line each; goes on after a failure. Returns the exit code."""
    failed = 0
    for name in names:
        began = time.monotonic()
        try:
            path = act(name)
        except ModelMissing as error:
            failed += 1
            bars.close()
            print(f"✗ {name}: {error.message}", file=sys.stderr, flush=True)
        else:
            bars.close()
            print(f"✓ {name:<24} {time.monotonic() - began:6.2f} s  {path}", flush=True)
    return 1 if failed else 0


def wanted(shelf: Shelf) -> list[str]:
    """What a default install needs, what is optional and there, and what was pulled."""
    known = [entry.name for entry in CATALOG.values() if not entry.optional or shelf.find(entry)]
    return known + [name for name in pulled(shelf) if name not in CATALOG]


def show(shelf: Shelf) -> int:
    """The table of all models. Returns the exit code: 1 when one of the default install is missing."""
    rows: list[Row] = [("NAME", "KIND", "SIZE", "LICENCE", "STATE", "PLACE")]
    missing = 0
    for entry in CATALOG.values():
        row = _row(entry, shelf)
        missing += row[4] == "missing"
        rows.append(row)
    for name, (size, licence) in pulled(shelf).items():
        rows.append((name, "pulled", _megabytes(size), licence, "ready", str(shelf.pulled_folder(name))))
    widths = [max(len(row[column]) for row in rows) for column in range(5)]
    for row in rows:
        print("  ".join([*(cell.ljust(width) for cell, width in zip(row, widths, strict=False)), row[5]]).rstrip())
    return 1 if missing else 0


def pulled(shelf: Shelf) -> dict[str, tuple[int, str]]:
    """Bytes and licences of what was fetched from a hub, by name."""
    found = {}
    for path in sorted((shelf.cache_dir / "pulled").glob(f"[!.]*/{MANIFEST}")):
        try:
            manifest = json.loads(path.read_bytes())
            name = str(manifest["model"])
            licence = ", ".join(sorted({str(source["licence"]) for source in manifest["sources"]}))
        except (ValueError, KeyError, TypeError):
            name, licence = path.parent.name, "unknown (damaged manifest)"
        found[name] = sum(file.stat().st_size for file in path.parent.rglob("*") if file.is_file()), licence
    return found


def _row(entry: Entry, shelf: Shelf) -> Row:
    found, prepared = shelf.find(entry), shelf.prepared_folder(entry)
    if found is None:
        state, place = ("optional" if entry.optional else "missing"), f"{entry.install_command}"
    elif prepared and found.shipped and not (prepared / MANIFEST).is_file():
        state, place = "to prepare", str(found.folder)
    else:
        state, place = "ready", str(prepared if prepared and prepared.is_dir() else found.folder)
    return entry.name, entry.kind, _megabytes(entry.size), entry.licence, state, place


def _megabytes(size: int) -> str:
    return f"{size / 1e6:.1f} MB"


def _parser() -> argparse.ArgumentParser:
    parser = argparse.ArgumentParser(prog="python -m engine models", description="See, check and fetch models.")
    parser.add_argument("--models-dir", type=Path, help="your own models (default: ENGINE_MODELS_DIR)")
    parser.add_argument("--cache-dir", type=Path, help="prepared and pulled models (default: ENGINE_CACHE_DIR)")
    commands = parser.add_subparsers(dest="command", required=True)
    commands.add_parser("list", help="what there is: kind, size, licence, state, place")
    for name, about in (
        ("prepare", "find, check and prepare models, so that the engine starts at once"),
        ("verify", "read every file again and compare its SHA-256"),
    ):
        commands.add_parser(name, help=about).add_argument("names", nargs="*", help="default: all of the install")
    fetch = commands.add_parser("pull", help="fetch models: a listed name, whisper-small, piper-zh_CN-huayan-medium, …")
    fetch.add_argument("names", nargs="+", help="names; owner/repository[:file] takes any hub repository")
    fetch.add_argument("--revision", help="commit, tag or branch of the hub repository")
    return parser
