"""Avatar folders: finding them by id, checking their manifest, reading their pictures.

In: directories of avatar folders and an id from a client. Out: a validated ``PuppetManifest`` and
RGBA arrays. Plain functions, no threads, nothing to stop. An id is a name, never a path. Pictures are PNG or JPEG of
limited size; nothing else is opened.
"""

from __future__ import annotations

import json
import re
from collections.abc import Sequence
from itertools import pairwise
from pathlib import Path
from typing import Annotated, Literal, TypeVar

import numpy as np
import numpy.typing as npt
from PIL import Image
from pydantic import BaseModel, ConfigDict, Field, ValidationError, model_validator

from engine.contracts import Presents
from engine.errors import UnknownAvatar

BUILTIN = Path(__file__).parent / "art"
"""The avatars that come with the engine."""

MANIFEST = "manifest.json"
STILL = "still.jpg"
"""The avatar as it is drawn, for pages; built-in avatars have one."""
MUSETALK_FOLDER = "musetalk"
"""Subfolder of an avatar with the files of the MuseTalk renderer."""

MAX_EDGE = 2048
"""Largest width or height of a layer in pixels."""

MAX_FILE_BYTES = 8 << 20
MAX_MANIFEST_BYTES = 256 << 10

AVATAR_ID = re.compile(r"[a-z0-9_-]{1,64}")
FILE_NAME = re.compile(r"[a-z0-9_-]{1,64}\.(png|jpg)")

Coordinate = Annotated[float, Field(ge=-512, le=2560, allow_inf_nan=False)]
Curve = Annotated[tuple[Coordinate, ...], Field(min_length=5, max_length=129)]


M = TypeVar("M", bound=BaseModel)


class BrokenAvatar(UnknownAvatar):
    """The folder exists, but its manifest or a picture cannot be used; the message says which and why."""


class _Strict(BaseModel):
    model_config = ConfigDict(extra="forbid", frozen=True)


class LayerFile(_Strict):
    """One picture and where its upper left corner lies on the canvas."""

    file: Annotated[str, Field(pattern=f"^{FILE_NAME.pattern}$")]
    x: Annotated[int, Field(ge=0, le=MAX_EDGE)] = 0
    y: Annotated[int, Field(ge=0, le=MAX_EDGE)] = 0


class Layers(_Strict):
    """Back to front. ``eyes`` to ``tongue`` show only through the openings of the head."""

    backdrop: LayerFile
    body: LayerFile | None = None
    head: LayerFile
    eyes: LayerFile | None = None
    lashes: LayerFile | None = None
    lower_teeth: LayerFile
    tongue: LayerFile
    upper_teeth: LayerFile


class Head(_Strict):
    """Where the head is, in canvas units (pixels of the canvas)."""

    x: Coordinate
    """Axis of the face."""

    top: Coordinate
    """Top of the hair."""

    chin: Coordinate
    half_width: Annotated[float, Field(gt=8, le=1024)]
    """Of the face at the cheekbones."""

    eyes_y: Coordinate
    nose: tuple[Coordinate, Coordinate]
    """Tip."""

    neck: tuple[Coordinate, Coordinate]
    """The point about which the head rolls."""

    motion: Annotated[float, Field(ge=0, le=1)] = 1.0
    """How far the head may turn: 1 for drawn layers, less for a photograph."""

    cut_out: bool = True
    """The head is a layer of its own. Otherwise it is part of one picture, whose edges must not move."""

    @model_validator(mode="after")
    def _upright(self) -> Head:
        if not self.top < self.eyes_y < self.nose[1] < self.chin < self.neck[1]:
            raise ValueError("top, eyes_y, nose, chin and neck must lie below one another")
        return self


class MouthLines(_Strict):
    """The closed mouth: four curves over the same ascending ``x``."""

    x: Curve
    upper: Curve
    """Upper edge of the upper lip."""

    line: Curve
    """Where the lips meet."""

    lower: Curve
    """Lower edge of the lower lip."""

    @model_validator(mode="after")
    def _ordered(self) -> MouthLines:
        _check_curves(self.x, self.upper, self.line, self.lower)
        return self


class EyeLines(_Strict):
    """One open eye; curves over the same ascending ``x``."""

    x: Curve
    crease: Curve
    """Fold of the upper lid."""

    upper: Curve
    lower: Curve
    gaze: tuple[float, float]
    """How far the eyeball moves for a look of 1, across and up."""

    shadow: Annotated[float, Field(ge=0, le=1)] = 0.42
    """Darkness of the lid's shadow on the eyeball; 0 if the picture contains it."""

    brow: tuple[Coordinate, Coordinate, Coordinate]
    """x of the brow's inner and outer end, and its y."""

    @model_validator(mode="after")
    def _ordered(self) -> EyeLines:
        _check_curves(self.x, self.crease, self.upper, self.lower)
        return self


class PuppetManifest(_Strict):
    """``manifest.json`` of a drawn avatar."""

    format: Literal[1]
    id: Annotated[str, Field(pattern=f"^{AVATAR_ID.pattern}$")]
    name: Annotated[str, Field(min_length=1, max_length=80)]
    description: Annotated[str, Field(max_length=400)] = ""
    presents: Presents = ""
    """Whom the face looks like: its tutor gets such a voice unless the profile names one."""

    canvas: Annotated[int, Field(ge=128, le=MAX_EDGE)]
    """Edge in pixels of the square that all coordinates refer to."""

    layers: Layers
    head: Head
    mouth: MouthLines
    eyes: tuple[EyeLines, EyeLines]
    """The one on the picture's left first."""


def _check_curves(x: tuple[float, ...], *curves: tuple[float, ...]) -> None:
    if any(len(curve) != len(x) for curve in curves):
        raise ValueError("curves must have as many points as x")
    if any(b <= a for a, b in pairwise(x)):
        raise ValueError("x must ascend")
    for above, below in pairwise(curves):
        if any(b < a - 0.01 for a, b in zip(above, below, strict=True)):
            raise ValueError("curves must not cross")


def find_folder(directories: Sequence[Path], avatar_id: str, manifest: str = MANIFEST) -> Path:
    """The folder of this avatar: a real, direct child of one of ``directories``; later ones win.

    ``manifest`` is the path in it that must exist; it tells the kinds of avatar apart.

    Raises:
        UnknownAvatar: no such folder, or the id is not a plain name.
    """
    if AVATAR_ID.fullmatch(avatar_id):
        for directory in reversed(directories):
            folder = directory / avatar_id
            if folder.is_dir() and not folder.is_symlink() and (folder / manifest).is_file():
                return folder
    raise UnknownAvatar("no avatar has this id")


def find_ids(directories: Sequence[Path], manifest: str = MANIFEST) -> list[str]:
    """Ids of all avatar folders, sorted, whether or not their manifest is valid."""
    return sorted(
        {
            folder.name
            for directory in directories
            if directory.is_dir()
            for folder in directory.iterdir()
            if AVATAR_ID.fullmatch(folder.name) and not folder.is_symlink() and (folder / manifest).is_file()
        }
    )


def read_manifest(folder: Path) -> PuppetManifest:
    """Parse and check the manifest of ``folder``.

    Raises:
        BrokenAvatar: too large, not JSON, or a field is wrong (the first one is named).
    """
    manifest = parse_manifest(folder / MANIFEST, PuppetManifest, folder.name)
    if manifest.id != folder.name:
        raise BrokenAvatar(f"avatar {folder.name}: the manifest is for {manifest.id}")
    return manifest


def parse_manifest(path: Path, kind: type[M], avatar_id: str) -> M:
    """Parse and check a manifest of any kind of avatar.

    Raises:
        BrokenAvatar: too large, not JSON, or a field is wrong (the first one is named).
    """
    if path.stat().st_size > MAX_MANIFEST_BYTES:
        raise BrokenAvatar(f"avatar {avatar_id}: the manifest is larger than {MAX_MANIFEST_BYTES} bytes")
    try:
        return kind.model_validate(json.loads(path.read_bytes()))
    except ValidationError as error:
        first = error.errors()[0]
        where = ".".join(str(part) for part in first["loc"]) or "manifest"
        raise BrokenAvatar(f"avatar {avatar_id}: {where}: {first['msg']}") from None
    except (ValueError, RecursionError):
        raise BrokenAvatar(f"avatar {avatar_id}: the manifest is not JSON") from None


def read_layer(folder: Path, layer: LayerFile) -> npt.NDArray[np.uint8]:
    """The picture of one layer, (height, width, 4) uint8 RGBA, straight alpha.

    Raises:
        BrokenAvatar: missing, a link, larger than ``MAX_EDGE``, or not a PNG or JPEG.
    """
    path = folder / layer.file
    if path.is_symlink() or not path.is_file():
        raise BrokenAvatar(f"avatar {folder.name}: {layer.file} is missing")
    if path.stat().st_size > MAX_FILE_BYTES:
        raise BrokenAvatar(f"avatar {folder.name}: {layer.file} is larger than {MAX_FILE_BYTES} bytes")
    try:
        with Image.open(path, formats=["PNG", "JPEG"]) as image:
            if max(image.size) > MAX_EDGE:
                raise BrokenAvatar(f"avatar {folder.name}: {layer.file} is larger than {MAX_EDGE} pixels")
            return np.asarray(image.convert("RGBA"))
    except (OSError, ValueError, SyntaxError, Image.DecompressionBombError):
        raise BrokenAvatar(f"avatar {folder.name}: {layer.file} is not a valid PNG or JPEG") from None
