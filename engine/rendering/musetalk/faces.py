"""A MuseTalk avatar on its device: pictures, masks and latents, ready for a batch.

Read-only once made, so any thread may use it. Its memory is freed with the last reference.
"""

from __future__ import annotations

from pathlib import Path

import torch

from engine.rendering.musetalk.avatar_files import AvatarData, read_avatar


class MuseAvatar:
    """An avatar loaded for the renderer; a ``contracts.Avatar``."""

    def __init__(self, data: AvatarData, device: torch.device, dtype: torch.dtype) -> None:
        manifest = data.manifest
        self.id, self.name, self.description = manifest.id, manifest.name, manifest.description
        self.presents = manifest.presents
        self.size = (manifest.width, manifest.height)
        self.count = manifest.pictures
        self.pictures = torch.from_numpy(data.pictures).to(device)
        """(N, 3, H, W) uint8 RGB."""
        self.masks = torch.from_numpy(data.masks).to(device)
        self.boxes = torch.from_numpy(data.boxes).to(device, torch.float32)
        self.latents = torch.from_numpy(data.latents).to(device, dtype)

    @classmethod
    def read(cls, folder: Path, device: torch.device, dtype: torch.dtype) -> MuseAvatar:
        """From ``<id>/musetalk``.

        Raises:
            BrokenAvatar: a file is missing or damaged.
        """
        return cls(read_avatar(folder), device, dtype)

    @property
    def device_bytes(self) -> int:
        """Bytes it takes on its device."""
        return sum(t.numel() * t.element_size() for t in (self.pictures, self.masks, self.boxes, self.latents))

    def at(self, step: int) -> int:
        """Index of the picture shown at ``step``: forwards, then backwards, so that nothing ever jumps."""
        place = step % (2 * self.count)
        return place if place < self.count else 2 * self.count - 1 - place
