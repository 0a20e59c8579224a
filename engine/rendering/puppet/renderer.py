"""The puppet: a layered 2.5-D illustrated tutor, drawn on CPU or CUDA.

In: frame requests, possibly of several sessions and avatars. Out: finished YUV pictures. All
calls but ``list_avatars`` come from one worker thread, whose owner stops it; there is nothing else
to stop. Loading an avatar takes a few hundred milliseconds, drawing a picture two or three. On a GPU tensors draw
a batch; on a CPU compiled loops draw one picture at a time, or tensors where numba is missing.
"""

from __future__ import annotations

import itertools
import time
from collections.abc import Sequence
from pathlib import Path
from typing import cast

import numpy as np
import torch

from engine.animation.pose import CHANNEL, rest_pose
from engine.avatars.folders import BUILTIN, BrokenAvatar, find_folder, find_ids, read_manifest
from engine.contracts import Avatar, AvatarInfo, FrameRequest
from engine.items import FRAME_SAMPLES, AnimatedFrame, Picture
from engine.rendering.puppet.compiled import CompiledFace, Sketch
from engine.rendering.puppet.face import Face
from engine.rendering.puppet.kernels import COMPILED
from engine.rendering.puppet.scene import Scene

MAX_SCENES = 64
"""Sessions whose last picture is remembered, about 1 MB each."""

Drawable = Face | CompiledFace


class PuppetRenderer:
    """A ``Renderer`` of drawn avatars, and of portraits, which are avatars of one layer."""

    name = "puppet"
    batch_sizes: Sequence[int] = (1, 2, 4, 8)

    def __init__(
        self, avatars_dirs: Sequence[Path] = (), size: int = 512, device: str = "cpu", *, compiled: bool = COMPILED
    ) -> None:
        """Loads no avatar yet.

        Args:
            avatars_dirs: folders of avatars besides the built-in ones; later ones win.
            size: edge of the pictures in pixels.
            device: a torch device, ``cpu`` or ``cuda``.
            compiled: on a CPU, draw by compiled loops instead of by tensors.
        """
        self._directories = (BUILTIN, *avatars_dirs)
        self._size = size
        self._device = torch.device(device)
        self._compiled = compiled and self._device.type == "cpu"
        self._faces: dict[tuple[str, int], Drawable] = {}
        """By avatar and edge."""
        self._scenes: dict[tuple[str, Drawable], Scene | Sketch] = {}

    def warm_up(self) -> dict[int, float]:
        """Draw a loaded avatar in every batch size; gives the shortest of three times for each, in seconds."""
        face = next(iter(self._faces.values()))
        seconds = dict.fromkeys(self.batch_sizes, float("inf"))
        for size, turn in itertools.product(self.batch_sizes, range(3)):
            pose = rest_pose()
            pose[CHANNEL["head_yaw"]] = pose[CHANNEL["jaw_open"]] = 0.3 * turn
            frame = AnimatedFrame(0, np.zeros(FRAME_SAMPLES, np.float32), pose, speaking=False)
            requests = [FrameRequest(face, frame, 0.0, f"warm-up {number}") for number in range(size)]
            began = time.perf_counter()
            self.render(requests)
            seconds[size] = min(seconds[size], time.perf_counter() - began)
        self._scenes.clear()
        return seconds

    def load(self, avatar_id: str, edge: int | None = None) -> Avatar:
        """Load or return the cached avatar, drawn with ``edge`` pixels (None: the usual size).

        Raises:
            UnknownAvatar: no folder with a manifest has this id, or (``BrokenAvatar``) it is not sound.
        """
        size = edge or self._size
        face = self._faces.get((avatar_id, size))
        if face is None:
            drawn = Face(find_folder(self._directories, avatar_id), size, self._device)
            face = self._faces[avatar_id, size] = CompiledFace(drawn) if self._compiled else drawn
        return face

    def list_avatars(self) -> list[AvatarInfo]:
        """All avatars whose manifest is sound. Reads small files; any thread."""
        found = []
        for avatar_id in find_ids(self._directories):
            try:
                manifest = read_manifest(find_folder(self._directories, avatar_id))
            except BrokenAvatar:
                continue
            size = (self._size, self._size)
            found.append(AvatarInfo(avatar_id, manifest.name, manifest.description, size, manifest.presents))
        return found

    def audio_features(self) -> None:
        """None: the puppet is drawn from the pose alone."""

    def forget(self, avatar_id: str) -> None:
        """Read the avatar again when it is next asked for; sessions that show it keep it until they end."""
        for key in [key for key in self._faces if key[0] == avatar_id]:
            del self._faces[key]

    def render(self, requests: Sequence[FrameRequest]) -> list[Picture]:
        """One picture per request, in order. The same pose gives the same picture in any batch.

        Raises:
            RuntimeError: torch failed, for example out of memory.
        """
        pictures: list[Picture | None] = [None] * len(requests)
        with torch.inference_mode():
            for indices in self._groups(requests):
                first = requests[indices[0]]
                face = cast(Drawable, first.avatar)
                poses = np.stack([requests[index].frame.pose for index in indices])
                scene = self._scene(face, first.session) if len(indices) == 1 else face.scene(len(indices))
                if isinstance(face, CompiledFace):
                    drawn = face.draw(poses, cast(Sketch, scene))
                else:
                    drawn = face.draw(poses, cast(Scene, scene)).cpu().numpy()
                for index, yuv in zip(indices, drawn, strict=True):
                    pictures[index] = Picture(yuv, *face.size)
        return [picture for picture in pictures if picture is not None]

    def _groups(self, requests: Sequence[FrameRequest]) -> list[list[int]]:
        """Indices drawn together: by avatar on a GPU; one by one on a CPU, where caches are small and redrawing only
        what changed saves most."""
        if self._device.type == "cpu":
            return [[index] for index in range(len(requests))]
        groups: dict[int, list[int]] = {}
        for index, request in enumerate(requests):
            groups.setdefault(id(request.avatar), []).append(index)
        return list(groups.values())

    def _scene(self, face: Drawable, session: str) -> Scene | Sketch:
        """The session's memory; beyond ``MAX_SCENES`` the least recently drawn is dropped."""
        key = (session, face)
        scene = self._scenes.pop(key, None) or face.scene()
        self._scenes[key] = scene
        if len(self._scenes) > MAX_SCENES:
            del self._scenes[next(iter(self._scenes))]
        return scene

    def end_session(self, session: str) -> None:
        """Forget a session that has ended."""
        for key in [key for key in self._scenes if key[0] == session]:
            del self._scenes[key]

    def close(self) -> None:
        """Free all textures."""
        self._faces.clear()
        self._scenes.clear()
