"""Drawing a moving layer in square tiles, only those whose picture changes.

In: node displacements (see ``puppet_field``), a canvas of tiles. Out: the same canvas with the
layer over it. Runs in the renderer's thread; holds read-only tensors, nothing to stop.
"""

from __future__ import annotations

import math

import torch
from torch import Tensor

from engine.pipelines.animating.layers import OPAQUE, Layer
from engine.pipelines.animating.puppet_field import LIMIT, NODE_STEP

TILE = 32
"""Edge of a tile in pixels."""

REACH = TILE // NODE_STEP + 1
"""Nodes along a tile's edge."""


class TileCanvas:
    """A picture cut into tiles: ``y`` (B, tiles, 32*32), ``u`` and ``v`` (B, tiles, 16*16), uint8."""

    def __init__(self, y: Tensor, u: Tensor, v: Tensor) -> None:
        self.y, self.u, self.v = y, u, v

    def copy(self) -> TileCanvas:
        return TileCanvas(self.y.clone(), self.u.clone(), self.v.clone())

    def repeat(self, count: int) -> TileCanvas:
        """The first picture ``count`` times."""
        return TileCanvas(*(plane[:1].repeat(count, 1, 1) for plane in (self.y, self.u, self.v)))

    def raster(self, size: int) -> Tensor:
        """(B, size * 3 // 2, size) uint8: planar yuv420p."""
        count = self.y.shape[0]
        out = torch.empty(count, size * 3 // 2, size, dtype=torch.uint8, device=self.y.device)
        out[:, :size] = _join(self.y, TILE)[:, :size, :size]
        small = out[:, size:].view(count, 2, size // 2, size // 2)
        small[:, 0] = _join(self.u, TILE // 2)[:, : size // 2, : size // 2]
        small[:, 1] = _join(self.v, TILE // 2)[:, : size // 2, : size // 2]
        return out


def _join(plane: Tensor, edge: int) -> Tensor:
    count, number = plane.shape[:2]
    side = math.isqrt(number)
    return plane.view(count, side, side, edge, edge).transpose(2, 3).reshape(count, side * edge, side * edge)


def tiles_across(size: int) -> int:
    """Tiles along an edge of the picture; the last ones may stick out."""
    return -(-size // TILE)


def blank_canvas(size: int, device: torch.device) -> TileCanvas:
    """One black picture."""
    tiles = tiles_across(size) ** 2
    y = torch.full((1, tiles, TILE * TILE), 16, dtype=torch.uint8, device=device)
    u = torch.full((1, tiles, TILE * TILE // 4), 128, dtype=torch.uint8, device=device)
    return TileCanvas(y, u, u.clone())


class TileLayer:
    """A layer, and which tiles it can touch."""

    def __init__(self, layer: Layer, size: int, covered: Tensor | None = None, *, still: bool = False) -> None:
        """``covered``: (tiles,) bool, tiles that another layer always hides. ``still``: it never moves."""
        self.layer = layer
        device = layer.y.device
        tiles = tiles_across(size)
        x0 = (torch.arange(tiles, device=device) * TILE).repeat(tiles)
        y0 = (torch.arange(tiles, device=device) * TILE).repeat_interleave(tiles)
        lowest, highest = _alpha_range(layer, x0, y0, 0.0 if still else LIMIT)
        active = highest > 0
        if covered is not None:
            active &= ~covered
        self.always_opaque = lowest >= OPAQUE
        """(tiles,) bool: tiles this layer hides completely, however it moves."""
        solid = torch.nonzero(active & self.always_opaque).view(-1)
        mixed = torch.nonzero(active & ~self.always_opaque).view(-1)
        self.index = torch.cat([solid, mixed])
        """Tiles to draw; the first ``solid`` of them need no blending."""
        self.solid = len(solid)
        self.nodes = _tile_nodes(self.index, size)
        offset = torch.arange(TILE, device=device) + 0.5
        self.x0 = ((x0[self.index] - layer.origin[0]) * layer.texels).float().view(-1, 1)
        self.y0 = ((y0[self.index] - layer.origin[1]) * layer.texels).float().view(-1, 1)
        self.spread = _interpolation(device) * layer.texels
        self.grid_x = (offset * layer.texels).repeat(TILE).view(1, -1)
        self.grid_y = (offset * layer.texels).repeat_interleave(TILE).view(1, -1)

    def draw(self, canvas: TileCanvas, displacement: Tensor) -> None:
        """Blend onto every picture of ``canvas``; ``displacement`` is (B, 2, nodes, nodes)."""
        count = len(displacement)
        nodes = displacement.view(count, 2, -1)[:, :, self.nodes]  # (B, 2, tiles, 25)
        moved = (nodes.reshape(-1, REACH * REACH) @ self.spread).view(count, 2, len(self.index), TILE * TILE)
        layer = self.layer
        column = (moved[:, 0] + self.grid_x).add_(self.x0).clamp_(0, layer.stride - 1).to(torch.int32)
        row = (moved[:, 1] + self.grid_y).add_(self.y0).clamp_(0, layer.rows - 1).to(torch.int32)
        solid, mixed = self.index[: self.solid], self.index[self.solid :]
        canvas.y[:, solid] = layer.luma(layer.y, column[:, : self.solid], row[:, : self.solid])
        canvas.y[:, mixed] = _over(canvas.y[:, mixed], layer, layer.y, layer.a, _index(layer, column[:, self.solid :], row[:, self.solid :]))
        small = (count, len(self.index), TILE // 2, 2, TILE // 2, 2)
        chroma = layer.chroma_index(column.view(small)[..., 0, :, 0], row.view(small)[..., 0, :, 0]).flatten(2)
        first, rest = chroma[:, : self.solid], chroma[:, self.solid :]
        for plane, texture in ((canvas.u, layer.u), (canvas.v, layer.v)):
            plane[:, solid] = texture.index_select(0, first.reshape(-1)).view(first.shape)
            plane[:, mixed] = _over(plane[:, mixed], layer, texture, layer.chroma_a, rest)


def _index(layer: Layer, column: Tensor, row: Tensor) -> Tensor:
    return torch.add(column, row, alpha=layer.stride)


def _over(under: Tensor, layer: Layer, texture: Tensor, alpha: Tensor, index: Tensor) -> Tensor:
    flat = index.reshape(-1)
    behind = OPAQUE - alpha.index_select(0, flat).to(torch.int16)
    mixed = behind.mul_(under.reshape(-1)).add_(OPAQUE // 2).bitwise_right_shift_(7)
    return mixed.add_(texture.index_select(0, flat)).clamp_(16, 240).to(torch.uint8).view(index.shape)


def _interpolation(device: torch.device) -> Tensor:
    """(25, 1024) float32: weights of a tile's nodes at its pixels."""
    position = (torch.arange(TILE, device=device) + 0.5) / NODE_STEP
    line = (1 - (position[None] - torch.arange(REACH, device=device)[:, None]).abs()).clamp_(min=0)  # (5, 32)
    return torch.einsum("ay,bx->abyx", line, line).reshape(REACH * REACH, TILE * TILE).contiguous()


def _tile_nodes(index: Tensor, size: int) -> Tensor:
    """(tiles, 25) flat node numbers."""
    tiles = tiles_across(size)
    nodes = tiles * TILE // NODE_STEP + 1
    step = TILE // NODE_STEP
    first = (index // tiles) * step * nodes + (index % tiles) * step
    reach = torch.arange(REACH, device=index.device)
    return first[:, None] + (reach[:, None] * nodes + reach[None]).reshape(1, -1)


def _alpha_range(layer: Layer, x0: Tensor, y0: Tensor, reach: float) -> tuple[Tensor, Tensor]:
    """Lowest and highest alpha in each tile and ``reach`` pixels around it."""
    alpha = layer.a.view(layer.rows, layer.stride)
    lowest, highest = [], []
    for x, y in zip(x0.tolist(), y0.tolist(), strict=True):
        edges = [
            int((value - origin) * layer.texels)
            for value, origin in (
                (x - reach, layer.origin[0]), (x + TILE + reach, layer.origin[0]),
                (y - reach, layer.origin[1]), (y + TILE + reach, layer.origin[1]),
            )
        ]
        left, right, top, bottom = edges
        outside = left < 0 or top < 0 or right > layer.stride or bottom > layer.rows
        part = alpha[max(0, top) : max(0, bottom), max(0, left) : max(0, right)]
        lowest.append(0 if outside or part.numel() == 0 else int(part.min()))
        highest.append(0 if part.numel() == 0 else int(part.max()))
    return torch.tensor(lowest, device=layer.y.device), torch.tensor(highest, device=layer.y.device)
