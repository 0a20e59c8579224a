"""The loops over the pixels of mouth and eyes; see ``kernels``.

They do step by step what ``mouth`` and ``eyes`` do with tensors, and must change with them. Two rows are moved, then
painted, because one chroma sample belongs to two rows. Coordinates are output pixels unless said otherwise.
"""

from __future__ import annotations

from typing import NamedTuple

import numpy as np

from engine.items import ByteArray, FloatArray
from engine.rendering.puppet.eyes import SEAM_DARKNESS, SEAM_FALL, SHUT_BY_HEIGHT, STEEPNESS
from engine.rendering.puppet.field import NODE_STEP
from engine.rendering.puppet.kernels import Real, Texture, clip, compiled, sample, small_sample
from engine.rendering.puppet.layers import OPAQUE
from engine.rendering.puppet.mouth import (
    CAVITY_BOTTOM,
    CAVITY_DEPTH,
    CAVITY_TOP,
    DIM_TO_CORNERS,
    HOLD,
    LIGHT_AT_LIP,
    LIGHT_DEPTH,
    MIN_LIGHT_ASIDE,
)
from engine.rendering.puppet.mouth_shape import SAMPLES, SPAN

_HALF, _ZERO, _ONE = np.float32(0.5), np.float32(0), np.float32(1)
_STEP, _SHARE = np.float32(1 / NODE_STEP), np.float32(1 / OPAQUE)
_MIDDLE, _DARK = np.float32(128), np.float32(16)

_HOLD = np.float32(HOLD)
_DIM_TO_CORNERS, _MIN_LIGHT_ASIDE = np.float32(-DIM_TO_CORNERS), np.float32(MIN_LIGHT_ASIDE)
_LIGHT_AT_LIP, _LIGHT_DEPTH = np.float32(LIGHT_AT_LIP), np.float32(LIGHT_DEPTH)
_CAVITY_DEPTH = np.float32(CAVITY_DEPTH)
_SEAM_DARKNESS, _SEAM_FALL = np.float32(-SEAM_DARKNESS), np.float32(SEAM_FALL)
_STEEPNESS, _SHUT_BY_HEIGHT = np.float32(STEEPNESS), np.float32(SHUT_BY_HEIGHT)
_DECAY_STEP = np.float32(1 / 16)
_TOP = np.array(CAVITY_TOP, np.float32)
_FALL = np.array(CAVITY_BOTTOM, np.float32) - _TOP

Box = tuple[int, int, int, int]
"""x, y, width and height of a patch in the picture, pixels; all even."""


class LipRest(NamedTuple):
    """``MouthRest`` as the loops read it; float32, output pixels."""

    x: Real
    y: Real
    width: Real
    reach: Real
    ceiling: Real
    floor: Real
    unit: Real


class Features(NamedTuple):
    """What is the same in every picture of one avatar."""

    rest: LipRest
    parts: Texture
    """Lower teeth, tongue and upper teeth, their samples one after the other."""
    shadow: tuple[Real, Real]
    """Of the upper lid on the eyeball: its darkness, 0..1, and its fall, 1 / pixels to 1/e."""
    ball: Texture
    lash: Texture
    painted: bool
    """Eyeballs are a layer of their own behind the lids."""
    drawn: bool
    """Lashes are a layer of their own."""


class MouthArrays(NamedTuple):
    """One mouth in one picture."""

    box: Box
    tables: FloatArray
    """(9, SAMPLES) of ``Mouth.tables``."""
    width: Real
    """Half the distance of the corners."""
    offsets: FloatArray
    """(3,): how far lower teeth, tongue and upper teeth are moved down."""


@compiled
def _places(nodes: FloatArray, y: int, line: FloatArray) -> None:
    """Interpolate the nodes (2, n, n) at the height of row ``y`` into ``line`` (2, n)."""
    row = y // NODE_STEP
    share = (np.float32(y % NODE_STEP) + _HALF) * _STEP
    for axis in range(2):
        for column in range(nodes.shape[2]):
            upper = nodes[axis, row, column]
            line[axis, column] = upper + (nodes[axis, row + 1, column] - upper) * share


@compiled
def _place(line: FloatArray, x: int) -> tuple[Real, Real]:
    """Where pixel ``x`` of the row is fetched from."""
    column = x // NODE_STEP
    share = (np.float32(x % NODE_STEP) + _HALF) * _STEP
    left, top = line[0, column], line[1, column]
    return left + (line[0, column + 1] - left) * share, top + (line[1, column + 1] - top) * share


@compiled
def draw_mouth(picture: ByteArray, nodes: FloatArray, head: Texture, mouth: MouthArrays, features: Features) -> None:
    """Move the lips and paint what is between them.

    Args:
        picture: (edge * 3 / 2, edge) uint8 yuv420p with the head drawn; written within the mouth's box.
        nodes: (2, n, n): where the head was fetched from.
        head: the head's texture.
    """
    tables, rest, width, offsets, parts = mouth.tables, features.rest, mouth.width, mouth.offsets, features.parts
    left, first, across, down = mouth.box
    edge = picture.shape[1]
    chroma = picture[edge:].reshape(2, edge // 2, edge // 2)
    line = np.empty((2, nodes.shape[2]), np.float32)
    rows = np.empty((7, 2, across), np.float32)
    for y in range(first, first + down, 2):
        for j in range(2):
            _places(nodes, y + j, line)
            for i in range(across):
                px, py = _place(line, left + i)
                rows[5, j, i], rows[6, j, i] = px, py
                _move_lips(rows[:, j, i], px, py, tables, rest, width)
        for j in range(2):
            for i in range(across):
                color = np.float32(head.colors[sample(head, rows[0, j, i], rows[1, j, i])])
                if rows[2, j, i] > 0:
                    teeth = _inside(0, rows[5, j, i], rows[6, j, i], rows[3, j, i], rest, offsets, parts)
                    color += (teeth - color) * rows[2, j, i]
                under = np.float32(picture[y + j, left + i])
                picture[y + j, left + i] = np.uint8(under + (color - under) * rows[4, j, i] + _HALF)
        for i in range(0, across, 2):
            at = small_sample(head, rows[0, 0, i], rows[1, 0, i])
            inside = (rows[2, 0, i] + rows[2, 1, i]) * _HALF
            for plane in range(2):
                color = np.float32(head.colors[at])
                at += head.stride >> head.shift + 1
                if inside > 0:
                    teeth = _inside(1 + plane, rows[5, 0, i], rows[6, 0, i], rows[3, 0, i], rest, offsets, parts)
                    color += (teeth - color) * inside
                under = np.float32(chroma[plane, y // 2, (left + i) // 2])
                chroma[plane, y // 2, (left + i) // 2] = np.uint8(under + (color - under) * rows[4, 0, i] + _HALF)


@compiled
def _move_lips(out: FloatArray, x: Real, y: Real, tables: FloatArray, rest: LipRest, width: Real) -> None:
    """Write to ``out`` for the pixel at (x, y) on the resting face: x and y the skin comes from, share of the opening,
    depth below the upper lip, and the weight with which the lips' colour replaces the head's."""
    aside = x - rest.x
    far = abs(aside)
    along = min(far, width) * (rest.width / width)
    along += max(min(far, rest.reach) - width, _ZERO) * ((rest.reach - rest.width) / (rest.reach - width))
    along += max(far - rest.reach, _ZERO)
    if aside < 0:
        along = -along
    density = np.float32((SAMPLES - 1) / (2 * SPAN)) / rest.width
    slot = int(clip(along * density + np.float32(SAMPLES / 2), _ZERO, np.float32(SAMPLES - 1)))
    upper, top, bottom = tables[0, slot], tables[1, slot], tables[2, slot]
    lower, floor = tables[3, slot], tables[4, slot]
    source = y + (min(max(y, rest.ceiling), upper) - rest.ceiling) * tables[5, slot]
    source += (clip(y, upper, top) - upper) * tables[6, slot] - (clip(y, top, bottom) - top)
    source += (clip(y, bottom, lower) - bottom) * tables[7, slot] + (clip(y, lower, floor) - lower) * tables[8, slot]
    weight = floor - y
    hold = min((y - rest.ceiling) * (_HOLD / (rest.y - rest.ceiling)), weight * (_HOLD / (rest.floor - rest.y)))
    out[0] = x + (along - aside) * clip(hold, _ZERO, _ONE)
    out[1] = source
    out[2] = clip(min(y + _HALF, bottom) - max(y - _HALF, top), _ZERO, _ONE)
    out[3] = y - top
    out[4] = clip(weight, _ZERO, _ONE)


@compiled
def _inside(plane: int, x: Real, y: Real, depth: Real, rest: LipRest, offsets: FloatArray, parts: Texture) -> Real:
    """Colour behind the lips: Y, U or V as ``plane`` is 0, 1 or 2; ``depth`` in pixels below the upper lip."""
    color = _TOP[plane] + clip(depth / (_CAVITY_DEPTH * rest.unit), _ZERO, _ONE) * _FALL[plane]
    each = len(parts.colors) // 3
    for part in range(3):
        if plane == 0:
            at = sample(parts, x, y - offsets[part])
        else:
            at = small_sample(parts, x, y - offsets[part]) + (plane - 1) * (parts.stride >> parts.shift + 1)
        at += part * each
        color = color * (_ONE - np.float32(parts.alpha[at]) * _SHARE) + np.float32(parts.colors[at])
    aside = (x - rest.x) / rest.width
    falling = clip(depth / (_LIGHT_DEPTH * rest.unit) + _LIGHT_AT_LIP, _LIGHT_AT_LIP, _ONE)
    light = falling * max(_ONE + _DIM_TO_CORNERS * aside * aside, _MIN_LIGHT_ASIDE)
    # black is 16 in luma and 128 in chroma
    dark = _DARK if plane == 0 else _MIDDLE
    return np.float32((color - dark) * light + dark)


@compiled
def draw_eye(
    picture: ByteArray, nodes: FloatArray, head: Texture, box: Box, tables: FloatArray, state: FloatArray,
    features: Features,
) -> None:  # fmt: skip
    """Move the lids of one eye over its ball.

    Args:
        picture, nodes, head: as in ``draw_mouth``.
        box: the eye's patch, which is written.
        tables: (8, SAMPLES) of ``Eyes.tables``.
        state: (9,) of ``Eyes.columns``.
    """
    shadow, ball, lash = features.shadow, features.ball, features.lash
    painted, drawn = features.painted, features.drawn
    left, first, across, down = box
    edge = picture.shape[1]
    chroma = picture[edge:].reshape(2, edge // 2, edge // 2)
    line = np.empty((2, nodes.shape[2]), np.float32)
    rows = np.empty((7, 2, across), np.float32)
    look_x, look_y = state[5], state[6]
    for y in range(first, first + down, 2):
        for j in range(2):
            _places(nodes, y + j, line)
            for i in range(across):
                px, py = _place(line, left + i)
                rows[5, j, i], rows[6, j, i] = px, py
                _move_lids(rows[:, j, i], px, py, tables, state)
        for j in range(2):
            for i in range(across):
                px, depth = rows[5, j, i], rows[3, j, i]
                color = np.float32(head.colors[sample(head, px, rows[0, j, i])])
                if painted and rows[1, j, i] > 0:
                    shade = _ONE - shadow[0] * _decay(max(depth, _ZERO) * shadow[1])
                    white = np.float32(ball.colors[sample(ball, px - look_x, rows[6, j, i] - look_y)])
                    color += ((white - _DARK) * shade + _DARK - color) * rows[1, j, i]
                if drawn:
                    at = sample(lash, px, rows[2, j, i])
                    color = color * (_ONE - np.float32(lash.alpha[at]) * _SHARE) + np.float32(lash.colors[at])
                else:
                    color += _SEAM_DARKNESS * (color - _DARK) * (_decay(depth * depth * _SEAM_FALL) * rows[4, j, i])
                picture[y + j, left + i] = np.uint8(color + _HALF)
        for i in range(0, across, 2):
            px = rows[5, 0, i]
            open_ = (rows[1, 0, i] + rows[1, 1, i]) * _HALF
            at = small_sample(head, px, rows[0, 0, i])
            white_at = small_sample(ball, px - look_x, rows[6, 0, i] - look_y)
            lash_at = small_sample(lash, px, rows[2, 0, i])
            for plane in range(2):
                color = np.float32(head.colors[at + plane * (head.stride >> head.shift + 1)])
                if painted and open_ > 0:
                    white = np.float32(ball.colors[white_at + plane * (ball.stride >> ball.shift + 1)])
                    color += (white - color) * open_
                if drawn:
                    hair = lash_at + plane * (lash.stride >> lash.shift + 1)
                    color = color * (_ONE - np.float32(lash.alpha[hair]) * _SHARE) + np.float32(lash.colors[hair])
                chroma[plane, y // 2, (left + i) // 2] = np.uint8(color + _HALF)


@compiled
def _move_lids(out: FloatArray, x: Real, y: Real, tables: FloatArray, state: FloatArray) -> None:
    """Write to ``out`` for the pixel at (x, y) on the resting face: y the skin comes from, share of the open eye, y the
    lashes come from, depth below the upper lid, and how far the lids are shut there."""
    last = tables.shape[1] - 1
    slot = int(clip((x - state[0]) * state[1] + np.float32(tables.shape[1] / 2), _ZERO, np.float32(last)))
    crease, upper, lower, height = tables[0, slot], tables[1, slot], tables[2, slot], tables[4, slot]
    source = y + (clip(y, state[2], crease) - state[2]) * tables[5, slot]
    source += (clip(y, crease, upper) - crease) * tables[6, slot] - (clip(y, upper, lower) - upper)
    source += clip((y + y - upper - lower) * _STEEPNESS, _ZERO, _ONE) * height
    source += (clip(y, lower, max(state[3], lower)) - lower) * tables[7, slot]
    out[0] = source
    out[1] = clip(min(y + _HALF, lower) - max(y - _HALF, upper), _ZERO, _ONE)
    out[2] = tables[3, slot] + (y - upper) * state[4]
    out[3] = y - upper
    out[4] = clip(height * _SHUT_BY_HEIGHT, _ZERO, _ONE) * state[8]


@compiled
def _decay(t: Real) -> Real:
    """As ``eyes.decay``."""
    value = max(_ONE - t * _DECAY_STEP, _ZERO)
    value *= value
    value *= value
    value *= value
    return value * value
