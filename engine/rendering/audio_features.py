"""Between animator and renderer: adds the audio features to a reply's frames, where the renderer needs them.

Some renderers draw from the pose alone; others paint the mouth from the audio. The renderer says which
(``Renderer.audio_features``); a reply sends its frames through ``feature_stage`` either way.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Protocol

from engine.concurrency.worker import Worker
from engine.contracts import AudioFeatures, Renderer
from engine.items import AnimatedFrame


class FeatureStage(Protocol):
    """For one reply. Calls must not overlap; nothing needs closing."""

    async def add(self, frames: Sequence[AnimatedFrame], last: bool) -> Sequence[AnimatedFrame]:
        """Take ``frames``; give those that can be drawn now, in order.

        With ``last`` (a clause or the reply ends here) all that are left are given.
        """


class NoFeatures:
    """For renderers that draw poses: frames pass unchanged."""

    async def add(self, frames: Sequence[AnimatedFrame], last: bool) -> Sequence[AnimatedFrame]:
        return frames


class FeaturesInWorker:
    """Computes features in a worker thread. A cancelled call runs to its end there; its result is dropped."""

    def __init__(self, features: AudioFeatures, worker: Worker) -> None:
        self._features = features
        self._worker = worker

    async def add(self, frames: Sequence[AnimatedFrame], last: bool) -> Sequence[AnimatedFrame]:
        if not frames and not last:
            return []
        return await self._worker.run(self._features.feed, frames, last)


def feature_stage(renderer: Renderer, worker: Worker) -> FeatureStage:
    """The stage that one reply's frames pass on their way to ``renderer``; features are computed in ``worker``."""
    features = renderer.audio_features()
    return NoFeatures() if features is None else FeaturesInWorker(features, worker)
