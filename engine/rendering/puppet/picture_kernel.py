"""A whole picture in one compiled call; see ``kernels``.

One call, so that the interpreter's lock is released and taken back once per picture: each time it is taken back,
another busy Python thread may hold it for milliseconds.
"""

from __future__ import annotations

from typing import NamedTuple

import numpy as np
import numpy.typing as npt

from engine.items import ByteArray, FloatArray
from engine.rendering.puppet.feature_kernels import Box, Features, MouthArrays, draw_eye, draw_mouth
from engine.rendering.puppet.kernels import (
    Planes,
    Texture,
    compiled,
    draw_tiles,
    find_moved,
    restore_tiles,
)


class LayerTiles(NamedTuple):
    """A layer, where it was fetched from last and what its tiles showed then; see ``find_moved``."""

    nodes: FloatArray
    kinds: npt.NDArray[np.int8]
    changed: npt.NDArray[np.bool_]
    lowest: ByteArray
    highest: ByteArray
    texture: Texture


class EyeArrays(NamedTuple):
    """Both eyes in one picture, left of the picture first; see ``draw_eye``."""

    boxes: tuple[Box, Box]
    tables: FloatArray
    """(8, 2, SAMPLES)"""
    states: FloatArray
    """(9, 2)"""


@compiled
def draw_picture(
    picture: ByteArray, layers: Planes, backdrop: Planes, nodes: FloatArray, head: LayerTiles, body_nodes: FloatArray,
    body: LayerTiles, bodied: bool, features: Features, mouth: MouthArrays, eyes: EyeArrays,
) -> None:  # fmt: skip
    """Redraw the tiles of ``layers`` that changed, copy them into ``picture`` and draw mouth and eyes over the copy.

    Args:
        picture: (edge * 3 / 2, edge) uint8 yuv420p, written.
        layers: head and body over the backdrop as drawn last, whole tiles wide and high; updated.
        backdrop: what is behind them, of the same size.
        nodes, body_nodes: (2, n, n) float32: where head and body are fetched from now, output pixels.
        head, body: what was drawn last; updated.
        bodied: the avatar has a body layer; otherwise ``body`` is not used.
        features: what is the same in every picture.
        mouth, eyes: their state in this picture.
    """
    find_moved(nodes, head.nodes, head.kinds, head.changed, head.lowest, head.highest, head.texture)
    if bodied:
        find_moved(body_nodes, body.nodes, body.kinds, body.changed, body.lowest, body.highest, body.texture)
    behind, bare = np.zeros(head.kinds.shape, np.bool_), np.zeros(head.kinds.shape, np.bool_)
    for down in range(head.kinds.shape[0]):
        for across in range(head.kinds.shape[1]):
            if head.kinds[down, across] == 2:
                continue
            if bodied and body.changed[down, across]:
                head.changed[down, across] = True
            behind[down, across] = head.changed[down, across]
            bare[down, across] = behind[down, across] and not (bodied and body.kinds[down, across] == 2)
    restore_tiles(layers[0], layers[1], backdrop, bare)
    if bodied:
        draw_tiles(layers[0], layers[1], body_nodes, body.kinds, behind, body.texture)
    draw_tiles(layers[0], layers[1], nodes, head.kinds, head.changed, head.texture)

    edge = picture.shape[1]
    chroma = picture[edge:].reshape(2, edge // 2, edge // 2)
    picture[:edge] = layers[0][:edge, :edge]
    chroma[:] = layers[1][:, : edge // 2, : edge // 2]
    draw_mouth(picture, nodes, head.texture, mouth, features)
    for eye in range(2):
        draw_eye(
            picture, nodes, head.texture, eyes.boxes[eye], eyes.tables[:, eye], eyes.states[:, eye], features,
        )  # fmt: skip
