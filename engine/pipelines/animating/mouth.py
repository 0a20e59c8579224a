"""Draws mouths: moves the lips of the head's picture and shows teeth and tongue between them.

In: positions on the resting face (already turned with the head) and a mouth's shape. Out:
positions to fetch the skin from and the colours of the inside. Runs in the renderer's thread;
holds read-only tensors, nothing to stop.

A column of skin is a chain of pieces that stretch: skin above, upper lip, opening, lower lip,
skin below. Sums of clamped pieces cost a fraction of selecting between them.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
import torch
from torch import Tensor

from engine.pipelines.animating.layers import OPAQUE, Layer
from engine.pipelines.animating.mouth_shape import SAMPLES, SPAN, MouthRest, MouthShape

Colors = tuple[Tensor, Tensor, Tensor]
"""Y (B, h, w), U and V (B, h/2, w/2), float32."""

CAVITY_TOP, CAVITY_BOTTOM = (28.0, 125.0, 137.0), (46.0, 121.0, 148.0)
"""Y, U, V of the dark behind the lips, at the upper lip and deep down."""


@dataclass(frozen=True, slots=True)
class MouthLayers:
    """What shows through the opening, back to front."""

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

    weight: Tensor
    """1 where the lips decide, 0 below the chin."""


class Mouth:
    """The mouth of one avatar at one output size."""

    def __init__(self, rest: MouthRest, layers: MouthLayers, device: torch.device) -> None:
        self.rest = rest
        self.layers = layers
        self.device = device

    def _tables(self, shapes: list[MouthShape]) -> Tensor:
        """(9, B * SAMPLES): upper, top, bottom, lower, floor and the stretch of the four pieces of skin."""
        rest = self.rest
        stacked = np.empty((9, len(shapes), SAMPLES), np.float32)
        for index, s in enumerate(shapes):
            stacked[:5, index] = s.upper, s.top, s.bottom, s.lower, rest.floor
            stacked[5, index] = (rest.upper - s.upper) / np.maximum(s.upper - rest.ceiling, 1)
            stacked[6, index] = (rest.line - rest.upper) / np.maximum(s.top - s.upper, 0.05) - 1
            stacked[7, index] = (rest.lower - rest.line) / np.maximum(s.lower - s.bottom, 0.05) - 1
            stacked[8, index] = (s.lower - rest.lower) / np.maximum(rest.floor - s.lower, 1)
        return torch.from_numpy(stacked.reshape(9, -1)).to(self.device)

    def remap(self, x: Tensor, y: Tensor, shapes: list[MouthShape]) -> Lips:
        """What the lips do to the pixels at (x, y) on the resting face, each (B, h, w)."""
        rest = self.rest
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
        upper, top, bottom, lower, floor, skin_up, lip_up, lip_down, skin_down = (
            table.index_select(0, flat).view(x.shape) for table in self._tables(shapes)
        )
        source = torch.addcmul(y, torch.minimum(y.clamp(min=rest.ceiling), upper).sub_(rest.ceiling), skin_up)
        source.addcmul_(torch.clamp(y, upper, top).sub_(upper), lip_up)
        source.sub_(torch.clamp(y, top, bottom).sub_(top))
        source.addcmul_(torch.clamp(y, bottom, lower).sub_(bottom), lip_down)
        source.addcmul_(torch.clamp(y, lower, floor).sub_(lower), skin_down)
        weight = floor - y
        above = (y - rest.ceiling).mul_(2.2 / (rest.y - rest.ceiling))
        below = weight * (2.2 / (rest.floor.max() - rest.y))
        hold = torch.minimum(above, below).clamp_(0, 1)
        moved_x = torch.addcmul(x, along - aside, hold)
        inside = (torch.minimum(y + 0.5, bottom) - torch.maximum(y - 0.5, top)).clamp_(0, 1)
        return Lips(moved_x, source, inside, y - top, weight.clamp_(0, 1))

    def inside(self, x: Tensor, y: Tensor, depth: Tensor, shapes: list[MouthShape]) -> Colors:
        """Colours behind the lips at (x, y) on the resting face; ``depth`` below the upper lip."""
        layers, unit = self.layers, self.rest.unit
        deep = (depth * (1 / (44 * unit))).clamp_(0, 1)
        deep_small = deep[:, ::2, ::2]
        luma = deep * (CAVITY_BOTTOM[0] - CAVITY_TOP[0]) + CAVITY_TOP[0]
        chroma = [deep_small * (CAVITY_BOTTOM[k] - CAVITY_TOP[k]) + CAVITY_TOP[k] for k in (1, 2)]
        parts = (
            (layers.lower_teeth, [s.lower_teeth for s in shapes]),
            (layers.tongue, [s.tongue for s in shapes]),
            (layers.upper_teeth, [s.upper_teeth for s in shapes]),
        )
        for layer, shift in parts:
            offset = torch.tensor(shift, dtype=torch.float32, device=self.device).view(-1, 1, 1)
            blend(layer, x, y - offset, luma, chroma[0], chroma[1])
        aside = (x - self.rest.x).square_().mul_(-0.55 / self.rest.width**2).add_(1).clamp_(min=0.35)
        light = depth.mul(1 / (9 * unit)).add_(0.64).clamp_(0.64, 1).mul_(aside)
        dim = light[:, ::2, ::2]
        u, v = (c.sub_(128).mul_(dim).add_(128) for c in chroma)
        return luma.sub_(16).mul_(light).add_(16), u, v


def blend(layer: Layer, x: Tensor, y: Tensor, luma: Tensor, u: Tensor, v: Tensor) -> None:
    """Lay ``layer``, fetched from (x, y), over the planes in place."""
    column, row = layer.locate(x, y)
    behind = layer.luma(layer.a, column, row) * (-1 / OPAQUE) + 1
    luma.mul_(behind).add_(layer.luma(layer.y, column, row))
    index = layer.chroma_index(column[:, ::2, ::2], row[:, ::2, ::2])
    flat = index.reshape(-1)
    behind = layer.chroma_a.index_select(0, flat).view(index.shape) * (-1 / OPAQUE) + 1
    for plane, texture in ((u, layer.u), (v, layer.v)):
        plane.mul_(behind).add_(texture.index_select(0, flat).view(index.shape))


def read(layer: Layer, x: Tensor, y: Tensor) -> Colors:
    """Y, U and V of an opaque layer at (B, h, w) positions."""
    column, row = layer.locate(x, y)
    index = layer.chroma_index(column[:, ::2, ::2], row[:, ::2, ::2])
    flat = index.reshape(-1)
    u, v = (plane.index_select(0, flat).view(index.shape).float() for plane in (layer.u, layer.v))
    return layer.luma(layer.y, column, row).float(), u, v


def mix(below: Colors, above: Colors, share: Tensor) -> None:
    """Blend ``above`` into ``below`` in place by ``share`` (B, h, w)."""
    below[0].lerp_(above[0], share)
    small = (share[:, ::2, ::2] + share[:, 1::2, 1::2]).mul_(0.5)
    below[1].lerp_(above[1], small)
    below[2].lerp_(above[2], small)
