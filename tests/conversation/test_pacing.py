"""How fast frames are made: small batches first, deadlines from what the client plays."""

from __future__ import annotations

from hypothesis import given
from hypothesis import strategies as st

from engine.conversation.pacing import MAX_BATCH, Pacing
from engine.items import FRAME_MS


def test_the_first_frame_comes_alone_and_the_next_ones_in_pairs() -> None:
    pacing = Pacing()
    assert pacing.batch_size(now=1.0) == 1
    pacing.made += 1
    assert pacing.batch_size(now=1.0) == 2


def test_the_batch_grows_with_what_the_client_has_in_store() -> None:
    pacing = Pacing()
    pacing.made = 20
    pacing.add_sent(20, now=1.0)
    assert pacing.batch_size(now=1.0) == MAX_BATCH
    assert pacing.batch_size(now=1.0 + 15 * FRAME_MS / 1000) == 2
    assert pacing.batch_size(now=9.0) == 1, "it has nothing left"


def test_a_frame_is_due_when_the_client_plays_it() -> None:
    pacing = Pacing()
    assert pacing.deadline(0, now=5.0) == 5.0
    pacing.add_sent(1, now=6.0)
    assert pacing.deadline(10, now=99.0) == 6.0 + 10 * FRAME_MS / 1000


def test_a_pause_of_the_client_moves_the_deadlines() -> None:
    pacing = Pacing()
    pacing.add_sent(1, now=6.0)
    pacing.add_sent(1, now=8.0)  # the first frame was played by 6.04; the client has waited since
    assert pacing.deadline(2, now=8.0) == 8.0 - FRAME_MS / 1000 + 2 * FRAME_MS / 1000


@given(st.lists(st.tuples(st.integers(1, MAX_BATCH), st.floats(0, 0.5)), min_size=1, max_size=30))
def test_batches_stay_in_bounds_and_deadlines_never_go_back(steps: list[tuple[int, float]]) -> None:
    pacing, now, last = Pacing(), 0.0, 0.0
    for frames, wait in steps:
        assert 1 <= pacing.batch_size(now) <= MAX_BATCH
        pacing.made += frames
        now += wait
        pacing.add_sent(frames, now)
        due = pacing.deadline(pacing.sent, now)
        assert due >= last
        last = due
