"""Idle clips: the tutor breathing and blinking, as a loop a page plays while nobody speaks.

Made once an avatar in the encoder threads, kept in memory; callers that come meanwhile wait
for the same clip.
"""

from __future__ import annotations

import asyncio
from collections import OrderedDict
from dataclasses import asdict

import numpy as np

from engine.pipelines.animating.life import idle_loop
from engine.pipelines.contracts import FrameRequest
from engine.pipelines.items import FRAME_SAMPLES, AnimatedFrame
from engine.pipelines.parts import Parts
from engine.transport.media import MediaFormat, encode_idle

LOOP_S = 8.0
CLIPS_KEPT = 32


class IdleClips:
    """The clips made so far, least recently asked for dropped first."""

    def __init__(self, parts: Parts) -> None:
        self._parts = parts
        self._clips: OrderedDict[str, bytes] = OrderedDict()
        self._making = asyncio.Lock()

    def list_avatars(self) -> list[dict[str, object]]:
        """What ``GET /v1/avatars`` tells."""
        return [
            {**asdict(avatar), "idle_url": f"/v1/avatars/{avatar.id}/idle.mp4"}
            for avatar in self._parts.scheduler.renderer.list_avatars()
        ]

    async def get(self, avatar_id: str) -> bytes:
        """The MP4 of an avatar.

        Raises:
            UnknownAvatar: no such avatar.
        """
        async with self._making:
            if avatar_id not in self._clips:
                self._clips[avatar_id] = await self._make(avatar_id)
                if len(self._clips) > CLIPS_KEPT:
                    self._clips.popitem(last=False)
            self._clips.move_to_end(avatar_id)
            return self._clips[avatar_id]

    async def _make(self, avatar_id: str) -> bytes:
        avatar = self._parts.load_avatar(avatar_id)
        silence = np.zeros(FRAME_SAMPLES, np.float32)
        # No hurry: live faces are drawn first.
        deadline = asyncio.get_running_loop().time() + 60
        pictures = []
        for index, pose in enumerate(idle_loop(LOOP_S, seed=7)):
            frame = AnimatedFrame(index, silence, pose, speaking=False)
            request = FrameRequest(avatar, frame, deadline, f"idle-{avatar_id}")
            pictures += await self._parts.scheduler.render([request])
        width, height = avatar.size
        form = MediaFormat(width=width, height=height, video_bitrate=self._parts.settings.video_bitrate)
        return await self._parts.encoder.run(encode_idle, pictures, form)
