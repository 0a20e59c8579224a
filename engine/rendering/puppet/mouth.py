"""Draws mouths: moves the lips of the head's picture and shows teeth and tongue between them.

In: positions on the resting face (already turned with the head) and a mouth's shape. Out:
positions to fetch the skin from, and the colours of the inside. Runs in the renderer's thread;
holds read-only tensors, nothing to stop.

A column of skin is a chain of pieces that stretch: skin above, upper lip, opening, lower lip,
skin below. Adding up clamped pieces takes a fraction of the time that selecting between them does.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, replace

import numpy as np
import torch
from torch import Tensor

from engine.items import FloatArray
from engine.rendering.puppet.layers import OPAQUE, Layer
from engine.rendering.puppet.mouth_shape import SAMPLES, SPAN, MouthRest, MouthShape

Colors = Tensor
"""(B, h * w * 3 / 2) float32: for each picture Y, then U and V of the even pixels."""

CAVITY_TOP, CAVITY_BOTTOM = (28.0, 125.0, 137.0), (46.0, 121.0, 148.0)
"""Y, U, V of the dark behind the lips: at the upper lip, and ``CAVITY_DEPTH`` below it."""

CAVITY_DEPTH, LIGHT_DEPTH = 44, 9
"""Depth below the upper lip, in units of ``MouthRest``, at which the cavity has its lower colour and full light."""

LIGHT_AT_LIP = 0.64
"""Light just below the upper lip, whose shadow falls on the teeth; 1 is full light."""

DIM_TO_CORNERS, MIN_LIGHT_ASIDE = 0.55, 0.35
"""How much light is lost at the corners of the mouth (with the square of the distance), and the least there is."""

HOLD = 2.2
"""The sideways pull of the lips fades to 0 over the outer 1 / HOLD of the skin above and below them."""


@dataclass(frozen=True, slots=True)
class Lips:
    """What moving lips do to their surroundings; float32, (B, h, w) except ``where``."""

    where: Tensor
    """(2, B, h, w): x and y the skin comes from."""

    inside: Tensor
    """Share of the pixel that is opening, 0..1."""

    depth: Tensor
    """Pixels below the upper lip."""

    weight: Tensor
    """Weight of the lips' colour: 1 around the mouth, 0 below the chin."""


class Mouth:
    """The mouth of one avatar at one output size."""

    def __init__(self, rest: MouthRest, parts: Sequence[Layer], device: torch.device) -> None:
        """``parts``: lower teeth, tongue, upper teeth; of one size at one place."""
        self.rest = rest
        self.device = device
        self.parts = replace(
            parts[0],
            colors=torch.cat([part.colors for part in parts]),
            alpha=torch.cat([part.alpha for part in parts]),
        )
        """The parts as one layer, their samples one after the other; positions are of the first."""
        self._first = torch.arange(len(parts), device=device, dtype=torch.int32).view(-1, 1, 1) * len(parts[0].colors)

    def tables(self, shapes: list[MouthShape]) -> FloatArray:
        """(9, B, SAMPLES) float32: upper, top, bottom, lower, floor, and the stretch of the four pieces of skin."""
        rest = self.rest
        stacked = np.empty((9, len(shapes), SAMPLES), np.float32)
        for index, s in enumerate(shapes):
            stacked[:5, index] = s.upper, s.top, s.bottom, s.lower, rest.floor
            stacked[5, index] = (rest.upper - s.upper) / np.maximum(s.upper - rest.ceiling, 1)
            stacked[6, index] = (rest.line - rest.upper) / np.maximum(s.top - s.upper, 0.05) - 1
            stacked[7, index] = (rest.lower - rest.line) / np.maximum(s.lower - s.bottom, 0.05) - 1
            stacked[8, index] = (s.lower - rest.lower) / np.maximum(rest.floor - s.lower, 1)
        return stacked

    def offsets(self, shapes: list[MouthShape]) -> FloatArray:
        """(3, B) float32: output pixels by which lower teeth, tongue and upper teeth are moved down."""
        return np.array([[s.lower_teeth, s.tongue, s.upper_teeth] for s in shapes], np.float32).T.copy()

    def remap(self, where: Tensor, shapes: list[MouthShape]) -> Lips:
        """What the lips do to the pixels at (2, B, h, w) positions on the resting face."""
        rest = self.rest
        x, y = where.unbind(0)
        widths = np.array([s.width for s in shapes], np.float32)
        gains = torch.from_numpy(
            np.stack([widths, rest.width / widths, (rest.reach - rest.width) / (rest.reach - widths)])
        )
        width, lip, cheek = gains.to(self.device).view(3, -1, 1, 1).unbind(0)
        aside = x - rest.x
        far = aside.abs()
        lips = (torch.minimum(far, width) * lip).add_((far.clamp(max=rest.reach) - width).clamp_(min=0).mul_(cheek))
        lips.add_((far - rest.reach).clamp_(min=0))
        along = torch.copysign(lips, aside)
        slot = (
            (along * ((SAMPLES - 1) / (2 * SPAN * rest.width))).add_(SAMPLES / 2).clamp_(0, SAMPLES - 1).to(torch.int32)
        )
        if len(shapes) > 1:
            slot += torch.arange(len(shapes), device=self.device, dtype=torch.int32).view(-1, 1, 1) * SAMPLES
        flat = slot.view(-1)
        tables = torch.from_numpy(self.tables(shapes).reshape(9, -1)).to(self.device)
        upper, top, bottom, lower, floor, skin_up, lip_up, lip_down, skin_down = (
            table.index_select(0, flat).view(x.shape) for table in tables
        )
        moved = torch.empty_like(where)
        above = torch.minimum(y.clamp(min=rest.ceiling), upper).sub_(rest.ceiling)
        source = torch.addcmul(y, above, skin_up, out=moved[1])
        source.addcmul_(torch.clamp(y, upper, top).sub_(upper), lip_up)
        source.sub_(torch.clamp(y, top, bottom).sub_(top))
        source.addcmul_(torch.clamp(y, bottom, lower).sub_(bottom), lip_down)
        source.addcmul_(torch.clamp(y, lower, floor).sub_(lower), skin_down)
        weight = floor - y
        above = (y - rest.ceiling).mul_(HOLD / (rest.y - rest.ceiling))
        below = weight * (HOLD / (rest.floor.max() - rest.y))
        hold = torch.minimum(above, below).clamp_(0, 1)
        torch.addcmul(x, along - aside, hold, out=moved[0])
        inside = (torch.minimum(y + 0.5, bottom) - torch.maximum(y - 0.5, top)).clamp_(0, 1)
        return Lips(moved, inside, y - top, weight.clamp_(0, 1))

    def inside(self, where: Tensor, depth: Tensor, shapes: list[MouthShape]) -> Colors:
        """Colours behind the lips at (2, B, h, w) positions on the resting face.

        ``depth`` (B, h, w) is in output pixels below the upper lip.
        """
        unit, count = self.rest.unit, depth[0].numel()
        colors = planes((depth * (1 / (CAVITY_DEPTH * unit))).clamp_(0, 1))
        luma, u, v = colors.tensor_split((count, count * 5 // 4), 1)
        for plane, top, bottom in zip((luma, u, v), CAVITY_TOP, CAVITY_BOTTOM, strict=True):
            plane.mul_(bottom - top).add_(top)
        index = self._index(where, shapes)
        shown = self.parts.colors.index_select(0, index.view(-1)).view(index.shape)
        behind = self.parts.alpha.index_select(0, index.view(-1)).view(index.shape) * (-1 / OPAQUE) + 1
        for share, part in zip(behind, shown, strict=True):
            colors.mul_(share).add_(part)
        aside = (where[0] - self.rest.x).square_().mul_(-DIM_TO_CORNERS / self.rest.width**2).add_(1)
        aside = aside.clamp_(min=MIN_LIGHT_ASIDE)
        light = planes(depth.mul(1 / (LIGHT_DEPTH * unit)).add_(LIGHT_AT_LIP).clamp_(LIGHT_AT_LIP, 1).mul_(aside))
        colors.sub_(128).mul_(light).add_(128)
        # black is 16 in luma, not 128
        luma.add_(light[:, :count], alpha=112).sub_(112)
        return colors

    def _index(self, where: Tensor, shapes: list[MouthShape]) -> Tensor:
        """(parts, B, h * w * 3 / 2) flat indices of the samples of teeth and tongue, moved as in ``shapes``."""
        offset = torch.from_numpy(self.offsets(shapes)).to(self.device).view(3, -1, 1, 1)
        placed = torch.stack((where[0].expand(3, *where.shape[1:]), where[1] - offset))
        return self.parts.index(placed.flatten(1, 2)).view(3, where.shape[1], -1).add_(self._first)


def planes(share: Tensor) -> Tensor:
    """Repeat a value per pixel for all planes: (B, h, w) to (B, h * w * 3 / 2)."""
    small = share[:, ::2, ::2].flatten(1)
    return torch.cat((share.flatten(1), small, small), 1)


def blend(layer: Layer, where: Tensor, colors: Colors) -> None:
    """Lay ``layer``, fetched from (2, B, h, w), over ``colors`` in place."""
    index = layer.index(where)
    flat = index.view(-1)
    behind = layer.alpha.index_select(0, flat).view(index.shape) * (-1 / OPAQUE) + 1
    colors.mul_(behind).add_(layer.colors.index_select(0, flat).view(index.shape))


def read(layer: Layer, where: Tensor) -> Colors:
    """Colours of an opaque layer at (2, B, h, w) positions."""
    index = layer.index(where)
    return layer.colors.index_select(0, index.view(-1)).view(index.shape).float()


def mix(below: tuple[Tensor, Tensor], above: Colors, share: Tensor) -> None:
    """Blend ``above`` into luma (B, h, w) and chroma (B, 2, h/2, w/2) in place by ``share`` (B, h, w)."""
    luma, chroma = below
    count = share[0].numel()
    luma.lerp_(above[:, :count].view(share.shape), share)
    small = (share[:, ::2, ::2] + share[:, 1::2, 1::2]).mul_(0.5)[:, None]
    chroma.lerp_(above[:, count:].view(len(share), 2, *small.shape[2:]), small)


def views(colors: Colors, height: int, width: int) -> tuple[Tensor, Tensor]:
    """Luma (B, h, w) and chroma (B, 2, h/2, w/2) of ``colors``."""
    luma = colors[:, : height * width].view(-1, height, width)
    return luma, colors[:, height * width :].view(-1, 2, height // 2, width // 2)
