"""Making an avatar from one portrait: landmarks, a shut mouth, a manifest, an avatar folder.

In: the bytes of a picture. Out: a folder the puppet renders. Runs once, offline or in a worker
thread; nothing to stop. The picture stays in one piece: mouth, lids and a little head
motion are warps of it; teeth and tongue are drawn.
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
from PIL import Image, ImageOps

from engine.avatars.face_detection import FaceFinder, Points
from engine.avatars.folders import AVATAR_ID, MANIFEST, MUSETALK_FOLDER, read_manifest
from engine.avatars.portrait_mouth import (
    CANVAS,
    CHIN,
    FOREHEAD,
    NOSE_TIP,
    SIDES,
    Curve,
    brightness,
    curve,
    lend_teeth,
    shut_mouth,
)
from engine.contracts import Presents
from engine.errors import Conflict, EngineError, InvalidField, TooLarge, UnreadableMedia

MAX_BYTES = 12 << 20
MAX_PIXELS = 40_000_000
MAX_EDGE = 3000
"""Larger pictures are scaled down to this edge in pixels."""

MIN_FACE = 90
"""Smallest width of a face in pixels that still gives a sharp avatar."""

MOTION = 0.5
"""How far a photographed head turns compared with a drawn one. A judgement: more shows that it is flat."""

Progress = Callable[[str, float], None]
"""Called with the name of a step and how much is done, 0..1."""

EYES = (
    ((33, 246, 161, 160, 159, 158, 157, 173, 133), (33, 7, 163, 144, 145, 153, 154, 155, 133), (107, 66, 105, 63, 70)),
    (
        (362, 398, 384, 385, 386, 387, 388, 466, 263),
        (362, 382, 381, 380, 374, 373, 390, 249, 263),
        (336, 296, 334, 293, 300),
    ),
)
"""Upper lid, lower lid and brow (from the nose outwards) of the eye on the picture's left, then right."""


class UnsuitablePortrait(EngineError):
    """The picture does not show one face looking into the camera; the message says what is wrong."""

    code, status = "unsuitable_portrait", 422


class PortraitFactory:
    """An ``AvatarFactory`` of portraits, for the puppet renderer."""

    def can_make_avatars(self) -> None:
        """Raises ModelMissing without the face models."""
        FaceFinder()

    def make_avatar(
        self,
        data: bytes,
        avatar_id: str,
        directory: Path,
        *,
        name: str | None,
        presents: Presents,
        replace: bool,
        progress: Progress,
    ) -> Path:
        """A portrait as an avatar of one layer; see ``create_avatar``."""
        return create_avatar(
            data, avatar_id, directory, name=name, presents=presents, replace=replace, progress=progress
        )


def create_avatar(
    data: bytes,
    avatar_id: str,
    directory: Path,
    *,
    name: str | None = None,
    presents: Presents = "",
    finder: FaceFinder | None = None,
    replace: bool = False,
    progress: Progress = lambda step, done: None,
) -> Path:
    """Make ``directory / avatar_id`` from an encoded picture; gives this folder.

    The folder appears complete or not at all. ``presents`` says whom the face looks like, which the picture alone does
    not tell; it chooses the voice of a tutor that names none.

    Raises:
        InvalidField: the id is not a plain name.
        Conflict: the avatar exists (and ``replace`` is not set), or replacing it would delete a MuseTalk avatar.
        TooLarge, UnreadableMedia, UnsuitablePortrait: see the messages.
        ModelMissing: the face models are not installed.
    """
    if not AVATAR_ID.fullmatch(avatar_id):
        raise InvalidField("avatar id: use 1 to 64 of a-z, 0-9, _ and -")
    target = directory / avatar_id
    if target.exists() and not replace:
        raise Conflict(f"avatar {avatar_id} exists already")
    if (target / MUSETALK_FOLDER).exists():
        raise Conflict(
            f"avatar {avatar_id} is a MuseTalk avatar too and would be lost: first remove {target / MUSETALK_FOLDER}"
        )
    progress("reading the picture", 0.05)
    picture = read_portrait(data)
    progress("looking for the face", 0.2)
    frame, points = _frame(*_turned_upright(picture, finder or FaceFinder()))
    progress("closing the mouth", 0.55)
    pixels, lines = shut_mouth(np.asarray(frame), points)
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
        layers |= lend_teeth(folder, lines, brightness(pixels, points))
        manifest = _manifest(avatar_id, name or avatar_id, points, lines, layers) | {"presents": presents}
        (folder / MANIFEST).write_text(json.dumps(manifest, indent=1) + "\n")
        read_manifest(folder)
        if target.exists():
            shutil.rmtree(target)
        folder.rename(target)
    progress("done", 1.0)
    return target


def read_portrait(data: bytes) -> Image.Image:
    """Decode a PNG, JPEG or WebP: upright, RGB, no edge over ``MAX_EDGE``.

    Raises:
        TooLarge: more than ``MAX_BYTES`` or ``MAX_PIXELS``.
        UnreadableMedia: not such a picture, or damaged.
    """
    if len(data) > MAX_BYTES:
        raise TooLarge(f"the portrait is larger than {MAX_BYTES >> 20} MB")
    try:
        with warnings.catch_warnings():
            warnings.simplefilter("ignore", Image.DecompressionBombWarning)
            image = Image.open(io.BytesIO(data), formats=["PNG", "JPEG", "WEBP"])
        if image.width * image.height > MAX_PIXELS:
            raise TooLarge(f"the portrait has more than {MAX_PIXELS // 1_000_000} million pixels")
        image.draft("RGB", (MAX_EDGE, MAX_EDGE))
        upright = _rgb(ImageOps.exif_transpose(image))
    except Image.DecompressionBombError:
        raise TooLarge(f"the portrait has more than {MAX_PIXELS // 1_000_000} million pixels") from None
    except (OSError, ValueError, SyntaxError):
        raise UnreadableMedia("the portrait is not a PNG, JPEG or WebP picture") from None
    if max(upright.size) > MAX_EDGE:
        upright.thumbnail((MAX_EDGE, MAX_EDGE), Image.Resampling.LANCZOS)
    return upright


def _rgb(image: Image.Image) -> Image.Image:
    """As a person sees it: 16-bit grey scaled down rather than cut off, transparent parts on white."""
    if image.mode.startswith(("I", "F")):
        levels = np.asarray(image, np.float32)
        top = 65535.0 if levels.max(initial=0) > 255 else 255.0
        return Image.fromarray((levels.clip(0, top) * (255 / top)).astype(np.uint8)).convert("RGB")
    if image.has_transparency_data:
        layers = image.convert("RGBA")
        return Image.alpha_composite(Image.new("RGBA", layers.size, "white"), layers).convert("RGB")
    return image.convert("RGB")


def _turned_upright(picture: Image.Image, finder: FaceFinder) -> tuple[Image.Image, Points]:
    """The picture with its face the right way up, and the face's points.

    Raises:
        UnsuitablePortrait: no way up shows a usable face; says what is wrong with the picture as it was given.
    """
    refusal: UnsuitablePortrait | None = None
    for angle in (0, 180, 90, 270):
        turned = picture.rotate(angle, expand=True)
        try:
            return turned, _landmarks(turned, finder)
        except UnsuitablePortrait as error:
            refusal = refusal or error
    assert refusal is not None
    raise refusal


def _landmarks(picture: Image.Image, finder: FaceFinder) -> Points:
    faces = finder.find(picture)
    if not faces:
        raise UnsuitablePortrait("no face was found in the portrait, or it is too small")
    largest = faces[0]
    if len(faces) > 1 and faces[1].width > 0.45 * largest.width:
        raise UnsuitablePortrait("the portrait shows several faces; crop it to one")
    if largest.width < MIN_FACE:
        raise UnsuitablePortrait(
            f"the face is {largest.width:.0f} pixels wide; at least {MIN_FACE} are needed, 300 are better"
        )
    points, certainty = finder.landmarks(picture, largest)
    if certainty < 0.5:
        raise UnsuitablePortrait("the face is hidden or unclear")
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
    """Level the head and crop to a CANVAS square with the face in the middle; gives the picture and its points."""
    across = points[SIDES[1]] - points[SIDES[0]]
    angle = float(np.arctan2(across[1], across[0]))
    height = float(np.linalg.norm(points[CHIN] - points[FOREHEAD]))
    scale = height / (0.46 * CANVAS)
    turn = np.array([[np.cos(angle), -np.sin(angle)], [np.sin(angle), np.cos(angle)]]) * scale
    middle = (points[FOREHEAD] + points[CHIN]) / 2
    shift = middle - turn @ np.array([CANVAS / 2, 0.49 * CANVAS])
    room = round(1.2 * height)
    # outside the picture its edge is continued
    padded = Image.fromarray(np.pad(np.asarray(picture), ((room, room), (room, room), (0, 0)), mode="edge"))
    offset = shift + room
    factor = max(1, int(scale / 1.5))
    small = padded.reduce(factor) if factor > 1 else padded
    matrix = tuple(v / factor for v in (turn[0, 0], turn[0, 1], offset[0], turn[1, 0], turn[1, 1], offset[1]))
    frame = small.transform((CANVAS, CANVAS), Image.Transform.AFFINE, matrix, Image.Resampling.BICUBIC)
    moved = (points - shift) @ np.linalg.inv(turn).T
    return frame, moved.astype(np.float32)


def _manifest(
    avatar_id: str, name: str, points: Points, lines: dict[str, Curve], layers: dict[str, Any]
) -> dict[str, Any]:
    eyes: list[dict[str, Any]] = []
    for upper, lower, brow in EYES:
        ends = sorted((float(points[upper[0], 0]), float(points[upper[-1], 0])))
        x = np.linspace(ends[0], ends[1], 25)
        top, bottom = curve(points, upper, x), curve(points, lower, x)
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
