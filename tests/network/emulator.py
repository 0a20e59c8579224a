"""A network between two peers, as arithmetic: when does a packet that is sent now arrive?

Pure and seeded: time is an argument, nothing waits here. ``relays`` puts a ``Link`` between real sockets.
"""

from __future__ import annotations

import random
from dataclasses import dataclass

ETHERNET_BYTES = 1500

RETRANSMISSION_S = 0.2
"""How long a reliable stream stands still for a lost packet: Linux's shortest retransmission timeout. It doubles each
time the same packet is lost again."""


@dataclass(frozen=True, slots=True)
class Conditions:
    """What one direction of a network does to its packets. The defaults do nothing at all."""

    loss: float = 0.0
    """Share of packets that never arrive, 0..1."""

    delay_s: float = 0.0
    """One way, for every packet."""

    jitter_s: float = 0.0
    """Up to this much more, evenly spread. Jitter alone changes no order: a packet waits for the one before it."""

    reorder: float = 0.0
    """Share of packets that are held back by ``held_back_s`` and let later ones overtake them, 0..1."""

    held_back_s: float = 0.05

    duplicate: float = 0.0
    """Share of packets that arrive twice, 0..1."""

    bytes_per_s: float | None = None
    """Rate of the bottleneck, a token bucket; None has no bottleneck."""

    burst_bytes: int = 2 * ETHERNET_BYTES
    """Size of the bucket: so much passes at once after a pause."""

    queue_bytes: int = 64_000
    """How much waits in front of the bottleneck; what finds no room is lost (TCP: must wait)."""

    def __post_init__(self) -> None:
        for name in ("loss", "reorder", "duplicate"):
            if not 0 <= getattr(self, name) <= 1:
                raise ValueError(f"{name} is a share, 0..1")
        for name in ("delay_s", "jitter_s", "held_back_s", "burst_bytes", "queue_bytes"):
            if getattr(self, name) < 0:
                raise ValueError(f"{name} is negative")
        if self.bytes_per_s is not None and self.bytes_per_s <= 0:
            raise ValueError("bytes_per_s is not positive")


class Link:
    """One direction of a network.

    Args:
        conditions: what it does to packets.
        seed: the same seed, packets and times give the same fates.
    """

    def __init__(self, conditions: Conditions, seed: int = 0) -> None:
        self.conditions = conditions
        self.sent = self.lost = self.overflowed = 0
        """Packets given to it; those lost by chance; those that found no room in the queue."""

        self._random = random.Random(seed)
        self._level = 0.0
        self._level_at = 0.0
        self._last_arrival = 0.0
        self._stalled_until = 0.0

    def send(self, size: int, now: float) -> tuple[float, ...]:
        """A packet of ``size`` bytes enters at ``now``; ``now`` never decreases.

        Returns:
            When it arrives: nothing if it is lost, two times if it is duplicated.
        """
        rules = self.conditions
        self.sent += 1
        # Drawn for every packet, so that the fate of one packet does not depend on that of the others.
        lost, held_back, twice, jitter = (self._random.random() for _ in range(4))
        leaves = self._leave(size, now)
        if leaves is None:
            self.overflowed += 1
            return ()
        if lost < rules.loss:
            self.lost += 1
            return ()
        arrives = max(leaves + rules.delay_s + jitter * rules.jitter_s, self._stalled_until)
        if held_back < rules.reorder:
            arrives += rules.held_back_s
        else:
            arrives = self._last_arrival = max(arrives, self._last_arrival)
        return (arrives, arrives) if twice < rules.duplicate else (arrives,)

    def send_reliably(self, size: int, now: float) -> float:
        """As ``send``, of a stream that repeats what is lost: later packets wait for the one before them.

        The queue never overflows; ask ``backlog`` first.

        Returns:
            When the packet arrives.
        """
        rules = self.conditions
        self.sent += 1
        jitter = self._random.random() * rules.jitter_s
        leaves, wait_s = self._pass(size, now), RETRANSMISSION_S
        arrives = max(leaves + rules.delay_s + jitter, self._stalled_until, self._last_arrival)
        while self._random.random() < rules.loss:
            self.lost += 1
            arrives += wait_s
            wait_s *= 2
        self._last_arrival = arrives
        return arrives

    def backlog(self, now: float) -> float:
        """Bytes waiting in front of the bottleneck."""
        return max(0.0, self._drained(now) - self.conditions.burst_bytes)

    def stall(self, now: float, seconds: float) -> None:
        """Nothing that is sent from now on arrives before ``now + seconds``."""
        self._stalled_until = max(self._stalled_until, now + seconds)

    def _leave(self, size: int, now: float) -> float | None:
        """When the bottleneck has let the packet through; None if its queue has no room."""
        rules = self.conditions
        if rules.bytes_per_s is not None and self._drained(now) + size - rules.burst_bytes > rules.queue_bytes:
            return None
        return self._pass(size, now)

    def _pass(self, size: int, now: float) -> float:
        """When the bottleneck has let the packet through, however many wait."""
        rules = self.conditions
        if rules.bytes_per_s is None:
            return now
        self._level, self._level_at = self._drained(now) + size, now
        return now + max(0.0, self._level - rules.burst_bytes) / rules.bytes_per_s

    def _drained(self, now: float) -> float:
        rate = self.conditions.bytes_per_s
        return 0.0 if rate is None else max(0.0, self._level - rate * (now - self._level_at))
