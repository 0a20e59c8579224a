"""The mouth of a portrait: shut it, and lend it drawn teeth and a tongue.

In: pixels of the canvas and the 468 points of the face mesh. Out: changed pixels, curves and layer files. Plain
functions, offline or in a worker thread. The indices are MediaPipe's canonical face mesh.
"""

from __future__ import annotations

from pathlib import Path
from typing import Any

import numpy as np
import numpy.typing as npt
from PIL import Image

from engine.avatars.face_detection import Points
from engine.avatars.folders import BUILTIN, read_manifest

CANVAS = 1024
"""Edge of the picture a portrait becomes, in pixels."""

DONOR = "avatar_tutor_13"
"""The built-in avatar whose teeth and tongue are used."""

Curve = npt.NDArray[np.float64]

FOREHEAD, CHIN, NOSE_TIP, SIDES = 10, 152, 4, (234, 454)
LIPS_UPPER = (61, 185, 40, 39, 37, 0, 267, 269, 270, 409, 291)
LIPS_LOWER = (61, 146, 91, 181, 84, 17, 314, 405, 321, 375, 291)
INNER_UPPER = (78, 191, 80, 81, 82, 13, 312, 311, 310, 415, 308)
INNER_LOWER = (78, 95, 88, 178, 87, 14, 317, 402, 318, 324, 308)
"""Lines of landmarks along the lips, corner to corner: their outer edges, then those of the opening."""


def curve(points: Points, indices: tuple[int, ...], x: Curve) -> Curve:
    """(n,): height of a line of landmarks at each of ``x`` (n,)."""
    line = points[list(indices)]
    line = line[np.argsort(line[:, 0])]
    return np.asarray(np.interp(x, line[:, 0], line[:, 1]), dtype=np.float64)


def shut_mouth(pixels: npt.NDArray[np.uint8], points: Points) -> tuple[npt.NDArray[np.uint8], dict[str, Curve]]:
    """Pull the lips together where the portrait smiles or speaks.

    Args:
        pixels: (CANVAS, CANVAS, 3) uint8 RGB.
        points: (468, 2) landmarks in its pixels.

    Returns:
        The picture with a shut mouth, and the curves ``x``, ``line``, ``upper`` and ``lower`` of ``MouthLines``.
    """
    left, right = float(points[61, 0]), float(points[291, 0])
    columns: Curve = np.arange(CANVAS, dtype=np.float64) + 0.5
    upper, lower = curve(points, LIPS_UPPER, columns), curve(points, LIPS_LOWER, columns)
    top, bottom = curve(points, INNER_UPPER, columns), curve(points, INNER_LOWER, columns)
    inside = (columns > points[78, 0]) & (columns < points[308, 0])
    gap = np.where(inside, np.maximum(0, bottom - top), 0.0)
    if gap.max() > 3:
        # the edges of the lips are soft: count a little of them as inside
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
    """Read each pixel from its own column at row ``rows`` (h, w), interpolated; pixel centres are at .5."""
    at = np.clip(rows - 0.5, 0, CANVAS - 1.001)
    first = at.astype(np.int64)
    share = (at - first)[..., None]
    column = np.arange(CANVAS)[None]
    mixed = pixels[first, column] * (1 - share) + pixels[first + 1, column] * share
    return np.asarray(np.rint(mixed), dtype=np.uint8)


def brightness(pixels: npt.NDArray[np.uint8], points: Points) -> float:
    """How bright white is in the light of this picture, 0..1, so that teeth do not shine."""
    x0, x1 = sorted(int(points[i, 0]) for i in SIDES)
    face = pixels[int(points[FOREHEAD, 1]) : int(points[CHIN, 1]), x0:x1]
    return float(np.clip(np.percentile(face.max(axis=-1), 92) / 235, 0.55, 1.0))


def lend_teeth(folder: Path, lines: dict[str, Curve], light: float) -> dict[str, Any]:
    """Write drawn teeth and tongue into ``folder``, scaled to this mouth and its ``light`` (0..1).

    Gives their entries for the manifest's ``layers``.
    """
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
        # the teeth of a smiling mouth follow the smile
        ours = np.interp(x, lines["x"], lines["line"]) - center[1]
        lent = np.interp((x - center[0]) / scale + theirs[0], donor.mouth.x, donor.mouth.line) - theirs[1]
        rgba, raised = _bend(rgba, ours - lent * scale)
        Image.fromarray(rgba.clip(0, 255).astype(np.uint8), "RGBA").save(folder / f"{name}.png")
        layers[name] = {"file": f"{name}.png", "x": max(0, left), "y": max(0, top - raised)}
    return layers


def _bend(rgba: npt.NDArray[np.float32], drop: Curve) -> tuple[npt.NDArray[np.float32], int]:
    """Move each column of (h, w, 4) down by ``drop`` (w,) pixels; also gives how many rows were added above."""
    above, below = max(0, -int(np.floor(drop.min()))) + 1, max(0, int(np.ceil(drop.max()))) + 1
    padded = np.pad(rgba, ((above, below), (0, 0), (0, 0)))
    rows = np.arange(len(padded))[:, None] - drop[None]
    first = np.clip(np.floor(rows), 0, len(padded) - 2).astype(np.int64)
    share = np.clip(rows - first, 0, 1)[..., None].astype(np.float32)
    column = np.arange(rgba.shape[1])[None]
    return padded[first, column] * (1 - share) + padded[first + 1, column] * share, above
