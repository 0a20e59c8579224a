"""Draws eyes: lids slide over an eyeball that turns, and lashes fold down with the lid.

In: positions on the resting face (already turned with the head) and one pose per picture. Out:
positions to fetch the skin from, the share of open eye, and shifted positions for the eyeball and
the lashes. Runs in the renderer's thread; holds read-only tensors, nothing to stop.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
import numpy.typing as npt
import torch
from torch import Tensor

from engine.animation.pose import CHANNEL
from engine.avatars.folders import EyeLines
from engine.items import FloatArray

SPAN = 1.3
"""Tables cover -SPAN to SPAN, where -1 and 1 are the corners of the eye."""

SAMPLES = 256
"""Entries of a table."""

MIN_FOLD = 0.35
"""Lashes that point at the viewer are drawn at least this long: shorter they would fall between samples."""

SEAM_DARKNESS, SEAM_FALL = 0.55, 0.35
"""Where the lids meet without drawn lashes: how much darker, and how fast it falls with the square of the distance."""

STEEPNESS = 1e3
"""Slope of the step between upper and lower lid in the fetched position: steep enough to be a jump."""

SHUT_BY_HEIGHT = 0.3
"""The seam is full where the open eye is at least 1 / SHUT_BY_HEIGHT pixels high."""

BLINKS = (CHANNEL["blink_right"], CHANNEL["blink_left"])
"""The eye on the picture's left is the tutor's right one."""


@dataclass(frozen=True, slots=True)
class Eyelids:
    """What a blinking, looking eye does to its pixels; float32 (n, h, w), positions (2, n, h, w)."""

    skin: Tensor
    """Where the skin comes from."""

    open: Tensor
    """Share of the pixel that is eyeball."""

    ball: Tensor
    """Where the eyeball comes from."""

    lash: Tensor
    """Where the lashes come from."""

    depth: Tensor
    """Pixels below the edge of the upper lid."""

    shut: Tensor
    """How far the lids are shut where there is an eye, 0..1."""

    def seam(self) -> Tensor:
        """(n, h, w), 0..1: near the line where the lids meet, as far as they are shut."""
        return decay(self.depth.square().mul_(SEAM_FALL)).mul_(self.shut)


@dataclass(frozen=True, slots=True)
class LidState:
    """One eye at one moment."""

    curves: npt.NDArray[np.float64]
    """(3, SAMPLES): crease, upper and lower lid."""

    closed: float
    """0 open to 1 shut."""

    fold: float
    """Which way the lashes point: 1 up, negative down."""

    gaze: tuple[float, float]
    """Shift of the eyeball, output pixels."""


class Eye:
    """One eye of one avatar at one output size."""

    def __init__(self, lines: EyeLines, blink: int, scale: float) -> None:
        x = np.array(lines.x) * scale
        self.x, self.width = float(x[0] + x[-1]) / 2, float(x[-1] - x[0]) / 2
        u = np.linspace(-SPAN, SPAN, SAMPLES)
        at = (x - self.x) / self.width
        self.crease, self.upper, self.lower = (
            np.interp(u, at, np.array(curve) * scale) for curve in (lines.crease, lines.upper, lines.lower)
        )
        self.height = float((self.lower - self.upper).max())
        self.ceiling = min(float(self.crease.min()) - 3, lines.brow[2] * scale + 4 * scale)
        self.floor = float(self.lower.max()) + self.height * 0.8
        self._gaze = (lines.gaze[0] * scale, lines.gaze[1] * scale)
        self._blink = blink

    def closed(self, pose: FloatArray) -> float:
        """How far the upper lid is down, 0 open to 1 shut (below 0: wide open)."""
        blink = float(np.clip(pose[self._blink], 0, 1))
        wide, squint = float(pose[CHANNEL["eye_wide"]]), float(pose[CHANNEL["eye_squint"]])
        look = float(pose[CHANNEL["look_y"]])
        down = max(0.0, -look) * 0.32 - max(0.0, look) * 0.12
        rest = down - 0.16 * wide + 0.2 * squint + 0.06 * float(pose[CHANNEL["mouth_smile"]])
        return min(1.0, rest * (1 - blink) + blink)

    def state(self, pose: FloatArray) -> LidState:
        """The eye of one pose, (channels,)."""
        closed = self.closed(pose)
        squint, cheek = float(pose[CHANNEL["eye_squint"]]), float(pose[CHANNEL["cheek_squint"]])
        raised = 0.16 * squint + 0.14 * cheek + 0.08 * max(0.0, closed) + 0.05 * float(pose[CHANNEL["mouth_smile"]])
        height = self.lower - self.upper
        lower = self.lower - height * raised
        # the lids meet low, along a curve near the lower one
        meet = self.lower - height * 0.16
        upper = np.minimum(self.upper + (meet - self.upper) * closed, lower)
        if closed >= 0.985:
            upper = lower = np.maximum(upper, lower)
        crease = np.minimum(self.crease + (upper - self.upper) * 0.18, upper)
        fold = 1 - 1.7 * max(0.0, closed) ** 1.5
        if abs(fold) < MIN_FOLD:
            fold = MIN_FOLD if fold >= 0 else -MIN_FOLD
        gaze = (float(pose[CHANNEL["look_x"]]) * self._gaze[0], -float(pose[CHANNEL["look_y"]]) * self._gaze[1])
        return LidState(np.stack([crease, upper, lower]), max(0.0, closed), fold, gaze)


class Eyes:
    """Both eyes. Batches are ordered picture by picture, left of the picture first."""

    def __init__(self, lines: tuple[EyeLines, EyeLines], scale: float, device: torch.device) -> None:
        self.pair = tuple(Eye(line, blink, scale) for line, blink in zip(lines, BLINKS, strict=True))
        self._device = device

    def states(self, poses: FloatArray) -> list[LidState]:
        """Right and left of the tutor, picture by picture."""
        return [eye.state(pose) for pose in poses for eye in self.pair]

    def tables(self, states: list[LidState]) -> FloatArray:
        """(8, n, SAMPLES) float32: crease, upper, lower, upper and height at rest, stretch of brow, lid and cheek."""
        stacked = np.empty((8, len(states), SAMPLES), np.float32)
        for index, state in enumerate(states):
            eye = self.pair[index % 2]
            crease, upper, lower = state.curves
            stacked[:3, index] = state.curves
            stacked[3, index] = eye.upper
            stacked[4, index] = eye.lower - eye.upper
            stacked[5, index] = (eye.crease - crease) / np.maximum(crease - eye.ceiling, 0.5)
            stacked[6, index] = (eye.upper - eye.crease) / np.maximum(upper - crease, 0.1) - 1
            stacked[7, index] = (lower - eye.lower) / (eye.floor - lower)
        return stacked

    def columns(self, states: list[LidState]) -> FloatArray:
        """(9, n) float32: middle, table entries per pixel, ceiling, floor, 1 / fold, gaze x, gaze y, first table entry,
        closed."""
        rows = [
            (
                eye.x,
                (SAMPLES - 1) / (2 * SPAN * eye.width),
                eye.ceiling,
                eye.floor,
                1 / state.fold,
                *state.gaze,
                index * SAMPLES,
                state.closed,
            )
            for index, state in enumerate(states)
            for eye in (self.pair[index % 2],)
        ]
        return np.array(rows, np.float32).T.copy()

    def lids(self, where: Tensor, poses: FloatArray) -> Eyelids:
        """The lids at ``where`` (2, 2 * B, h, w) on the resting face; ``poses`` are (B, channels)."""
        x, y = where.unbind(0)
        states = self.states(poses)
        columns = torch.from_numpy(self.columns(states)).to(self._device).view(9, -1, 1, 1)
        tables = torch.from_numpy(self.tables(states).reshape(8, -1)).to(self._device)
        middle, density, ceiling, end, fold, look_x, look_y, first, closed = columns.unbind(0)
        slot = (x - middle).mul_(density).add_(SAMPLES / 2).clamp_(0, SAMPLES - 1).add_(first).to(torch.int32).view(-1)
        crease, upper, lower, upper0, height, brow, lid, cheek = (
            table.index_select(0, slot).view(x.shape) for table in tables
        )
        source = torch.addcmul(y, torch.clamp(y, ceiling, crease).sub_(ceiling), brow)
        source.addcmul_(torch.clamp(y, crease, upper).sub_(crease), lid)
        source.sub_(torch.clamp(y, upper, lower).sub_(upper))
        below = (y * 2).sub_(upper).sub_(lower).mul_(STEEPNESS).clamp_(0, 1)
        source.addcmul_(below, height)
        source.addcmul_(torch.clamp(y, lower, torch.maximum(end, lower)).sub_(lower), cheek)
        open_ = (torch.minimum(y + 0.5, lower) - torch.maximum(y - 0.5, upper)).clamp_(0, 1)
        depth = y - upper
        return Eyelids(
            skin=torch.stack((x, source)),
            open=open_,
            ball=where - torch.stack((look_x, look_y)),
            lash=torch.stack((x, torch.addcmul(upper0, depth, fold))),
            depth=depth,
            shut=(height * SHUT_BY_HEIGHT).clamp_(0, 1).mul_(closed),
        )


def decay(t: Tensor) -> Tensor:
    """(1 - t / 16) ** 16, about exp(-t), for t >= 0, in place; squaring is many times faster than exp on CPUs."""
    return t.mul_(-1 / 16).add_(1).clamp_(min=0).square_().square_().square_().square_()
