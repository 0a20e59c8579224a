"""Which bit rate and how many pictures the network carries now, judged from the receivers' reports. Pure.

Audio always keeps its bit rate; video gets the rest, and below a limit fewer pictures are sent.

The value of a receiver's estimate (REMB) says little: it starts at the little an idle face needs and never exceeds one
and a half times what is being sent. Only a fall means something, namely that a queue is building up on the path. Then
the estimate is no lower than what got through.

The reaction to losses is that of Google Congestion Control (draft-ietf-rmcat-gcc-02, section 6) with other limits. In
the draft, a report with less than 2 % of the packets lost raises the rate by 5 %, one with more than 10 % multiplies it
by 1 - loss / 2, and any other keeps it. Here the limits are ``LOSSY`` and ``VERY_LOSSY``, and the rate grows by 5 % of
the wanted one a second. These and the other constants are judgements.
"""

from __future__ import annotations

FLOOR = 60_000
"""Bits per second below which a stream of pictures is not worth having."""

HALF_RATE_BELOW = 150_000
"""Below this every second picture is dropped, so that the others stay recognisable. Only losses lead there."""

HEADROOM = 0.85
FALL = 0.97
"""An estimate has fallen if it is below this part of the one before. The pictures then get ``HEADROOM`` of it, less the
voice."""

GROWTH_PER_S = 1.4
"""After a fall the rate grows by this factor each second until the next one."""

RECOVERY_PER_S = 0.05
"""The part of the wanted bit rate that comes back each second after losses."""

LOSSY, VERY_LOSSY = 0.04, 0.12
"""Fractions of packets lost: from the first on the rate stops growing, beyond the second it is cut."""


class Congestion:
    """The bit rate of one peer's pictures. Times are seconds on any one clock.

    Args:
        wanted: bits per second when nothing is in the way.
        sound: bits per second the voice takes, set aside first.
    """

    def __init__(self, wanted: int, sound: int) -> None:
        self._wanted = wanted
        self._sound = sound
        self._estimate: float | None = None
        self._estimated_at = 0.0
        self._by_estimate = self._by_loss = float(wanted)
        self._reported_at: float | None = None

    def estimated(self, bits_per_s: float, now: float) -> None:
        """The receiver's estimate of what the path takes (REMB)."""
        before, self._estimate = self._estimate, bits_per_s
        since, self._estimated_at = now - self._estimated_at, now
        if before is not None and bits_per_s < before * FALL:
            path = max(bits_per_s * HEADROOM - self._sound, HALF_RATE_BELOW)
            self._by_estimate = min(self._by_estimate, path)
        elif before is not None:
            self._by_estimate = min(self._by_estimate * GROWTH_PER_S ** min(since, 2.0), self._wanted)

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
        return int(max(min(self._by_loss, self._by_estimate, self._wanted), min(FLOOR, self._wanted)))

    @property
    def every(self) -> int:
        """1 to send every picture, 2 to send every second one."""
        return 2 if self.bitrate < min(HALF_RATE_BELOW, self._wanted) else 1
