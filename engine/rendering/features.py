"""A turn's frames on their way from the animator to the renderer, past the renderer's ears.

Some renderers draw a pose and need nothing more; others paint from the sound itself. The
renderer says which (``Renderer.listen``); the turn asks ``hearing`` and need not know.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Protocol

from engine.concurrency.worker import Worker
from engine.contracts import FrameFeatures, Renderer
from engine.items import AnimatedFrame


class Hearing(Protocol):
    """One turn's. Calls must not overlap; nothing needs closing."""

    async def hear(self, frames: Sequence[AnimatedFrame], last: bool) -> Sequence[AnimatedFrame]:
        """Frames that can be drawn now; all there are when ``last``: a clause or the turn ends here."""


class PoseOnly:
    """For renderers that draw poses: frames pass as they are."""

    async def hear(self, frames: Sequence[AnimatedFrame], last: bool) -> Sequence[AnimatedFrame]:
        return frames


class InWorker:
    """Computes features in a worker thread. A cancelled call runs out there and is dropped."""

    def __init__(self, features: FrameFeatures, worker: Worker) -> None:
        self._features = features
        self._worker = worker

    async def hear(self, frames: Sequence[AnimatedFrame], last: bool) -> Sequence[AnimatedFrame]:
        if not frames and not last:
            return []
        return await self._worker.run(self._features.feed, frames, last)


def hearing(renderer: Renderer, worker: Worker) -> Hearing:
    """What one turn's frames pass on their way to this renderer."""
    features = renderer.listen()
    return PoseOnly() if features is None else InWorker(features, worker)
