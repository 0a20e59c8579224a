"""MuseTalk as a ``Renderer``: filmed faces of several sessions, their mouths painted together.

In: frame requests of any sessions and avatars. Out: finished YUV pictures. A batch is one call of the networks,
for any mix of sessions; pictures without features (the tutor is silent) need none. All calls but ``load``
and ``list_avatars`` come from one worker thread, whose owner stops it.
"""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path
from typing import cast

import numpy as np
import structlog
import torch
from torch import Tensor

from engine.avatars.folders import BrokenAvatar
from engine.contracts import AudioFeatures, AvatarInfo, FrameRequest
from engine.items import Picture
from engine.rendering.musetalk.audio_features import WhisperFeatures
from engine.rendering.musetalk.avatar_files import find_avatar, find_ids, read_manifest
from engine.rendering.musetalk.blending import paste, to_yuv420
from engine.rendering.musetalk.copies import Copy, CopyBack, Upload
from engine.rendering.musetalk.faces import MuseAvatar
from engine.rendering.musetalk.graphs import BucketedGenerator
from engine.rendering.musetalk.weights import Networks

log = structlog.get_logger(__name__)

BATCH_SIZES = (1, 2, 4, 8, 16)
MAX_SESSIONS = 1024
"""Sessions whose position in their avatar's cycle is remembered; a few bytes each."""


class MuseTalkRenderer:
    """Paints talking mouths into filmed faces.

    Args:
        networks: loaded, on their device.
        avatars_dirs: folders of avatars; later ones win.
        use_graphs: False runs every batch size eagerly, without CUDA graphs.
    """

    name = "musetalk"
    batch_sizes: Sequence[int] = BATCH_SIZES

    def __init__(self, networks: Networks, avatars_dirs: Sequence[Path], *, use_graphs: bool = True) -> None:
        self._whisper = networks.whisper
        self._generator = BucketedGenerator(networks.generator, BATCH_SIZES, use_graphs=use_graphs)
        self._device, self._dtype = networks.generator.device, networks.generator.dtype
        self._directories = tuple(avatars_dirs)
        self._avatars: dict[str, MuseAvatar] = {}
        self._steps: dict[str, int] = {}
        self._copy_back, self._upload = CopyBack(self._device), Upload(self._device)
        self.batches: dict[int, int] = {}
        """Calls of the networks so far, by the number of pictures in the batch."""

    def warm_up(self) -> dict[int, float]:
        """Run every batch size, as a CUDA graph where that works; gives the seconds the networks take for each."""
        seconds = self._generator.warm_up()
        log.info(
            "musetalk_warmed_up",
            device=str(self._device),
            graphs=self._generator.captured,
            ms={size: round(taken * 1000, 1) for size, taken in seconds.items()},
        )
        return seconds

    def load(self, avatar_id: str, edge: int | None = None) -> MuseAvatar:
        """Load or return the cached avatar, in its own size; a few hundred pictures take about a second the first time.

        Raises:
            UnknownAvatar: no avatar has this id, or (``BrokenAvatar``) its files are damaged.
        """
        avatar = self._avatars.get(avatar_id)
        if avatar is None:
            folder = find_avatar(self._directories, avatar_id)
            avatar = self._avatars[avatar_id] = MuseAvatar.read(folder, self._device, self._dtype)
            log.info("avatar_loaded", avatar=avatar_id, megabytes=avatar.device_bytes >> 20)
        return avatar

    def forget(self, avatar_id: str) -> None:
        """Read the avatar again when it is next asked for; sessions that show it keep it until they end."""
        self._avatars.pop(avatar_id, None)

    def list_avatars(self) -> list[AvatarInfo]:
        """All avatars with a valid manifest. Reads small files; any thread."""
        found = []
        for avatar_id in find_ids(self._directories):
            try:
                manifest = read_manifest(find_avatar(self._directories, avatar_id))
            except BrokenAvatar:
                continue
            size = (manifest.width, manifest.height)
            found.append(AvatarInfo(avatar_id, manifest.name, manifest.description, size, manifest.presents))
        return found

    def audio_features(self) -> AudioFeatures:
        """Whisper's features of one reply's audio."""
        return WhisperFeatures(self._whisper)

    def render(self, requests: Sequence[FrameRequest]) -> list[Picture]:
        """One picture per request, in order.

        Raises:
            RuntimeError: CUDA failed, for example out of memory.
        """
        avatars = [cast(MuseAvatar, request.avatar) for request in requests]
        places = [avatar.at(self._step(request.session)) for avatar, request in zip(avatars, requests, strict=True)]
        pictures: list[Picture | None] = [None] * len(requests)
        copying: list[tuple[list[int], Copy]] = []
        with torch.inference_mode():
            for indices in self._groups(requests):
                yuv = self._paint(
                    [requests[i] for i in indices], [avatars[i] for i in indices], [places[i] for i in indices]
                )
                copying.append((indices, self._copy_back.start(yuv)))
                if len(copying) > 1:
                    _finish(pictures, *copying.pop(0), avatars)
            for indices, copy in copying:
                _finish(pictures, indices, copy, avatars)
        return [picture for picture in pictures if picture is not None]

    def _groups(self, requests: Sequence[FrameRequest]) -> list[list[int]]:
        """Indices painted together: of one picture size, and either all speaking or all silent."""
        groups: dict[tuple[bool, tuple[int, int]], list[int]] = {}
        for index, request in enumerate(requests):
            groups.setdefault((request.frame.features is None, request.avatar.size), []).append(index)
        largest = self.batch_sizes[-1]
        return [group[at : at + largest] for group in groups.values() for at in range(0, len(group), largest)]

    def _paint(self, requests: Sequence[FrameRequest], avatars: Sequence[MuseAvatar], places: Sequence[int]) -> Tensor:
        """(B, H * 3 // 2, W) uint8 on the device."""
        base = _gather(avatars, places, "pictures")
        found = [request.frame.features for request in requests]
        if any(features is None for features in found):
            return to_yuv420(base)
        self.batches[len(requests)] = self.batches.get(len(requests), 0) + 1
        features = self._upload(np.stack([each for each in found if each is not None]))
        faces = self._generator(_gather(avatars, places, "latents"), features.to(self._dtype))
        masks, boxes = _gather(avatars, places, "masks"), _gather(avatars, places, "boxes")
        return to_yuv420(paste(base, faces, masks, boxes))

    def _step(self, session: str) -> int:
        """How many pictures this session has had; the session that was drawn longest ago is forgotten first."""
        step = self._steps.pop(session, -1) + 1
        self._steps[session] = step
        if len(self._steps) > MAX_SESSIONS:
            del self._steps[next(iter(self._steps))]
        return step

    def end_session(self, session: str) -> None:
        """Forget a session that has ended."""
        self._steps.pop(session, None)

    def close(self) -> None:
        """Free avatars and graphs."""
        self._avatars.clear()
        self._generator.close()


def _gather(avatars: Sequence[MuseAvatar], places: Sequence[int], what: str) -> Tensor:
    """(B, ...) of each avatar's tensor ``what`` at its place."""
    return torch.stack([getattr(avatar, what)[place] for avatar, place in zip(avatars, places, strict=True)])


def _finish(pictures: list[Picture | None], indices: Sequence[int], copy: Copy, avatars: Sequence[MuseAvatar]) -> None:
    for index, yuv in zip(indices, copy.wait(), strict=True):
        width, height = avatars[index].size
        pictures[index] = Picture(yuv=yuv, width=width, height=height)
