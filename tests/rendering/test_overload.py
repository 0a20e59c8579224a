"""Overload in virtual time: which pictures are left out, and when a session has to wait."""

from __future__ import annotations

import pytest

from engine.items import FPS
from engine.rendering.overload import FEWEST, Admission, Thinning


def drive(thinning: Thinning, sessions: int, picture_s: float, seconds: float, start: float = 0.0) -> list[list[int]]:
    """Sessions that speak at once on one drawing thread; gives how many pictures each had drawn in each second.

    A picture may be drawn up to 0.5 s before its deadline.
    """
    now, drawn = start, [[0] * sessions for _ in range(int(seconds))]
    for index in range(int(seconds * FPS)):
        due = start + index / FPS
        now = max(now, due - 0.5)
        for session in range(sessions):
            if thinning.draws(index):
                began, now = now, now + picture_s
                thinning.observe(began, now, due - now)
                drawn[min(int(index / FPS), len(drawn) - 1)][session] += 1
    return drawn


def test_what_can_be_drawn_is_drawn() -> None:
    thinning = Thinning()
    drawn = drive(thinning, sessions=8, picture_s=0.0042, seconds=10)
    assert all(count == FPS for second in drawn for count in second)


def test_too_much_is_thinned_evenly_until_it_fits() -> None:
    thinning = Thinning()
    drawn = drive(thinning, sessions=11, picture_s=0.006, seconds=20)
    for second in drawn:
        assert max(second) - min(second) <= 2, "no session pays for another"
    assert max(drawn[-1]) <= FPS * 0.6
    assert min(drawn[-1]) >= FPS / 3, "no more is left out than needed"


def test_lateness_stays_bounded_under_overload() -> None:
    thinning, now, worst = Thinning(), 0.0, 0.0
    for index in range(FPS * 30):
        due = index / FPS
        now = max(now, due - 0.5)
        for _ in range(14):
            if thinning.draws(index):
                began, now = now, now + 0.006
                thinning.observe(began, now, due - now)
        if index > 3 * FPS:
            worst = max(worst, now - due)
    assert worst < 0.2


def test_pictures_come_back_when_the_load_goes() -> None:
    thinning = Thinning()
    drive(thinning, sessions=12, picture_s=0.006, seconds=10)
    assert thinning.every > 1
    drive(thinning, sessions=2, picture_s=0.006, seconds=5, start=10.0)
    assert thinning.every == 1


def test_a_slow_voice_is_no_reason_to_leave_pictures_out() -> None:
    thinning, now = Thinning(), 0.0
    for _ in range(FPS * 10):
        thinning.observe(now, now + 0.006, -0.5)  # long past its deadline, but the renderer has time
        now += 0.05
    assert thinning.every == 1


def test_there_is_a_floor() -> None:
    thinning = Thinning()
    drive(thinning, sessions=40, picture_s=0.02, seconds=60)
    assert thinning.every == FEWEST
    assert thinning.draws(0)


def test_the_load_is_forgotten() -> None:
    thinning = Thinning()
    drive(thinning, sessions=12, picture_s=0.006, seconds=10)
    assert thinning.thins_at(10.0)
    assert not thinning.thins_at(60.0)
    thinning.observe(60.0, 60.006, 0.5)
    assert thinning.every == 1


@pytest.mark.parametrize(("picture_s", "fits"), [(0.001, True), (0.004, True), (0.02, False)])
def test_admission_follows_the_cost_of_a_picture(picture_s: float, fits: bool) -> None:
    refused = Admission(64, measured=True).refuse(
        sessions=20, present=20, speaking=3, picture_s=picture_s, thinning=False
    )
    assert (refused is None) == fits


def test_admission_counts_who_speaks() -> None:
    admission = Admission(64, measured=True)
    assert admission.refuse(sessions=8, present=8, speaking=2, picture_s=0.006, thinning=False) is None
    refused = admission.refuse(sessions=8, present=8, speaking=7, picture_s=0.006, thinning=False)
    assert refused is not None
    assert refused[1] > 0, "it says when to come back"


def test_nobody_is_admitted_while_pictures_are_left_out() -> None:
    admission = Admission(64, measured=True)
    assert admission.refuse(sessions=5, present=5, speaking=1, picture_s=0.001, thinning=True) is not None


def test_sessions_whose_students_have_left_take_no_place() -> None:
    admission = Admission(64, measured=True)
    assert admission.refuse(sessions=30, present=30, speaking=0, picture_s=0.01, thinning=False) is not None
    assert admission.refuse(sessions=30, present=2, speaking=0, picture_s=0.01, thinning=False) is None
    assert admission.refuse(sessions=64, present=2, speaking=0, picture_s=0.01, thinning=False) is not None


def test_one_session_always_fits() -> None:
    admission = Admission(64, measured=True)
    assert admission.refuse(sessions=0, present=0, speaking=0, picture_s=5.0, thinning=False) is None


def test_a_fixed_number_asks_for_no_measurement() -> None:
    admission = Admission(3, measured=False)
    assert admission.refuse(sessions=2, present=2, speaking=2, picture_s=5.0, thinning=True) is None
    assert admission.refuse(sessions=3, present=3, speaking=0, picture_s=0.0, thinning=False) is not None
