"""A whole picture in one compiled call; see ``puppet_kernels``.

One call, so that the interpreter's lock is let go of once a picture: each time it is asked for again,
any other busy thread of Python may keep it for milliseconds.
"""

from __future__ import annotations

from typing import NamedTuple

import numpy as np
import numpy.typing as npt

from engine.items import ByteArray, FloatArray
from engine.rendering.puppet.feature_kernels import Box, LipRest, draw_eye, draw_mouth
from engine.rendering.puppet.kernels import (
    Planes,
    Real,
    Texture,
    compiled,
    draw_tiles,
    find_moved,
    restore_tiles,
)


class LayerTiles(NamedTuple):
    """A layer, what it was fetched from last and what its tiles then showed (see ``find_moved``)."""

    nodes: FloatArray
    kinds: npt.NDArray[np.int8]
    changed: npt.NDArray[np.bool_]
    lowest: ByteArray
    highest: ByteArray
    texture: Texture


class Features(NamedTuple):
    """What does not change from picture to picture of one avatar."""

    rest: LipRest
    parts: Texture
    shadow: tuple[Real, Real]
    ball: Texture
    lash: Texture
    painted: bool
    drawn: bool


class Mouth(NamedTuple):
    """One mouth, as ``draw_mouth`` takes it."""

    box: Box
    tables: FloatArray
    width: Real
    offsets: FloatArray


class EyePair(NamedTuple):
    """Two eyes, as ``draw_eye`` takes each."""

    boxes: tuple[Box, Box]
    tables: FloatArray
    """(8, 2, SAMPLES)"""
    states: FloatArray
    """(9, 2)"""


@compiled
def draw_picture(
    picture: ByteArray, layers: Planes, backdrop: Planes, nodes: FloatArray, head: LayerTiles, body_nodes: FloatArray,
    body: LayerTiles, bodied: bool, features: Features, mouth: Mouth, eyes: EyePair,
) -> None:  # fmt: skip
    """Bring ``layers`` up to date, where tiles changed, and lay mouth and eyes over a copy of them in ``picture``.

    Args:
        picture: (edge * 3 / 2, edge), written.
        layers: head and body as drawn last, whole tiles wide and high.
        backdrop: what is behind them.
        nodes, body_nodes: (2, n, n), where head and body are fetched from now.
        bodied: there is a body.
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
    draw_mouth(
        picture, nodes, mouth.box, mouth.tables, features.rest, mouth.width, mouth.offsets, head.texture, features.parts
    )
    for eye in range(2):
        draw_eye(
            picture, nodes, eyes.boxes[eye], eyes.tables[:, eye], eyes.states[:, eye], features.shadow,
            head.texture, features.ball, features.lash, features.painted, features.drawn,
        )  # fmt: skip
