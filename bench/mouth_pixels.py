"""What a mouth does, judged from pictures alone: how far it is open, how wide, and what shows inside.

Pictures are planar YUV 4:2:0, rendered or decoded; nothing here knows poses or phonemes. The opening is found by what
shows only there: the dark cavity, and teeth, which are bright and, unlike skin and lips, hardly red.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
import numpy.typing as npt

from engine.avatars.folders import BUILTIN, find_folder, read_manifest

FloatArray = npt.NDArray[np.float64]

DARK_LUMA = 75
TEETH_LUMA, TEETH_RED = 110, 143
LIP_RED = 163


@dataclass(frozen=True)
class MouthBox:
    """The part of a picture of this size in which the mouth can be, however head and jaw move."""

    top: int
    bottom: int
    left: int
    right: int
    lip_width: float
    """Of the closed mouth, pixels."""


def mouth_box(avatar_id: str, size: int) -> MouthBox:
    """From the avatar's manifest, with room for turning heads."""
    manifest = read_manifest(find_folder((BUILTIN,), avatar_id))
    scale = size / manifest.canvas
    left, right = manifest.mouth.x[0] * scale, manifest.mouth.x[-1] * scale
    upper, lower = min(manifest.mouth.upper) * scale, max(manifest.mouth.lower) * scale
    width = right - left
    return MouthBox(
        top=int(upper - 0.22 * width), bottom=int(lower + 0.62 * width),
        left=int(left - 0.2 * width), right=int(right + 0.2 * width), lip_width=width,
    )  # fmt: skip


def features(yuv: npt.NDArray[np.uint8], box: MouthBox) -> FloatArray:
    """(h * 3 // 2, w) uint8 to (6,): dark, teeth and lip areas (in squared lip widths), then
    the width and height of all that is mouth, and the height of its middle (in lip widths)."""
    height, width = yuv.shape[0] * 2 // 3, yuv.shape[1]
    luma = yuv[box.top : box.bottom, box.left : box.right]
    red = yuv[height + height // 4 :].reshape(height // 2, width // 2).repeat(2, 0).repeat(2, 1)
    red = red[box.top : box.bottom, box.left : box.right]
    dark = luma < DARK_LUMA
    teeth = (red < TEETH_RED) & (luma > TEETH_LUMA)
    lips = red > LIP_RED
    mouth = dark | teeth | lips
    columns, rows = (np.flatnonzero(mouth.sum(axis) >= 2) for axis in (0, 1))
    area = box.lip_width**2
    return np.array([
        dark.sum() / area, teeth.sum() / area, lips.sum() / area,
        (np.ptp(columns) if len(columns) else 0) / box.lip_width,
        (np.ptp(rows) if len(rows) else 0) / box.lip_width,
        (rows.mean() if len(rows) else 0) / box.lip_width,
    ])  # fmt: skip


def openings(seen: FloatArray, rest: FloatArray) -> FloatArray:
    """Mean height of the opening along the lips, in lip widths: (n, 6), (m, 6) at rest to (n,)."""
    inside = seen[:, 0] + seen[:, 1]
    return np.maximum(inside - np.median(rest[:, 0] + rest[:, 1]), 0)
