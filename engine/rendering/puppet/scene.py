"""What was drawn last in one session, so that only what changed is drawn next.

In: where the nodes of a picture are fetched from. Out: which tiles and patches look different
now. Belongs to the renderer's thread; one for each session, nothing to stop.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
import numpy.typing as npt
from torch import Tensor

from engine.items import FloatArray
from engine.rendering.puppet.field import NODE_STEP
from engine.rendering.puppet.mouth import Colors
from engine.rendering.puppet.tiles import EMPTY, REACH, TILE, Kinds, Mask, TileCanvas, TileLayer, tiles_across


@dataclass(frozen=True, slots=True)
class Patch:
    """A rectangle of the resting picture that is drawn pixel by pixel; it follows the head in steps of two pixels."""

    x: int
    y: int
    width: int
    height: int


@dataclass(frozen=True, slots=True)
class Spot:
    """Where a patch is in one picture."""

    x: int
    y: int
    nodes: FloatArray
    """(2, rows, columns) float32: where the nodes around it are fetched from."""

    down: int
    """Row of the first of these nodes."""

    across: int
    """Column of the first of these nodes."""

    def same(self, other: Spot) -> bool:
        """Whether the patch would look the same."""
        return self.x == other.x and self.y == other.y and np.array_equal(self.nodes, other.nodes)


@dataclass(frozen=True, slots=True)
class DrawnPatch:
    """Patches of one kind (mouth or eyes) as they were drawn last, and what they were drawn from."""

    spots: list[Spot]
    channels: FloatArray
    colors: Colors
    weight: Tensor | None
    """Share with which they replace what is there, 0..1; None replaces it all."""

    def holds(self, spots: list[Spot], channels: FloatArray) -> bool:
        """Whether the same would be drawn again."""
        same = all(one.same(other) for one, other in zip(self.spots, spots, strict=True))
        return same and np.array_equal(self.channels, channels)


class Moved:
    """Where a layer's nodes were fetched from last, and what its tiles showed then."""

    def __init__(self, count: int, nodes: int, tiles: int) -> None:
        self.nodes: FloatArray = np.full((count, 2, nodes * nodes), np.nan, np.float32)
        self.kinds: Kinds = np.full(count * tiles, EMPTY, np.int8)

    def update(self, nodes: FloatArray, tile_nodes: npt.NDArray[np.int64], layer: TileLayer) -> Mask:
        """Take new ``nodes`` (B, 2, nodes**2); gives (B * tiles,) bool: which tiles look different now."""
        differs = (nodes != self.nodes).any(axis=1)
        moved = differs[:, tile_nodes].any(axis=2).reshape(-1)
        before = self.kinds.copy()
        self.nodes = nodes
        index = np.flatnonzero(moved)
        picture, tile = np.divmod(index, len(tile_nodes))
        self.kinds[index] = layer.classify(nodes[picture, :, tile_nodes[tile, REACH * REACH // 2]])
        return np.asarray(moved & ((before > EMPTY) | (self.kinds > EMPTY)))

    def draw(
        self, layer: TileLayer, canvas: TileCanvas, index: npt.NDArray[np.int64], tile_nodes: npt.NDArray[np.int64]
    ) -> None:
        """Draw the layer in those of the tiles ``index`` where it shows."""
        shown = index[self.kinds[index] > EMPTY]
        picture, tile = np.divmod(shown, len(tile_nodes))
        # (n, REACH**2, 2): the indices come first where they are apart
        nodes = self.nodes[picture[:, None], :, tile_nodes[tile]].transpose(0, 2, 1)
        layer.draw(canvas, shown, self.kinds[shown], nodes)


class Scene:
    """The memory of one session, or of a batch of ``count`` pictures of edge ``size``; see the module."""

    def __init__(self, count: int, size: int, backdrop: TileCanvas) -> None:
        self.count = count
        self.canvas = TileCanvas(backdrop.pixels.repeat(count, 1))
        tiles = tiles_across(size) ** 2
        nodes = tiles_across(size) * TILE // NODE_STEP + 1
        self.head, self.body = Moved(count, nodes, tiles), Moved(count, nodes, tiles)
        self.patches: dict[str, DrawnPatch] = {}
        self.pose: FloatArray | None = None
        self.out: Tensor | None = None
