"""Idle clips: the tutor breathing and blinking, as a loop a page plays while nobody speaks.

Made once per avatar in the encoder threads, kept in memory; callers that come meanwhile wait
for the same clip. A still is one picture, for as long as there is no clip.
"""

from __future__ import annotations

import asyncio
import io
from collections import OrderedDict
from dataclasses import asdict

import av
import numpy as np
from PIL import Image

from engine.animation.idle_motion import idle_loop
from engine.contracts import Avatar, FrameRequest
from engine.conversation.parts import Parts
from engine.errors import Busy
from engine.items import FRAME_SAMPLES, AnimatedFrame, Picture
from engine.transport.media import MediaFormat, encode_idle

LOOP_S = 8.0
CLIPS_KEPT = 32


class IdleClips:
    """The clips made so far, least recently asked for dropped first."""

    def __init__(self, parts: Parts) -> None:
        self._parts = parts
        self._clips: OrderedDict[str, bytes] = OrderedDict()
        self._stills: OrderedDict[str, bytes] = OrderedDict()
        self._poses = idle_loop(LOOP_S, seed=7)
        self._making = asyncio.Lock()

    def list_avatars(self) -> list[dict[str, object]]:
        """What ``GET /v1/avatars`` tells."""
        return [
            {
                **asdict(avatar),
                "idle_url": f"/v1/avatars/{avatar.id}/idle.mp4",
                "still_url": f"/v1/avatars/{avatar.id}/still.jpg",
            }
            for avatar in self._parts.list_avatars()
        ]

    def forget(self, avatar_id: str) -> None:
        """Make them anew when they are asked for again: the avatar changed or went."""
        self._clips.pop(avatar_id, None)
        self._stills.pop(avatar_id, None)

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

    async def still(self, avatar_id: str) -> bytes:
        """A JPEG of an avatar: the clip's first picture, ready in a moment.

        Raises:
            UnknownAvatar: no such avatar.
        """
        if avatar_id not in self._stills:
            avatar = await self._parts.encoder.run(self._parts.load_avatar, avatar_id)
            pictures = await self._draw(avatar, 0, in_s=1)
            if not pictures:
                raise Busy("the machine is too busy to draw an avatar; try again in 2 s", retry_after_s=2)
            self._stills[avatar_id] = await self._parts.encoder.run(_jpeg, pictures[0])
            if len(self._stills) > CLIPS_KEPT:
                self._stills.popitem(last=False)
        return self._stills[avatar_id]

    async def _make(self, avatar_id: str) -> bytes:
        avatar = await self._parts.encoder.run(self._parts.load_avatar, avatar_id)
        pictures: list[Picture] = []
        for index in range(len(self._poses)):
            # No hurry: live faces are drawn first.
            pictures += await self._draw(avatar, index, in_s=60)
        width, height = avatar.size
        form = MediaFormat(width=width, height=height, video_bitrate=self._parts.settings.video.bitrate)
        return await self._parts.encoder.run(encode_idle, pictures, form)

    async def _draw(self, avatar: Avatar, index: int, in_s: float) -> list[Picture]:
        frame = AnimatedFrame(index, np.zeros(FRAME_SAMPLES, np.float32), self._poses[index], speaking=False)
        deadline = asyncio.get_running_loop().time() + in_s
        return await self._parts.draw([FrameRequest(avatar, frame, deadline, f"idle-{avatar.id}")])


def _jpeg(picture: Picture) -> bytes:
    output = io.BytesIO()
    rgb = av.VideoFrame.from_ndarray(picture.yuv, format="yuv420p").to_ndarray(format="rgb24")
    Image.fromarray(rgb).save(output, "JPEG", quality=90)
    return output.getvalue()
