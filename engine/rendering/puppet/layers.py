"""Layers as the renderer reads them: planes of Y, U, V and alpha, finer than the output.

A layer is enlarged to ``texels`` samples per pixel and averaged over one pixel, so that reading
the nearest sample is nearly as good as filtering and takes one index. Colours are premultiplied
and already in BT.601 limited range, because blending is linear there too. Read-only after
construction, so any thread may use it; nothing to stop.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
import numpy.typing as npt
import torch
from PIL import Image
from torch import Tensor

OPAQUE = 128
"""Alpha of a sample that hides what is behind: 7 bits, so that products fit into 16."""

MARGIN = 48
"""Transparent output pixels around a layer, so that no displaced read leaves it."""


@dataclass(frozen=True, slots=True)
class Layer:
    """One texture. A position (x, y) in output pixels is sample ``((x, y) - origin) * texels``.

    Luma precedes chroma as in planar yuv420p: ``rows`` rows of Y, then half as many whose left half
    is U and whose right half is V. Within a row the samples are grouped by column modulo ``texels``, so that
    neighbouring pixels of the output are neighbours in memory.
    """

    colors: Tensor
    """(rows * 3 / 2 * stride,) uint8, premultiplied."""

    alpha: Tensor
    """As ``colors``, 0..OPAQUE."""

    stride: int
    rows: int
    origin: tuple[float, float]
    texels: int

    def luma_alpha(self) -> Tensor:
        """(rows, stride) uint8 alpha in the picture's order."""
        luma = self.alpha[: self.rows * self.stride].view(self.rows, self.texels, -1)
        return luma.transpose(1, 2).reshape(self.rows, self.stride)

    def address(self, column: Tensor, row: Tensor) -> Tensor:
        """Flat indices (int32) of the samples in ``column`` and ``row`` (int32)."""
        group = self.stride // self.texels
        # column % texels * group + column // texels, without the remainder
        address = torch.add(column * group, row, alpha=self.stride)
        return address.sub_(column >> self.texels.bit_length() - 1, alpha=self.stride - 1)

    def locate(self, where: Tensor) -> Tensor:
        """(2, ..., h, w) positions x, y in output pixels to (2, ..., h, w) int32 column, row of luma."""
        column = ((where[0] - self.origin[0]) * self.texels).clamp_(0, self.stride - 1)
        row = ((where[1] - self.origin[1]) * self.texels).clamp_(0, self.rows - 1)
        return torch.stack((column, row)).to(torch.int32)

    def index(self, where: Tensor) -> Tensor:
        """(2, B, h, w) positions to (B, h * w * 3 / 2) flat indices of Y, then of U and V at even pixels."""
        sample = self.locate(where)
        half = sample[:, :, ::2, ::2] >> 1
        u = self.address(half[0], half[1].add_(self.rows)).flatten(1)
        return torch.cat((self.address(sample[0], sample[1]).flatten(1), u, u + self.stride // (2 * self.texels)), 1)


def build_layer(
    rgba: npt.NDArray[np.uint8], x: int, y: int, canvas: int, size: int, texels: int, device: torch.device
) -> Layer:
    """Make a texture.

    Sides of the picture that touch the edge of the canvas are continued beyond it.

    Args:
        rgba: (h, w, 4) uint8, straight alpha.
        x, y: where its upper left corner lies on the canvas.
        canvas: edge of the canvas, in the picture's pixels.
        size: edge of the output, in pixels.
        texels: samples per output pixel, a power of two.
        device: where the texture is kept.
    """
    scale = size / canvas
    height, width = rgba.shape[:2]
    # whole pairs of output pixels that cover the picture, for the sake of the chroma planes
    left, top = int(x * scale) // 2 * 2, int(y * scale) // 2 * 2
    right, bottom = -int(-(x + width) * scale // 2) * 2, -int(-(y + height) * scale // 2) * 2
    box = (left / scale - x, top / scale - y, right / scale - x, bottom / scale - y)
    touching = (left <= 0, top <= 0, right >= size, bottom >= size)
    luma_y, luma_u, luma_v, alpha = _premultiplied_yuva(rgba)

    def plane(values: npt.NDArray[np.uint8], density: int) -> npt.NDArray[np.uint8]:
        """Resampled to ``density`` samples per two output pixels, with margins."""
        pixels = ((right - left) * density // 2, (bottom - top) * density // 2)
        resized = _resample(values, box, pixels)
        edge = MARGIN * density // 2
        for axis, (low, high) in enumerate(((touching[1], touching[3]), (touching[0], touching[2]))):
            for before, touches in ((True, low), (False, high)):
                amount = (edge, 0) if before else (0, edge)
                pads = [(0, 0), (0, 0)]
                pads[axis] = amount
                resized = np.pad(resized, pads, mode="edge" if touches else "constant")
        return _box(resized, texels)

    def atlas(luma: npt.NDArray[np.uint8], u: npt.NDArray[np.uint8], v: npt.NDArray[np.uint8]) -> Tensor:
        half = [plane(values, texels) for values in (u, v)]
        whole = np.concatenate((plane(luma, 2 * texels), np.concatenate(half, axis=1)))
        grouped = whole.reshape(len(whole), -1, texels).transpose(0, 2, 1)
        return torch.from_numpy(np.ascontiguousarray(grouped).reshape(-1)).to(device)

    # half a pixel, since positions are pixel centres; half a sample, so that truncation rounds
    shift = MARGIN - 0.5 + 0.5 / texels
    return Layer(
        colors=atlas(luma_y, luma_u, luma_v),
        alpha=atlas(alpha, alpha, alpha),
        stride=(right - left + 2 * MARGIN) * texels,
        rows=(bottom - top + 2 * MARGIN) * texels,
        origin=(left - shift, top - shift),
        texels=texels,
    )


def rgb_to_yuv(rgb: npt.NDArray[np.float32]) -> npt.NDArray[np.float32]:
    """(..., 3) 0..255 full range RGB to BT.601 limited range Y, U, V."""
    matrix = np.array(
        [[65.481, 128.553, 24.966], [-37.797, -74.203, 112.0], [112.0, -93.786, -18.214]], np.float32
    ) / np.float32(255)
    return np.asarray(rgb @ matrix.T + np.array([16, 128, 128], np.float32), dtype=np.float32)


def _premultiplied_yuva(rgba: npt.NDArray[np.uint8]) -> tuple[npt.NDArray[np.uint8], ...]:
    """Planes (h, w) uint8: Y, U, V times alpha, and alpha 0..OPAQUE."""
    alpha = rgba[..., 3].astype(np.float32) / 255
    yuv = rgb_to_yuv(rgba[..., :3].astype(np.float32)) * alpha[..., None]
    planes = (*np.moveaxis(yuv, -1, 0), alpha * OPAQUE)
    return tuple(np.rint(plane).astype(np.uint8) for plane in planes)


def _resample(
    plane: npt.NDArray[np.uint8], box: tuple[float, float, float, float], pixels: tuple[int, int]
) -> npt.NDArray[np.uint8]:
    """``box`` (left, top, right, bottom) of a plane, 0 outside it, as ``pixels`` (width, height) samples."""
    grow = (
        max(0, *(-round(edge) for edge in box[:2]), round(box[2]) - plane.shape[1], round(box[3]) - plane.shape[0]) + 2
    )
    image = Image.fromarray(np.pad(plane, grow))
    inside = (box[0] + grow, box[1] + grow, box[2] + grow, box[3] + grow)
    return np.asarray(image.resize(pixels, Image.Resampling.BICUBIC, box=inside))


def _box(plane: npt.NDArray[np.uint8], texels: int) -> npt.NDArray[np.uint8]:
    """The mean over ``texels`` (a power of two) samples to the right and below, same size."""
    total = np.pad(plane, (0, texels - 1), mode="edge").astype(np.uint16)
    step = 1
    while step < texels:
        total = total[:-step, :-step] + total[step:, :-step] + total[:-step, step:] + total[step:, step:]
        step *= 2
    return np.asarray((total + texels * texels // 2) // (texels * texels), dtype=np.uint8)
