"""Converts avatar folders of MuseTalk and LiveTalking to our own format, by an explicit command only.

In: a folder with ``full_imgs/``, ``mask/``, ``coords.pkl``, ``mask_coords.pkl`` and ``latents.pt``. Out: an
avatar of ours. The pickles are not trusted: the reader here accepts numbers, strings, lists
and tuples, and refuses everything else. Runs in the caller's thread for some seconds.
"""

from __future__ import annotations

import io
import pickle
import struct
from pathlib import Path
from typing import Any

import numpy as np
import numpy.typing as npt
from PIL import Image

from engine.avatars.portrait import Progress
from engine.contracts import Presents
from engine.errors import EngineError
from engine.rendering.musetalk.avatar_files import MAX_EDGE, MAX_PICTURES, Bytes, check_target, write_avatar
from engine.rendering.musetalk.configs import FACE_EDGE, INPUT_CHANNELS, LATENT_EDGE

MAX_PICKLE_BYTES = 4 << 20
MAX_LATENTS_BYTES = 512 << 20
MAX_PICTURE_BYTES = 32 << 20

Box = tuple[int, int, int, int]


class NotConvertible(EngineError):
    """The folder is not such an avatar; the message names the file and what is wrong with it."""

    code, status = "not_convertible", 422


def convert_avatar(
    source: Path,
    avatar_id: str,
    directory: Path,
    *,
    name: str | None = None,
    presents: Presents = "",
    replace: bool = False,
    progress: Progress = lambda step, done: None,
) -> Path:
    """Make ``<directory>/<avatar_id>/musetalk`` from a MuseTalk or LiveTalking avatar; gives this folder.

    Raises:
        NotConvertible: a file is missing, damaged, too large, or contains more than it may.
        InvalidField, Conflict: as ``check_target``.
    """
    check_target(directory, avatar_id, replace=replace)
    progress("reading numbers", 0.0)
    latents = _read_latents(source / "latents.pt")
    boxes, areas = _read_boxes(source / "coords.pkl"), _read_boxes(source / "mask_coords.pkl")
    pictures, masks = _numbered(source / "full_imgs"), _numbered(source / "mask")
    keep = _with_faces(boxes, len(latents))
    if len({len(boxes), len(pictures)}) > 1:
        raise NotConvertible(f"{len(pictures)} pictures in full_imgs/ but {len(boxes)} boxes in coords.pkl")
    if len(masks) != len(areas) or len(masks) not in (len(keep), len(boxes)):
        raise NotConvertible(f"{len(masks)} masks and {len(areas)} boxes in mask_coords.pkl for {len(boxes)} pictures")
    of_mask = keep if len(masks) == len(boxes) else list(range(len(keep)))
    count = _period(latents)
    pictures_out: list[Bytes] = []
    masks_out: list[Bytes] = []
    for step in range(count):
        progress("reading pictures", 0.05 + 0.85 * step / count)
        picture = _read_picture(pictures[keep[step]], "RGB")
        height, width = picture.shape[0] // 2 * 2, picture.shape[1] // 2 * 2
        pictures_out.append(picture[:height, :width])
        mask = _read_picture(masks[of_mask[step]], "L")
        masks_out.append(_over_face(mask, areas[of_mask[step]], boxes[keep[step]]))
    numbers: dict[str, npt.NDArray[Any]] = {
        "latents": latents[:count],
        "masks": np.stack(masks_out),
        "boxes": _inside(np.array([boxes[keep[step]] for step in range(count)], np.int32), pictures_out[0].shape),
    }
    if len({picture.shape for picture in pictures_out}) > 1:
        raise NotConvertible("the pictures in full_imgs/ are not all of one size")
    progress("writing the avatar", 0.9)
    made = write_avatar(
        directory,
        avatar_id,
        name or avatar_id,
        pictures_out,
        numbers,
        description="Converted.",
        presents=presents,
        replace=replace,
    )
    progress("done", 1.0)
    return made


def _with_faces(boxes: list[Box], latents: int) -> list[int]:
    """Indices of the pictures that have a latent: all, or those with a face; the others have an empty box."""
    if len(boxes) == latents:
        return list(range(latents))
    found = [index for index, (x0, y0, x1, y1) in enumerate(boxes) if x1 > x0 and y1 > y0]
    if len(found) != latents:
        raise NotConvertible(f"{latents} latents in latents.pt but {len(found)} faces in coords.pkl")
    return found


def _period(latents: npt.NDArray[np.float16]) -> int:
    """Pictures before the cycle turns back: half of them if the way back is stored too."""
    count = len(latents)
    mirrored = count > 1 and count % 2 == 0 and np.array_equal(latents, latents[::-1])
    return count // 2 if mirrored else count


def _over_face(mask: Bytes, area: Box, face: Box) -> Bytes:
    """The part of a mask over ``area`` that lies over ``face``, (256, 256)."""
    if mask.shape != (area[3] - area[1], area[2] - area[0]):
        raise NotConvertible(f"a mask is {mask.shape[1]} x {mask.shape[0]}, its box in mask_coords.pkl is {area}")
    box = (face[0] - area[0], face[1] - area[1], face[2] - area[0], face[3] - area[1])
    crop = Image.fromarray(mask).crop(box).resize((FACE_EDGE, FACE_EDGE), Image.Resampling.BILINEAR)
    return np.asarray(crop, np.uint8)


def _inside(boxes: npt.NDArray[np.int32], shape: tuple[int, ...]) -> npt.NDArray[np.int32]:
    limit = np.array([shape[1], shape[0], shape[1], shape[0]], np.int32)
    return np.clip(boxes, 0, limit).astype(np.int32)


def _read_latents(path: Path) -> npt.NDArray[np.float16]:
    import torch

    _check_size(path, MAX_LATENTS_BYTES)
    try:
        loaded: Any = torch.load(path, map_location="cpu", weights_only=True)
        if isinstance(loaded, torch.Tensor):
            loaded = list(loaded[:, None] if loaded.dim() == 4 else loaded)
        stacked = torch.cat([each.reshape(1, INPUT_CHANNELS, LATENT_EDGE, LATENT_EDGE) for each in loaded])
    except (OSError, RuntimeError, pickle.UnpicklingError, ValueError, TypeError, AttributeError, EOFError):
        raise NotConvertible(f"{path.name} is damaged or contains more than tensors of 8 x 32 x 32") from None
    if not 1 <= len(stacked) <= 2 * MAX_PICTURES:
        raise NotConvertible(f"{path.name} has {len(stacked)} latents; 1 to {2 * MAX_PICTURES} are allowed")
    return np.asarray(stacked.to(torch.float16).numpy())


def _read_boxes(path: Path) -> list[Box]:
    """Boxes from a pickled list of four numbers each (left, top, right, bottom)."""
    _check_size(path, MAX_PICKLE_BYTES)
    try:
        loaded = NumbersOnly(io.BytesIO(path.read_bytes())).load()
        boxes = []
        for each in loaded:
            left, top, right, bottom = (int(value) for value in each)
            boxes.append((left, top, right, bottom))
    except (
        pickle.UnpicklingError,
        ValueError,
        TypeError,
        EOFError,
        IndexError,
        AttributeError,
        KeyError,
        ImportError,
        OverflowError,
        RecursionError,
        MemoryError,
        struct.error,
    ) as error:
        raise NotConvertible(f"{path.name}: {error or 'damaged'}"[:200]) from None
    if not 1 <= len(boxes) <= 2 * MAX_PICTURES or any(abs(value) > 1 << 15 for box in boxes for value in box):
        raise NotConvertible(f"{path.name}: not a list of 1 to {2 * MAX_PICTURES} boxes in pixels")
    return boxes


class NumbersOnly(pickle.Unpickler):
    """Reads pickles of numbers, numpy scalars included, without importing what the pickle names."""

    def find_class(self, module: str, name: str) -> Any:
        if module in ("numpy.core.multiarray", "numpy._core.multiarray") and name == "scalar":
            return _scalar
        if (module, name) == ("numpy", "dtype"):
            return _NumberType
        if (module, name) == ("_codecs", "encode"):
            return _bytes_of
        raise pickle.UnpicklingError(f"holds {module}.{name}, not only numbers")

    def persistent_load(self, pid: Any) -> Any:
        raise pickle.UnpicklingError("holds a reference, not only numbers")


class _NumberType:
    """Stands in for numpy's dtype of a number."""

    def __init__(self, code: str, *rest: object) -> None:
        if code not in ("i2", "i4", "i8", "u1", "u2", "u4", "u8", "f4", "f8"):
            raise pickle.UnpicklingError("holds numbers of an unknown type")
        self.code = code

    def __setstate__(self, state: object) -> None:
        if not (isinstance(state, tuple) and len(state) > 1 and state[1] in ("<", "|")):
            raise pickle.UnpicklingError("holds numbers of an unknown byte order")


def _scalar(kind: object, data: object) -> float:
    if not isinstance(kind, _NumberType) or not isinstance(data, bytes) or len(data) != int(kind.code[1]):
        raise pickle.UnpicklingError("holds a number of the wrong size")
    return float(np.frombuffer(data, f"<{kind.code}")[0])


def _bytes_of(text: object, encoding: object) -> bytes:
    if not isinstance(text, str) or encoding != "latin1" or len(text) > 16:
        raise pickle.UnpicklingError("holds text, not only numbers")
    return text.encode("latin1")


def _numbered(folder: Path) -> list[Path]:
    """``00000000.png`` and so on, in order; other files and links are ignored."""
    if not folder.is_dir() or folder.is_symlink():
        raise NotConvertible(f"{folder.name}/ is missing")
    files = [
        path
        for path in folder.iterdir()
        if path.stem.isdecimal() and path.suffix in (".png", ".jpg") and path.is_file() and not path.is_symlink()
    ]
    return sorted(files, key=lambda path: int(path.stem))


def _read_picture(path: Path, mode: str) -> Bytes:
    _check_size(path, MAX_PICTURE_BYTES)
    where = f"{path.parent.name}/{path.name}"
    try:
        with Image.open(path, formats=["PNG", "JPEG"]) as image:
            if max(image.size) > MAX_EDGE:
                raise NotConvertible(f"{where} is {image.width} x {image.height}, larger than {MAX_EDGE}")
            return np.asarray(image.convert(mode))
    except (OSError, ValueError, SyntaxError, Image.DecompressionBombError):
        raise NotConvertible(f"{where} is not a valid picture") from None


def _check_size(path: Path, limit: int) -> None:
    if path.is_symlink() or not path.is_file():
        raise NotConvertible(f"{path.name} is missing")
    if path.stat().st_size > limit:
        raise NotConvertible(f"{path.name} is larger than {limit >> 20} MB")
