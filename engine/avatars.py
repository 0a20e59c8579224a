"""Make avatars from portraits and list them: ``python -m engine.avatars create NAME portrait.png``.

A command; runs in its own process and ends by itself.
"""

from __future__ import annotations

import argparse
import sys
from pathlib import Path

from engine.errors import EngineError
from engine.pipelines.animating.avatars import BUILTIN, BrokenAvatar, find_folder, find_ids, read_manifest
from engine.pipelines.animating.portrait import create_avatar
from engine.settings import load_settings


def main(argv: list[str] | None = None) -> int:
    """Exit status: 0 done, 1 refused (one line on stderr says why)."""
    parser = argparse.ArgumentParser(prog="python -m engine.avatars", description="Avatars of the tutoring engine.")
    commands = parser.add_subparsers(dest="command", required=True)
    create = commands.add_parser("create", help="make an avatar from one portrait")
    create.add_argument("name", help="its id: a-z, 0-9, _ and -")
    create.add_argument("portrait", type=Path, help="PNG, JPEG or WebP of one face that looks into the camera")
    create.add_argument("--title", help="the name people see; the id if not given")
    create.add_argument("--replace", action="store_true", help="overwrite an avatar of this id")
    listing = commands.add_parser("list", help="show all avatars")
    for command in (create, listing):
        command.add_argument(
            "--avatars-dir", type=Path, help="where your own avatars are; ENGINE_AVATARS_DIR if not given"
        )
    arguments = parser.parse_args(argv)
    try:
        directory = arguments.avatars_dir or load_settings([]).avatars_dir
        if arguments.command == "list":
            return show([BUILTIN, *([directory] if directory else [])])
        if directory is None:
            raise EngineError("tell where avatars go: --avatars-dir DIR or ENGINE_AVATARS_DIR")
        folder = create_avatar(
            arguments.portrait.read_bytes(),
            arguments.name,
            directory,
            name=arguments.title,
            replace=arguments.replace,
            progress=lambda step, done: print(f"{done:4.0%} {step}", file=sys.stderr),
        )
    except EngineError as error:
        print(error.message, file=sys.stderr)
        return 1
    except OSError as error:
        print(f"{error.filename}: {error.strerror}", file=sys.stderr)
        return 1
    print(folder)
    return 0


def show(directories: list[Path]) -> int:
    """Print one line an avatar; broken ones say what is wrong."""
    for avatar_id in find_ids(directories):
        folder = find_folder(directories, avatar_id)
        try:
            manifest = read_manifest(folder)
        except BrokenAvatar as error:
            print(f"{avatar_id:24s} BROKEN: {error.message}")
            continue
        print(f"{avatar_id:24s} {manifest.name:16s} {manifest.description}")
    return 0


if __name__ == "__main__":
    sys.exit(main())
