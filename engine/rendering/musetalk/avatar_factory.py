"""Makes MuseTalk avatars from uploaded portraits and videos, for the running engine."""

from __future__ import annotations

from pathlib import Path

import torch

from engine.avatars.face_detection import FaceFinder
from engine.avatars.portrait import Progress
from engine.contracts import Presents
from engine.rendering.musetalk.preparation import prepare_avatar
from engine.rendering.musetalk.weights import load_vae


class MuseTalkAvatarFactory:
    """An ``AvatarFactory`` of filmed faces.

    Args:
        weights: folder of the official weights; the VAE is read from it for each avatar.
        device: where the VAE runs.
        size: edge of the avatar's pictures in pixels.
    """

    def __init__(self, weights: Path, device: torch.device, size: int) -> None:
        self._weights = weights
        self._device = device
        self._size = size

    def can_make_avatars(self) -> None:
        """Check that ``make_avatar`` can run.

        Raises:
            ModelMissing: the face models or the VAE are missing.
        """
        FaceFinder()
        load_vae(self._weights)

    def make_avatar(
        self,
        data: bytes,
        avatar_id: str,
        directory: Path,
        *,
        name: str | None,
        presents: Presents,
        replace: bool,
        progress: Progress,
    ) -> Path:
        """Make an avatar from a portrait or a video; see ``prepare_avatar``."""
        vae = load_vae(self._weights).to(self._device)
        return prepare_avatar(
            data,
            avatar_id,
            directory,
            vae,
            size=self._size,
            name=name,
            presents=presents,
            replace=replace,
            progress=progress,
        )
