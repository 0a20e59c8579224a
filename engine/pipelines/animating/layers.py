"""Pictures as the renderer wants them: planes of Y, U, V and alpha, finer than the output.

A layer is enlarged to ``texels`` samples a pixel and averaged over one pixel, so that reading
the nearest sample is nearly as good as filtering and costs one index. Colours are premultiplied
and already BT.601 limited range, because blending is linear there too. Read-only after
construction, so any thread may use it; nothing to stop.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
import numpy.typing as npt
import torch
from torch import Tensor
from torch.nn import functional

OPAQUE = 128
"""Alpha that hides what is behind: 7 bits, so that products fit 16."""

MARGIN = 48
"""Transparent output pixels around a layer, so that a displaced read never leaves it."""


@dataclass(frozen=True, slots=True)
class Layer:
    """One texture. A position (x, y) in output pixels is sample ``((x, y) - origin) * texels``."""

    y: Tensor
    """(rows * stride,) uint8, premultiplied luma."""

    u: Tensor
    """(rows * stride / 4,) uint8, as ``v``."""

    v: Tensor
    a: Tensor
    """As ``y``, alpha 0..OPAQUE."""

    chroma_a: Tensor
    """As ``u``, alpha 0..OPAQUE."""

    stride: int
    rows: int
    origin: tuple[float, float]
    texels: int

    def locate(self, x: Tensor, y: Tensor) -> tuple[Tensor, Tensor]:
        """Sample column and row (int32, clamped to the layer) of positions in output pixels."""
        column = ((x - self.origin[0]) * self.texels).clamp_(0, self.stride - 1).to(torch.int32)
        row = ((y - self.origin[1]) * self.texels).clamp_(0, self.rows - 1).to(torch.int32)
        return column, row

    def luma(self, plane: Tensor, column: Tensor, row: Tensor) -> Tensor:
        """Values of ``y`` or ``a`` in the shape of ``column``."""
        index = torch.add(column, row, alpha=self.stride)
        return plane.index_select(0, index.view(-1)).view(index.shape)

    def chroma_index(self, column: Tensor, row: Tensor) -> Tensor:
        """Flat index into ``u``, ``v`` and ``chroma_a`` of samples located at even pixels."""
        return torch.add(column >> 1, row >> 1, alpha=self.stride // 2)


def build_layer(
    rgba: npt.NDArray[np.uint8], x: int, y: int, canvas: int, size: int, texels: int, device: torch.device
) -> Layer:
    """A texture from a picture whose corner is at (x, y) of a canvas of edge ``canvas``.

    ``size`` is the edge of the output. Sides that touch the canvas' edge are continued beyond it.
    """
    scale = size / canvas
    height, width = rgba.shape[:2]
    # whole output pixels that cover the picture
    left, top = int(x * scale) & ~1, int(y * scale) & ~1
    right, bottom = -int(-(x + width) * scale // 2) * 2, -int(-(y + height) * scale // 2) * 2
    planes = _premultiplied_yuva(rgba)
    pads = [round(x - left / scale), max(0, round(right / scale - x - width)),
            round(y - top / scale), max(0, round(bottom / scale - y - height))]
    planes = functional.pad(planes, pads)
    planes = functional.interpolate(
        planes, size=((bottom - top) * texels, (right - left) * texels), mode="bicubic", align_corners=False,
        antialias=True,
    )
    edge = MARGIN * texels
    touching = [left <= 0, right >= size, top <= 0, bottom >= size]
    for side, touches in enumerate(touching):
        pad = [0, 0, 0, 0]
        pad[side] = edge
        planes = functional.pad(planes, pad, mode="replicate" if touches else "constant")
    luma = _box(planes[:, [0, 3]], texels)
    half = functional.avg_pool2d(planes[:, 1:], 2)
    chroma = _box(half, texels)
    limits = torch.tensor([255.0, OPAQUE]).view(1, 2, 1, 1)
    luma = luma.clamp(torch.zeros(1), limits).round().to(torch.uint8)
    chroma = chroma.clamp(torch.zeros(1), torch.tensor([255.0, 255.0, OPAQUE]).view(1, 3, 1, 1)).round().to(torch.uint8)

    def flat(plane: Tensor) -> Tensor:
        return plane.contiguous().view(-1).to(device)

    # half a pixel: positions are of pixel centres; half a sample: truncation becomes rounding
    shift = MARGIN - 0.5 + 0.5 / texels
    return Layer(
        y=flat(luma[0, 0]), a=flat(luma[0, 1]), u=flat(chroma[0, 0]), v=flat(chroma[0, 1]), chroma_a=flat(chroma[0, 2]),
        stride=luma.shape[3], rows=luma.shape[2], origin=(left - shift, top - shift), texels=texels,
    )


def rgb_to_yuv(rgb: npt.NDArray[np.float32]) -> npt.NDArray[np.float32]:
    """(..., 3) 0..255 full range RGB to BT.601 limited range Y, U, V."""
    matrix = np.array(
        [[65.481, 128.553, 24.966], [-37.797, -74.203, 112.0], [112.0, -93.786, -18.214]], np.float32
    ) / np.float32(255)
    return np.asarray(rgb @ matrix.T + np.array([16, 128, 128], np.float32), dtype=np.float32)


def _premultiplied_yuva(rgba: npt.NDArray[np.uint8]) -> Tensor:
    """(1, 4, h, w) float32: Y, U, V times alpha, and alpha 0..OPAQUE."""
    alpha = rgba[..., 3:].astype(np.float32) / 255
    yuv = rgb_to_yuv(rgba[..., :3].astype(np.float32)) * alpha
    return torch.from_numpy(np.concatenate([yuv, alpha * OPAQUE], axis=-1)).permute(2, 0, 1)[None].contiguous()


def _box(planes: Tensor, texels: int) -> Tensor:
    """The mean over ``texels`` samples to the right and below, same size."""
    padded = functional.pad(planes, (0, texels - 1, 0, texels - 1), mode="replicate")
    return functional.avg_pool2d(padded, texels, stride=1)
