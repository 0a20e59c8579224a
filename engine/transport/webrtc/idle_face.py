"""The face of one peer while its tutor is silent: when it is drawn, and how it follows a reply without a jump.

On the event loop; one object per peer, nothing to stop.
"""

from __future__ import annotations

import asyncio
from dataclasses import replace

from engine.animation.moods import Mood
from engine.animation.settling import Settling
from engine.animation.stillness import Stillness
from engine.contracts import Avatar, FrameRequest
from engine.items import FloatArray, Picture
from engine.rendering.shared_pictures import SharedPictures
from engine.sessions import Session

SPARE = 0.5
"""Below this share of the drawing thread's time, every idle picture is drawn; above it, only those that look different
from the last one. A judgement: speaking faces come first, and admission counts on the rest."""

DEADLINE_S = 0.2
"""An idle picture is due so long after it was asked for: speaking faces of other sessions are more urgent."""


class IdleFace:
    """Draws the idle face of one peer.

    Args:
        session: whose tutor it is.
        avatar: the face.
        shared: of all peers; sessions with the same tutor get the same pictures.
        step_s: seconds between two idle pictures.
    """

    def __init__(self, session: Session, avatar: Avatar, shared: SharedPictures, step_s: float) -> None:
        self._session = session
        self._avatar = avatar
        self._shared = shared
        self._step_s = step_s
        self._draws_poses = session.parts.draws_poses
        self._settling = Settling()
        self._stillness = Stillness()
        self._began_s = 0.0

    def spoken(self, pose: FloatArray) -> None:
        """A picture of a reply was shown, of this pose."""
        self._settling.spoken(pose)

    async def draw(self, mood: Mood, unseen: bool) -> Picture | None:
        """The face as it is now; None if it looks like the last one on a busy machine, or cannot be drawn.

        Args:
            mood: what the tutor is doing.
            unseen: the client does not show the last idle picture.

        Raises:
            EngineError: the renderer failed.
        """
        parts = self._session.parts
        now = asyncio.get_running_loop().time()
        if unseen:
            self._stillness.forget()
            self._began_s = now
        at = self._grid(now)
        frame = self._session.conversation.idle_frame(at, mood)
        frame = replace(frame, pose=self._settling.settle(frame.pose, at))
        moved = self._stillness.shows(frame.pose, now)
        if not moved and parts.drawing_share(now) > SPARE:
            return None
        request = FrameRequest(self._avatar, frame, now + DEADLINE_S, self._session.id)
        if self._draws_poses:
            return await self._shared.draw(request, parts.draw)
        pictures = await parts.draw([request])
        return pictures[0] if pictures else None

    def _grid(self, now: float) -> float:
        """The time that is shown: in steps that all peers share, counted from this peer's first picture."""
        step = self._step_s
        return (self._began_s // step + round((now - self._began_s) / step)) * step
