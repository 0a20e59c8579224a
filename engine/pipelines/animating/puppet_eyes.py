"""Draws eyes: lids slide over an eyeball that turns, lashes fold down with the lid.

In: positions on the resting face (already turned with the head), one pose a picture. Out:
positions to fetch the skin from, the share of open eye, shifted positions for the eyeball and
the lashes. Runs in the renderer's thread; holds read-only tensors, nothing to stop.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
import torch
from torch import Tensor

from engine.pipelines.animating.avatars import EyeLines
from engine.pipelines.animating.pose import CHANNEL
from engine.pipelines.items import FloatArray

SPAN = 1.3
SAMPLES = 256


@dataclass(frozen=True, slots=True)
class Eyelids:
    """What a blinking, looking eye does to its pixels; all (B, h, w) float32."""

    y: Tensor
    """Where the skin comes from (x stays)."""

    open: Tensor
    """Share of the pixel that is eyeball."""

    ball_x: Tensor
    ball_y: Tensor
    lash_y: Tensor
    """Where the lashes come from."""

    depth: Tensor
    """Pixels below the edge of the upper lid."""


class Eye:
    """One eye of one avatar at one output size."""

    def __init__(self, lines: EyeLines, blink_channel: str, scale: float, device: torch.device) -> None:
        x = np.array(lines.x) * scale
        self.x, self.width = float(x[0] + x[-1]) / 2, float(x[-1] - x[0]) / 2
        u = np.linspace(-SPAN, SPAN, SAMPLES)
        at = (x - self.x) / self.width
        self._crease, self._upper, self._lower = (
            np.interp(u, at, np.array(curve) * scale) for curve in (lines.crease, lines.upper, lines.lower)
        )
        self.height = float((self._lower - self._upper).max())
        self.y = float((self._lower + self._upper)[SAMPLES // 2]) / 2
        self.ceiling = min(float(self._crease.min()) - 3, lines.brow[2] * scale + 4 * scale)
        self.floor = float(self._lower.max()) + self.height * 0.8
        self._gaze = (lines.gaze[0] * scale, lines.gaze[1] * scale)
        self._blink = CHANNEL[blink_channel]
        self._device = device
        self._rest = torch.tensor(np.stack([self._crease, self._upper, self._lower]), dtype=torch.float32, device=device)

    def closed(self, pose: FloatArray) -> float:
        """How far the upper lid is down, 0 open to 1 shut (below 0: wide open)."""
        blink = float(np.clip(pose[self._blink], 0, 1))
        wide, squint = float(pose[CHANNEL["eye_wide"]]), float(pose[CHANNEL["eye_squint"]])
        down = max(0.0, -float(pose[CHANNEL["look_y"]])) * 0.32 - max(0.0, float(pose[CHANNEL["look_y"]])) * 0.12
        smile = 0.06 * float(pose[CHANNEL["mouth_smile"]])
        rest = down - 0.16 * wide + 0.2 * squint + smile
        return min(1.0, rest * (1 - blink) + blink)

    def lids(self, x: Tensor, y: Tensor, poses: FloatArray) -> Eyelids:
        """For each pixel at (x, y) of the resting face, (B, h, w)."""
        count = len(poses)
        tables, folds, gaze = [], [], []
        for pose in poses:
            closed = self.closed(pose)
            table, fold = self._table(pose, closed)
            tables.append(table)
            folds.append(fold)
            gaze.append((pose[CHANNEL["look_x"]] * self._gaze[0], -pose[CHANNEL["look_y"]] * self._gaze[1]))
        slot = ((x - self.x) * ((SAMPLES - 1) / (2 * SPAN * self.width)) + SAMPLES / 2).clamp_(0, SAMPLES - 1).long()
        current = torch.from_numpy(np.stack(tables).astype(np.float32)).to(self._device)
        crease, upper, lower = torch.gather(
            current, 2, slot.view(count, 1, -1).expand(-1, 3, -1)
        ).view(count, 3, *x.shape[1:]).unbind(1)
        crease0, upper0, lower0 = self._rest[:, slot].unbind(0)
        high = ((y - self.ceiling) / (crease - self.ceiling).clamp_(min=0.5)).clamp_(0, 1)
        brow = y + (crease0 - crease) * high
        lid = crease0 + (y - crease) * (upper0 - crease0) / (upper - crease).clamp_(min=0.1)
        cheek = y + (lower0 - lower) * ((self.floor - y) / (self.floor - lower)).clamp_(0, 1)
        source = torch.where(y < crease, brow, torch.minimum(lid, upper0))
        source = torch.where(y < (upper + lower) * 0.5, source, torch.maximum(cheek, lower0))
        open_ = (torch.minimum(y + 0.5, lower) - torch.maximum(y - 0.5, upper)).clamp_(0, 1)
        fold = torch.tensor(folds, dtype=torch.float32, device=self._device).view(-1, 1, 1)
        look = torch.tensor(np.array(gaze), dtype=torch.float32, device=self._device).view(-1, 2, 1, 1)
        return Eyelids(
            y=source, open=open_, ball_x=x - look[:, 0], ball_y=y - look[:, 1], lash_y=upper0 - (upper - y) / fold,
            depth=y - upper,
        )

    def _table(self, pose: FloatArray, closed: float) -> tuple[np.ndarray, float]:
        """Curves (3, SAMPLES) for this lid, and how much lashes still point upwards (negative: down)."""
        squint, smile = float(pose[CHANNEL["eye_squint"]]), float(pose[CHANNEL["cheek_squint"]])
        raised = 0.16 * squint + 0.14 * smile + 0.08 * max(0.0, closed) + 0.05 * float(pose[CHANNEL["mouth_smile"]])
        height = self._lower - self._upper
        lower = self._lower - height * raised
        # the lids meet low, along a curve near the lower one
        meet = self._lower - height * 0.16
        upper = np.minimum(self._upper + (meet - self._upper) * closed, lower)
        if closed >= 0.985:
            upper = lower = np.maximum(upper, lower)
        crease = self._crease + (upper - self._upper) * 0.18
        crease = np.minimum(crease, upper)
        fold = 1 - 1.7 * max(0.0, closed) ** 1.5
        fold = fold if abs(fold) > 0.12 else (0.12 if fold >= 0 else -0.12)
        return np.stack([crease, upper, lower]), fold
