"""How good a reply may look and sound on one client's line: the steps, and when to take one.

Pure. Each transport measures what its line takes in its own way (``webrtc.congestion``, ``websocket.line``) and tells
``QualityControl``; the steps and the caution in going up again are the same for both. The voice comes first: pictures
lose bits, then there are fewer of them a second, and at last a still now and then.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass, replace

PATIENCE_S = 2.0
"""There must be room for the next better step for so long before it is taken. A judgement."""

MAX_PATIENCE_S = 60.0
TRIAL_S = 20.0
"""A step up that is taken back within this time has failed, and the next one waits twice as long."""

FORGIVE_S = 180.0
"""After so long without a step down, failed trials are forgotten."""


@dataclass(frozen=True, slots=True)
class Quality:
    """One step."""

    video_bitrate: int
    """Bits per second of pictures."""

    every: int
    """One picture in this many frames is sent: 1 is 25 a second, 50 is a still every two seconds."""

    audio_bitrate: int
    """Bits per second of the voice."""


_STEPS = (
    Quality(400_000, 1, 64_000),
    Quality(200_000, 1, 48_000),
    Quality(110_000, 2, 32_000),
    Quality(60_000, 4, 24_000),
    Quality(16_000, 50, 24_000),
)
"""Bit rates at which a speaking face of 512x512 stays recognisable. Judged by eye, and by its PSNR as x264 encodes it:
43 dB at the first step, 38 dB at the third."""


def quality_steps(video_bitrate: int, audio_bitrate: int) -> tuple[Quality, ...]:
    """All steps, the best first: what is wanted (bits per second), then what needs less."""
    best = Quality(video_bitrate, 1, audio_bitrate)
    lower = (replace(step, audio_bitrate=min(step.audio_bitrate, audio_bitrate)) for step in _STEPS)
    return (best, *(step for step in lower if step.video_bitrate < video_bitrate))


class QualityControl:
    """The step one client's media have now.

    Args:
        steps: the best first.
        cost: bits per second a step takes on the line, everything included.
        start: the step to begin with, while nothing is known of the line. From there it goes up at once, and as far
            as may be, when there is room for the first time.
    """

    def __init__(self, steps: Sequence[Quality], cost: Callable[[Quality], float], start: int = 0) -> None:
        self.steps = tuple(steps)
        self.step = min(start, len(self.steps) - 1)
        """Index of the current one."""
        self._costs = [cost(each) for each in self.steps]
        self._known = False
        self._patience_s = PATIENCE_S
        self._room_since: float | None = None
        self._risen_at = self._fallen_at = float("-inf")

    @property
    def quality(self) -> Quality:
        """The current step."""
        return self.steps[self.step]

    @property
    def cost(self) -> float:
        """Bits per second the current step takes."""
        return self._costs[self.step]

    @property
    def better_cost(self) -> float:
        """Bits per second the next better step takes; of the best one, its own."""
        return self._costs[max(0, self.step - 1)]

    def update(self, bits_per_s: float, now: float) -> None:
        """The line takes so much at ``now``, seconds on any one clock.

        Goes down at once, as far as need be; up by one step when there was room for long enough.
        """
        fitting = next((i for i, cost in enumerate(self._costs) if cost <= bits_per_s), len(self.steps) - 1)
        if fitting < self.step and not self._known:
            self.step, self._known = fitting, True
        elif fitting > self.step:
            self._known = True
            if now - self._risen_at < TRIAL_S:
                self._patience_s = min(2 * self._patience_s, MAX_PATIENCE_S)
            self.step, self._fallen_at, self._room_since = fitting, now, None
        elif fitting == self.step:
            self._room_since = None
        elif self._room_since is None:
            self._room_since = now
        elif now - self._room_since >= self._patience_s:
            if now - self._fallen_at > FORGIVE_S:
                self._patience_s = PATIENCE_S
            self.step -= 1
            self._risen_at = self._room_since = now
