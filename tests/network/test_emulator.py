"""The emulated network itself, in virtual time: each property alone, then any of them together."""

from __future__ import annotations

from dataclasses import replace
from itertools import pairwise
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from tests.network.emulator import RETRANSMISSION_S, Conditions, Link

COUNT = 4000
EVERY_S = 0.01


def arrivals(conditions: Conditions, count: int = COUNT, size: int = 1000, seed: int = 1) -> list[tuple[float, ...]]:
    """Arrival times of packets that are sent every 10 ms, relative to when each was sent."""
    link = Link(conditions, seed)
    return [tuple(at - i * EVERY_S for at in link.send(size, i * EVERY_S)) for i in range(count)]


def order(conditions: Conditions) -> list[int]:
    """Numbers of the packets in the order in which they arrive."""
    link = Link(conditions, seed=1)
    came = [(at, i) for i in range(COUNT) for at in link.send(100, i * EVERY_S)]
    return [i for _, i in sorted(came)]


def test_a_network_without_faults_delivers_each_packet_once_and_at_once() -> None:
    assert all(times == pytest.approx((0.0,)) for times in arrivals(Conditions()))


def test_delay_is_the_same_for_all() -> None:
    assert all(times == pytest.approx((0.2,)) for times in arrivals(Conditions(delay_s=0.2)))


@pytest.mark.parametrize("loss", [0.05, 0.5])
def test_loss_takes_its_share_and_counts_it(loss: float) -> None:
    link = Link(Conditions(loss=loss), seed=3)
    lost = sum(not link.send(100, i * EVERY_S) for i in range(COUNT))
    assert lost / COUNT == pytest.approx(loss, abs=0.02)
    assert (link.sent, link.lost, link.overflowed) == (COUNT, lost, 0)
    assert not any(arrivals(Conditions(loss=1.0)))


def test_jitter_is_spread_over_its_range_and_keeps_the_order() -> None:
    conditions = Conditions(delay_s=0.1, jitter_s=0.008)
    delays = [at for (at,) in arrivals(conditions)]
    assert 0.1 <= min(delays) < 0.101
    assert 0.107 < max(delays) <= 0.108001
    wide = order(replace(conditions, jitter_s=0.3))
    assert wide == list(range(COUNT))


def test_reordering_holds_its_share_back_and_later_packets_overtake() -> None:
    came = order(Conditions(reorder=0.1, held_back_s=0.035))
    assert sorted(came) == list(range(COUNT)), "none is lost, none comes twice"
    late = sum(a > b for a, b in pairwise(came))
    # A run of packets that are held back one after another is one step back.
    assert late / COUNT == pytest.approx(0.1 * 0.9, abs=0.02)


def test_duplication_delivers_its_share_twice() -> None:
    counts = [len(times) for times in arrivals(Conditions(duplicate=0.25))]
    assert set(counts) == {1, 2}
    assert counts.count(2) / COUNT == pytest.approx(0.25, abs=0.02)


def test_a_bottleneck_lets_its_rate_through_after_a_burst() -> None:
    link = Link(Conditions(bytes_per_s=10_000, burst_bytes=2000, queue_bytes=10**9))
    times = [at for _ in range(50) for at in link.send(1000, 0.0)]
    assert times[:2] == [0.0, 0.0], "the bucket was full"
    assert [b - a for a, b in pairwise(times[1:])] == pytest.approx([0.1] * 48)
    assert link.backlog(0.0) == 48_000
    assert link.backlog(1.0) == 38_000
    assert link.backlog(60.0) == 0


def test_a_full_queue_loses_what_comes_and_has_room_again_later() -> None:
    link = Link(Conditions(bytes_per_s=10_000, burst_bytes=1000, queue_bytes=5000))
    assert sum(bool(link.send(1000, 0.0)) for _ in range(20)) == 6
    assert (link.overflowed, link.lost) == (14, 0)
    assert link.send(1000, 0.1)
    assert not link.send(1000, 0.1)


def test_a_stall_holds_everything_back_and_then_lets_it_go_in_order() -> None:
    link = Link(Conditions(delay_s=0.01))
    link.send(100, 0.0)
    link.stall(0.005, 3.0)
    assert [link.send(100, at)[0] for at in (0.01, 1.0, 2.999, 4.0)] == pytest.approx([3.005, 3.005, 3.009, 4.01])


@pytest.mark.parametrize(
    "wrong",
    [{"loss": 1.1}, {"reorder": -0.1}, {"duplicate": 2}, {"delay_s": -1}, {"bytes_per_s": 0}, {"queue_bytes": -1}],
)
def test_impossible_conditions_are_refused(wrong: dict[str, Any]) -> None:
    with pytest.raises(ValueError):
        Conditions(**wrong)


shares = st.floats(0, 1)
any_conditions = st.builds(
    Conditions,
    loss=shares,
    delay_s=st.floats(0, 2),
    jitter_s=st.floats(0, 2),
    reorder=shares,
    held_back_s=st.floats(0, 1),
    duplicate=shares,
    bytes_per_s=st.none() | st.floats(100, 1e7),
    burst_bytes=st.integers(0, 10_000),
    queue_bytes=st.integers(0, 100_000),
)
packets = st.lists(st.tuples(st.floats(0, 0.5), st.integers(1, 1500)), max_size=60)


@given(any_conditions, packets, st.integers(0, 100))
def test_whatever_the_conditions_time_and_rate_are_kept(
    conditions: Conditions, script: list[tuple[float, int]], seed: int
) -> None:
    link, same = Link(conditions, seed), Link(conditions, seed)
    now, through = 0.0, 0
    for pause_s, size in script:
        now += pause_s
        times = link.send(size, now)
        assert times == same.send(size, now), "the same seed gives the same network"
        assert len(times) <= 2
        assert all(at >= now + conditions.delay_s - 1e-9 for at in times)
        assert link.backlog(now) <= conditions.queue_bytes + 1e-6
        if times and conditions.bytes_per_s is not None:
            through += size
            slowest = times[0] - conditions.delay_s
            assert through <= conditions.burst_bytes + conditions.bytes_per_s * slowest + 1e-3
    assert link.sent == len(script)


def test_a_reliable_stream_loses_nothing_and_keeps_its_order_while_lost_packets_are_repeated() -> None:
    link = Link(Conditions(loss=0.3, delay_s=0.05), seed=4)
    arrivals = [link.send_reliably(1000, now / 100) for now in range(500)]
    assert arrivals == sorted(arrivals)
    assert 80 < link.lost < 350
    assert arrivals[-1] >= 0.05 + RETRANSMISSION_S * link.lost, "every loss costs at least one timeout"
