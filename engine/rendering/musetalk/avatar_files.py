"""The format of a MuseTalk avatar: ``<avatars folder>/<id>/musetalk``, JSON, numbers and JPEGs.

``avatar.json`` is the manifest, ``avatar.safetensors`` holds latents, masks and boxes of each
picture, and ``pictures/000000.jpg`` and so on are the pictures. Nothing in it can be executed. Plain
functions. Reading an avatar of a few hundred pictures takes about a second, so never do it on the event loop.
"""

from __future__ import annotations

import json
import shutil
import tempfile
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Annotated, Any, Literal

import numpy as np
import numpy.typing as npt
from PIL import Image
from pydantic import BaseModel, ConfigDict, Field

from engine.avatars.folders import AVATAR_ID, MUSETALK_FOLDER, BrokenAvatar, find_folder, parse_manifest
from engine.avatars.folders import find_ids as find_ids_with
from engine.contracts import Presents
from engine.errors import Conflict, InvalidField, UnknownAvatar
from engine.rendering.musetalk.configs import FACE_EDGE, INPUT_CHANNELS, LATENT_EDGE

MANIFEST = "avatar.json"
WITHIN = f"{MUSETALK_FOLDER}/{MANIFEST}"
NUMBERS = "avatar.safetensors"
PICTURES = "pictures"

MAX_PICTURES = 1500
"""A minute at 25 pictures a second."""

MAX_EDGE = 1920
MAX_PICTURE_BYTES = 8 << 20
MAX_TOTAL_BYTES = 2 << 30
"""Of one avatar on the device: pictures, masks and latents."""

Bytes = npt.NDArray[np.uint8]


class MuseTalkManifest(BaseModel):
    """``avatar.json``."""

    model_config = ConfigDict(extra="forbid", frozen=True)

    format: Literal[1]
    id: Annotated[str, Field(pattern=f"^{AVATAR_ID.pattern}$")]
    name: Annotated[str, Field(min_length=1, max_length=80)]
    description: Annotated[str, Field(max_length=400)] = ""
    presents: Presents = ""
    """Whom the face looks like: its tutor gets such a voice unless the profile names one."""

    width: Annotated[int, Field(ge=128, le=MAX_EDGE, multiple_of=2)]
    height: Annotated[int, Field(ge=128, le=MAX_EDGE, multiple_of=2)]
    pictures: Annotated[int, Field(ge=1, le=MAX_PICTURES)]
    """Number of pictures; they are shown forwards, then backwards, and so on."""

    networks: Annotated[str, Field(max_length=80)] = "musetalk-1.5"
    """The networks whose VAE made the latents."""


@dataclass(frozen=True, slots=True)
class AvatarData:
    """All of an avatar, in memory."""

    manifest: MuseTalkManifest
    pictures: Bytes
    """(N, 3, H, W) RGB."""

    latents: npt.NDArray[np.float16]
    """(N, 8, 32, 32): the masked face, then the whole one."""

    masks: Bytes
    """(N, 256, 256) over the box; 255 shows the painted face, 0 the picture."""

    boxes: npt.NDArray[np.int32]
    """(N, 4): left, top, right, bottom of the face in pixels."""


def find_avatar(directories: Sequence[Path], avatar_id: str) -> Path:
    """The folder ``<id>/musetalk`` of an avatar; later directories win.

    Raises:
        UnknownAvatar: there is none, or the id is not a plain name.
    """
    inner = find_folder(directories, avatar_id, WITHIN) / MUSETALK_FOLDER
    if inner.is_symlink():
        raise UnknownAvatar("no avatar has this id")
    return inner


def find_ids(directories: Sequence[Path]) -> list[str]:
    """Ids of all MuseTalk avatars, sorted, whether or not they are valid."""
    return find_ids_with(directories, WITHIN)


def read_manifest(folder: Path) -> MuseTalkManifest:
    """Parse and check ``avatar.json`` of ``<id>/musetalk``.

    Raises:
        BrokenAvatar: too large, not JSON, or a field is wrong (the first one is named).
    """
    avatar_id = folder.parent.name
    manifest = parse_manifest(folder / MANIFEST, MuseTalkManifest, avatar_id)
    if manifest.id != avatar_id:
        raise BrokenAvatar(f"avatar {avatar_id}: {MANIFEST} is for {manifest.id}")
    size = manifest.pictures * (manifest.width * manifest.height * 3 + FACE_EDGE**2)
    if size > MAX_TOTAL_BYTES:
        raise BrokenAvatar(f"avatar {avatar_id}: its pictures take {size >> 20} MB, over {MAX_TOTAL_BYTES >> 20} MB")
    return manifest


def read_avatar(folder: Path) -> AvatarData:
    """Read all of the avatar in ``<id>/musetalk``.

    Raises:
        BrokenAvatar: a file is missing, a link, damaged, or does not fit the manifest.
    """
    manifest = read_manifest(folder)
    numbers = _read_numbers(folder, manifest)
    pictures = np.empty((manifest.pictures, 3, manifest.height, manifest.width), np.uint8)
    for index in range(manifest.pictures):
        pictures[index] = _read_picture(folder, index, manifest).transpose(2, 0, 1)
    return AvatarData(manifest, pictures, numbers["latents"], numbers["masks"], numbers["boxes"])


def _read_numbers(folder: Path, manifest: MuseTalkManifest) -> dict[str, Any]:
    from safetensors import SafetensorError
    from safetensors.numpy import load_file

    path, count = folder / NUMBERS, manifest.pictures
    wanted: dict[str, tuple[tuple[int, ...], Any]] = {
        "latents": ((count, INPUT_CHANNELS, LATENT_EDGE, LATENT_EDGE), np.float16),
        "masks": ((count, FACE_EDGE, FACE_EDGE), np.uint8),
        "boxes": ((count, 4), np.int32),
    }
    if path.is_symlink() or not path.is_file():
        raise BrokenAvatar(f"avatar {manifest.id}: {NUMBERS} is missing")
    try:
        found: dict[str, Any] = load_file(path)
    except (SafetensorError, OSError, ValueError):
        raise BrokenAvatar(f"avatar {manifest.id}: {NUMBERS} is damaged") from None
    for name, (shape, kind) in wanted.items():
        if name not in found or found[name].shape != shape or found[name].dtype != kind:
            raise BrokenAvatar(f"avatar {manifest.id}: {NUMBERS}: {name} is not {shape} {np.dtype(kind).name}")
    if not np.isfinite(found["latents"]).all():
        raise BrokenAvatar(f"avatar {manifest.id}: {NUMBERS}: latents are not finite")
    left, top, right, bottom = found["boxes"].T
    inside = (left >= 0) & (top >= 0) & (right <= manifest.width) & (bottom <= manifest.height)
    if not (inside & (right - left >= 8) & (bottom - top >= 8)).all():
        raise BrokenAvatar(f"avatar {manifest.id}: {NUMBERS}: a box lies outside its picture")
    return found


def _read_picture(folder: Path, index: int, manifest: MuseTalkManifest) -> Bytes:
    path = folder / PICTURES / f"{index:06d}.jpg"
    where = f"avatar {manifest.id}: {PICTURES}/{path.name}"
    if path.is_symlink() or path.parent.is_symlink() or not path.is_file():
        raise BrokenAvatar(f"{where} is missing")
    if path.stat().st_size > MAX_PICTURE_BYTES:
        raise BrokenAvatar(f"{where} is larger than {MAX_PICTURE_BYTES} bytes")
    try:
        with Image.open(path, formats=["JPEG"]) as image:
            if image.size != (manifest.width, manifest.height):
                raise BrokenAvatar(f"{where} is not {manifest.width} x {manifest.height}")
            return np.asarray(image.convert("RGB"))
    except (OSError, ValueError, SyntaxError, Image.DecompressionBombError):
        raise BrokenAvatar(f"{where} is not a valid JPEG") from None


def write_avatar(
    directory: Path,
    avatar_id: str,
    name: str,
    pictures: Iterable[Bytes],
    numbers: dict[str, npt.NDArray[Any]],
    *,
    description: str = "",
    presents: Presents = "",
    replace: bool = False,
) -> Path:
    """Write ``<directory>/<id>/musetalk``; it appears complete or not at all.

    Args:
        pictures: (H, W, 3) uint8 RGB each, all of one even size.
        numbers: ``latents``, ``masks`` and ``boxes`` as in ``AvatarData``.

    Raises:
        InvalidField, Conflict: as ``check_target``.
        BrokenAvatar: what was written does not read back.
    """
    from safetensors.numpy import save_file

    target = check_target(directory, avatar_id, replace=replace)
    directory.mkdir(parents=True, exist_ok=True)
    with tempfile.TemporaryDirectory(dir=directory, prefix=".making-") as scratch:
        folder = Path(scratch) / avatar_id / MUSETALK_FOLDER
        (folder / PICTURES).mkdir(parents=True)
        count, size = 0, (0, 0)
        for picture in pictures:
            image = Image.fromarray(picture)
            image.save(folder / PICTURES / f"{count:06d}.jpg", quality=95, subsampling=0)
            count, size = count + 1, image.size
        save_file({key: np.ascontiguousarray(value) for key, value in numbers.items()}, folder / NUMBERS)
        fields = {
            "format": 1,
            "id": avatar_id,
            "name": name[:80] or avatar_id,
            "description": description,
            "presents": presents,
            "width": size[0],
            "height": size[1],
            "pictures": count,
        }
        (folder / MANIFEST).write_text(json.dumps(fields, indent=1) + "\n")
        read_avatar(folder)
        target.parent.mkdir(exist_ok=True)
        if target.exists():
            shutil.rmtree(target)
        folder.rename(target)
    return target


def check_target(directory: Path, avatar_id: str, *, replace: bool) -> Path:
    """The folder for an avatar of this id, which need not exist.

    Raises:
        InvalidField: the id is not a plain name.
        Conflict: it exists (and ``replace`` is not set), or is not a real folder.
    """
    if not AVATAR_ID.fullmatch(avatar_id):
        raise InvalidField("avatar id: use 1 to 64 of a-z, 0-9, _ and -")
    folder = directory / avatar_id
    if folder.is_symlink() or (folder.exists() and not folder.is_dir()):
        raise Conflict(f"avatar {avatar_id}: its folder is a link or a file")
    target = folder / MUSETALK_FOLDER
    if target.is_symlink() or (target.exists() and not replace):
        raise Conflict(f"MuseTalk avatar {avatar_id} exists already")
    return target
