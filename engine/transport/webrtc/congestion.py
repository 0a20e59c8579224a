"""Which bit rate and how many pictures the network carries now, judged from the receivers' reports. Pure.

The voice is served first and pictures get what is left. ``engine.transport.quality`` chooses the step: fewer pictures a
second, then a still now and then and fewer bits for the voice.

The value of a receiver's estimate (REMB) says little: it starts at the little an idle face needs and never exceeds one
and a half times what is being sent. Only a fall means something, namely that a queue is building up on the path. Then
the estimate is no lower than what got through.

The reaction to losses is that of Google Congestion Control (draft-ietf-rmcat-gcc-02, section 6) with other limits. In
the draft, a report with less than 2 % of the packets lost raises the rate by 5 %, one with more than 10 % multiplies it
by 1 - loss / 2, and any other keeps it. Here the limits are ``LOSSY`` and ``VERY_LOSSY``, the rate grows by 5 % of
the wanted one a second, and after heavy losses it is cut to what got through. These and the other constants are
judgements.
"""

from __future__ import annotations

from engine.transport.quality import Quality, QualityControl, quality_steps

ESTIMATE_FLOOR = 150_000
"""An estimate alone cuts the pictures to no fewer bits per second: it may be low because little was sent."""

FIT = 0.7
"""The part of a step's bits for pictures that must be there for it."""

HEADROOM = 0.85
FALL = 0.97
"""An estimate has fallen if it is below this part of the one before. The pictures then get ``HEADROOM`` of it, less the
voice."""

GROWTH_PER_S = 1.4
"""After a fall the rate grows by this factor each second until the next one."""

RECOVERY_PER_S = 0.05
"""The part of the wanted bit rate that is added each second without losses, at the beginning and after some."""

LOSSY, VERY_LOSSY, FLOODED = 0.04, 0.12, 0.25
"""Fractions of packets lost: from the first on the rate stops growing, beyond the second it is cut, and beyond the
third to what got through."""


AFTERMATH_S = 1.5
"""So long after a cut to what got through, reports tell of what was sent before it."""


class Congestion:
    """The bit rate of one peer's pictures. Times are seconds on any one clock.

    Args:
        wanted: bits per second when nothing is in the way.
        sound: bits per second the voice takes, set aside first.
        start: bits per second to begin with, while nothing is known of the network; None for ``wanted``.
    """

    def __init__(self, wanted: int, sound: int, start: int | None = None) -> None:
        self._wanted = wanted
        self._sound = sound
        self._control = QualityControl(quality_steps(wanted, sound), lambda quality: FIT * quality.video_bitrate)
        self._floor = min(step.video_bitrate for step in self._control.steps)
        self._estimate: float | None = None
        self._estimated_at = 0.0
        self._by_estimate = float(wanted)
        self._by_loss = float(min(wanted, start or wanted))
        self._reported_at: float | None = None
        self._flooded_at = float("-inf")

    def estimated(self, bits_per_s: float, now: float) -> None:
        """The receiver's estimate of what the path takes (REMB)."""
        before, self._estimate = self._estimate, bits_per_s
        since, self._estimated_at = now - self._estimated_at, now
        if before is not None and bits_per_s < before * FALL:
            path = max(bits_per_s * HEADROOM - self._sound, ESTIMATE_FLOOR)
            self._by_estimate = min(self._by_estimate, path)
        elif before is not None:
            self._by_estimate = min(self._by_estimate * GROWTH_PER_S ** min(since, 2.0), self._wanted)
        self._control.update(self.bitrate, now)

    def lost(self, fraction: float, now: float) -> None:
        """The receiver's report: ``fraction`` of packets lost since the one before, 0..1."""
        since = 0.0 if self._reported_at is None else min(5.0, now - self._reported_at)
        self._reported_at = now
        if fraction > FLOODED:
            if now - self._flooded_at > AFTERMATH_S:
                self._flooded_at = now
                self._by_loss = min(self._by_loss, self.bitrate) * (1 - fraction)
        elif fraction > VERY_LOSSY:
            self._by_loss *= 1 - fraction / 2
        elif fraction < LOSSY:
            self._by_loss += self._wanted * RECOVERY_PER_S * since
        self._by_loss = min(max(self._by_loss, self._floor), self._wanted)
        self._control.update(self.bitrate, now)

    @property
    def bitrate(self) -> int:
        """Bits per second for pictures."""
        return int(max(min(self._by_loss, self._by_estimate), self._floor))

    @property
    def quality(self) -> Quality:
        """The step: how many pictures there are, and the bits of the voice. Those of pictures are ``bitrate``."""
        return self._control.quality
