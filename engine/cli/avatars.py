"""``python -m engine avatars list|create|prepare|convert``: list and create avatars.

``create`` makes a drawn avatar from a portrait, ``prepare`` a MuseTalk avatar from a portrait or a video, and
``convert`` a MuseTalk avatar from a folder of MuseTalk or LiveTalking.
"""

from __future__ import annotations

import argparse
import contextlib
import sys
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import get_args

from tqdm import tqdm

from engine.avatars.folders import BUILTIN, BrokenAvatar, find_folder, find_ids, read_manifest
from engine.avatars.portrait import create_avatar
from engine.contracts import Presents
from engine.errors import EngineError
from engine.rendering.musetalk import avatar_files
from engine.settings import Settings, load_settings


def main(argv: list[str] | None = None) -> int:
    """Runs one command and returns the exit status: 0 for success, 1 for failure with one line on stderr."""
    arguments = _parser().parse_args(argv)
    try:
        settings = load_settings([])
        directory = arguments.avatars_dir or settings.avatars_dir
        if arguments.command == "list":
            return show([BUILTIN, *([directory] if directory else [])])
        if directory is None:
            raise EngineError("no folder for avatars is set: use --avatars-dir DIR or ENGINE_AVATARS_DIR")
        folder = COMMANDS[arguments.command](arguments, directory, settings)
    except EngineError as error:
        print(error.message, file=sys.stderr)
        return 1
    except OSError as error:
        print(f"{error.filename}: {error.strerror}", file=sys.stderr)
        return 1
    print(folder)
    return 0


def _parser() -> argparse.ArgumentParser:
    parser = argparse.ArgumentParser(prog="python -m engine avatars", description="List and create avatars.")
    commands = parser.add_subparsers(dest="command", required=True)
    create = commands.add_parser("create", help="create a drawn avatar from a portrait")
    prepare = commands.add_parser("prepare", help="create a MuseTalk avatar from a portrait or a video")
    prepare.add_argument("--size", type=int, help="edge of its pictures in pixels (default: ENGINE_VIDEO_SIZE)")
    convert = commands.add_parser("convert", help="import an avatar folder of MuseTalk or LiveTalking")
    for command, source in (
        (create, "PNG, JPEG or WebP of one face looking into the camera"),
        (prepare, "PNG, JPEG or WebP, or an MP4, MOV or WebM of up to a minute"),
        (convert, "folder with full_imgs, mask, coords.pkl, mask_coords.pkl and latents.pt"),
    ):
        command.add_argument("name", help="the new avatar's id (a-z, 0-9, _ and -)")
        command.add_argument("source", type=Path, help=source)
        command.add_argument("--title", help="the name shown to people (default: the id)")
        command.add_argument(
            "--presents",
            choices=[value for value in get_args(Presents) if value],
            default="",
            help="whom the face looks like; a tutor that names no voice gets one that fits",
        )
        command.add_argument("--replace", action="store_true", help="overwrite an existing avatar of this id")
    listing = commands.add_parser("list", help="show all avatars")
    for command in (create, prepare, convert, listing):
        command.add_argument(
            "--avatars-dir", type=Path, help="folder of your own avatars (default: ENGINE_AVATARS_DIR)"
        )
    return parser


def _create(arguments: argparse.Namespace, directory: Path, settings: Settings) -> Path:
    with _bar() as progress:
        return create_avatar(
            arguments.source.read_bytes(),
            arguments.name,
            directory,
            name=arguments.title,
            presents=arguments.presents,
            replace=arguments.replace,
            progress=progress,
        )


def _prepare(arguments: argparse.Namespace, directory: Path, settings: Settings) -> Path:
    import torch

    from engine.rendering.musetalk.preparation import prepare_avatar
    from engine.rendering.musetalk.weights import check_extra, load_vae, weights_folder

    check_extra()
    data = arguments.source.read_bytes()
    device = "cuda" if settings.device != "cpu" and torch.cuda.is_available() else "cpu"
    vae = load_vae(weights_folder(settings.models_dir)).to(device)
    with _bar() as progress:
        return prepare_avatar(
            data,
            arguments.name,
            directory,
            vae,
            size=arguments.size or settings.video.size,
            name=arguments.title,
            presents=arguments.presents,
            replace=arguments.replace,
            progress=progress,
        )


def _convert(arguments: argparse.Namespace, directory: Path, settings: Settings) -> Path:
    from engine.rendering.musetalk.conversion import convert_avatar

    with _bar() as progress:
        return convert_avatar(
            arguments.source,
            arguments.name,
            directory,
            name=arguments.title,
            presents=arguments.presents,
            replace=arguments.replace,
            progress=progress,
        )


COMMANDS: dict[str, Callable[[argparse.Namespace, Path, Settings], Path]] = {
    "create": _create,
    "prepare": _prepare,
    "convert": _convert,
}


@contextlib.contextmanager
def _bar() -> Iterator[Callable[[str, float], None]]:
    """A progress bar on stderr; it yields a function that takes the current step and the part done, 0 to 1."""
    with tqdm(total=100, bar_format="{l_bar}{bar}| {elapsed}") as bar:

        def move(step: str, done: float) -> None:
            bar.set_description(step, refresh=False)
            bar.update(round(done * 100) - bar.n)

        yield move


def show(directories: list[Path]) -> int:
    """Prints one line per avatar, drawn ones first, with the reason if one cannot be loaded. Returns 0."""
    for avatar_id in find_ids(directories):
        folder = find_folder(directories, avatar_id)
        try:
            manifest = read_manifest(folder)
        except BrokenAvatar as error:
            print(f"{avatar_id:24s} BROKEN: {error.message}")
            continue
        print(f"{avatar_id:24s} {manifest.name:16s} {manifest.description}")
    for avatar_id in avatar_files.find_ids(directories):
        try:
            recorded = avatar_files.read_manifest(avatar_files.find_avatar(directories, avatar_id))
        except BrokenAvatar as error:
            print(f"{avatar_id:24s} BROKEN: {error.message}")
            continue
        print(f"{avatar_id:24s} {recorded.name:16s} MuseTalk, {recorded.pictures} pictures. {recorded.description}")
    return 0
