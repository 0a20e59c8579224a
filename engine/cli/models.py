"""``python -m engine models list|prepare|verify|pull``: list, verify and fetch models.

Exit status: 0 for success; 1 if a model is missing, damaged or cannot be fetched; 2 for an invalid argument or setting.
"""

from __future__ import annotations

import argparse
import json
import sys
import time
from collections.abc import Callable, Iterable
from pathlib import Path

from engine.errors import ModelMissing, SettingsError
from engine.models.catalog import ModelStore
from engine.models.known import CATALOG, Entry
from engine.models.prepare import MANIFEST
from engine.models.progress_bars import ProgressBars
from engine.settings import Settings, load_settings

Row = tuple[str, str, str, str, str, str]


def main(argv: list[str] | None = None) -> int:
    """Runs one command and returns the exit status."""
    args = _parser().parse_args(argv)
    try:
        settings = load_settings([])
    except SettingsError as error:
        print(error.message, file=sys.stderr)
        return 2
    with ProgressBars() as bars:
        store = ModelStore(
            args.models_dir or settings.models_dir,
            args.cache_dir or settings.cache_dir,
            bars,
            reread=args.command == "verify",
        )
        if args.command == "list":
            return show(store)
        if args.command == "pull":
            from engine.models.pull import pull  # the hub client takes half a second to import

            failed = each(args.names or missing(store), lambda name: pull(name, store, bars, args.revision), bars)
            if args.names or failed:
                return failed
        failed = each(args.names or wanted(store), store.locate, bars)
        if args.names or args.command == "verify" or not settings.knowledge.starter:
            return failed
        settings = settings.model_copy(update={"models_dir": store.models_dir, "cache_dir": store.cache_dir})
        return failed | each(["starter course"], lambda _: prepare_starter(settings, bars), bars)


def prepare_starter(settings: Settings, bars: ProgressBars) -> Path:
    """Computes the starter course's vectors; its base's file."""
    from engine.knowledge.service import prepare_built_in  # torch takes seconds to import

    path = prepare_built_in(settings, bars)
    assert path is not None
    return path


def each(names: Iterable[str], act: Callable[[str], Path], bars: ProgressBars) -> int:
    """Calls ``act`` for every name and prints one line each; a failure does not stop it. Returns the exit status."""
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


def wanted(store: ModelStore) -> list[str]:
    """Names of the models of the default install, the optional ones that are installed, and the pulled ones."""
    known = [entry.name for entry in CATALOG.values() if not entry.optional or store.find(entry)]
    return known + [name for name in pulled(store) if name not in CATALOG]


def missing(store: ModelStore) -> list[str]:
    """Names of the models of the default install that are not on this machine."""
    return [entry.name for entry in CATALOG.values() if not entry.optional and store.find(entry) is None]


def show(store: ModelStore) -> int:
    """Prints a table of all models. Returns the exit status: 1 if a model of the default install is missing."""
    rows: list[Row] = [("NAME", "KIND", "SIZE", "LICENCE", "STATE", "LOCATION")]
    rows += [_row(entry, store) for entry in CATALOG.values()]
    for name, (size, licence) in pulled(store).items():
        rows.append((name, "pulled", _megabytes(size), licence, "ready", str(store.pulled_folder(name))))
    widths = [max(len(row[column]) for row in rows) for column in range(5)]
    for row in rows:
        print("  ".join([*(cell.ljust(width) for cell, width in zip(row, widths, strict=False)), row[5]]).rstrip())
    return 1 if missing(store) else 0


def pulled(store: ModelStore) -> dict[str, tuple[int, str]]:
    """Total bytes and licences of each model fetched from a hub, by name."""
    found = {}
    for path in sorted((store.cache_dir / "pulled").glob(f"[!.]*/{MANIFEST}")):
        try:
            manifest = json.loads(path.read_bytes())
            name = str(manifest["model"])
            licence = ", ".join(sorted({str(source["licence"]) for source in manifest["sources"]}))
        except (ValueError, KeyError, TypeError):
            name, licence = path.parent.name, "unknown (damaged manifest)"
        found[name] = sum(file.stat().st_size for file in path.parent.rglob("*") if file.is_file()), licence
    return found


def _row(entry: Entry, store: ModelStore) -> Row:
    found, prepared = store.find(entry), store.prepared_folder(entry)
    if found is None:
        state, place = ("optional" if entry.optional else "missing"), entry.install_command
    elif prepared and found.shipped and not (prepared / MANIFEST).is_file():
        state, place = "to prepare", str(found.folder)
    else:
        state, place = "ready", str(prepared if prepared and prepared.is_dir() else found.folder)
    return entry.name, entry.kind, _megabytes(entry.size), entry.licence, state, place


def _megabytes(size: int) -> str:
    return f"{size / 1e6:.1f} MB"


def _parser() -> argparse.ArgumentParser:
    parser = argparse.ArgumentParser(prog="python -m engine models", description="List, verify and fetch models.")
    parser.add_argument("--models-dir", type=Path, help="folder of your own models (default: ENGINE_MODELS_DIR)")
    parser.add_argument(
        "--cache-dir", type=Path, help="folder of prepared and pulled models (default: ENGINE_CACHE_DIR)"
    )
    commands = parser.add_subparsers(dest="command", required=True)
    commands.add_parser("list", help="show all models with kind, size, licence, state and location")
    for name, about in (
        ("prepare", "find, verify and prepare models, so that the engine starts without delay"),
        ("verify", "hash every file again and compare its SHA-256"),
    ):
        commands.add_parser(name, help=about).add_argument("names", nargs="*", help="models (default: all installed)")
    fetch = commands.add_parser("pull", help="fetch models: a listed name, whisper-small, piper-zh_CN-huayan-medium, …")
    fetch.add_argument(
        "names",
        nargs="*",
        help="model names; owner/repository[:file] fetches from any hub repository (default: what is missing of the "
        "default install, which is then prepared)",
    )
    fetch.add_argument("--revision", help="commit, tag or branch of the hub repository")
    return parser
