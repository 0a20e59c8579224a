"""Rate limits: how many pass in any window, and how a flood is told."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from engine.errors import TooFast
from engine.transport.rate_limit import RateLimit


def test_the_limit_holds_in_any_window_and_what_is_refused_does_not_count() -> None:
    limit = RateLimit(2, 5, "offers")
    limit.check(0)
    limit.check(4)
    for now in (4.5, 4.9):
        with pytest.raises(TooFast, match="more than 2 offers in 5 s") as refused:
            limit.check(now)
        assert refused.value.retry_after_s == 5
    limit.check(5)


def test_a_flood_is_told_once_a_window() -> None:
    limit = RateLimit(1, 1, "messages")
    assert limit.check_once(0)
    with pytest.raises(TooFast, match="a second"):
        limit.check_once(0.1)
    assert not limit.check_once(0.2)
    assert limit.check_once(1.0)
    with pytest.raises(TooFast):
        limit.check_once(1.2)


@given(st.lists(st.floats(0, 0.5), max_size=80))
def test_no_window_ever_lets_more_than_the_limit_in(gaps: list[float]) -> None:
    limit, now, admitted = RateLimit(3, 1, "x"), 0.0, []
    for gap in gaps:
        now += gap
        try:
            limit.check(now)
            admitted.append(now)
        except TooFast:
            pass
    assert all(later - earlier >= 1 for earlier, later in zip(admitted, admitted[3:], strict=False))
