"""What is learnt of a line, in virtual time: a simulated client behind so many bits per second."""

from __future__ import annotations

from dataclasses import dataclass, field

import pytest

from engine.items import FRAME_MS
from engine.transport.quality import Quality, QualityControl, quality_steps
from engine.transport.websocket.line import FIRST_WINDOW, Line, wire_cost

AHEAD_S = 3.0
FRAGMENT_S = 5 * FRAME_MS / 1000
STEPS = quality_steps(800_000, 64_000)


@dataclass
class Simulated:
    """A tutor that makes frames three times as fast as they play, a line, and a client that plays them.

    Args:
        bits_per_s: gives the line's rate at a time.
        delay_s: of the round trip.
        answers: the client answers pings.
        busy_s: the engine's event loop is busy for so long in every half second: sees and does nothing.
    """

    line: Line
    bits_per_s: dict[float, float]
    delay_s: float = 0.04
    answers: bool = True
    stalls: list[tuple[float, float]] = field(default_factory=list)
    busy_s: float = 0.0
    told: bool = True
    """The line is told how late the event loop is."""

    now: float = 1000.0
    free_at: float = 0.0
    number: int = 0
    lateness: list[float] = field(default_factory=list)
    qualities: list[tuple[float, Quality]] = field(default_factory=list)

    def rate(self, at: float) -> float:
        return next(bits for since, bits in sorted(self.bits_per_s.items(), reverse=True) if at >= since)

    def arrival(self, size: int, sent: float) -> float:
        begins = max(sent, self.free_at)
        for stall, until in self.stalls:
            if stall <= begins < until:
                begins = until
        self.free_at = begins + size * 8 / self.rate(begins - 1000.0)
        return self.free_at + self.delay_s

    def seen(self, at: float) -> float:
        """When the event loop sees what happens at ``at``; the line is told if that is later."""
        late_s = self.busy_s - at % 0.5
        if late_s <= 0:
            return at
        if self.told:
            self.line.looked_late(self.busy_s, at + late_s)
        return at + late_s

    def hello(self) -> None:
        """The first small message, on an idle line."""
        self.number += 1
        self.line.sent(self.number, 400, self.now)
        self.line.taken(self.number, self.now)
        self.now = self.arrival(400, self.now)
        if self.answers:
            self.line.answered(self.number, self.now)
        self.now += 1.0

    def reply(self, reply: int, seconds: float) -> None:
        """One reply of so many seconds; notes how late each piece came."""
        began, sent_s, made_at = self.now, 0.0, self.now
        self.line.begin(reply, began)
        under_way: list[tuple[float, int]] = []
        played_at = began
        late = 0.0
        while sent_s < seconds:
            due = max(made_at, began + sent_s - AHEAD_S)
            while True:
                while under_way and under_way[0][0] <= self.now:
                    at, number = under_way.pop(0)
                    if self.answers:
                        self.line.answered(number, self.seen(at))
                if self.now >= played_at + 0.25 and self.line.store_s(self.now) > 0 and self.answers:
                    played_at = self.now
                if self.now >= due and self.line.has_room:
                    break
                self.now = self.seen(self.now + 0.01)
            quality = self.line.quality(self.now)
            starving = self.line.starving(self.now)
            self.qualities.append((self.now - 1000.0, quality))
            bits = wire_cost(quality) - (1.37 * quality.video_bitrate if starving else 0)
            size = int(bits * FRAGMENT_S / 8)
            self.number += 1
            end_ms = (sent_s + FRAGMENT_S) * 1000
            self.line.sent(self.number, size, self.now, reply, end_ms)
            at = self.arrival(size, self.now)
            if not self.answers:  # the system takes a message when the line has room for it
                self.now = max(self.now, at - self.delay_s)
                self.line.taken(self.number, self.now)
            under_way.append((at, self.number))
            late = max(late, at - began - sent_s)
            self.lateness.append(late)
            sent_s += FRAGMENT_S
            made_at = self.now + FRAGMENT_S / 3
        self.now = max(self.now, began + seconds) + 1.0
        for at, number in under_way:
            if self.answers:
                self.line.answered(number, min(at, self.now))


def simulated(bits_per_s: float | dict[float, float], **options: object) -> Simulated:
    line = Line(QualityControl(STEPS, wire_cost, start=2), AHEAD_S)
    rates = bits_per_s if isinstance(bits_per_s, dict) else {0.0: bits_per_s}
    made = Simulated(line, rates, **options)  # type: ignore[arg-type]
    made.hello()
    return made


def test_a_busy_event_loop_is_not_taken_for_a_thin_line() -> None:
    told, untold = (simulated(2e6, busy_s=0.3, told=told) for told in (True, False))
    for client in (told, untold):
        client.reply(1, 30)
    assert {quality for at, quality in told.qualities if at > 6} == {STEPS[0]}
    assert STEPS[1] in {quality for at, quality in untold.qualities if at > 6}


@pytest.mark.parametrize("bits_per_s", [300e3, 600e3])
def test_a_thin_line_is_still_seen_by_a_busy_event_loop(bits_per_s: float) -> None:
    client = simulated(bits_per_s, busy_s=0.3)
    client.reply(1, 30)
    assert max(client.lateness) < 0.8


@pytest.mark.parametrize("answers", [True, False])
@pytest.mark.parametrize("delay_s", [0.02, 0.3])
def test_a_line_with_room_gets_the_best_within_a_second_or_two(delay_s: float, answers: bool) -> None:
    client = simulated(20e6, delay_s=delay_s, answers=answers)
    client.reply(1, 20)
    best = next(at for at, quality in client.qualities if quality == STEPS[0])
    assert best - client.qualities[0][0] < 3
    assert client.qualities[-1][1] == STEPS[0]
    assert max(client.lateness) < 0.3 + delay_s


@pytest.mark.parametrize("bits_per_s", [250e3, 300e3, 450e3, 700e3, 1.2e6])
@pytest.mark.parametrize("delay_s", [0.02, 0.2])
def test_the_voice_is_never_a_second_late_and_quality_is_what_fits(bits_per_s: float, delay_s: float) -> None:
    client = simulated(bits_per_s, delay_s=delay_s)
    for reply in range(1, 4):
        client.reply(reply, 15)
    assert max(client.lateness) < 1.0
    half = [wire_cost(quality) for _, quality in client.qualities[len(client.qualities) // 2 :]]
    assert bits_per_s / 3 < sum(half) / len(half) < 1.05 * bits_per_s


def test_at_100_kbit_s_there_is_the_voice_and_the_second_reply_begins_with_what_was_learnt() -> None:
    client = simulated(100e3)
    client.reply(1, 10)
    assert max(client.lateness) < 3
    client.lateness.clear()
    client.qualities.clear()
    client.reply(2, 10)
    assert client.qualities[0][1] == STEPS[-1]
    assert max(client.lateness) < 1.0


def test_a_line_that_becomes_thin_costs_quality_and_no_voice_and_comes_back() -> None:
    client = simulated({0.0: 5e6, 20.0: 300e3, 60.0: 5e6})
    client.reply(1, 120)
    assert max(client.lateness) < 1.0
    thin = [quality for at, quality in client.qualities if 30 < at < 60]
    assert max(wire_cost(quality) for quality in thin) < 1.3 * 300e3
    assert client.qualities[-1][1] == STEPS[0]


def test_a_stall_that_the_client_lives_through_costs_nothing() -> None:
    client = simulated(5e6, stalls=[(1010.0, 1011.2)])
    client.reply(1, 20)
    assert {quality for at, quality in client.qualities if at > 5} == {STEPS[0]}


def test_little_is_under_way_on_a_line_of_which_nothing_is_known() -> None:
    line = Line(QualityControl(STEPS, wire_cost, start=2), AHEAD_S)
    number, sent = 0, 0
    while line.has_room:
        number += 1
        sent += 3000
        line.sent(number, 3000, 1000.0, 1, number * 200.0)
    assert sent <= FIRST_WINDOW + 3000
    assert line.answered(number, 1000.1)
    assert line.has_room
    assert not line.answered(number, 1000.2), "no news"


def test_a_client_that_answers_no_pings_and_stands_still_gets_less() -> None:
    line = Line(QualityControl(STEPS, wire_cost), AHEAD_S)
    line.begin(1, 1000.0)
    for number in range(1, 16):
        line.sent(number, 5000, 1000.0 + number / 5, 1, number * 200.0)
        line.taken(number, 1000.0 + number / 5)
    line.played(1, 500.0, 1003.0)
    line.played(1, 750.0, 1003.25)
    assert line.quality(1003.25) == STEPS[0], "it plays"
    line.paused()
    line.played(1, 750.0, 1005.0)
    assert line.quality(1005.0) == STEPS[0], "it was told to wait"
    line.played(1, 760.0, 1005.3)
    assert line.quality(1005.3) != STEPS[0]


def test_a_client_that_does_not_read_between_two_replies_is_not_behind() -> None:
    client = simulated(5e6)
    client.reply(1, 10)
    line = client.line
    before = line.current
    line.sent(10_000, 300, client.now)  # the end of the reply, which nobody reads for a minute
    client.now += 60
    line.begin(2, client.now)
    assert line.quality(client.now) == before
    assert not line.starving(client.now)
