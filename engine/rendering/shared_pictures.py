"""Pictures that several viewers see at about the same time are drawn once.

Idle tutors of one avatar move alike (``conversation``) on a common grid of time, so that viewers who look at the same
one want equal pictures. On the event loop; keeps the last few pictures, nothing to stop.
"""

from __future__ import annotations

from collections import OrderedDict
from collections.abc import Awaitable, Callable, Sequence

import numpy as np

from engine.contracts import Avatar, FrameRequest
from engine.items import Picture

KEPT = 12
"""Pictures remembered: about 5 MB at 512 x 512. Each is of use for a tenth of a second."""

_STEPS = 256
"""Steps per unit of a channel; poses that differ by less look the same."""

Draw = Callable[[Sequence[FrameRequest]], Awaitable[list[Picture]]]


class SharedPictures:
    """The latest pictures, by avatar and pose."""

    def __init__(self) -> None:
        self._kept: OrderedDict[tuple[int, bytes], tuple[Avatar, Picture]] = OrderedDict()

    async def draw(self, request: FrameRequest, draw: Draw) -> Picture | None:
        """The picture of ``request``: one that was drawn for another viewer, or else by ``draw``.

        Raises:
            EngineError: as ``draw``.
        """
        pose = np.rint(request.frame.pose * _STEPS).astype(np.int16).tobytes()
        key = (id(request.avatar), pose)
        if key not in self._kept:
            pictures = await draw([request])
            if not pictures:
                return None
            self._kept[key] = (request.avatar, pictures[0])  # with the avatar, whose id is then not used again
            while len(self._kept) > KEPT:
                self._kept.popitem(last=False)
        return self._kept[key][1]
