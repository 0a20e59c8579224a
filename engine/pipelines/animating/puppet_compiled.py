"""One avatar drawn by compiled loops: what a CPU uses where numba is to be had.

In: a ``Face`` and poses. Out: the same pictures ``Face.draw`` makes with tensors, but for rounding,
in a third of the time. Read-only after construction; runs in the renderer's thread, nothing to stop.
"""

from __future__ import annotations

import numpy as np
import numpy.typing as npt

from engine.pipelines.animating.layers import Layer
from engine.pipelines.animating.pose import rest_pose
from engine.pipelines.animating.puppet_face import BODY_STEP, HEAD_STEP, SHADOW_FALL, Face, quantized
from engine.pipelines.animating.puppet_feature_kernels import LipRest, draw_eye, draw_mouth
from engine.pipelines.animating.puppet_field import weights
from engine.pipelines.animating.puppet_kernels import Planes, Texture, draw_tiles, find_moved, restore_tiles
from engine.pipelines.animating.puppet_scene import Patch
from engine.pipelines.animating.puppet_tiles import EMPTY, SOLID, TILE, Kinds, TileLayer, tiles_across
from engine.pipelines.items import ByteArray, FloatArray


class _Moved:
    """What a layer's nodes were fetched from last, and what its tiles then showed."""

    def __init__(self, nodes: int, side: int) -> None:
        self.nodes: FloatArray = np.full((2, nodes, nodes), np.nan, np.float32)
        self.kinds: Kinds = np.full((side, side), EMPTY, np.int8)
        self.changed: npt.NDArray[np.bool_] = np.zeros((side, side), np.bool_)


class Sketch:
    """What was drawn last for somebody: head and body without mouth and eyes."""

    def __init__(self, backdrop: Planes, nodes: int, side: int) -> None:
        self.luma, self.chroma = (plane.copy() for plane in backdrop)
        self.head, self.body = _Moved(nodes, side), _Moved(nodes, side)
        self.pose: FloatArray | None = None
        self.out: ByteArray | None = None


class CompiledFace:
    """Draws ``face``, which is on a CPU. ``id``, ``name`` and ``size`` make it an ``Avatar``."""

    def __init__(self, face: Face) -> None:
        self.id, self.name, self.size = face.id, face.name, face.size
        self._face = face
        self._side = tiles_across(face.edge)
        whole = self._side * TILE
        backdrop = face.backdrop.raster(1, whole).numpy()[0]
        self._backdrop = backdrop[:whole], backdrop[whole:].reshape(2, whole // 2, whole // 2)
        self._head, self._body = _texture(face.head.layer), _texture(face.body.layer) if face.body else None
        self._parts = _texture(face.mouth.parts)
        self._ball = _texture(face.eyeballs) if face.eyeballs else self._head
        self._lash = _texture(face.lashes) if face.lashes else self._head
        rest = face.mouth.rest
        self._rest = LipRest(
            *map(np.float32, (rest.x, rest.y, rest.width, rest.reach, rest.ceiling, rest.floor.max(), rest.unit))
        )
        self._shadow = np.float32(face.shadow), np.float32(SHADOW_FALL / face.eyes.pair[0].height)
        # compiles what is not on disk yet, so that nobody's first picture waits for it
        self.draw(rest_pose()[None], self.scene())

    def scene(self, count: int = 1) -> Sketch:
        """A fresh memory for ``draw``, which draws one picture at a time."""
        assert count == 1
        return Sketch(self._backdrop, self._face.field.nodes, self._side)

    def draw(self, poses: FloatArray, sketch: Sketch) -> ByteArray:
        """(1, channels) to (1, size * 3 // 2, size) uint8 yuv420p, not to be written to: it may be given again."""
        poses = quantized(poses)
        if sketch.out is not None and sketch.pose is not None and np.array_equal(poses, sketch.pose):
            return sketch.out[None]
        motion = weights(poses)
        head = self._draw_layers(motion, sketch)
        out = self._picture(sketch)
        self._draw_mouth(out, poses, head)
        self._draw_eyes(out, poses, head)
        sketch.pose, sketch.out = poses, out
        return out[None]

    def _draw_layers(self, motion: FloatArray, sketch: Sketch) -> FloatArray:
        face, head, body = self._face, sketch.head, sketch.body
        nodes = self._fetch(face.field.head, motion, HEAD_STEP)
        _find_moved(nodes, head, face.head, self._head)
        changed = head.changed
        open_ = head.kinds < SOLID
        if face.body is None or self._body is None:
            restore_tiles(sketch.luma, sketch.chroma, self._backdrop, changed & open_)
        else:
            body_nodes = self._fetch(face.field.body, motion, BODY_STEP)
            _find_moved(body_nodes, body, face.body, self._body)
            changed = changed | (body.changed & open_)
            behind = changed & open_
            restore_tiles(sketch.luma, sketch.chroma, self._backdrop, behind & (body.kinds < SOLID))
            draw_tiles(sketch.luma, sketch.chroma, body_nodes, body.kinds, behind, self._body)
        draw_tiles(sketch.luma, sketch.chroma, nodes, head.kinds, changed, self._head)
        return nodes

    def _picture(self, sketch: Sketch) -> ByteArray:
        edge = self._face.edge
        out = np.empty((edge * 3 // 2, edge), np.uint8)
        out[:edge] = sketch.luma[:edge, :edge]
        out[edge:].reshape(2, edge // 2, edge // 2)[:] = sketch.chroma[:, : edge // 2, : edge // 2]
        return out

    def _fetch(self, basis: FloatArray, motion: FloatArray, step: float) -> FloatArray:
        nodes = self._face.field.nodes
        return self._face.field.fetch(basis, motion, step).reshape(2, nodes, nodes)

    def _draw_mouth(self, out: ByteArray, poses: FloatArray, nodes: FloatArray) -> None:
        mouth, patch = self._face.mouth, self._face.mouth_patch
        shapes = [mouth.rest.shape(poses[0])]
        draw_mouth(
            out, nodes, self._box(patch, nodes), mouth.tables(shapes)[:, 0], self._rest, np.float32(shapes[0].width),
            mouth.offsets(shapes)[:, 0], self._head, self._parts,
        )  # fmt: skip

    def _draw_eyes(self, out: ByteArray, poses: FloatArray, nodes: FloatArray) -> None:
        eyes = self._face.eyes
        states = eyes.states(poses)
        tables, columns = eyes.tables(states).swapaxes(0, 1), eyes.columns(states).T
        painted, drawn = self._face.eyeballs is not None, self._face.lashes is not None
        for patch, table, column in zip(self._face.eye_patches, tables, columns, strict=True):
            draw_eye(
                out, nodes, self._box(patch, nodes), table, column, self._shadow,
                self._head, self._ball, self._lash, painted, drawn,
            )  # fmt: skip

    def _box(self, patch: Patch, nodes: FloatArray) -> tuple[int, int, int, int]:
        return (*self._face.place(patch, nodes), patch.width, patch.height)


def _find_moved(nodes: FloatArray, moved: _Moved, layer: TileLayer, texture: Texture) -> None:
    find_moved(nodes, moved.nodes, moved.kinds, moved.changed, layer.lowest, layer.highest, texture)


def _texture(layer: Layer) -> Texture:
    x, y = map(np.float32, layer.origin)
    return Texture(
        layer.colors.numpy(), layer.alpha.numpy(), layer.stride, layer.rows,
        x, y, np.float32(layer.texels), layer.texels.bit_length() - 1,
    )  # fmt: skip
