"""Making an avatar out of one portrait: landmarks, a shut mouth, a manifest, an avatar folder.

In: the bytes of a picture. Out: a folder the puppet renders. Runs offline or in a worker
thread, once; nothing to stop. The picture stays one picture: mouth, lids and a little head
motion are warps of it, teeth and tongue are drawn ones.
"""

from __future__ import annotations

import io
import json
import shutil
import tempfile
import warnings
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import numpy.typing as npt
from PIL import Image, ImageOps

from engine.avatars.face_detection import FaceFinder, Points
from engine.avatars.folders import AVATAR_ID, BUILTIN, MANIFEST, MUSETALK_FOLDER, read_manifest
from engine.errors import Conflict, EngineError, InvalidField, TooLarge, UnreadableMedia

CANVAS = 1024
MAX_BYTES = 12 << 20
MAX_PIXELS = 40_000_000
MIN_FACE = 90
"""Smallest width of a face in pixels that still gives a sharp avatar."""

MOTION = 0.5
"""How far a photographed head turns, compared with a drawn one."""

DONOR = "avatar_tutor_13"
"""Whose teeth and tongue are lent."""

Progress = Callable[[str, float], None]
"""Told a step and how much is done, 0..1."""

Curve = npt.NDArray[np.float64]

LIPS_UPPER = (61, 185, 40, 39, 37, 0, 267, 269, 270, 409, 291)
LIPS_LOWER = (61, 146, 91, 181, 84, 17, 314, 405, 321, 375, 291)
INNER_UPPER = (78, 191, 80, 81, 82, 13, 312, 311, 310, 415, 308)
INNER_LOWER = (78, 95, 88, 178, 87, 14, 317, 402, 318, 324, 308)
EYES = (
    ((33, 246, 161, 160, 159, 158, 157, 173, 133), (33, 7, 163, 144, 145, 153, 154, 155, 133), (107, 66, 105, 63, 70)),
    (
        (362, 398, 384, 385, 386, 387, 388, 466, 263),
        (362, 382, 381, 380, 374, 373, 390, 249, 263),
        (336, 296, 334, 293, 300),
    ),
)
"""Upper lid, lower lid and brow (from the nose outwards) of the eye on the picture's left, then right."""

FOREHEAD, CHIN, NOSE_TIP, SIDES = 10, 152, 4, (234, 454)


class UnsuitablePortrait(EngineError):
    """A picture, but not of one face that looks at us; the message says what is wrong."""

    code, status = "unsuitable_portrait", 422


class PortraitFactory:
    """An ``AvatarFactory`` of portraits, for the puppet renderer."""

    def can_make_avatars(self) -> None:
        """Raises ModelMissing without the face models."""
        FaceFinder()

    def make_avatar(
        self, data: bytes, avatar_id: str, directory: Path, *, name: str | None, replace: bool, progress: Progress
    ) -> Path:
        """A portrait as an avatar of one layer; see ``create_avatar``."""
        return create_avatar(data, avatar_id, directory, name=name, replace=replace, progress=progress)


def create_avatar(
    data: bytes,
    avatar_id: str,
    directory: Path,
    *,
    name: str | None = None,
    finder: FaceFinder | None = None,
    replace: bool = False,
    progress: Progress = lambda step, done: None,
) -> Path:
    """Make the avatar ``avatar_id`` under ``directory`` from an encoded picture; gives its folder.

    The folder appears complete or not at all.

    Raises:
        InvalidField: the id is not a plain name.
        Conflict: the avatar is there already (and ``replace`` is not set), or a MuseTalk avatar would go with it.
        TooLarge, UnreadableMedia, UnsuitablePortrait: see the messages.
        ModelMissing: the face models are not installed.
    """
    if not AVATAR_ID.fullmatch(avatar_id):
        raise InvalidField("avatar id: 1 to 64 of a-z, 0-9, _ and -")
    target = directory / avatar_id
    if target.exists() and not replace:
        raise Conflict(f"avatar {avatar_id} exists already")
    if (target / MUSETALK_FOLDER).exists():
        raise Conflict(
            f"avatar {avatar_id} is a MuseTalk avatar too, which would go: remove {target / MUSETALK_FOLDER} first"
        )
    progress("reading the picture", 0.05)
    picture = read_portrait(data)
    progress("looking for the face", 0.2)
    frame, points = _frame(picture, _landmarks(picture, finder or FaceFinder()))
    progress("closing the mouth", 0.55)
    pixels, lines = _shut_mouth(np.asarray(frame), points)
    progress("writing the avatar", 0.8)
    directory.mkdir(parents=True, exist_ok=True)
    with tempfile.TemporaryDirectory(dir=directory, prefix=".making-") as scratch:
        folder = Path(scratch) / avatar_id
        folder.mkdir()
        Image.fromarray(pixels).save(folder / "portrait.jpg", quality=92)
        layers = {
            "backdrop": {"file": "portrait.jpg"},
            "head": {"file": "portrait.jpg"},
            "eyes": {"file": "portrait.jpg"},
        }
        layers |= _lend_teeth(folder, lines, _brightness(pixels, points))
        manifest = _manifest(avatar_id, name or avatar_id, points, lines, layers)
        (folder / MANIFEST).write_text(json.dumps(manifest, indent=1) + "\n")
        read_manifest(folder)
        if target.exists():
            shutil.rmtree(target)
        folder.rename(target)
    progress("done", 1.0)
    return target


def read_portrait(data: bytes) -> Image.Image:
    """Decode a PNG, JPEG or WebP, upright, RGB.

    Raises:
        TooLarge: more than ``MAX_BYTES`` or ``MAX_PIXELS``.
        UnreadableMedia: no such picture.
    """
    if len(data) > MAX_BYTES:
        raise TooLarge(f"the portrait has more than {MAX_BYTES >> 20} MB")
    try:
        with warnings.catch_warnings():
            warnings.simplefilter("ignore", Image.DecompressionBombWarning)
            image = Image.open(io.BytesIO(data), formats=["PNG", "JPEG", "WEBP"])
        if image.width * image.height > MAX_PIXELS:
            raise TooLarge(f"the portrait has more than {MAX_PIXELS // 1_000_000} million pixels")
        image.draft("RGB", (3000, 3000))
        upright = ImageOps.exif_transpose(image).convert("RGB")
    except Image.DecompressionBombError:
        raise TooLarge(f"the portrait has more than {MAX_PIXELS // 1_000_000} million pixels") from None
    except (OSError, ValueError, SyntaxError):
        raise UnreadableMedia("the portrait is not a PNG, JPEG or WebP picture") from None
    if max(upright.size) > 3000:
        upright.thumbnail((3000, 3000), Image.Resampling.LANCZOS)
    return upright


def _landmarks(picture: Image.Image, finder: FaceFinder) -> Points:
    faces = finder.find(picture)
    if not faces:
        raise UnsuitablePortrait("there is no face in the portrait, or it is too small to see")
    largest = faces[0]
    if len(faces) > 1 and faces[1].width > 0.45 * largest.width:
        raise UnsuitablePortrait("there are several faces in the portrait; crop it to one")
    if largest.width < MIN_FACE:
        raise UnsuitablePortrait(
            f"the face is {largest.width:.0f} pixels wide; it should be at least {MIN_FACE}, better 300"
        )
    points, certainty = finder.landmarks(picture, largest)
    if certainty < 0.5:
        raise UnsuitablePortrait("the face is hidden or cannot be made out")
    across = points[SIDES[1]] - points[SIDES[0]]
    sideways = float((points[NOSE_TIP] - points[SIDES[0]]) @ across / (across @ across))
    if not 0.3 < sideways < 0.7:
        raise UnsuitablePortrait("the face is turned away; it should look into the camera")
    if abs(np.degrees(np.arctan2(across[1], across[0]))) > 30:
        raise UnsuitablePortrait("the head is tilted too far; turn the picture upright")
    height = float(np.linalg.norm(points[CHIN] - points[FOREHEAD]))
    if not 0.85 < height / float(np.linalg.norm(across)) < 1.9:
        raise UnsuitablePortrait("the face looks too far up or down; it should look into the camera")
    return points


def _frame(picture: Image.Image, points: Points) -> tuple[Image.Image, Points]:
    """Level the eyes and crop to a square with the face in the middle; points in canvas units."""
    across = points[SIDES[1]] - points[SIDES[0]]
    angle = float(np.arctan2(across[1], across[0]))
    height = float(np.linalg.norm(points[CHIN] - points[FOREHEAD]))
    scale = height / (0.46 * CANVAS)
    turn = np.array([[np.cos(angle), -np.sin(angle)], [np.sin(angle), np.cos(angle)]]) * scale
    middle = (points[FOREHEAD] + points[CHIN]) / 2
    shift = middle - turn @ np.array([CANVAS / 2, 0.49 * CANVAS])
    room = round(1.2 * height)
    # what lies outside the picture continues its edge
    padded = Image.fromarray(np.pad(np.asarray(picture), ((room, room), (room, room), (0, 0)), mode="edge"))
    offset = shift + room
    factor = max(1, int(scale / 1.5))
    small = padded.reduce(factor) if factor > 1 else padded
    matrix = tuple(v / factor for v in (turn[0, 0], turn[0, 1], offset[0], turn[1, 0], turn[1, 1], offset[1]))
    frame = small.transform((CANVAS, CANVAS), Image.Transform.AFFINE, matrix, Image.Resampling.BICUBIC)
    moved = (points - shift) @ np.linalg.inv(turn).T
    return frame, moved.astype(np.float32)


def _curve(points: Points, indices: tuple[int, ...], x: Curve) -> Curve:
    """Height of a line of landmarks at each ``x``."""
    line = points[list(indices)]
    line = line[np.argsort(line[:, 0])]
    return np.asarray(np.interp(x, line[:, 0], line[:, 1]), dtype=np.float64)


def _shut_mouth(pixels: npt.NDArray[np.uint8], points: Points) -> tuple[npt.NDArray[np.uint8], dict[str, Curve]]:
    """Pull the lips together where the portrait smiles or speaks; gives the curves of the shut mouth."""
    left, right = float(points[61, 0]), float(points[291, 0])
    columns: Curve = np.arange(CANVAS, dtype=np.float64) + 0.5
    upper, lower = _curve(points, LIPS_UPPER, columns), _curve(points, LIPS_LOWER, columns)
    top, bottom = _curve(points, INNER_UPPER, columns), _curve(points, INNER_LOWER, columns)
    inside = (columns > points[78, 0]) & (columns < points[308, 0])
    gap = np.where(inside, np.maximum(0, bottom - top), 0.0)
    if gap.max() > 3:
        # the edges of lips are soft: take a little of them for the inside
        fringe = np.minimum(0.12 * gap, 4)
        top, bottom, gap = top - fringe, bottom + fringe, gap + 2 * fringe * (gap > 0)
    line = np.where(inside, top + 0.42 * gap, (upper + lower) / 2)
    rise, drop = line - top, bottom - line
    rise, drop = np.where(inside, rise, 0.0), np.where(inside, drop, 0.0)
    nose, chin = float(points[NOSE_TIP, 1]), float(points[CHIN, 1])
    y = (np.arange(CANVAS) + 0.5)[:, None]
    above = np.clip((y - nose) / np.maximum(line - rise - nose, 1), 0, 1)
    below = np.clip((chin - y) / np.maximum(chin - line, 1), 0, 1)
    source = np.where(y < line, y - rise * above, y + drop * below)
    shut = _read_rows(pixels, source) if gap.max() > 3 else pixels
    shut_upper, shut_lower = upper + rise * 0.95, lower - drop * 0.95
    x = np.linspace(left, right, 49)
    middle = np.interp(x, columns, line)
    ends = np.clip(np.minimum(x - left, right - x) / (0.12 * (right - left)), 0, 1)
    corner = np.interp(x, [left, right], [float(points[61, 1]), float(points[291, 1])])
    middle = corner + (middle - corner) * ends
    return shut, {
        "x": x,
        "line": middle,
        "upper": np.minimum(np.interp(x, columns, shut_upper), middle),
        "lower": np.maximum(np.interp(x, columns, shut_lower), middle),
    }


def _read_rows(pixels: npt.NDArray[np.uint8], rows: Curve) -> npt.NDArray[np.uint8]:
    """Each pixel from its own column at row ``rows`` (pixel centres at .5), interpolated."""
    at = np.clip(rows - 0.5, 0, CANVAS - 1.001)
    first = at.astype(np.int64)
    share = (at - first)[..., None]
    column = np.arange(CANVAS)[None]
    mixed = pixels[first, column] * (1 - share) + pixels[first + 1, column] * share
    return np.asarray(np.rint(mixed), dtype=np.uint8)


def _brightness(pixels: npt.NDArray[np.uint8], points: Points) -> float:
    """How light the whites of this picture may be, 0..1: teeth are never brighter than the light there is."""
    x0, x1 = sorted(int(points[i, 0]) for i in SIDES)
    face = pixels[int(points[FOREHEAD, 1]) : int(points[CHIN, 1]), x0:x1]
    return float(np.clip(np.percentile(face.max(axis=-1), 92) / 235, 0.55, 1.0))


def _lend_teeth(folder: Path, lines: dict[str, Curve], light: float) -> dict[str, Any]:
    """Drawn teeth and tongue, in the size and light of this mouth."""
    donor = read_manifest(BUILTIN / DONOR)
    scale = float((lines["x"][-1] - lines["x"][0]) / (donor.mouth.x[-1] - donor.mouth.x[0]))
    center = np.array([(lines["x"][0] + lines["x"][-1]) / 2, lines["line"][len(lines["line"]) // 2]])
    theirs = np.array([(donor.mouth.x[0] + donor.mouth.x[-1]) / 2, donor.mouth.line[len(donor.mouth.line) // 2]])
    layers = {}
    for name in ("lower_teeth", "tongue", "upper_teeth"):
        entry = getattr(donor.layers, name)
        with Image.open(BUILTIN / DONOR / entry.file) as image:
            size = (max(1, round(image.width * scale)), max(1, round(image.height * scale)))
            rgba = np.asarray(image.convert("RGBA").resize(size, Image.Resampling.LANCZOS)).astype(np.float32)
        rgba[..., :3] *= light * np.array([1.0, 0.96, 0.9], np.float32)
        corner = center + (np.array([entry.x, entry.y]) - theirs) * scale
        left, top = round(float(corner[0])), round(float(corner[1]))
        x = left + np.arange(size[0]) + 0.5
        # a mouth that smiles has its teeth along the smile, not behind the lips of its middle
        ours = np.interp(x, lines["x"], lines["line"]) - center[1]
        lent = np.interp((x - center[0]) / scale + theirs[0], donor.mouth.x, donor.mouth.line) - theirs[1]
        rgba, raised = _bend(rgba, ours - lent * scale)
        Image.fromarray(rgba.clip(0, 255).astype(np.uint8), "RGBA").save(folder / f"{name}.png")
        layers[name] = {"file": f"{name}.png", "x": max(0, left), "y": max(0, top - raised)}
    return layers


def _bend(rgba: npt.NDArray[np.float32], drop: Curve) -> tuple[npt.NDArray[np.float32], int]:
    """Each column of (h, w, 4) moved down by ``drop`` (w,) pixels; gives also how many rows were added above."""
    above, below = max(0, -int(np.floor(drop.min()))) + 1, max(0, int(np.ceil(drop.max()))) + 1
    padded = np.pad(rgba, ((above, below), (0, 0), (0, 0)))
    rows = np.arange(len(padded))[:, None] - drop[None]
    first = np.clip(np.floor(rows), 0, len(padded) - 2).astype(np.int64)
    share = np.clip(rows - first, 0, 1)[..., None].astype(np.float32)
    column = np.arange(rgba.shape[1])[None]
    return padded[first, column] * (1 - share) + padded[first + 1, column] * share, above


def _manifest(
    avatar_id: str, name: str, points: Points, lines: dict[str, Curve], layers: dict[str, Any]
) -> dict[str, Any]:
    eyes: list[dict[str, Any]] = []
    for upper, lower, brow in EYES:
        ends = sorted((float(points[upper[0], 0]), float(points[upper[-1], 0])))
        x = np.linspace(ends[0], ends[1], 25)
        top, bottom = _curve(points, upper, x), _curve(points, lower, x)
        bottom = np.maximum(top, bottom)
        # the lid that comes down is clean skin from above the lashes
        height = bottom - top
        top = top - 0.22 * height
        crease = top - 0.45 * height.max() * np.clip(height / height.max(), 0.1, 1)
        eyes.append(
            {
                "x": _rounded(x),
                "crease": _rounded(crease),
                "upper": _rounded(top),
                "lower": _rounded(bottom),
                "gaze": [0.0, 0.0],
                "shadow": 0.0,
                "brow": [float(points[brow[0], 0]), float(points[brow[-1], 0]), float(points[list(brow), 1].mean())],
            }
        )
    chin, forehead = float(points[CHIN, 1]), float(points[FOREHEAD, 1])
    face = chin - forehead
    middle = float(points[list(SIDES), 0].mean())
    return {
        "format": 1,
        "id": avatar_id,
        "name": name[:80],
        "description": "Made from a portrait.",
        "canvas": CANVAS,
        "layers": layers,
        "head": {
            "x": middle,
            "top": forehead - 0.22 * face,
            "chin": chin,
            "half_width": abs(float(points[SIDES[1], 0] - points[SIDES[0], 0])) / 2,
            "eyes_y": float(np.mean([eye["upper"][12] for eye in eyes])),
            "nose": [float(v) for v in points[NOSE_TIP]],
            "neck": [middle, chin + 0.25 * face],
            "motion": MOTION,
            "cut_out": False,
        },
        "mouth": {key: _rounded(values) for key, values in lines.items()},
        "eyes": eyes,
    }


def _rounded(values: Curve) -> list[float]:
    return [round(float(v), 2) for v in values]
