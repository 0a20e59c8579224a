"""Small avatars, written as real ones are."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import numpy as np
import numpy.typing as npt

from engine.rendering.musetalk.avatar_files import write_avatar

SIZE = 128


def make_avatar(directory: Path, avatar_id: str, count: int = 3, size: int = SIZE, seed: int = 0) -> Path:
    """An avatar of ``count`` noisy pictures whose brightness tells their number."""
    rng = np.random.default_rng(seed)
    pictures = [np.full((size, size, 3), 60 + 40 * index, np.uint8) for index in range(count)]
    masks = np.zeros((count, 256, 256), np.uint8)
    masks[:, 140:240, 40:216] = 255
    numbers: dict[str, npt.NDArray[Any]] = {
        "latents": rng.standard_normal((count, 8, 32, 32)).astype(np.float16),
        "masks": masks,
        "boxes": np.tile(np.array([size // 4, size // 4, size * 3 // 4, size * 3 // 4], np.int32), (count, 1)),
    }
    return write_avatar(directory, avatar_id, avatar_id.title(), pictures, numbers)
