"""Frame dropping in virtual time: which pictures are drawn under load."""

from __future__ import annotations

from engine.items import FPS
from engine.rendering.frame_dropping import MAX_EVERY, FrameDropping


def drive(
    dropping: FrameDropping, sessions: int, picture_s: float, seconds: float, start: float = 0.0
) -> list[list[int]]:
    """Sessions that speak at once on one drawing thread; gives how many pictures each had drawn in each second.

    A picture may be drawn up to 0.5 s before its deadline.
    """
    now, drawn = start, [[0] * sessions for _ in range(int(seconds))]
    for index in range(int(seconds * FPS)):
        due = start + index / FPS
        now = max(now, due - 0.5)
        for session in range(sessions):
            if dropping.draws(index):
                began, now = now, now + picture_s
                dropping.observe(began, now, due - now)
                drawn[min(int(index / FPS), len(drawn) - 1)][session] += 1
    return drawn


def test_what_can_be_drawn_is_drawn() -> None:
    dropping = FrameDropping()
    drawn = drive(dropping, sessions=8, picture_s=0.0042, seconds=10)
    assert all(count == FPS for second in drawn for count in second)


def test_pictures_are_dropped_evenly_until_the_rest_can_be_drawn() -> None:
    dropping = FrameDropping()
    drawn = drive(dropping, sessions=11, picture_s=0.006, seconds=20)
    for second in drawn:
        assert max(second) - min(second) <= 2, "no session loses more than another"
    assert max(drawn[-1]) <= FPS * 0.6
    assert min(drawn[-1]) >= FPS / 3, "no more are dropped than necessary"


def test_lateness_stays_bounded_under_overload() -> None:
    dropping, now, worst = FrameDropping(), 0.0, 0.0
    for index in range(FPS * 30):
        due = index / FPS
        now = max(now, due - 0.5)
        for _ in range(14):
            if dropping.draws(index):
                began, now = now, now + 0.006
                dropping.observe(began, now, due - now)
        if index > 3 * FPS:
            worst = max(worst, now - due)
    assert worst < 0.2


def test_pictures_come_back_when_the_load_goes() -> None:
    dropping = FrameDropping()
    drive(dropping, sessions=12, picture_s=0.006, seconds=10)
    assert dropping.every > 1
    drive(dropping, sessions=2, picture_s=0.006, seconds=5, start=10.0)
    assert dropping.every == 1


def test_a_slow_voice_alone_drops_no_pictures() -> None:
    dropping, now = FrameDropping(), 0.0
    for _ in range(FPS * 10):
        dropping.observe(now, now + 0.006, -0.5)  # long past its deadline, but the renderer has time
        now += 0.05
    assert dropping.every == 1


def test_at_least_every_fifth_picture_is_drawn() -> None:
    dropping = FrameDropping()
    drive(dropping, sessions=40, picture_s=0.02, seconds=60)
    assert dropping.every == MAX_EVERY
    assert dropping.draws(0)


def test_old_load_is_forgotten() -> None:
    dropping = FrameDropping()
    drive(dropping, sessions=12, picture_s=0.006, seconds=10)
    assert dropping.active_at(10.0)
    assert not dropping.active_at(60.0)
    dropping.observe(60.0, 60.006, 0.5)
    assert dropping.every == 1
