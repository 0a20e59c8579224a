"""Pastes painted faces into pictures and converts pictures to YUV, a whole batch on the device.

In: faces, masks and the pictures they belong in, as tensors. Out: planar YUV 4:2:0, ready to be
copied to the host. No step depends on a value, so the host never waits for the device. Pure.
"""

from __future__ import annotations

from functools import lru_cache

import torch
import torch.nn.functional as F
from torch import Tensor


@lru_cache(maxsize=4)
def _yuv_matrix(device: torch.device) -> tuple[Tensor, Tensor]:
    """BT.601 limited range: matrix (3, 3) and offset (3, 1, 1), copied to the device once."""
    matrix = torch.tensor([[65.481, 128.553, 24.966], [-37.797, -74.203, 112.0], [112.0, -93.786, -18.214]]) / 255
    return matrix.to(device), torch.tensor([16.0, 128.0, 128.0]).view(3, 1, 1).to(device)


def paste(pictures: Tensor, faces: Tensor, masks: Tensor, boxes: Tensor) -> Tensor:
    """Paste each face into the box of its picture, as far as its mask allows.

    Args:
        pictures: (B, 3, H, W) uint8.
        faces: (B, 3, 256, 256) uint8.
        masks: (B, 256, 256) uint8, 255 shows the face; over the same box.
        boxes: (B, 4) float32: left, top, right, bottom of the face in pixels, edges of pixels.

    Returns:
        (B, 3, H, W) float32, 0..255.
    """
    batch, _, height, width = pictures.shape
    layers = torch.cat((faces.float(), masks[:, None].float() / 255), dim=1)
    # maps the picture's pixel centres, -1..1, to positions in the face, -1..1
    left, top, right, bottom = boxes.unbind(1)
    theta = torch.zeros((batch, 2, 3), device=boxes.device)
    theta[:, 0, 0], theta[:, 0, 2] = width / (right - left), (width - left - right) / (right - left)
    theta[:, 1, 1], theta[:, 1, 2] = height / (bottom - top), (height - top - bottom) / (bottom - top)
    grid = F.affine_grid(theta, [batch, 4, height, width], align_corners=False)
    # beyond the box the face continues its edge, and the mask is 0
    laid = F.grid_sample(layers[:, :3], grid, padding_mode="border", align_corners=False)
    shown = F.grid_sample(layers[:, 3:], grid, padding_mode="zeros", align_corners=False)
    base = pictures.float()
    return base + (laid - base) * shown


def to_yuv420(rgb: Tensor) -> Tensor:
    """(B, 3, H, W) float32 or uint8 RGB 0..255, even sizes, to (B, H * 3 // 2, W) uint8, BT.601 limited range."""
    batch, _, height, width = rgb.shape
    matrix, offset = _yuv_matrix(rgb.device)
    planes = torch.einsum("ij,bjhw->bihw", matrix, rgb.float()) + offset
    luma = planes[:, 0]
    chroma = F.avg_pool2d(planes[:, 1:], 2).reshape(batch, height // 2, width)
    return torch.cat((luma, chroma), dim=1).round().clamp(0, 255).to(torch.uint8)
