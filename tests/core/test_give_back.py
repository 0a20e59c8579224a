"""When freed memory goes back to the system."""

from __future__ import annotations

import pytest

from engine.sessions import GIVE_BACK_AT_LATEST_S, GIVE_BACK_EVERY_S, give_back_due


@pytest.mark.parametrize(
    ("since_s", "speaking", "collected", "due"),
    [
        (1, False, True, True),
        (GIVE_BACK_EVERY_S + 1, False, False, True),
        (GIVE_BACK_EVERY_S - 1, False, False, False),
        (GIVE_BACK_EVERY_S + 1, True, True, False),
        (GIVE_BACK_AT_LATEST_S + 1, True, False, True),
    ],
    ids=["quiet, just collected", "quiet for long", "quiet, lately", "somebody speaks", "somebody always speaks"],
)
def test_it_goes_back_in_quiet_moments_and_at_the_latest_all_the_same(
    since_s: float, speaking: bool, collected: bool, due: bool
) -> None:
    assert give_back_due(since_s, speaking=speaking, collected=collected) is due
