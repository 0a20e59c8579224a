"""One avatar ready to draw: its layers as textures, its motion, its mouth and its eyes.

In: an avatar folder. Out: batches of finished pictures. Built and used in the renderer's
thread; everything but the returned pictures is read-only, nothing to stop.
"""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path

import numpy as np
import numpy.typing as npt
import torch
from torch import Tensor
from torch.nn import functional

from engine.pipelines.animating.avatars import Manifest, read_layer, read_manifest
from engine.pipelines.animating.layers import OPAQUE, Layer, build_layer
from engine.pipelines.animating.mouth import Mouth, MouthLayers
from engine.pipelines.animating.mouth_shape import MouthRest, MouthShape
from engine.pipelines.animating.puppet_eyes import Eye
from engine.pipelines.animating.puppet_field import NODE_STEP, Field, weights
from engine.pipelines.animating.puppet_tiles import TILE, TileCanvas, TileLayer, blank_canvas, tiles_across
from engine.pipelines.items import FloatArray


@dataclass(frozen=True, slots=True)
class Patch:
    """A rectangle of the picture that is drawn finely; it follows the head in whole pixels."""

    x: int
    y: int
    width: int
    height: int


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
        self._texels = 4 if size <= 512 else 2
        manifest = self.manifest
        scale = size / manifest.canvas
        padded = tiles_across(size) * TILE
        self._field = Field(manifest, size, padded // NODE_STEP + 1)
        layers = {name: self._layer(folder, name) for name in type(manifest.layers).model_fields}
        head = layers["head"]
        assert head is not None
        self._head_layer = head
        self._head = TileLayer(head, size)
        covered = torch.zeros(tiles_across(size) ** 2, dtype=torch.bool, device=device)
        covered[self._head.index[: self._head.solid]] = True
        self._body = TileLayer(layers["body"], size, covered) if layers["body"] else None
        self._canvas = blank_canvas(size, device)
        assert layers["backdrop"] is not None
        TileLayer(layers["backdrop"], size, still=True).draw(self._canvas, torch.zeros(1, 2, self._field.nodes, self._field.nodes, device=device))
        rest = MouthRest(manifest, size)
        rest.floor = np.minimum(rest.floor, _skin_ends(head, rest) - 3)
        self._mouth = Mouth(rest, MouthLayers(*(_present(layers[k]) for k in ("cavity", "lower_teeth", "tongue", "upper_teeth"))), device)
        self._mouth_patch = _patch(rest.x - rest.reach, rest.ceiling, rest.x + rest.reach, rest.floor.max(), grow=(6, 4, 6, 22 * rest.unit))
        self._eyes = [
            Eye(lines, channel, scale, device)
            for lines, channel in zip(manifest.eyes, ("blink_right", "blink_left"), strict=True)
        ]
        self._eye_patches = [
            _patch(eye.x - eye.width * 1.28, eye.ceiling, eye.x + eye.width * 1.28, eye.floor, grow=(3, 8, 3, 8)) for eye in self._eyes
        ]
        self._eyeballs, self._lashes = layers["eyes"], layers["lashes"]
        position = (torch.arange(padded, device=device) + 0.5)[:, None] / NODE_STEP
        self._lines = (1 - (position - torch.arange(self._field.nodes, device=device)).abs()).clamp_(min=0)

    def _layer(self, folder: Path, name: str) -> Layer | None:
        entry = getattr(self.manifest.layers, name)
        if entry is None:
            return None
        return build_layer(read_layer(folder, entry), entry.x, entry.y, self.manifest.canvas, self._edge, self._texels, self._device)

    def draw(self, poses: FloatArray) -> Tensor:
        """(B, channels) poses to (B, size * 3 // 2, size) uint8 yuv420p on the device."""
        motion = weights(poses)
        head_nodes = self._field.displace(self._field.head, motion)
        head = torch.from_numpy(head_nodes).to(self._device)
        canvas = self._canvas.repeat(len(poses))
        if self._body is not None:
            self._body.draw(canvas, torch.from_numpy(self._field.displace(self._field.body, motion)).to(self._device))
        self._head.draw(canvas, head)
        out = canvas.raster(self._edge)
        self._draw_mouth(out, poses, head, head_nodes)
        for eye, patch in zip(self._eyes, self._eye_patches, strict=True):
            self._draw_eye(out, eye, patch, poses, head, head_nodes)
        return out

    def _place(self, patch: Patch, nodes: FloatArray, head: Tensor) -> tuple[list[tuple[int, int]], Tensor, Tensor]:
        """Corners of a patch in each picture, and where its pixels lie on the resting face."""
        column, row = (patch.x + patch.width // 2) // NODE_STEP, (patch.y + patch.height // 2) // NODE_STEP
        corners, moved = [], []
        for index, (dx, dy) in enumerate(nodes[:, :, row, column]):
            x = min(max(0, patch.x - int(dx) // 2 * 2), self._edge - patch.width)
            y = min(max(0, patch.y - int(dy) // 2 * 2), self._edge - patch.height)
            corners.append((x, y))
            moved.append(self._lines[y : y + patch.height] @ head[index] @ self._lines[x : x + patch.width].T)
        stacked = torch.stack(moved)
        corner = torch.tensor(corners, device=self._device, dtype=torch.float32).view(-1, 2, 1, 1) + 0.5
        x_axis = torch.arange(patch.width, device=self._device)
        y_axis = torch.arange(patch.height, device=self._device)[:, None]
        return corners, stacked[:, 0] + x_axis + corner[:, 0], stacked[:, 1] + y_axis + corner[:, 1]

    def _draw_mouth(self, out: Tensor, poses: FloatArray, head: Tensor, nodes: FloatArray) -> None:
        corners, x, y = self._place(self._mouth_patch, nodes, head)
        shapes: list[MouthShape] = [self._mouth.rest.shape(pose) for pose in poses]
        lips = self._mouth.remap(x, y, shapes)
        luma, u, v = _skin(self._head_layer, lips.x, lips.y)
        if any(s.gap > 0.05 for s in shapes):
            y2, u2, v2 = self._mouth.inside(x, y, lips.depth, shapes)
            luma.lerp_(y2, lips.inside)
            small = functional.avg_pool2d(lips.inside, 2)
            u.lerp_(u2, small)
            v.lerp_(v2, small)
        self._put(out, corners, luma, u, v, lips.touched)

    def _draw_eye(self, out: Tensor, eye: Eye, patch: Patch, poses: FloatArray, head: Tensor, nodes: FloatArray) -> None:
        corners, x, y = self._place(patch, nodes, head)
        lids = eye.lids(x, y, poses)
        luma, u, v = _skin(self._head_layer, x, lids.y)
        if self._eyeballs is not None:
            y2, u2, v2 = _skin(self._eyeballs, lids.ball_x, lids.ball_y)
            shade = 1 - 0.42 * torch.exp(lids.depth.clamp(min=0) * (-5.5 / eye.height))
            luma.lerp_(16 + (y2 - 16) * shade, lids.open)
            small = functional.avg_pool2d(lids.open, 2)
            u.lerp_(u2, small)
            v.lerp_(v2, small)
        if self._lashes is not None:
            column, row = self._lashes.locate(x, lids.lash_y)
            _blend(self._lashes, column, row, luma, u, v)
        self._put(out, corners, luma, u, v)

    def _put(
        self, out: Tensor, corners: list[tuple[int, int]], luma: Tensor, u: Tensor, v: Tensor, where: Tensor | None = None
    ) -> None:
        """Write patches into their pictures, all of them or the pixels ``where`` is set."""
        size, (height, width) = self._edge, luma.shape[1:]
        luma8, u8, v8 = (t.add_(0.5).to(torch.uint8) for t in (luma, u, v))
        chroma = out[:, size:].view(len(out), 2, size // 2, size // 2)
        for index, (x, y) in enumerate(corners):
            whole = out[index, y : y + height, x : x + width]
            box = (slice(y // 2, (y + height) // 2), slice(x // 2, (x + width) // 2))
            halves = ((chroma[index, 0][box], u8[index]), (chroma[index, 1][box], v8[index]))
            if where is None:
                whole.copy_(luma8[index])
                for target, values in halves:
                    target.copy_(values)
                continue
            torch.where(where[index], luma8[index], whole, out=whole)
            small = where[index, ::2, ::2]
            for target, values in halves:
                torch.where(small, values, target, out=target)


def _present(layer: Layer | None) -> Layer:
    assert layer is not None
    return layer


def _skin_ends(head: Layer, rest: MouthRest) -> npt.NDArray[np.float64]:
    """For each sample along the mouth, where below it the head ends (output pixels)."""
    alpha = head.a.view(head.rows, head.stride).cpu().numpy()
    columns = ((rest.x + rest.u * rest.width - head.origin[0]) * head.texels).clip(0, head.stride - 1).astype(int)
    first = int((rest.y - head.origin[1]) * head.texels)
    ends = (alpha[first:, columns] < OPAQUE).argmax(axis=0)
    return np.asarray(rest.y + ends / head.texels)


def _patch(left: float, top: float, right: float, bottom: float, grow: tuple[float, float, float, float]) -> Patch:
    x, y = int(left - grow[0]) & ~1, int(top - grow[1]) & ~1
    return Patch(x, y, (int(right + grow[2]) - x + 2) & ~1, (int(bottom + grow[3]) - y + 2) & ~1)


def _skin(layer: Layer, x: Tensor, y: Tensor) -> tuple[Tensor, Tensor, Tensor]:
    """Y, U and V of an opaque layer at (B, h, w) positions, float32."""
    column, row = layer.locate(x, y)
    index = layer.chroma_index(column[:, ::2, ::2], row[:, ::2, ::2])
    flat = index.reshape(-1)
    u, v = (plane.index_select(0, flat).view(index.shape).float() for plane in (layer.u, layer.v))
    return layer.luma(layer.y, column, row).float(), u, v


def _blend(layer: Layer, column: Tensor, row: Tensor, luma: Tensor, u: Tensor, v: Tensor) -> None:
    """Lay ``layer`` over the planes in place."""
    alpha = layer.luma(layer.a, column, row).float() / OPAQUE
    luma.mul_(1 - alpha).add_(layer.luma(layer.y, column, row))
    index = layer.chroma_index(column[:, ::2, ::2], row[:, ::2, ::2])
    flat = index.reshape(-1)
    behind = 1 - layer.chroma_a.index_select(0, flat).view(index.shape).float() / OPAQUE
    for plane, texture in ((u, layer.u), (v, layer.v)):
        plane.mul_(behind).add_(texture.index_select(0, flat).view(index.shape))


