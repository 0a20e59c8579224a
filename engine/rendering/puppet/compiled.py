"""One avatar drawn by compiled loops: the way on a CPU where numba is available.

In: a ``Face`` and poses. Out: the pictures that ``Face.draw`` makes with tensors, up to rounding,
in half the time. Read-only after construction; runs in the renderer's thread, nothing to stop.
"""

from __future__ import annotations

import numpy as np

from engine.animation.pose import rest_pose
from engine.items import ByteArray, FloatArray
from engine.rendering.puppet.face import BODY_STEP, HEAD_STEP, SHADOW_FALL, Face, quantized
from engine.rendering.puppet.feature_kernels import Features, LipRest, MouthArrays
from engine.rendering.puppet.field import weights
from engine.rendering.puppet.kernels import Planes, Texture
from engine.rendering.puppet.layers import Layer
from engine.rendering.puppet.picture_kernel import EyeArrays, LayerTiles, draw_picture
from engine.rendering.puppet.scene import Patch
from engine.rendering.puppet.tiles import EMPTY, TILE, TileLayer, tiles_across


class Sketch:
    """What was drawn last in one session: head and body without mouth and eyes."""

    def __init__(self, backdrop: Planes, head: LayerTiles, body: LayerTiles) -> None:
        self.layers: Planes = (backdrop[0].copy(), backdrop[1].copy())
        self.head, self.body = head, body
        self.pose: FloatArray | None = None
        self.out: ByteArray | None = None


class CompiledFace:
    """Draws ``face``, which must be on a CPU. ``id``, ``name``, ``size`` and ``presents`` make it an ``Avatar``."""

    def __init__(self, face: Face) -> None:
        self.id, self.name, self.size, self.presents = face.id, face.name, face.size, face.presents
        self._face = face
        self._side = tiles_across(face.edge)
        whole = self._side * TILE
        backdrop = face.backdrop.raster(1, whole).numpy()[0]
        self._backdrop = backdrop[:whole], backdrop[whole:].reshape(2, whole // 2, whole // 2)
        self._head = _texture(face.head.layer)
        rest = face.mouth.rest
        self._features = Features(
            rest=LipRest(
                *map(np.float32, (rest.x, rest.y, rest.width, rest.reach, rest.ceiling, rest.floor.max(), rest.unit))
            ),
            parts=_texture(face.mouth.parts),
            shadow=(np.float32(face.shadow), np.float32(SHADOW_FALL / face.eyes.pair[0].height)),
            ball=_texture(face.eyeballs) if face.eyeballs else self._head,
            lash=_texture(face.lashes) if face.lashes else self._head,
            painted=face.eyeballs is not None,
            drawn=face.lashes is not None,
        )
        # compiles what is not cached on disk yet, so that no session waits for it
        self.draw(rest_pose()[None], self.scene())

    def scene(self, count: int = 1) -> Sketch:
        """An empty memory for ``draw``, which draws one picture at a time."""
        assert count == 1
        head = self._tiles(self._face.head)
        return Sketch(self._backdrop, head, self._tiles(self._face.body) if self._face.body else head)

    def _tiles(self, layer: TileLayer) -> LayerTiles:
        nodes, side = self._face.field.nodes, self._side
        return LayerTiles(
            np.full((2, nodes, nodes), np.nan, np.float32), np.full((side, side), EMPTY, np.int8),
            np.zeros((side, side), np.bool_), layer.lowest, layer.highest, _texture(layer.layer),
        )  # fmt: skip

    def draw(self, poses: FloatArray, sketch: Sketch) -> ByteArray:
        """(1, channels) to (1, size * 3 // 2, size) uint8 yuv420p. Do not write to it: it may be given again."""
        poses = quantized(poses)
        if sketch.out is not None and sketch.pose is not None and np.array_equal(poses, sketch.pose):
            return sketch.out[None]
        motion, face = weights(poses), self._face
        nodes = self._fetch(face.field.head, motion, HEAD_STEP)
        body_nodes = nodes if face.body is None else self._fetch(face.field.body, motion, BODY_STEP)
        out = np.empty((face.edge * 3 // 2, face.edge), np.uint8)
        draw_picture(
            out, sketch.layers, self._backdrop, nodes, sketch.head, body_nodes, sketch.body, face.body is not None,
            self._features, self._mouth(poses, nodes), self._eyes(poses, nodes),
        )  # fmt: skip
        sketch.pose, sketch.out = poses, out
        return out[None]

    def _fetch(self, basis: FloatArray, motion: FloatArray, step: float) -> FloatArray:
        nodes = self._face.field.nodes
        return self._face.field.fetch(basis, motion, step).reshape(2, nodes, nodes)

    def _mouth(self, poses: FloatArray, nodes: FloatArray) -> MouthArrays:
        mouth = self._face.mouth
        shapes = [mouth.rest.shape(poses[0])]
        return MouthArrays(
            self._box(self._face.mouth_patch, nodes), mouth.tables(shapes)[:, 0], np.float32(shapes[0].width),
            mouth.offsets(shapes)[:, 0],
        )  # fmt: skip

    def _eyes(self, poses: FloatArray, nodes: FloatArray) -> EyeArrays:
        eyes, (right, left) = self._face.eyes, self._face.eye_patches
        states = eyes.states(poses)
        return EyeArrays((self._box(right, nodes), self._box(left, nodes)), eyes.tables(states), eyes.columns(states))

    def _box(self, patch: Patch, nodes: FloatArray) -> tuple[int, int, int, int]:
        return (*self._face.place(patch, nodes), patch.width, patch.height)


def _texture(layer: Layer) -> Texture:
    x, y = map(np.float32, layer.origin)
    return Texture(
        layer.colors.numpy(), layer.alpha.numpy(), layer.stride, layer.rows,
        x, y, np.float32(layer.texels), layer.texels.bit_length() - 1,
    )  # fmt: skip
