"""Where the face is that MuseTalk repaints, and which part of the painted face is shown. Pure functions.

In: a picture and its 468 landmarks. Out: the box the networks see, a mask with a soft edge, and
the face at the networks' size.
"""

from __future__ import annotations

import numpy as np
import numpy.typing as npt
from PIL import Image, ImageDraw, ImageFilter

from engine.avatars.face_detection import Points
from engine.rendering.musetalk.configs import FACE_EDGE

JAW = (
    127,
    234,
    93,
    132,
    58,
    172,
    136,
    150,
    149,
    176,
    148,
    152,
    377,
    400,
    378,
    379,
    365,
    397,
    288,
    361,
    323,
    454,
    356,
)
"""Landmarks (MediaPipe Face Mesh) along the edge of the face, from ear to ear by the chin."""

NOSE_BRIDGE = 5
"""Landmark at the vertical middle of the box; what lies below it is painted."""

BOTTOM_MARGIN = 10
"""Pixels added below the chin, for a jaw that drops; as in MuseTalk 1.5."""

FEATHER = 0.1
"""Width of the mask's soft edge, as a share of the face's width. A judgement."""

Box = tuple[int, int, int, int]


def face_box(points: Points, width: int, height: int) -> Box | None:
    """Left, top, right, bottom of the face within its picture; None if less than 32 pixels of it are inside."""
    jaw = points[list(JAW)]
    middle, chin = float(points[NOSE_BRIDGE, 1]), float(jaw[:, 1].max())
    top = middle - (chin - middle)
    box = (
        max(0, int(jaw[:, 0].min())),
        max(0, int(top)),
        min(width, int(jaw[:, 0].max())),
        min(height, int(chin) + BOTTOM_MARGIN),
    )
    return box if box[2] - box[0] >= 32 and box[3] - box[1] >= 32 else None


def jaw_mask(points: Points, box: Box) -> npt.NDArray[np.uint8]:
    """(256, 256) uint8 over ``box``: 255 on the lower face, soft at its edge, 0 at the box's own edge."""
    left, top, right, bottom = box
    scale = np.array([FACE_EDGE / (right - left), FACE_EDGE / (bottom - top)])
    jaw = (points[list(JAW)] - np.array([left, top])) * scale
    half = FACE_EDGE / 2
    feather = FEATHER * FACE_EDGE
    # drawn smaller by half the soft edge, so that it ends where the face does
    inner = (jaw - half) * (1 - feather / FACE_EDGE) + half
    image = Image.new("L", (FACE_EDGE, FACE_EDGE))
    ImageDraw.Draw(image).polygon([(float(x), float(y)) for x, y in inner], fill=255)
    ImageDraw.Draw(image).rectangle((0, 0, FACE_EDGE, half), fill=0)
    soft = np.asarray(image.filter(ImageFilter.GaussianBlur(feather / 4)), np.float32)
    ramp = np.clip((np.minimum(np.arange(FACE_EDGE), np.arange(FACE_EDGE)[::-1])) / (feather / 2), 0, 1)
    return np.asarray(np.rint(soft * ramp[:, None] * ramp[None]), np.uint8)


def face_pixels(picture: npt.NDArray[np.uint8], box: Box) -> npt.NDArray[np.uint8]:
    """The part of a picture (H, W, 3) in ``box``, resized to (256, 256, 3)."""
    crop = Image.fromarray(picture).crop(box).resize((FACE_EDGE, FACE_EDGE), Image.Resampling.LANCZOS)
    return np.asarray(crop)
