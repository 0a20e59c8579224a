"""Drawing moving layers in square tiles: only those that are visible, and only when they change.

In: where a grid of nodes is fetched from (see ``field``). Out: a canvas
of tiles with the layers drawn over it. The host decides which tiles to draw, so that it never waits for a GPU's
answer. Runs in the renderer's thread; nothing to stop.
"""

from __future__ import annotations

import numpy as np
import numpy.typing as npt
import torch
from torch import Tensor
from torch.nn import functional

from engine.items import FloatArray
from engine.rendering.puppet.field import NODE_STEP
from engine.rendering.puppet.layers import OPAQUE, Layer

TILE = 16
"""Edge of a tile in pixels."""

REACH = TILE // NODE_STEP + 1
"""Nodes along a tile's edge."""

SLACK = 4
"""Pixels by which displacement may differ between a tile's middle and its corners."""

EMPTY, MIXED, SOLID = 0, 1, 2
"""What a layer shows in a tile: nothing, something, or all of it opaque."""

Kinds = npt.NDArray[np.int8]
Mask = npt.NDArray[np.bool_]


LUMA = TILE * TILE
PIXELS = LUMA * 3 // 2
"""Samples of a tile: of Y, and of all planes."""


class TileCanvas:
    """Pictures cut into tiles: ``pixels`` is (B * tiles, PIXELS) uint8, for each tile Y, U and V."""

    def __init__(self, pixels: Tensor) -> None:
        self.pixels = pixels

    @classmethod
    def blank(cls, count: int, size: int, device: torch.device) -> TileCanvas:
        pixels = torch.full((count * tiles_across(size) ** 2, PIXELS), 128, dtype=torch.uint8, device=device)
        pixels[:, :LUMA] = 16
        return cls(pixels)

    def put(self, index: Tensor, pixels: Tensor) -> None:
        """Replace tiles ``index`` (int64) by (n, PIXELS) uint8."""
        # eight samples as one number, since index_copy_ copies element by element
        self.pixels.view(torch.int64).index_copy_(0, index, pixels.view(torch.int64))

    def restore(self, index: Tensor, source: TileCanvas) -> None:
        """Copy tiles ``index`` (int64) of every picture from the one picture ``source``."""
        self.put(index, source.pixels.index_select(0, index % len(source.pixels)))

    def raster(self, count: int, size: int) -> Tensor:
        """(B, size * 3 // 2, size) uint8: planar yuv420p."""
        out = torch.empty(count, size * 3 // 2, size, dtype=torch.uint8, device=self.pixels.device)
        side = tiles_across(size)
        luma = self.pixels[:, :LUMA].view(count, side, side, TILE, TILE)
        chroma = self.pixels[:, LUMA:].view(count, side, side, 2, TILE // 2, TILE // 2)
        if size == side * TILE:
            # the 16 samples of a tile's row as one number
            out[:, :size].view(count, side, TILE, size).view(torch.complex128).copy_(
                luma.view(torch.complex128).squeeze(-1).transpose(2, 3)
            )
            small = out[:, size:].view(count, 2, side, TILE // 2, size // 2).view(torch.int64)
            small.copy_(chroma.view(torch.int64).squeeze(-1).permute(0, 3, 1, 4, 2))
        else:
            padded = side * TILE
            out[:, :size] = luma.transpose(2, 3).reshape(count, padded, padded)[:, :size, :size]
            planes = chroma.permute(0, 3, 1, 4, 2, 5).reshape(count, 2, padded // 2, padded // 2)
            out[:, size:].view(count, 2, size // 2, size // 2).copy_(planes[:, :, : size // 2, : size // 2])
        return out


def tiles_across(size: int) -> int:
    """Tiles along an edge of the picture; the last may reach beyond it."""
    return -(-size // TILE)


def tile_nodes(size: int) -> npt.NDArray[np.int64]:
    """(tiles, REACH**2) flat indices of each tile's nodes."""
    tiles = tiles_across(size)
    nodes = tiles * TILE // NODE_STEP + 1
    step = TILE // NODE_STEP
    first = (np.arange(tiles)[:, None] * step * nodes + np.arange(tiles) * step).reshape(-1, 1)
    reach = np.arange(REACH)
    return np.asarray(first + (reach[:, None] * nodes + reach).reshape(1, -1))


class TileLayer:
    """A layer that is drawn tile by tile.

    ``lowest`` and ``highest`` (h, w) uint8 are the extremes of alpha in a tile whose corner is at that pixel.
    """

    def __init__(self, layer: Layer) -> None:
        self.layer = layer
        device = layer.colors.device
        self.lowest, self.highest = _alpha_windows(layer)
        grid = (torch.arange(TILE, device=device) + 0.5) / NODE_STEP
        # samples of the chroma planes are half as dense
        small = _interpolation(grid[::2]) * 0.5
        self._spread = torch.cat((_interpolation(grid), small, small), 1)
        self._columns, self._rows = torch.zeros(2, PIXELS, device=device).unbind(0)
        self._columns[LUMA + LUMA // 4 :] = layer.stride // 2
        self._rows[LUMA:] = layer.rows
        self._limits = np.array([layer.stride - 1, layer.rows - 1], np.float32).reshape(1, 2, 1)
        self._origin = np.array(layer.origin, np.float32).reshape(1, 2, 1)

    def classify(self, centers: FloatArray) -> Kinds:
        """What the layer shows in each tile: (n,) of EMPTY, MIXED or SOLID.

        ``centers``: (n, 2) where the tiles' middles are fetched from, output pixels.
        """
        height, width = self.lowest.shape
        corner = centers - np.array(self.layer.origin, np.float32) - TILE / 2
        x, y = corner[:, 0].astype(np.int64), corner[:, 1].astype(np.int64)
        outside = (x < 0) | (y < 0) | (x >= width) | (y >= height)
        x, y = x.clip(0, width - 1), y.clip(0, height - 1)
        solid = (self.lowest[y, x] >= OPAQUE) & ~outside
        shown = (self.highest[y, x] > 0) & ~outside
        return np.asarray(shown.astype(np.int8) + solid)

    def draw(self, canvas: TileCanvas, index: npt.NDArray[np.int64], kinds: Kinds, nodes: FloatArray) -> None:
        """Draw tiles ``index`` (n,) of the canvas; their ``nodes`` (n, 2, REACH**2) are fetched from output pixels."""
        order = np.argsort(-kinds, kind="stable")
        index, nodes = index[order], nodes[order]
        solid = int((kinds == SOLID).sum())
        layer, device = self.layer, self.layer.colors.device
        placed = np.clip((nodes - self._origin) * np.float32(layer.texels), 0, self._limits)
        where = torch.from_numpy(placed).to(device)
        tiles = torch.from_numpy(index).to(device)
        column = torch.addmm(self._columns, where[:, 0], self._spread).to(torch.int32)
        row = torch.addmm(self._rows, where[:, 1], self._spread).to(torch.int32)
        samples = layer.address(column, row)
        colors = layer.colors.index_select(0, samples.view(-1)).view(samples.shape)
        if solid < len(tiles):
            alpha = layer.alpha.index_select(0, samples[solid:].reshape(-1)).view(-1, PIXELS)
            under = canvas.pixels.index_select(0, tiles[solid:])
            mixed = (OPAQUE - alpha.to(torch.int16)).mul_(under).add_(OPAQUE // 2).bitwise_right_shift_(7)
            colors[solid:] = mixed.add_(colors[solid:]).clamp_(16, 240)
        canvas.put(tiles, colors)


def _interpolation(grid: Tensor) -> Tensor:
    """(REACH**2, len(grid)**2) float32: weights of a tile's nodes at its pixels."""
    line = (1 - (grid[None] - torch.arange(REACH, device=grid.device)[:, None]).abs()).clamp_(min=0)
    return torch.einsum("ay,bx->abyx", line, line).reshape(REACH * REACH, -1).contiguous()


def _alpha_windows(layer: Layer) -> tuple[npt.NDArray[np.uint8], npt.NDArray[np.uint8]]:
    """Lowest and highest alpha of a tile, and ``SLACK`` around it, with its corner at each pixel."""
    alpha = layer.luma_alpha()[:: layer.texels, :: layer.texels].float()[None, None].cpu()
    edge = TILE + 2 * SLACK
    pads = (SLACK, edge - SLACK - 1)

    def highest(values: Tensor, outside: float) -> npt.NDArray[np.uint8]:
        padded = functional.pad(values, (*pads, *pads), value=outside)
        rows = functional.max_pool2d(padded, (edge, 1), stride=1)
        return np.asarray(functional.max_pool2d(rows, (1, edge), stride=1)[0, 0].to(torch.uint8).numpy())

    return np.asarray(OPAQUE - highest(OPAQUE - alpha, OPAQUE), dtype=np.uint8), highest(alpha, 0)
