"""How head and body move: from a pose to the displacement of a coarse grid of nodes.

In: a manifest and poses. Out: for each node the position its pixels are fetched from (an inverse
warp), in output pixels. All motion is linear in a small vector of weights, so a batch is one
matrix product. Pure functions of their input, no threads, nothing to stop. Amplitudes were tuned by eye on a head
380 units wide, and scale with the width of the head.
"""

from __future__ import annotations

from typing import Any

import numpy as np
import numpy.typing as npt

from engine.animation.pose import POSE_CHANNELS
from engine.avatars.folders import PuppetManifest
from engine.items import FloatArray

NODE_STEP = 8
"""Output pixels between nodes; between them displacement is linear."""

LIMIT = 44.0
"""Nothing is fetched from further away than this, in output pixels; less than ``layers.MARGIN``."""

TURN = np.sin(np.deg2rad(15.0))
ROLL = np.deg2rad(9.0)
"""Turn and roll of the head at 1."""

Array = npt.NDArray[np.float64]

WEIGHTS = (
    "yaw",
    "pitch",
    "roll",
    "roll_sag",
    "jaw",
    "smile",
    "puff",
    "cheeks",
    "brow_inner",
    "brow_outer",
    "brow_down",
    "breath",
    "sway",
    "hair",
)

_TURNS, _FREE = ("yaw", "pitch", "roll", "roll_sag", "sway", "hair"), ("brow_inner", "brow_outer", "brow_down")
_LOWEST, _HIGHEST = (
    np.array([[turn if name in _TURNS else free if name in _FREE else share] for name in WEIGHTS])
    for turn, free, share in ((-1.3, -np.inf, 0.0), (1.3, np.inf, 1.0))
)


def weights(poses: FloatArray) -> FloatArray:
    """(B, channels) poses to (B, len(WEIGHTS)) float32 motion weights."""
    pose = dict(zip(POSE_CHANNELS, poses.T.astype(np.float64), strict=True))
    raw = np.empty((len(WEIGHTS), len(poses)))
    raw[0] = pose["head_yaw"]
    raw[1] = pose["head_pitch"]
    raw[2] = raw[3] = pose["head_roll"]
    raw[4] = pose["jaw_open"]
    raw[5] = pose["mouth_smile"]
    raw[6] = pose["cheek_puff"]
    raw[7] = pose["cheek_squint"] + 0.5 * pose["eye_squint"]
    raw[8] = pose["brow_inner_up"]
    raw[9] = pose["brow_outer_up"]
    raw[10] = pose["brow_down"]
    raw[11] = pose["breath"]
    raw[12], raw[13] = pose["body_sway"], pose["hair_sway"]
    raw = np.minimum(np.maximum(raw, _LOWEST), _HIGHEST)
    roll = ROLL * raw[2]
    raw[2], raw[3] = np.sin(roll), np.cos(roll) - 1
    raw[4] += 0.1 * pose["lower_lip_down"] - 0.12 * pose["lip_bite"]
    return np.asarray(raw.T, np.float32)


class Field:
    """The displacement fields of one avatar at one output size."""

    def __init__(self, manifest: PuppetManifest, size: int, nodes: int) -> None:
        """For pictures of edge ``size`` pixels; ``nodes`` along an edge may reach beyond the picture."""
        self.nodes = nodes
        scale = size / manifest.canvas
        axis = np.arange(self.nodes) * NODE_STEP / scale
        x, y = np.meshgrid(axis, axis)
        self.head = _flatten(_head_basis(manifest, x, y), scale)
        """(weights, 2 * nodes * nodes) float32: x then y of each node."""
        self.body = _flatten(_body_basis(manifest, x, y), scale)

        axis32 = np.arange(nodes, dtype=np.float32) * NODE_STEP
        self.home = np.stack([np.tile(axis32, nodes), np.repeat(axis32, nodes)])[None]
        """(1, 2, nodes * nodes) float32: where each node is, output pixels."""

    def fetch(self, basis: FloatArray, motion: FloatArray, step: float) -> FloatArray:
        """(B, weights) to (B, 2, nodes * nodes) float32: where each node is fetched from, output pixels.

        Displacement is rounded to ``step`` pixels, so that nodes compare equal when a change is
        too small to see.
        """
        moved = np.clip(motion @ basis, -LIMIT, LIMIT)
        moved = np.rint(moved / np.float32(step)) * np.float32(step)
        return np.asarray(moved.reshape(len(motion), 2, -1) + self.home, dtype=np.float32)


def _flatten(basis: dict[str, tuple[Any, Any]], scale: float) -> FloatArray:
    rows = [np.stack([np.asarray(basis[name][0]), np.asarray(basis[name][1])]).reshape(-1) for name in WEIGHTS]
    return (np.stack(rows) * scale).astype(np.float32)


def smooth(value: Array, start: float, stop: float) -> Array:
    """0 at ``start``, 1 at ``stop``, with level ends; ``start`` may be the larger one."""
    t = np.clip((value - start) / (stop - start), 0, 1)
    return np.asarray(t * t * (3 - 2 * t))


def _bump(x: Array, y: Array, center: tuple[float, float], rx: float, ry: float | Array) -> Array:
    """1 at ``center``, smoothly 0 at the edge of the ellipse."""
    r2 = ((x - center[0]) / rx) ** 2 + ((y - center[1]) / ry) ** 2
    return np.asarray(np.clip(1 - r2, 0, 1) ** 2)


def _roll_basis(held: Array, x: Array, y: Array, pivot: tuple[float, float]) -> dict[str, tuple[Array, Array]]:
    """Rotation, clockwise in the picture for a positive roll, where ``held`` is 1."""
    dx, dy = x - pivot[0], y - pivot[1]
    return {"roll": (held * dy, -held * dx), "roll_sag": (held * dx, held * dy)}


def _head_basis(manifest: PuppetManifest, x: Array, y: Array) -> dict[str, tuple[Array, Array]]:
    head, mouth = manifest.head, manifest.mouth
    hw, chin, motion = head.half_width, head.chin, head.motion
    zero = np.zeros_like(x)
    held = smooth(y, head.neck[1] + 0.1 * hw, chin - 0.3 * hw)
    if not head.cut_out:
        held = held * smooth(_distance(manifest, x, y), 1.9, 1.05)
    center_y = (head.eyes_y + chin) / 2 - 0.1 * hw
    round_ = 1 - ((x - head.x) / (1.18 * hw)) ** 2 - ((y - center_y) / (0.98 * (chin - head.eyes_y) + 0.32 * hw)) ** 2
    depth = np.sqrt(np.clip(round_, 0, 1) + 0.02) - np.sqrt(0.02)
    depth += 0.3 * _bump(x, y, head.nose, 0.42 * hw, 0.62 * hw)
    unit = hw / 190
    turn = TURN * hw * 0.72
    basis = {
        "yaw": (-motion * held * (turn * depth + 15 * unit), zero),
        "pitch": (zero, motion * held * (turn * 0.8 * depth + 9 * unit)),
        "breath": (zero, 2.5 * unit * held + 3.0 * unit * (1 - held)),
    }
    basis |= {k: (motion * a, motion * b) for k, (a, b) in _roll_basis(held, x, y, head.neck).items()}
    basis["sway"] = (_lean(manifest, y, unit), zero)
    # beside the face and below the eyes there is nothing but hair
    aside = smooth(np.abs(x - head.x), 0.86 * hw, 1.12 * hw)
    hair = aside * smooth(y, head.eyes_y, chin + 0.55 * hw) if head.cut_out else zero
    basis["hair"] = (-5.0 * unit * hair, zero)
    basis["jaw"] = (zero, -_jaw(manifest, x, y) * 36 * unit)
    corner_y = mouth.line[0]
    cheek_y = (corner_y + head.eyes_y) / 2 + 0.12 * hw

    def pair(dx: float, dy: float, cx: float, cy: float, rx: float, ry: float) -> tuple[Array, Array]:
        one = _bump(x, y, (head.x - cx, cy), rx, ry)
        two = _bump(x, y, (head.x + cx, cy), rx, ry)
        return dx * unit * (one - two), -dy * unit * (one + two)

    basis["smile"] = pair(4, -9, 0.52 * hw, cheek_y, 0.42 * hw, 0.42 * hw)
    basis["cheeks"] = pair(1, -8, 0.5 * hw, head.eyes_y + 0.36 * hw, 0.45 * hw, 0.34 * hw)
    basis["puff"] = pair(9, 0, 0.62 * hw, corner_y - 6 * unit, 0.5 * hw, 0.5 * hw)
    return basis | _brows(manifest, x, y, unit)


def _lean(manifest: PuppetManifest, y: Array, unit: float) -> Array:
    """Leaning to the side: nothing at the lower edge of the picture, most at the top. A portrait's wall stays."""
    share = np.clip(1 - y / manifest.canvas, 0, 1) if manifest.head.cut_out else np.zeros_like(y)
    return np.asarray(-14 * unit * share)


def _distance(manifest: PuppetManifest, x: Array, y: Array) -> Array:
    """Distance from the middle of the face; about 1 at its outline."""
    head = manifest.head
    middle = (head.top + head.chin) / 2
    return np.hypot(
        (x - head.x) / (1.15 * head.half_width), np.minimum(0, y - middle) / (0.55 * (head.chin - head.top))
    )


def _jaw(manifest: PuppetManifest, x: Array, y: Array) -> Array:
    """Share of the jaw's drop at each place, 0..1."""
    head, mouth = manifest.head, manifest.mouth
    line = mouth.line[len(mouth.line) // 2]
    falls = smooth(y, line - 4, head.chin + 6) * smooth(y, head.neck[1], head.chin + 0.12 * head.half_width)
    within = smooth(np.abs(x - head.x), 0.88 * head.half_width, 0.25 * head.half_width)
    return np.asarray(falls * within)


def _brows(manifest: PuppetManifest, x: Array, y: Array, unit: float) -> dict[str, tuple[Array, Array]]:
    zero = np.zeros_like(x)
    inner, outer, down, knit = zero, zero, zero, zero
    for eye in manifest.eyes:
        start, end, brow_y = eye.brow
        width = abs(end - start)
        middle = (start + end) / 2
        # the lids below must stay where they are
        reach = np.where(y < brow_y, 60 * unit, 0.9 * (min(eye.crease) - brow_y) + 12 * unit)
        inner = inner + _bump(x, y, (start + (end - start) * 0.12, brow_y), 0.75 * width, reach)
        outer = outer + _bump(x, y, (start + (end - start) * 0.72, brow_y), 0.75 * width, reach)
        down = down + _bump(x, y, (middle, brow_y), 0.95 * width, reach)
        knit = knit + np.sign(end - start) * _bump(x, y, (start, brow_y), 0.7 * width, 40 * unit)
    return {
        "brow_inner": (zero, 9 * unit * inner),
        "brow_outer": (zero, 8.5 * unit * outer),
        "brow_down": (5 * unit * knit, -8 * unit * down),
    }


def _body_basis(manifest: PuppetManifest, x: Array, y: Array) -> dict[str, tuple[Array, Array]]:
    """Neck and back hair follow the head, less the further down; shoulders only breathe."""
    head = manifest.head
    hw, chin, motion = head.half_width, head.chin, head.motion
    zero = np.zeros_like(x)
    unit = hw / 190
    held = smooth(y, head.neck[1] + 0.1 * hw, chin - 0.3 * hw)
    basis: dict[str, tuple[Array, Array]] = dict.fromkeys(WEIGHTS, (zero, zero))
    basis["yaw"] = (-motion * held * 11 * unit, zero)
    basis["pitch"] = (zero, motion * held * 6 * unit)
    basis |= {k: (motion * a, motion * b) for k, (a, b) in _roll_basis(held, x, y, head.neck).items()}
    basis["sway"] = (_lean(manifest, y, unit), zero)
    sides = np.clip(np.abs(x - head.x) / (2.2 * hw), 0, 1)
    basis["breath"] = (zero, 2.5 * unit + (3.5 * unit) * smooth(y, chin, chin + 0.6 * hw) * (0.5 + 0.5 * sides))
    return basis
