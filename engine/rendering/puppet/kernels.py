"""Loops over the puppet's pixels, compiled for the processor by numba.

On a CPU a picture is some 300,000 samples with little work for each. Tensor operations pass over
memory once for every step of that work, these loops once for all steps. They do what ``tiles``, ``mouth``
and ``eyes`` do with tensors (tests compare the pictures) and must change with them.

In: arrays prepared by ``compiled``. Out: pixels written in place into planar yuv420p
(edge * 3 / 2, edge) uint8. Any thread; the interpreter's lock is released meanwhile. Without
numba the functions are ordinary Python, far too slow to draw with: see ``COMPILED``.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Any, NamedTuple, TypeVar, cast

import numpy as np
import numpy.typing as npt

from engine.items import ByteArray, FloatArray
from engine.rendering.puppet.field import NODE_STEP
from engine.rendering.puppet.layers import OPAQUE
from engine.rendering.puppet.tiles import TILE

try:
    import numba
except ImportError:  # no wheel for this platform: the tensor code draws
    numba = None

COMPILED = numba is not None
"""Whether the functions below are machine code."""

Real = np.float32

F = TypeVar("F", bound=Callable[..., Any])

_HALF, _ZERO = np.float32(0.5), np.float32(0)
_STEP = np.float32(1 / NODE_STEP)


def compiled(function: F) -> F:
    """Compile ``function`` to machine code, cached on disk if it can be, so that only the first start waits."""
    if numba is None:
        return function
    options = {"nogil": True, "error_model": "numpy", "fastmath": {"contract", "nsz"}}
    try:
        return cast(F, numba.njit(cache=True, **options)(function))
    except RuntimeError:  # no writable place for the cache
        return cast(F, numba.njit(**options)(function))


class Texture(NamedTuple):
    """A ``Layer`` as the loops read it; see there for the order of the samples."""

    colors: ByteArray
    alpha: ByteArray
    stride: int
    rows: int
    x: Real
    """Origin, output pixels, float32."""
    y: Real
    texels: Real
    shift: int
    """log2 of ``texels``."""


Planes = tuple[ByteArray, ByteArray]
"""Luma (h, w) and chroma (2, h / 2, w / 2)."""


@compiled
def find_moved(
    nodes: FloatArray, before: FloatArray, kinds: npt.NDArray[np.int8], changed: npt.NDArray[np.bool_],
    lowest: ByteArray, highest: ByteArray, texture: Texture,
) -> None:  # fmt: skip
    """Find the tiles that look different when the layer is fetched from ``nodes`` (2, n, n).

    Updates ``before`` (2, n, n) and ``kinds`` (side, side), and writes ``changed`` (side, side). ``lowest`` and
    ``highest`` are those of ``TileLayer``.
    """
    side, step = len(kinds), TILE // NODE_STEP
    for down in range(side):
        for across in range(side):
            top, left = down * step, across * step
            differs = False
            for axis in range(2):
                for row in range(top, top + step + 1):
                    for column in range(left, left + step + 1):
                        if nodes[axis, row, column] != before[axis, row, column]:
                            differs = True
            changed[down, across] = False
            if not differs:
                continue
            was = kinds[down, across]
            x = int(nodes[0, top + step // 2, left + step // 2] - texture.x - np.float32(TILE / 2))
            y = int(nodes[1, top + step // 2, left + step // 2] - texture.y - np.float32(TILE / 2))
            kind = 0
            if 0 <= x < lowest.shape[1] and 0 <= y < lowest.shape[0]:
                kind = int(highest[y, x] > 0) + int(lowest[y, x] >= OPAQUE)
            kinds[down, across] = kind
            changed[down, across] = was > 0 or kind > 0
    before[:] = nodes


@compiled
def restore_tiles(luma: ByteArray, chroma: ByteArray, source: Planes, tiles: npt.NDArray[np.bool_]) -> None:
    """Copy the marked tiles from ``source``; all planes are whole tiles wide and high."""
    side, half = len(tiles), TILE // 2
    for down in range(side):
        for across in range(side):
            if tiles[down, across]:
                for y in range(down * TILE, down * TILE + TILE):
                    for x in range(across * TILE, across * TILE + TILE):
                        luma[y, x] = source[0][y, x]
                for plane in range(2):
                    for y in range(down * half, down * half + half):
                        for x in range(across * half, across * half + half):
                            chroma[plane, y, x] = source[1][plane, y, x]


@compiled
def draw_tiles(
    luma: ByteArray, chroma: ByteArray, nodes: FloatArray, kinds: npt.NDArray[np.int8], tiles: npt.NDArray[np.bool_],
    texture: Texture,
) -> None:  # fmt: skip
    """Lay a layer, fetched from ``nodes`` (2, n, n), over the marked tiles where it shows."""
    step = TILE // NODE_STEP
    right, bottom = np.float32(texture.stride - 1), np.float32(texture.rows - 1)
    corner = np.empty((2, 2, 2), np.float32)
    for down in range(len(kinds)):
        for across in range(len(kinds)):
            if not tiles[down, across] or kinds[down, across] == 0:
                continue
            for row in range(down * step, down * step + step):
                for column in range(across * step, across * step + step):
                    for j in range(2):
                        for i in range(2):
                            x = (nodes[0, row + j, column + i] - texture.x) * texture.texels
                            y = (nodes[1, row + j, column + i] - texture.y) * texture.texels
                            corner[0, j, i] = min(max(x, _ZERO), right)
                            corner[1, j, i] = min(max(y, _ZERO), bottom)
                    _draw_cell(luma, chroma, row, column, corner, texture, kinds[down, across] == 2)


@compiled
def _draw_cell(
    luma: ByteArray, chroma: ByteArray, row: int, column: int, corner: FloatArray, texture: Texture, solid: bool
) -> None:
    """The square between four nodes: ``corner`` (2, 2, 2) are their columns and rows in the texture."""
    colors, alpha = texture.colors, texture.alpha
    stride, rows, shift = texture.stride, texture.rows, texture.shift
    mask, group = (1 << shift) - 1, stride >> shift
    spots = np.empty(NODE_STEP, np.int64)
    left, half = column * NODE_STEP, column * NODE_STEP // 2
    for j in range(NODE_STEP):
        v = (np.float32(j) + _HALF) * _STEP
        x0 = corner[0, 0, 0] + (corner[0, 1, 0] - corner[0, 0, 0]) * v
        y0 = corner[1, 0, 0] + (corner[1, 1, 0] - corner[1, 0, 0]) * v
        dx = (corner[0, 0, 1] + (corner[0, 1, 1] - corner[0, 0, 1]) * v - x0) * _STEP
        dy = (corner[1, 0, 1] + (corner[1, 1, 1] - corner[1, 0, 1]) * v - y0) * _STEP
        for i in range(NODE_STEP):
            x = np.int32(x0 + (np.float32(i) + _HALF) * dx)
            y = np.int32(y0 + (np.float32(i) + _HALF) * dy)
            spots[i] = y * stride + (x & mask) * group + (x >> shift)
        target = luma[row * NODE_STEP + j, left : left + NODE_STEP]
        if solid:
            for i in range(NODE_STEP):
                target[i] = colors[np.uint64(spots[i])]
        else:
            for i in range(NODE_STEP):
                target[i] = _over(colors[np.uint64(spots[i])], alpha[np.uint64(spots[i])], target[i])
        if j & 1:
            continue
        for i in range(NODE_STEP // 2):
            x = np.int32((x0 + (np.float32(2 * i) + _HALF) * dx) * _HALF)
            y = np.int32((y0 + (np.float32(2 * i) + _HALF) * dy) * _HALF) + rows
            spots[i] = y * stride + (x & mask) * group + (x >> shift)
        for plane in range(2):
            target = chroma[plane, (row * NODE_STEP + j) >> 1, half : half + NODE_STEP // 2]
            for i in range(NODE_STEP // 2):
                at = np.uint64(spots[i] + plane * (group >> 1))
                target[i] = colors[at] if solid else _over(colors[at], alpha[at], target[i])


@compiled
def _over(color: int, alpha: int, under: int) -> int:
    """A premultiplied sample laid over ``under``; all 0..255, alpha 0..OPAQUE."""
    return min(max((((OPAQUE - int(alpha)) * int(under) + OPAQUE // 2) >> 7) + int(color), 16), 240)


@compiled
def sample(texture: Texture, x: Real, y: Real) -> int:
    """Index of the luma sample at a position in output pixels."""
    column, row = _column_and_row(texture, x, y)
    return _address(texture, column, row)


@compiled
def small_sample(texture: Texture, x: Real, y: Real) -> int:
    """Index of the U sample at a position in output pixels; V is half a group further on."""
    column, row = _column_and_row(texture, x, y)
    return _address(texture, column >> 1, (row >> 1) + texture.rows)


@compiled
def _column_and_row(texture: Texture, x: Real, y: Real) -> tuple[int, int]:
    column = (x - texture.x) * np.float32(texture.texels)
    row = (y - texture.y) * np.float32(texture.texels)
    last_column, last_row = np.float32(texture.stride - 1), np.float32(texture.rows - 1)
    return int(min(max(column, _ZERO), last_column)), int(min(max(row, _ZERO), last_row))


@compiled
def _address(texture: Texture, column: int, row: int) -> int:
    shift, stride = texture.shift, texture.stride
    return row * stride + (column & ((1 << shift) - 1)) * (stride >> shift) + (column >> shift)


@compiled
def clip(value: Real, low: Real, high: Real) -> Real:
    """As torch clamps: where the limits cross, ``high`` wins."""
    return min(max(value, low), high)
