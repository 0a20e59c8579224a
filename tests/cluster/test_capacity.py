"""Headroom agrees with admission, and nothing overloaded gets a session."""

from __future__ import annotations

from dataclasses import replace
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from engine.admission import MAX_DRAWING_SHARE, MIN_SPEAKING_SHARE, Admission
from engine.cluster.capacity import (
    LATE_LOOP_S,
    SESSION_BYTES,
    Load,
    headroom,
)
from engine.items import FPS

IDLE = Load(sessions=2, max_sessions=10, present=2)


def test_places_bind_where_nothing_was_measured() -> None:
    assert headroom(IDLE) == 8
    assert headroom(replace(IDLE, sessions=12)) == 0


@pytest.mark.parametrize(
    "trouble",
    [
        {"draining": True},
        {"dropping": True},
        {"loop_lag_s": LATE_LOOP_S},
    ],
)
def test_an_engine_in_trouble_has_no_room(trouble: dict[str, Any]) -> None:
    assert headroom(replace(IDLE, **trouble)) == 0


def test_memory_binds() -> None:
    assert headroom(replace(IDLE, free_bytes=3 * SESSION_BYTES + 1)) == 3
    assert headroom(replace(IDLE, free_bytes=SESSION_BYTES - 1)) == 0


@given(
    sessions=st.integers(0, 80),
    speaking=st.integers(0, 80),
    picture_s=st.floats(0.0004, 0.05),
    max_sessions=st.integers(1, 100),
)
def test_admission_lets_in_exactly_as_many_as_headroom_says(
    sessions: int, speaking: int, picture_s: float, max_sessions: int
) -> None:
    """Sessions come one after the other until admission refuses; nobody begins to speak meanwhile."""
    speaking = min(speaking, sessions)
    room = headroom(
        Load(
            sessions=sessions,
            max_sessions=max_sessions,
            present=sessions,
            speaking=speaking,
            picture_s=picture_s,
            fps=FPS,
            drawing_share=MAX_DRAWING_SHARE,
            speaking_share=MIN_SPEAKING_SHARE,
        )
    )
    admission, admitted = Admission(max_sessions, measured=True), 0
    while admission.refuse(sessions + admitted, sessions + admitted, speaking, picture_s, False) is None:
        admitted += 1
    assert abs(room - admitted) <= (1 if admitted else 0), "one, where the share is a whole number up to rounding"
    assert (room == 0) == (admitted == 0)
