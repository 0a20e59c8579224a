"""What one client's line takes, measured at the client: pure, told what was sent, answered and played.

TCP hides how much of a stream is still under way: kernels and proxies take seconds of it. So each message is followed
by a WebSocket ping, which every client answers by itself (RFC 6455, section 5.5.2), and the answer tells that all
before it has arrived. From that follow how much is under way, how long it waits and how much a second arrives. With
the client's playback positions it is known how much it still has to play, and only a client that is about to run dry
gets less: one that has some seconds in store lives through a stall.

A busy event loop sees answers later than they came. How late it is, is measured too, and does not count as the line's.

The constants are judgements, tried with the emulated lines of ``tests/network``.
"""

from __future__ import annotations

from collections import deque
from dataclasses import dataclass

from engine.transport.quality import Quality, QualityControl

HEADROOM = 0.85
"""The part of what a line takes that is used."""

WIRE_FACTOR = 1.37
"""Bytes of a ``media`` message for one of encoded media: base64, and MP4's tables."""

WIRE_BITS = 17_000
"""Bits per second of what does not depend on the quality: headers of boxes, messages and packets, at five a second."""

QUEUED_S = 0.35
"""What waits longer than this on its way, waits for the line."""

SHORT_S = 1.0
"""A client with less than this to play gets less when its line is behind."""

STARVING_S = 0.3
"""A client with less than this to play is sent no new picture while its line is behind."""

PROBE_S = 4.0
"""A client that has had half of what may be sent ahead for so long is tried with the next better quality, whatever rate
was measured: a line that is never full does not show what it takes."""

FRAGMENT_S = 0.19
"""A fragment of 200 ms that takes longer than this on its way, alone, needs more than the line has."""

LATELY_S = 0.5
"""How long the wait of the last message counts when nothing is under way."""

FORGET_S = 5.0
"""A line that was not behind for so long is judged afresh."""

FLOWING_S = 0.1
"""A message that waits no longer than this met a free line."""

RATE_WINDOW_S = 1.0
RATE_SAMPLES = 9
MIN_SAMPLE_BYTES = 1500
"""The time a smaller message takes says nothing of a line's rate."""

MIN_KNOWN_BYTES = 15_000
"""So much must have arrived in samples before they count: routers let some kilobytes pass at once."""

MIN_BUSY_S = 0.01

FIRST_WINDOW, MIN_WINDOW, MAX_WINDOW = 16_000, 6_000, 512_000
"""Bytes that may be under way: at first, at least, at most."""

WINDOW_S = 0.25
"""So much of what the line takes may be under way, besides what fits into its round trip."""

DRIFT = 0.0005
"""Seconds per second by which the shortest round trip is forgotten: routes change."""

LATE_LATELY_S = 0.1
"""How long a delay of the event loop counts: what came in the meantime has been seen by then."""

INSIST_S = 1.0
"""A line that is still behind this long after the last step down, and lets the client gain nothing, needs another one,
whatever rate was measured."""


def wire_cost(quality: Quality) -> float:
    """Bits per second that ``quality`` takes on a WebSocket."""
    return WIRE_FACTOR * (quality.video_bitrate + quality.audio_bitrate) + WIRE_BITS


@dataclass(frozen=True, slots=True)
class _Sent:
    number: int
    size: int
    at: float
    reply: int
    end_ms: float
    """Up to where the reply has arrived with it; 0 for what is no media."""


class Line:
    """One client's line. Times are seconds on any one clock.

    Args:
        control: chooses the quality.
        ahead_s: seconds a reply is sent ahead of playback.
    """

    def __init__(self, control: QualityControl, ahead_s: float) -> None:
        self._control = control
        self._short_s = min(SHORT_S, ahead_s / 3)
        self._starving_s = min(STARVING_S, ahead_s / 6)
        self._comfortable_s = ahead_s / 2
        self._answers = False
        self._under_way: deque[_Sent] = deque()
        self._bytes_under_way = 0
        self._last_taken: _Sent | None = None
        self._carried: deque[tuple[float, int, float]] = deque()
        """What arrived lately: when, how many bytes, and how many seconds the line was busy with them."""
        self._arrived_at = float("-inf")
        self._samples: deque[tuple[int, float]] = deque(maxlen=RATE_SAMPLES)
        """The same of the last messages that were large enough."""
        self._window = float(FIRST_WINDOW)
        self._round_trip = float("inf")
        self._round_trip_at = 0.0
        self._waited = self._waited_unseen = 0.0
        """How long the last message waited, and how much of that its answer may have been there unseen."""
        self._late_s, self._late_at = 0.0, float("-inf")
        """How late the event loop was last, and when that was."""
        self._reply, self._began_at = 0, float("-inf")
        self._arrived_ms = 0.0
        self._playing_since: float | None = None
        self._played: tuple[float, float] | None = None
        self._stood_still = False
        self._stepped_at, self._stepped_store_s = float("-inf"), float("-inf")
        """When the strained line was last judged, and what the client had to play then."""
        self._comfortable_since: float | None = None

    # --- what happens

    def sent(self, number: int, size: int, now: float, reply: int = 0, end_ms: float = 0.0) -> None:
        """A message of ``size`` bytes is being sent; ``number`` counts up.

        Args:
            reply, end_ms: for media, the reply and up to where it has arrived with this.
        """
        self._under_way.append(_Sent(number, size, now, reply, end_ms))
        self._bytes_under_way += size

    def taken(self, number: int, now: float) -> None:
        """The system took a message: all that is known when a client answers no pings."""
        if not self._answers and self._under_way:
            self._last_taken = self._under_way[-1]
            self._deliver(number, now)

    def answered(self, number: int, now: float) -> bool:
        """The client has everything up to message ``number``. False when that is nothing new."""
        if not self._answers:
            # What the system took so quickly tells nothing of the way to the client.
            self._answers, self._round_trip, self._window = True, float("inf"), float(FIRST_WINDOW)
            self._carried.clear()
            self._samples.clear()
            if self._last_taken is not None and self._last_taken.number == number:
                self._time(now - self._last_taken.at, now)
        return self._deliver(number, now)

    def begin(self, reply: int, now: float) -> None:
        """Media of ``reply`` follow. A client that did not read between two replies is not behind."""
        self._began_at = now
        self._waited = self._waited_unseen = 0.0
        self._reply, self._arrived_ms, self._playing_since, self._played = reply, 0.0, None, None

    def played(self, reply: int, position_ms: float, now: float) -> None:
        """The client has played up to ``position_ms`` of ``reply``."""
        if reply != self._reply or position_ms <= 0:
            return
        before, self._played = self._played, (now, position_ms)
        self._playing_since = now - position_ms / 1000
        if self._answers or before is None:
            return
        # Nothing tells what has arrived, but a client that does not get on lacks something.
        elapsed_s, moved_s = now - before[0], (position_ms - before[1]) / 1000
        self._stood_still = 0.1 < elapsed_s < 1.5 and moved_s < elapsed_s / 2

    def paused(self) -> None:
        """The client holds the reply (it ducks): its positions tell nothing of the line."""
        self._played, self._stood_still = None, False

    def looked_late(self, late_s: float, now: float) -> None:
        """The event loop, which sees answers, was busy with something else for ``late_s`` until ``now``."""
        if late_s > self._lateness(now) or now - self._late_at > LATE_LATELY_S / 2:
            self._late_s, self._late_at = late_s, now

    # --- what follows

    def quality(self, now: float) -> Quality:
        """How the next frames are to be encoded."""
        control, rate = self._control, self.rate
        if self._strained(now):
            bits = (rate or self._recent_rate(now)) * HEADROOM
            since_s = now - self._stepped_at
            gains_nothing = INSIST_S < since_s < FORGET_S and self.store_s(now) <= self._stepped_store_s
            if gains_nothing or (self._stood_still and since_s > INSIST_S):
                bits = min(bits, control.cost - 1)
            self._stood_still = False
            if bits < control.cost or since_s > INSIST_S:
                self._stepped_at, self._stepped_store_s = now, self.store_s(now)
                control.update(min(bits, control.cost), now)
            self._comfortable_since = None
        elif rate is not None and self.queued_s(now) < QUEUED_S:
            if self.store_s(now) < self._comfortable_s:
                self._comfortable_since = None
            elif self._comfortable_since is None:
                self._comfortable_since = now
            bits = max(rate * HEADROOM, control.cost)
            if self._comfortable_since is not None and now - self._comfortable_since > PROBE_S:
                bits = max(bits, control.better_cost)
            control.update(bits, now)
        return control.quality

    def starving(self, now: float) -> bool:
        """The client is about to run dry: send it sound, and repeat the picture."""
        return self.queued_s(now) > QUEUED_S and self.store_s(now) < self._starving_s

    @property
    def best(self) -> Quality:
        """The step of a line that takes everything."""
        return self._control.steps[0]

    @property
    def current(self) -> Quality:
        """The quality as it was chosen last."""
        return self._control.quality

    @property
    def has_room(self) -> bool:
        """More may be sent: what is under way is little."""
        return not self._under_way or self._bytes_under_way < self._window

    @property
    def waits(self) -> bool:
        """Something that was sent has not been answered."""
        return bool(self._under_way)

    @property
    def rate(self) -> float | None:
        """Bits per second the line takes; None while it is not known."""
        size, busy_s = (sum(column) for column in zip((0, 0.0), *self._samples, strict=True))
        return size * 8 / max(busy_s, MIN_BUSY_S) if size >= MIN_KNOWN_BYTES else None

    def queued_s(self, now: float) -> float:
        """How long messages wait on their way, beyond the shortest round trip."""
        if self._round_trip == float("inf"):
            return 0.0
        if not self._under_way:
            return max(0.0, self._waited - self._round_trip) if now - self._arrived_at < LATELY_S else 0.0
        oldest_s = now - max(self._under_way[0].at, self._began_at)
        return max(0.0, max(self._waited, oldest_s) - self._round_trip)

    def store_s(self, now: float) -> float:
        """Seconds of the reply the client has and has not played yet. Negative when it waits."""
        if self._playing_since is None:
            return 0.0
        return self._arrived_ms / 1000 - (now - self._playing_since)

    def _lateness(self, now: float) -> float:
        """How much later than they came answers may be seen now."""
        return self._late_s if now - self._late_at < LATE_LATELY_S else 0.0

    def _strained(self, now: float) -> bool:
        if self._stood_still:
            return True
        queued_s, rate = self.queued_s(now), self.rate
        if self.store_s(now) >= self._starving_s:
            # Once the client is about to run dry, it does not matter what is to blame.
            queued_s -= max(self._lateness(now), self._waited_unseen)
        too_thin = rate is not None and rate < self._control.cost and queued_s > FRAGMENT_S
        return self.store_s(now) < self._short_s and (queued_s > QUEUED_S or too_thin)

    def _recent_rate(self, now: float) -> float:
        """Bits per second that arrived lately, at most: as if all that is under way arrived now."""
        lately = [each for each in self._carried if now - each[0] < RATE_WINDOW_S]
        size, busy_s = sum(each[1] for each in lately), sum(each[2] for each in lately)
        if self._under_way:
            size += self._bytes_under_way
            busy_s += self._busy_s(self._under_way[0].at, now)
        return size * 8 / max(busy_s, MIN_BUSY_S)

    def _busy_s(self, sent_at: float, now: float) -> float:
        """How long the line was busy until ``now`` with what was sent then, and not with what came before it."""
        return now - max(self._arrived_at, sent_at + self._round_trip)

    def _deliver(self, number: int, now: float) -> bool:
        came = []
        while self._under_way and self._under_way[0].number <= number:
            came.append(self._under_way.popleft())
            if came[-1].reply == self._reply and came[-1].end_ms:
                self._arrive(came[-1].end_ms, now)
        if not came:
            return False
        size = sum(each.size for each in came)
        self._bytes_under_way -= size
        if came[0].at >= self._began_at:
            # An answer is as likely to have come early as late while nobody looked.
            self._time(now - came[-1].at, now)
            self._measure(size, max(0.0, self._busy_s(came[0].at, now) - self._lateness(now) / 2), now)
            self._resize(size)
        self._arrived_at = now
        self._stood_still = False
        return True

    def _arrive(self, end_ms: float, now: float) -> None:
        """Media up to ``end_ms`` are there. A client that ran dry goes on playing now."""
        dry_since = now - self._arrived_ms / 1000
        if self._playing_since is None or self._playing_since < dry_since:
            self._playing_since = dry_since
        self._arrived_ms = max(self._arrived_ms, end_ms)

    def _time(self, waited: float, now: float) -> None:
        if self._round_trip != float("inf"):
            self._round_trip += DRIFT * (now - self._round_trip_at)
        self._round_trip, self._round_trip_at = min(self._round_trip, waited), now
        self._waited, self._waited_unseen = waited, min(waited, self._lateness(now))

    def _measure(self, size: int, busy_s: float, now: float) -> None:
        self._carried.append((now, size, busy_s))
        while now - self._carried[0][0] > RATE_WINDOW_S:
            self._carried.popleft()
        if size >= MIN_SAMPLE_BYTES:
            self._samples.append((size, busy_s))

    def _resize(self, arrived: int) -> None:
        queued_s = self._waited - self._round_trip
        if queued_s < FLOWING_S and arrived + self._bytes_under_way > self._window / 2:
            self._window = min(1.5 * self._window, MAX_WINDOW)
        elif queued_s > QUEUED_S and (rate := self.rate) is not None:
            self._window = max(MIN_WINDOW, rate / 8 * (self._round_trip + WINDOW_S))
