"""One avatar ready to draw: its layers as textures, its motion, its mouth and its eyes.

In: an avatar folder, then poses. Out: finished pictures. Built and used in the renderer's
thread; everything but a ``Scene`` is read-only, nothing to stop.
"""

from __future__ import annotations

from pathlib import Path

import numpy as np
import numpy.typing as npt
import torch
from torch import Tensor

from engine.animation.pose import CHANNEL
from engine.avatars.folders import PuppetManifest, read_layer, read_manifest
from engine.items import FloatArray
from engine.rendering.puppet.eyes import SEAM_DARKNESS, Eyes, decay
from engine.rendering.puppet.field import NODE_STEP, Field, weights
from engine.rendering.puppet.layers import OPAQUE, Layer, build_layer
from engine.rendering.puppet.mouth import Colors, Mouth, blend, mix, read, views
from engine.rendering.puppet.mouth_shape import MouthRest, MouthShape
from engine.rendering.puppet.scene import DrawnPatch, Patch, Scene, Spot
from engine.rendering.puppet.tiles import (
    MIXED,
    SOLID,
    TILE,
    TileCanvas,
    TileLayer,
    tile_nodes,
    tiles_across,
)

HEAD_STEP, BODY_STEP = 0.125, 0.25
"""Finest displacement that is drawn, in output pixels; coarser for the body, which only sways and breathes."""

POSE_STEPS = 256
"""Steps per unit of a channel; finer differences cannot be seen."""

SHADOW_FALL = 5.5
"""Within the eye's height, the shadow of the upper lid falls to exp(-SHADOW_FALL)."""

MOUTH_CHANNELS = [
    i for name, i in CHANNEL.items() if name.startswith(("jaw", "mouth", "lip", "upper_lip", "lower_lip", "tongue"))
]
EYE_CHANNELS = [
    i
    for name, i in CHANNEL.items()
    if name.startswith(("blink", "look", "eye")) or name in ("mouth_smile", "cheek_squint")
]


class Face:
    """One avatar, ready to draw. ``id``, ``name``, ``size`` and ``presents`` make it an ``Avatar``."""

    def __init__(self, folder: Path, size: int, device: torch.device) -> None:
        """Load the avatar in ``folder`` for pictures of edge ``size`` pixels on ``device``.

        Raises:
            BrokenAvatar: the manifest or a picture cannot be used.
        """
        self.manifest: PuppetManifest = read_manifest(folder)
        self.id, self.name, self.size = self.manifest.id, self.manifest.name, (size, size)
        self.presents = self.manifest.presents
        self.edge, self._device = size, device
        files = self.manifest.layers

        texels = 4 if size <= 512 else 2

        def layer(name: str) -> Layer:
            entry = getattr(files, name)
            return build_layer(read_layer(folder, entry), entry.x, entry.y, self.manifest.canvas, size, texels, device)

        padded = tiles_across(size) * TILE
        self.field = Field(self.manifest, size, padded // NODE_STEP + 1)
        self.tile_nodes = tile_nodes(size)
        self.head = TileLayer(layer("head"))
        self.body = TileLayer(layer("body")) if files.body else None
        self.backdrop = self._draw_backdrop(layer("backdrop"))
        self.eyeballs = layer("eyes") if files.eyes else None
        self.lashes = layer("lashes") if files.lashes else None
        rest = MouthRest(self.manifest, size)
        rest.floor = np.minimum(rest.floor, _skin_ends(self.head.layer, rest) - 3)
        self.mouth = Mouth(rest, self._mouth_parts(folder, texels), device)
        self.mouth_patch = _patch(
            rest.x - rest.reach - 4, rest.ceiling - 3, rest.x + rest.reach + 4, float(rest.floor.max()) + 20 * rest.unit
        )
        self.shadow = self.manifest.eyes[0].shadow
        self.eyes = Eyes(self.manifest.eyes, size / self.manifest.canvas, device)
        boxes = [
            _patch(eye.x - eye.width * 1.12, eye.ceiling - 4, eye.x + eye.width * 1.12, eye.floor + 4)
            for eye in self.eyes.pair
        ]
        wide, high = max(b.width for b in boxes), max(b.height for b in boxes)
        self.eye_patches = [Patch(b.x, b.y, wide, high) for b in boxes]
        position = (torch.arange(padded, device=device) + 0.5)[:, None] / NODE_STEP
        self._lines = (1 - (position - torch.arange(self.field.nodes, device=device)).abs()).clamp_(min=0)

    def _mouth_parts(self, folder: Path, texels: int) -> list[Layer]:
        """Lower teeth, tongue and upper teeth, each on a sheet that holds all three."""
        files = self.manifest.layers
        entries = (files.lower_teeth, files.tongue, files.upper_teeth)
        pictures = [read_layer(folder, entry) for entry in entries]
        left, top = min(e.x for e in entries), min(e.y for e in entries)
        right = max(e.x + p.shape[1] for e, p in zip(entries, pictures, strict=True))
        bottom = max(e.y + p.shape[0] for e, p in zip(entries, pictures, strict=True))
        parts = []
        for entry, picture in zip(entries, pictures, strict=True):
            sheet = np.zeros((bottom - top, right - left, 4), np.uint8)
            y, x = entry.y - top, entry.x - left
            sheet[y : y + picture.shape[0], x : x + picture.shape[1]] = picture
            parts.append(build_layer(sheet, left, top, self.manifest.canvas, self.edge, texels, self._device))
        return parts

    def _draw_backdrop(self, layer: Layer) -> TileCanvas:
        canvas = TileCanvas.blank(1, self.edge, self._device)
        index = np.arange(len(canvas.pixels))
        nodes = self.field.home[0][:, self.tile_nodes].transpose(1, 0, 2)
        TileLayer(layer).draw(canvas, index, np.full(len(index), MIXED, np.int8), nodes)
        return canvas

    def scene(self, count: int = 1) -> Scene:
        """An empty memory for ``draw``, for ``count`` pictures at a time."""
        return Scene(count, self.edge, self.backdrop)

    def draw(self, poses: FloatArray, scene: Scene) -> Tensor:
        """(B, channels) poses to (B, size * 3 // 2, size) uint8 yuv420p on the device.

        Do not write to the pictures: where nothing moved, the last ones are given again.
        """
        poses = quantized(poses)
        if scene.out is not None and scene.pose is not None and np.array_equal(poses, scene.pose):
            return scene.out
        motion = weights(poses)
        head = self.field.fetch(self.field.head, motion, HEAD_STEP)
        self._draw_tiles(motion, head, scene)
        out = scene.canvas.raster(scene.count, self.edge)
        for name, channels, patches, draw in (
            ("mouth", MOUTH_CHANNELS, [self.mouth_patch], self._draw_mouth),
            ("eyes", EYE_CHANNELS, self.eye_patches, self._draw_eyes),
        ):
            drawn, wanted = scene.patches.get(name), poses[:, channels]
            spots = self.spots(patches, head)
            if drawn is None or not drawn.holds(spots, wanted):
                where = torch.stack([self._places(spot, patches[0]) for spot in spots], dim=1)
                drawn = scene.patches[name] = DrawnPatch(spots, wanted, *draw(poses, where, spots))
            self._put(out, patches[0], drawn)
        scene.pose, scene.out = poses, out
        return out

    def _draw_tiles(self, motion: FloatArray, head: FloatArray, scene: Scene) -> None:
        changed = scene.head.update(head, self.tile_nodes, self.head)
        open_ = scene.head.kinds < SOLID
        if self.body is not None:
            body = self.field.fetch(self.field.body, motion, BODY_STEP)
            changed |= scene.body.update(body, self.tile_nodes, self.body) & open_
        behind = np.flatnonzero(changed & open_)
        bare = behind[scene.body.kinds[behind] < SOLID]
        scene.canvas.restore(torch.from_numpy(bare).to(self._device), self.backdrop)
        if self.body is not None:
            scene.body.draw(self.body, scene.canvas, behind, self.tile_nodes)
        scene.head.draw(self.head, scene.canvas, np.flatnonzero(changed), self.tile_nodes)

    def spots(self, patches: list[Patch], head: FloatArray) -> list[Spot]:
        """Where ``patches`` of one size are in each picture: those of the first picture, then of the next."""
        spots = []
        grids = head.reshape(len(head), 2, self.field.nodes, self.field.nodes)
        for grid in grids:
            for patch in patches:
                x, y = self.place(patch, grid)
                across, down = x // NODE_STEP, y // NODE_STEP
                nodes = grid[:, down : (y + patch.height) // NODE_STEP + 2, across : (x + patch.width) // NODE_STEP + 2]
                spots.append(Spot(x, y, nodes, down, across))
        return spots

    def place(self, patch: Patch, grid: FloatArray) -> tuple[int, int]:
        """Column and row of ``patch`` in a picture whose head is fetched from ``grid`` (2, nodes, nodes)."""
        column, row = (patch.x + patch.width // 2) // NODE_STEP, (patch.y + patch.height // 2) // NODE_STEP
        dx, dy = int(grid[0, row, column]) - column * NODE_STEP, int(grid[1, row, column]) - row * NODE_STEP
        x = min(max(0, patch.x - dx // 2 * 2), self.edge - patch.width)
        y = min(max(0, patch.y - dy // 2 * 2), self.edge - patch.height)
        return x, y

    def _places(self, spot: Spot, patch: Patch) -> Tensor:
        """(2, h, w) where the pixels of a patch are fetched from."""
        rows, columns = spot.nodes.shape[1:]
        nodes = torch.from_numpy(np.ascontiguousarray(spot.nodes)).to(self._device)
        down = self._lines[spot.y : spot.y + patch.height, spot.down : spot.down + rows]
        across = self._lines[spot.x : spot.x + patch.width, spot.across : spot.across + columns]
        return down @ (nodes @ across.T)

    def _draw_mouth(self, poses: FloatArray, where: Tensor, spots: list[Spot]) -> tuple[Colors, Tensor]:
        patch = self.mouth_patch
        shapes = [self.mouth.rest.shape(pose) for pose in poses]
        lips = self.mouth.remap(where, shapes)
        colors = read(self.head.layer, lips.where)
        if any(shape.gap > 0.05 for shape in shapes):
            rows, columns = self._opening(shapes, spots)
            inside = self.mouth.inside(where[:, :, rows, columns], lips.depth[:, rows, columns], shapes)
            luma, chroma = views(colors, patch.height, patch.width)
            part = chroma[:, :, rows.start // 2 : rows.stop // 2, columns.start // 2 : columns.stop // 2]
            mix((luma[:, rows, columns], part), inside, lips.inside[:, rows, columns])
        return colors, lips.weight

    def _opening(self, shapes: list[MouthShape], spots: list[Spot]) -> tuple[slice, slice]:
        """Rows and columns of the mouth's patch that can show its inside, in all pictures of a batch."""
        rest, patch = self.mouth.rest, self.mouth_patch
        tilt = 4 + 0.16 * rest.width
        left = top = np.inf
        right = bottom = -np.inf
        row, column = round(rest.y / NODE_STEP), round(rest.x / NODE_STEP)
        for shape, spot in zip(shapes, spots, strict=True):
            fetched = spot.nodes[:, row - spot.down, column - spot.across]
            dx = float(column * NODE_STEP - fetched[0]) - spot.x
            dy = float(row * NODE_STEP - fetched[1]) - spot.y
            left, right = min(left, rest.x + dx - shape.width), max(right, rest.x + dx + shape.width)
            top, bottom = min(top, float(shape.top.min()) + dy), max(bottom, float(shape.bottom.max()) + dy)
        sag = 0.35 * (bottom - top)
        rows = slice(max(0, int(top - tilt) & ~1), min(patch.height, int(bottom + tilt + sag) + 2 & ~1))
        return rows, slice(max(0, int(left - 4) & ~1), min(patch.width, int(right + 4) + 2 & ~1))

    def _draw_eyes(self, poses: FloatArray, where: Tensor, _: list[Spot]) -> tuple[Colors, None]:
        lids = self.eyes.lids(where, poses)
        colors = read(self.head.layer, lids.skin)
        whole = views(colors, *where.shape[2:])
        if self.eyeballs is not None:
            ball = read(self.eyeballs, lids.ball)
            fall = SHADOW_FALL / self.eyes.pair[0].height
            shade = decay(lids.depth.clamp(min=0).mul_(fall)).mul_(-self.shadow).add_(1)
            views(ball, *where.shape[2:])[0].sub_(16).mul_(shade).add_(16)
            mix(whole, ball, lids.open)
        if self.lashes is not None:
            blend(self.lashes, lids.lash, colors)
        else:
            whole[0].addcmul_(lids.seam(), whole[0] - 16, value=-SEAM_DARKNESS)
        return colors, None

    def _put(self, out: Tensor, patch: Patch, drawn: DrawnPatch) -> None:
        """Write the patches of ``drawn``, all of the size of ``patch``, into the pictures ``out``."""
        size, height, width = self.edge, patch.height, patch.width
        weight, each = drawn.weight, len(drawn.spots) // len(out)
        luma, chroma = views(drawn.colors + 0.5 if weight is None else drawn.colors, height, width)
        planes = out[:, size:].view(len(out), 2, size // 2, size // 2)
        for index, spot in enumerate(drawn.spots):
            x, y, picture = spot.x, spot.y, index // each
            target = out[picture, y : y + height, x : x + width]
            small = planes[picture, :, y // 2 : (y + height) // 2, x // 2 : (x + width) // 2]
            if weight is None:
                target.copy_(luma[index])
                small.copy_(chroma[index])
            else:
                share = weight[index]
                target.copy_(target.float().lerp_(luma[index], share).add_(0.5))
                small.copy_(small.float().lerp_(chroma[index], share[::2, ::2]).add_(0.5))


def quantized(poses: FloatArray) -> FloatArray:
    """Poses rounded to ``POSE_STEPS``."""
    return np.asarray(np.rint(poses * np.float32(POSE_STEPS)) / np.float32(POSE_STEPS), np.float32)


def _skin_ends(head: Layer, rest: MouthRest) -> npt.NDArray[np.float64]:
    """For each sample along the mouth, where below it the head ends (output pixels)."""
    alpha = head.luma_alpha().cpu().numpy()
    columns = ((rest.x + rest.u * rest.width - head.origin[0]) * head.texels).clip(0, head.stride - 1).astype(int)
    below = alpha[int((rest.y - head.origin[1]) * head.texels) :, columns] < OPAQUE
    below[-1] = True
    return np.asarray(rest.y + below.argmax(axis=0) / head.texels)


def _patch(left: float, top: float, right: float, bottom: float) -> Patch:
    x, y = int(left) & ~1, int(top) & ~1
    return Patch(x, y, (int(right) - x + 2) & ~1, (int(bottom) - y + 2) & ~1)
