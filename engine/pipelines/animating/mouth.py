"""Draws mouths: moves the lips of the head's picture and shows teeth and tongue between them.

In: positions on the resting face (already turned with the head) and a mouth's shape. Out:
positions to fetch the skin from and the colours of the inside. Runs in the renderer's thread;
holds read-only tensors, nothing to stop.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
import torch
from torch import Tensor
from torch.nn import functional

from engine.pipelines.animating.layers import OPAQUE, Layer
from engine.pipelines.animating.mouth_shape import SAMPLES, SPAN, MouthRest, MouthShape

Colors = tuple[Tensor, Tensor, Tensor]
"""Y (B, h, w), U and V (B, h/2, w/2), float32."""


@dataclass(frozen=True, slots=True)
class MouthLayers:
    """What shows through the opening, back to front."""

    cavity: Layer
    lower_teeth: Layer
    tongue: Layer
    upper_teeth: Layer


@dataclass(frozen=True, slots=True)
class Lips:
    """What moving lips do to their surroundings; all (B, h, w)."""

    x: Tensor
    """Where the skin comes from."""

    y: Tensor
    inside: Tensor
    """Share of the pixel that is opening, 0..1."""

    depth: Tensor
    """Pixels below the upper lip."""

    touched: Tensor
    """Bool: the pixel takes part at all."""


class Mouth:
    """The mouth of one avatar at one output size."""

    def __init__(self, rest: MouthRest, layers: MouthLayers, device: torch.device) -> None:
        self.rest = rest
        self.layers = layers
        self.device = device
        curves = np.stack([rest.upper, rest.line, rest.lower, rest.floor])
        self._rest_table = torch.tensor(curves, dtype=torch.float32, device=device)

    def tables(self, shapes: list[MouthShape]) -> Tensor:
        """(B, 4, SAMPLES): upper, top, bottom, lower."""
        stacked = np.stack([np.stack([s.upper, s.top, s.bottom, s.lower]) for s in shapes]).astype(np.float32)
        return torch.from_numpy(stacked).to(self.device)

    def remap(self, x: Tensor, y: Tensor, shapes: list[MouthShape]) -> Lips:
        """What the lips do to the pixels at (x, y) on the resting face, each (B, h, w)."""
        rest = self.rest
        width = torch.tensor([s.width for s in shapes], device=self.device).view(-1, 1, 1)
        aside = x - rest.x
        far = aside.abs()
        cheek = rest.width + (far - width) * ((rest.reach - rest.width) / (rest.reach - width))
        lips = torch.where(far < width, far * (rest.width / width), torch.where(far < rest.reach, cheek, far))
        along = torch.copysign(lips, aside)
        slot = (along * ((SAMPLES - 1) / (2 * SPAN * rest.width)) + SAMPLES / 2).clamp_(0, SAMPLES - 1).long()
        flat = slot.view(len(shapes), 1, -1)
        current = torch.gather(self.tables(shapes), 2, flat.expand(-1, 4, -1)).view(len(shapes), 4, *x.shape[1:])
        before = self._rest_table[:, slot]
        upper, top, bottom, lower = current.unbind(1)
        upper0, line0, lower0, floor = before.unbind(0)
        source = self._vertical(y, (upper, top, bottom, lower), (upper0, line0, lower0), floor)
        above = ((y - rest.ceiling) / (rest.y - rest.ceiling)).clamp_(0, 1)
        below = ((floor - y) / (floor - rest.y)).clamp_(0, 1)
        hold = torch.minimum(above, below)
        hold = (hold * 2.2).clamp_(max=1)
        moved_x = x + (rest.x + along - x) * hold
        inside = (torch.minimum(y + 0.5, bottom) - torch.maximum(y - 0.5, top)).clamp_(0, 1)
        return Lips(moved_x, source, inside, y - top, (y < floor) & (far < rest.reach) & (y > rest.ceiling))

    def _vertical(
        self, y: Tensor, current: tuple[Tensor, Tensor, Tensor, Tensor], before: tuple[Tensor, Tensor, Tensor], floor: Tensor
    ) -> Tensor:
        """Piecewise: skin above, upper lip, lower lip, skin below."""
        rest = self.rest
        upper, top, bottom, lower = current
        upper0, line0, lower0 = before
        rise = ((y - rest.ceiling) / (upper - rest.ceiling).clamp_(min=1)).clamp_(0, 1)
        fall = ((floor - y) / (floor - lower).clamp_(min=1)).clamp_(0, 1)
        skin_up = y + (upper0 - upper) * rise
        skin_down = y + (lower0 - lower) * fall
        lip_up = upper0 + (y - upper) * (line0 - upper0) / (top - upper).clamp_(min=0.05)
        lip_up = torch.minimum(lip_up, line0 - 0.3)
        lip_down = lower0 - (lower - y) * (lower0 - line0) / (lower - bottom).clamp_(min=0.05)
        lip_down = torch.maximum(lip_down, line0 + 0.3)
        up = torch.where(y < upper, skin_up, lip_up)
        down = torch.where(y > lower, skin_down, lip_down)
        return torch.where(y < (top + bottom) * 0.5, up, down)

    def inside(self, x: Tensor, y: Tensor, depth: Tensor, shapes: list[MouthShape]) -> Colors:
        """Colours behind the lips at (x, y) on the resting face; ``depth`` below the upper lip."""
        layers = self.layers
        zero = [0.0] * len(shapes)
        parts = (
            (layers.cavity, zero), (layers.lower_teeth, [s.lower_teeth for s in shapes]),
            (layers.tongue, [s.tongue for s in shapes]), (layers.upper_teeth, [s.upper_teeth for s in shapes]),
        )
        luma: Tensor | None = None
        chroma: list[Tensor] = []
        for layer, shift in parts:
            offset = torch.tensor(shift, dtype=torch.float32, device=self.device).view(-1, 1, 1)
            column, row = layer.locate(x, y - offset)
            values = layer.luma(layer.y, column, row).float()
            index = layer.chroma_index(column[:, ::2, ::2], row[:, ::2, ::2])
            flat = index.reshape(-1)
            u, v = (t.index_select(0, flat).view(index.shape).float() for t in (layer.u, layer.v))
            if luma is None:
                luma, chroma = values, [u, v]
                continue
            behind = 1 - layer.luma(layer.a, column, row).float() / OPAQUE
            luma = luma * behind + values
            behind = 1 - layer.chroma_a.index_select(0, flat).view(index.shape).float() / OPAQUE
            chroma = [chroma[0] * behind + u, chroma[1] * behind + v]
        assert luma is not None
        unit = self.rest.unit
        aside = ((x - self.rest.x) / self.rest.width).square_()
        light = (0.5 + depth / (9 * unit)).clamp_(0.5, 1) * (1 - 0.38 * aside).clamp_(min=0.45)
        luma = 16 + (luma - 16) * light
        dim = functional.avg_pool2d(light, 2)
        return luma, 128 + (chroma[0] - 128) * dim, 128 + (chroma[1] - 128) * dim
