"""One avatar ready to draw: its layers as textures, its motion, its mouth and its eyes.

In: an avatar folder, then poses. Out: finished pictures. Built and used in the renderer's
thread; everything but a ``Scene`` is read-only, nothing to stop.
"""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path

import numpy as np
import numpy.typing as npt
import torch
from torch import Tensor

from engine.pipelines.animating.avatars import Manifest, read_layer, read_manifest
from engine.pipelines.animating.layers import OPAQUE, Layer, build_layer
from engine.pipelines.animating.mouth import Colors, Mouth, MouthLayers, blend, mix, read
from engine.pipelines.animating.mouth_shape import MouthRest, MouthShape
from engine.pipelines.animating.pose import CHANNEL
from engine.pipelines.animating.puppet_eyes import Eyes
from engine.pipelines.animating.puppet_field import NODE_STEP, Field, weights
from engine.pipelines.animating.puppet_tiles import (
    EMPTY,
    MIXED,
    REACH,
    SOLID,
    TILE,
    TileCanvas,
    TileLayer,
    tile_nodes,
    tiles_across,
)
from engine.pipelines.items import FloatArray

HEAD_STEP, BODY_STEP = 0.125, 0.25
"""Finest displacement that is drawn, output pixels; the body only sways and breathes."""

POSE_STEPS = 256
"""Steps of a channel; finer differences cannot be seen."""

MOUTH_CHANNELS = [
    i for name, i in CHANNEL.items() if name.startswith(("jaw", "mouth", "lip", "upper_lip", "lower_lip", "tongue"))
]
EYE_CHANNELS = [
    i
    for name, i in CHANNEL.items()
    if name.startswith(("blink", "look", "eye")) or name in ("mouth_smile", "cheek_squint")
]

Drawn = tuple[list[tuple[int, int]], Colors, Tensor | None]
"""Corners of patches, their colours, and where they count."""


@dataclass(frozen=True, slots=True)
class Patch:
    """A rectangle of the picture that is drawn finely; it follows the head in whole pixels."""

    x: int
    y: int
    width: int
    height: int


@dataclass(frozen=True, slots=True)
class DrawnPatch:
    """A patch as it was drawn last, and from what."""

    nodes: FloatArray
    channels: FloatArray
    corners: list[tuple[int, int]]
    colors: Colors
    weight: Tensor | None


class Scene:
    """What was drawn last for somebody, so that only what changed is drawn next."""

    def __init__(self, count: int, size: int, device: torch.device) -> None:
        self.count = count
        self.canvas = TileCanvas.blank(count, size, device)
        tiles = count * tiles_across(size) ** 2
        self.head: FloatArray = np.full((tiles, 2, REACH * REACH), np.nan, np.float32)
        self.body: FloatArray = self.head.copy()
        self.patches: dict[str, DrawnPatch] = {}
        self.pose: FloatArray | None = None
        self.out: Tensor | None = None


class Face:
    """See the module. ``id``, ``name`` and ``size`` make it an ``Avatar``."""

    def __init__(self, folder: Path, size: int, device: torch.device) -> None:
        """Load and prepare.

        Raises:
            BrokenAvatar: see ``avatars``.
        """
        self.manifest: Manifest = read_manifest(folder)
        self.id, self.name, self.size = self.manifest.id, self.manifest.name, (size, size)
        self._edge, self._device = size, device
        files = self.manifest.layers

        def layer(name: str) -> Layer:
            entry = getattr(files, name)
            texels = 4 if size <= 512 else 2
            return build_layer(read_layer(folder, entry), entry.x, entry.y, self.manifest.canvas, size, texels, device)

        padded = tiles_across(size) * TILE
        self._field = Field(self.manifest, size, padded // NODE_STEP + 1)
        self._tile_nodes = tile_nodes(size)
        self._head = TileLayer(layer("head"))
        self._body = TileLayer(layer("body")) if files.body else None
        self._backdrop = self._draw_backdrop(layer("backdrop"))
        self._eyeballs = layer("eyes") if files.eyes else None
        self._lashes = layer("lashes") if files.lashes else None
        rest = MouthRest(self.manifest, size)
        rest.floor = np.minimum(rest.floor, _skin_ends(self._head.layer, rest) - 3)
        self._mouth = Mouth(rest, MouthLayers(layer("lower_teeth"), layer("tongue"), layer("upper_teeth")), device)
        self._mouth_patch = _patch(
            rest.x - rest.reach - 4, rest.ceiling - 3, rest.x + rest.reach + 4, float(rest.floor.max()) + 20 * rest.unit
        )
        self._shadow = self.manifest.eyes[0].shadow
        self._eyes = Eyes(self.manifest.eyes, size / self.manifest.canvas, device)
        boxes = [
            _patch(eye.x - eye.width * 1.12, eye.ceiling - 4, eye.x + eye.width * 1.12, eye.floor + 4)
            for eye in self._eyes.pair
        ]
        wide, high = max(b.width for b in boxes), max(b.height for b in boxes)
        self._eye_patches = [Patch(b.x, b.y, wide, high) for b in boxes]
        position = (torch.arange(padded, device=device) + 0.5)[:, None] / NODE_STEP
        self._lines = (1 - (position - torch.arange(self._field.nodes, device=device)).abs()).clamp_(min=0)

    def _draw_backdrop(self, layer: Layer) -> TileCanvas:
        canvas = TileCanvas.blank(1, self._edge, self._device)
        index = np.arange(len(canvas.y))
        nodes = self._field.home[0][:, self._tile_nodes].transpose(1, 0, 2)
        TileLayer(layer).draw(canvas, index, np.full(len(index), MIXED, np.int8), nodes)
        return canvas

    def scene(self, count: int = 1) -> Scene:
        """A fresh memory for ``draw`` of ``count`` pictures at a time."""
        return Scene(count, self._edge, self._device)

    def draw(self, poses: FloatArray, scene: Scene) -> Tensor:
        """(B, channels) poses to (B, size * 3 // 2, size) uint8 yuv420p on the device.

        The pictures must not be written to: where nothing moved, the last ones are given again.
        """
        poses = np.rint(poses * np.float32(POSE_STEPS)) / np.float32(POSE_STEPS)
        if scene.out is not None and scene.pose is not None and np.array_equal(poses, scene.pose):
            return scene.out
        motion = weights(poses)
        head = self._field.fetch(self._field.head, motion, HEAD_STEP)
        self._draw_tiles(motion, head, scene)
        out = scene.canvas.raster(scene.count, self._edge)
        for name, channels, each, draw in (
            ("mouth", MOUTH_CHANNELS, 1, self._draw_mouth),
            ("eyes", EYE_CHANNELS, 2, self._draw_eyes),
        ):
            patch = scene.patches.get(name)
            wanted = poses[:, channels]
            if patch is None or not (np.array_equal(patch.channels, wanted) and np.array_equal(patch.nodes, head)):
                nodes = (
                    torch.from_numpy(head).to(self._device).view(len(poses), 2, self._field.nodes, self._field.nodes)
                )
                patch = scene.patches[name] = DrawnPatch(head, wanted, *draw(poses, nodes, head))
            self._put(out, each, patch.corners, patch.colors, patch.weight)
        scene.pose, scene.out = poses, out
        return out

    def _draw_tiles(self, motion: FloatArray, head: FloatArray, scene: Scene) -> None:
        head_tiles = head[:, :, self._tile_nodes].transpose(0, 2, 1, 3).reshape(-1, 2, REACH * REACH)
        changed = (head_tiles != scene.head).any(axis=(1, 2))
        kinds = self._head.classify(head_tiles[:, :, REACH * REACH // 2])
        scene.head = head_tiles
        open_ = kinds < SOLID
        if self._body is not None:
            body = self._field.fetch(self._field.body, motion, BODY_STEP)
            body_tiles = body[:, :, self._tile_nodes].transpose(0, 2, 1, 3).reshape(-1, 2, REACH * REACH)
            moved = (body_tiles != scene.body).any(axis=(1, 2))
            changed |= moved & open_
            scene.body = body_tiles
            behind = np.flatnonzero(changed & open_)
            body_kinds = self._body.classify(body_tiles[behind, :, REACH * REACH // 2])
            bare = behind[body_kinds < SOLID]
            scene.canvas.restore(torch.from_numpy(bare).to(self._device), self._backdrop)
            shown = body_kinds > EMPTY
            self._body.draw(scene.canvas, behind[shown], body_kinds[shown], body_tiles[behind[shown]])
        else:
            scene.canvas.restore(torch.from_numpy(np.flatnonzero(changed & open_)).to(self._device), self._backdrop)
        front = np.flatnonzero(changed & (kinds > EMPTY))
        self._head.draw(scene.canvas, front, kinds[front], head_tiles[front])

    def _place(
        self, patches: list[Patch], nodes: Tensor, head: FloatArray
    ) -> tuple[list[tuple[int, int]], Tensor, Tensor]:
        """Corners of the patches in each picture, and where their pixels are fetched from."""
        corners, places = [], []
        for index, fetched in enumerate(head):
            for patch in patches:
                column, row = (patch.x + patch.width // 2) // NODE_STEP, (patch.y + patch.height // 2) // NODE_STEP
                node = row * self._field.nodes + column
                dx, dy = int(fetched[0, node]) - column * NODE_STEP, int(fetched[1, node]) - row * NODE_STEP
                x = min(max(0, patch.x - dx // 2 * 2), self._edge - patch.width)
                y = min(max(0, patch.y - dy // 2 * 2), self._edge - patch.height)
                corners.append((x, y))
                across = slice(x // NODE_STEP, (x + patch.width) // NODE_STEP + 2)
                down = slice(y // NODE_STEP, (y + patch.height) // NODE_STEP + 2)
                part = self._lines[y : y + patch.height, down] @ nodes[index, :, down, across]
                places.append(part @ self._lines[x : x + patch.width, across].T)
        stacked = torch.stack(places, dim=1)
        return corners, stacked[0], stacked[1]

    def _draw_mouth(self, poses: FloatArray, nodes: Tensor, head: FloatArray) -> Drawn:
        corners, x, y = self._place([self._mouth_patch], nodes, head)
        shapes = [self._mouth.rest.shape(pose) for pose in poses]
        lips = self._mouth.remap(x, y, shapes)
        colors = read(self._head.layer, lips.x, lips.y)
        if any(shape.gap > 0.05 for shape in shapes):
            rows, columns = self._opening(shapes, corners, head)
            part = (slice(None), rows, columns)
            small = (slice(None), slice(rows.start // 2, rows.stop // 2), slice(columns.start // 2, columns.stop // 2))
            inside = self._mouth.inside(x[part], y[part], lips.depth[part], shapes)
            mix((colors[0][part], colors[1][small], colors[2][small]), inside, lips.inside[part])
        return corners, colors, lips.weight

    def _opening(
        self, shapes: list[MouthShape], corners: list[tuple[int, int]], head: FloatArray
    ) -> tuple[slice, slice]:
        """Rows and columns of the mouth's patch that can show its inside, in all pictures of a batch."""
        rest, patch = self._mouth.rest, self._mouth_patch
        tilt = 4 + 0.16 * rest.width
        left = top = np.inf
        right = bottom = -np.inf
        node = round(rest.y / NODE_STEP) * self._field.nodes + round(rest.x / NODE_STEP)
        for shape, corner, fetched in zip(shapes, corners, head, strict=True):
            dx, dy = self._field.home[0, :, node] - fetched[:, node] - corner
            left, right = min(left, rest.x + dx - shape.width), max(right, rest.x + dx + shape.width)
            top, bottom = min(top, float(shape.top.min()) + dy), max(bottom, float(shape.bottom.max()) + dy)
        sag = 0.35 * (bottom - top)
        rows = slice(max(0, int(top - tilt) & ~1), min(patch.height, int(bottom + tilt + sag) + 2 & ~1))
        return rows, slice(max(0, int(left - 4) & ~1), min(patch.width, int(right + 4) + 2 & ~1))

    def _draw_eyes(self, poses: FloatArray, nodes: Tensor, head: FloatArray) -> Drawn:
        corners, x, y = self._place(self._eye_patches, nodes, head)
        lids = self._eyes.lids(x, y, poses)
        colors = read(self._head.layer, x, lids.y)
        if self._eyeballs is not None:
            ball = read(self._eyeballs, lids.ball_x, lids.ball_y)
            shade = (lids.depth.clamp(min=0) * (-5.5 / self._eyes.pair[0].height)).exp_().mul_(-self._shadow).add_(1)
            mix(colors, (ball[0].sub_(16).mul_(shade).add_(16), ball[1], ball[2]), lids.open)
        if self._lashes is not None:
            blend(self._lashes, x, lids.lash_y, *colors)
        else:
            colors[0].addcmul_(lids.seam, colors[0] - 16, value=-0.55)
        return corners, colors, None

    def _put(
        self, out: Tensor, each: int, corners: list[tuple[int, int]], colors: Colors, weight: Tensor | None = None
    ) -> None:
        """Write ``each`` patches into every picture; ``weight`` fades to what is there already."""
        size, (height, width) = self._edge, colors[0].shape[1:]
        chroma = out[:, size:].view(len(out), 2, size // 2, size // 2)
        for index, (x, y) in enumerate(corners):
            picture = index // each
            box = (slice(y // 2, (y + height) // 2), slice(x // 2, (x + width) // 2))
            targets = (out[picture, y : y + height, x : x + width], chroma[picture, 0][box], chroma[picture, 1][box])
            for plane, (target, values) in enumerate(zip(targets, colors, strict=True)):
                part = values[index]
                if weight is not None:
                    share = weight[index] if plane == 0 else weight[index, ::2, ::2]
                    part = target.float().lerp_(part, share)
                target.copy_(part + 0.5)


def _skin_ends(head: Layer, rest: MouthRest) -> npt.NDArray[np.float64]:
    """For each sample along the mouth, where below it the head ends (output pixels)."""
    alpha = head.a.view(head.rows, head.stride).cpu().numpy()
    columns = ((rest.x + rest.u * rest.width - head.origin[0]) * head.texels).clip(0, head.stride - 1).astype(int)
    below = alpha[int((rest.y - head.origin[1]) * head.texels) :, columns] < OPAQUE
    below[-1] = True
    return np.asarray(rest.y + below.argmax(axis=0) / head.texels)


def _patch(left: float, top: float, right: float, bottom: float) -> Patch:
    x, y = int(left) & ~1, int(top) & ~1
    return Patch(x, y, (int(right) - x + 2) & ~1, (int(bottom) - y + 2) & ~1)
