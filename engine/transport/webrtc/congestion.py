"""How many bits and pictures the network takes now: pure, told what receivers report.

Sound keeps its bits whatever happens; pictures get what is left, then fewer of them are sent.
"""

from __future__ import annotations

FLOOR = 60_000
"""Fewest bits per second a picture stream is worth having at."""

HALF_RATE_BELOW = 150_000
"""Below this every second picture stays out, so that the others are not mud."""

HEADROOM = 0.85
RECOVERY_PER_S = 0.05
"""The part of the wanted bit rate that comes back each second after losses."""

LOSSY, VERY_LOSSY = 0.04, 0.12
"""Fractions of packets lost: bits stop growing, bits are cut."""


class Congestion:
    """The bit rate of one peer's pictures.

    Args:
        wanted: bits per second when nothing is in the way.
        sound: bits per second the voice takes, set aside first.
    """

    def __init__(self, wanted: int, sound: int) -> None:
        self._wanted = wanted
        self._sound = sound
        self._estimate: float | None = None
        self._by_loss = float(wanted)
        self._reported_at: float | None = None

    def estimated(self, bits_per_s: float) -> None:
        """The receiver's estimate of what the path takes (REMB)."""
        self._estimate = bits_per_s

    def lost(self, fraction: float, now: float) -> None:
        """The receiver's report: ``fraction`` of packets lost since the one before, 0..1."""
        since = 0.0 if self._reported_at is None else min(5.0, now - self._reported_at)
        self._reported_at = now
        if fraction > VERY_LOSSY:
            self._by_loss *= 1 - fraction / 2
        elif fraction < LOSSY:
            self._by_loss += self._wanted * RECOVERY_PER_S * since
        self._by_loss = min(max(self._by_loss, FLOOR), self._wanted)

    @property
    def bitrate(self) -> int:
        """Bits per second for pictures."""
        limit = self._by_loss
        if self._estimate is not None:
            limit = min(limit, self._estimate * HEADROOM - self._sound)
        return int(min(max(limit, FLOOR), self._wanted))

    @property
    def every(self) -> int:
        """1 to send every picture, 2 to send every second one."""
        return 2 if self.bitrate < HALF_RATE_BELOW else 1
