"""Which pictures are drawn next: deadlines, buckets, cancellation, overload, starvation."""

from __future__ import annotations

from hypothesis import given
from hypothesis import strategies as st

from engine.rendering.scheduler import BatchPolicy, CostTable


def costs(per_batch: float = 0.004, per_frame: float = 0.001) -> CostTable:
    table = CostTable([1, 2, 4, 8])
    for size in table.sizes:
        for _ in range(200):
            table.observe(size, per_batch + per_frame * size)
    return table


def test_earliest_deadline_first() -> None:
    policy = BatchPolicy(costs())
    late, early = policy.add(9.0), policy.add(1.0)
    assert policy.next_batch(0) == [early, late]


def test_the_largest_batch_that_meets_the_earliest_deadline() -> None:
    policy = BatchPolicy(costs())
    tickets = [policy.add(0.0085) for _ in range(8)]
    # 4 take 8 ms, 8 take 12 ms.
    assert policy.next_batch(0.0) == tickets[:4]


def test_a_missed_deadline_is_served_alone_and_at_once_where_each_picture_costs() -> None:
    policy = BatchPolicy(costs(per_batch=0.001, per_frame=0.004))
    first = policy.add(-1.0)
    policy.add(5.0)
    assert policy.next_batch(0.0) == [first]


def test_deep_overload_uses_the_most_efficient_batch() -> None:
    policy = BatchPolicy(costs())
    for _ in range(40):
        policy.add(-1.0)
    assert len(policy.next_batch(0.0)) == 8


def gpu() -> CostTable:
    """Four pictures take hardly longer than one."""
    return CostTable([1, 2, 4, 8], {1: 0.010, 2: 0.0105, 4: 0.012, 8: 0.020})


def test_late_pictures_are_drawn_together_where_that_is_nearly_free() -> None:
    policy = BatchPolicy(gpu())
    tickets = [policy.add(-1.0) for _ in range(6)]
    assert policy.next_batch(0.0) == tickets[:4]
    assert policy.next_batch(0.0) == tickets[4:]


def test_a_bucket_need_not_be_full() -> None:
    policy = BatchPolicy(gpu())
    tickets = [policy.add(-1.0) for _ in range(3)]
    assert policy.next_batch(0.0) == tickets, "three in the bucket of four"
    tickets = [policy.add(1.0) for _ in range(3)]
    assert policy.next_batch(0.0) == tickets


def test_a_gpu_catches_up_after_it_stood_still() -> None:
    """Eight faces at 25 fps on a device that draws 400 a second in fours; it stood still for half a second."""
    policy = BatchPolicy(gpu())
    due = [frame * 0.04 + 0.02 for frame in range(50) for _ in range(8)]
    now, added, late = 0.5, 0, 0
    deadlines: dict[int, float] = {}
    while added < len(due) or len(policy):
        while added < len(due) and due[added] - 0.2 <= now:
            deadlines[policy.add(due[added])] = due[added]
            added += 1
        batch = policy.next_batch(now)
        now += gpu()[gpu().bucket(len(batch))] if batch else 0.001
        late += sum(now > deadlines[ticket] for ticket in batch)
        if now > 1.5:
            assert all(now <= deadlines[ticket] for ticket in batch)
    assert 100 < late < 250, "what fell due while it stood still, and little more"


def test_costs_begin_with_what_was_measured() -> None:
    table = CostTable([1, 2, 4], {1: 0.010, 4: 0.012})
    assert (table[1], table[4]) == (0.010, 0.012)
    assert table.frame_s() == 0.003


def test_cancelled_requests_are_never_drawn() -> None:
    policy = BatchPolicy(costs())
    tickets = [policy.add(float(i)) for i in range(6)]
    for ticket in tickets[::2]:
        policy.cancel(ticket)
    drawn: list[int] = []
    while batch := policy.next_batch(-100.0):
        drawn += batch
    assert drawn == tickets[1::2]
    assert len(policy) == 0


@given(st.lists(st.tuples(st.floats(0, 10), st.booleans()), max_size=60))
def test_every_live_request_is_drawn_once(items: list[tuple[float, bool]]) -> None:
    policy = BatchPolicy(costs())
    live = set()
    for deadline, cancel in items:
        ticket = policy.add(deadline)
        if cancel:
            policy.cancel(ticket)
        else:
            live.add(ticket)
    drawn: list[int] = []
    now = 0.0
    while batch := policy.next_batch(now):
        drawn += batch
        now += 0.01
    assert sorted(drawn) == sorted(live)


def test_nobody_starves_in_virtual_time() -> None:
    """Twelve faces at 25 fps on a device that draws 8 in 12 ms: no picture is late."""
    policy = BatchPolicy(costs())
    due: dict[int, float] = {}
    now, late, next_frame = 0.0, 0, [0.01 * i / 12 for i in range(12)]
    while now < 4.0:
        for face, at in enumerate(next_frame):
            if at <= now:
                due[policy.add(at + 0.08)] = at + 0.08
                next_frame[face] = at + 0.04
        batch = policy.next_batch(now)
        now += costs_of(len(batch)) if batch else 0.001
        late += sum(now > due.pop(ticket) for ticket in batch)
    assert late == 0


def costs_of(count: int) -> float:
    return 0.004 + 0.001 * count


def test_bucket_is_the_smallest_that_holds_them() -> None:
    table = CostTable([1, 2, 4])
    assert [table.bucket(n) for n in (1, 2, 3, 4, 9)] == [1, 2, 4, 4, 4]
