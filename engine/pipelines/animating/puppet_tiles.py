"""Drawing moving layers in square tiles: only those that show, and only when they change.

In: where the corners of a grid of nodes are fetched from (see ``puppet_field``). Out: a canvas
of tiles with the layers over it. The host decides which tiles to draw, so a GPU never waits
for an answer. Runs in the renderer's thread; nothing to stop.
"""

from __future__ import annotations

import math

import numpy as np
import numpy.typing as npt
import torch
from torch import Tensor
from torch.nn import functional

from engine.pipelines.animating.layers import OPAQUE, Layer
from engine.pipelines.animating.puppet_field import NODE_STEP
from engine.pipelines.items import FloatArray

TILE = 16
"""Edge of a tile in pixels."""

REACH = TILE // NODE_STEP + 1
"""Nodes along a tile's edge."""

SLACK = 4
"""Pixels by which displacement may differ between a tile's middle and its corners."""

EMPTY, MIXED, SOLID = 0, 1, 2
Kinds = npt.NDArray[np.int8]
Mask = npt.NDArray[np.bool_]


class TileCanvas:
    """Pictures cut into tiles: ``y`` (B * tiles, TILE**2), ``u`` and ``v`` a quarter of that, uint8."""

    def __init__(self, y: Tensor, u: Tensor, v: Tensor) -> None:
        self.y, self.u, self.v = y, u, v

    @classmethod
    def blank(cls, count: int, size: int, device: torch.device) -> TileCanvas:
        tiles = count * tiles_across(size) ** 2
        y = torch.full((tiles, TILE * TILE), 16, dtype=torch.uint8, device=device)
        u = torch.full((tiles, TILE * TILE // 4), 128, dtype=torch.uint8, device=device)
        return cls(y, u, u.clone())

    def restore(self, index: Tensor, source: TileCanvas) -> None:
        """Copy tiles ``index`` (int64) of every picture from the one picture ``source``."""
        origin = index % len(source.y)
        for mine, theirs in ((self.y, source.y), (self.u, source.u), (self.v, source.v)):
            mine.index_copy_(0, index, theirs.index_select(0, origin))

    def raster(self, count: int, size: int) -> Tensor:
        """(B, size * 3 // 2, size) uint8: planar yuv420p."""
        out = torch.empty(count, size * 3 // 2, size, dtype=torch.uint8, device=self.y.device)
        _join(self.y, TILE, out[:, :size])
        small = out[:, size:].view(count, 2, size // 2, size // 2)
        _join(self.u, TILE // 2, small[:, 0])
        _join(self.v, TILE // 2, small[:, 1])
        return out


def _join(plane: Tensor, edge: int, out: Tensor) -> None:
    """Lay the tiles of a plane side by side into ``out`` (B, h, w)."""
    count, height, width = out.shape
    side = math.isqrt(len(plane) // count)
    tiles = plane.view(count, side, side, edge, edge).transpose(2, 3)
    if height == side * edge and out.is_contiguous():
        out.view(count, side, edge, side, edge).copy_(tiles)
    else:
        out.copy_(tiles.reshape(count, side * edge, side * edge)[:, :height, :width])


def tiles_across(size: int) -> int:
    """Tiles along an edge of the picture; the last ones may stick out."""
    return -(-size // TILE)


def tile_nodes(size: int) -> npt.NDArray[np.int64]:
    """(tiles, REACH**2) flat numbers of each tile's nodes."""
    tiles = tiles_across(size)
    nodes = tiles * TILE // NODE_STEP + 1
    step = TILE // NODE_STEP
    first = (np.arange(tiles)[:, None] * step * nodes + np.arange(tiles) * step).reshape(-1, 1)
    reach = np.arange(REACH)
    return np.asarray(first + (reach[:, None] * nodes + reach).reshape(1, -1))


class TileLayer:
    """A layer that is drawn tile by tile."""

    def __init__(self, layer: Layer) -> None:
        self.layer = layer
        device = layer.y.device
        self._lowest, self._highest = _alpha_windows(layer)
        grid = (torch.arange(TILE, device=device) + 0.5) / NODE_STEP
        self._spread = _interpolation(grid)
        self._spread_chroma = _interpolation(grid[::2])
        # samples of the chroma planes are half as dense
        self._limits = np.array([layer.stride - 1, layer.rows - 1], np.float32).reshape(1, 2, 1)
        self._origin = np.array(layer.origin, np.float32).reshape(1, 2, 1)

    def classify(self, centers: FloatArray) -> Kinds:
        """For each tile: does it show nothing, something or cover all?

        ``centers``: (n, 2) where the tiles' middles are fetched from, output pixels.
        """
        height, width = self._lowest.shape
        corner = centers - np.array(self.layer.origin, np.float32) - TILE / 2
        x, y = corner[:, 0].astype(np.int64), corner[:, 1].astype(np.int64)
        outside = (x < 0) | (y < 0) | (x >= width) | (y >= height)
        x, y = x.clip(0, width - 1), y.clip(0, height - 1)
        solid = (self._lowest[y, x] >= OPAQUE) & ~outside
        shown = (self._highest[y, x] > 0) & ~outside
        return np.asarray(shown.astype(np.int8) + solid)

    def draw(self, canvas: TileCanvas, index: npt.NDArray[np.int64], kinds: Kinds, nodes: FloatArray) -> None:
        """Draw tiles ``index`` of the canvas, whose nodes are fetched from (n, 2, REACH**2) output pixels."""
        order = np.argsort(-kinds, kind="stable")
        index, nodes = index[order], nodes[order]
        solid = int((kinds == SOLID).sum())
        layer, device = self.layer, self.layer.y.device
        placed = np.clip((nodes - self._origin) * np.float32(layer.texels), 0, self._limits)
        where = torch.from_numpy(placed).to(device)
        tiles = torch.from_numpy(index).to(device)
        luma = _read(where, self._spread, layer.stride)
        self._paint(canvas.y, layer.y, layer.a, luma, tiles, solid)
        chroma = _read(where * 0.5, self._spread_chroma, layer.stride // 2)
        self._paint(canvas.u, layer.u, layer.chroma_a, chroma, tiles, solid)
        self._paint(canvas.v, layer.v, layer.chroma_a, chroma, tiles, solid)

    def _paint(self, plane: Tensor, texture: Tensor, alpha: Tensor, index: Tensor, tiles: Tensor, solid: int) -> None:
        width = plane.shape[1]
        colors = texture.index_select(0, index)
        if solid < len(tiles):
            part = index[solid * width :]
            under = plane.index_select(0, tiles[solid:]).view(-1)
            behind = OPAQUE - alpha.index_select(0, part).to(torch.int16)
            mixed = behind.mul_(under).add_(OPAQUE // 2).bitwise_right_shift_(7)
            colors[solid * width :] = mixed.add_(colors[solid * width :]).clamp_(16, 240)
        plane.index_copy_(0, tiles, colors.view(len(tiles), width))


def _read(where: Tensor, spread: Tensor, stride: int) -> Tensor:
    """Flat int32 sample numbers of all pixels of tiles with nodes ``where`` (n, 2, REACH**2)."""
    column = (where[:, 0] @ spread).to(torch.int32)
    row = (where[:, 1] @ spread).to(torch.int32)
    return column.add_(row, alpha=stride).view(-1)


def _interpolation(grid: Tensor) -> Tensor:
    """(REACH**2, len(grid)**2) float32: weights of a tile's nodes at its pixels."""
    line = (1 - (grid[None] - torch.arange(REACH, device=grid.device)[:, None]).abs()).clamp_(min=0)
    return torch.einsum("ay,bx->abyx", line, line).reshape(REACH * REACH, -1).contiguous()


def _alpha_windows(layer: Layer) -> tuple[npt.NDArray[np.uint8], npt.NDArray[np.uint8]]:
    """Lowest and highest alpha of a tile, and ``SLACK`` around it, with its corner at each pixel."""
    alpha = layer.a.view(layer.rows, layer.stride)[:: layer.texels, :: layer.texels].float()[None, None].cpu()
    edge = TILE + 2 * SLACK
    pads = (SLACK, edge - SLACK - 1)

    def highest(values: Tensor, outside: float) -> npt.NDArray[np.uint8]:
        padded = functional.pad(values, (*pads, *pads), value=outside)
        rows = functional.max_pool2d(padded, (edge, 1), stride=1)
        return np.asarray(functional.max_pool2d(rows, (1, edge), stride=1)[0, 0].to(torch.uint8).numpy())

    return np.asarray(OPAQUE - highest(OPAQUE - alpha, OPAQUE), dtype=np.uint8), highest(alpha, 0)
