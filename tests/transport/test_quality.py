"""The steps of quality and the caution in going up again, in virtual time."""

from __future__ import annotations

from itertools import pairwise

import pytest
from hypothesis import given
from hypothesis import strategies as st

from engine.transport.quality import MAX_PATIENCE_S, PATIENCE_S, Quality, QualityControl, quality_steps

STEPS = quality_steps(800_000, 64_000)


def cost(quality: Quality) -> float:
    return quality.video_bitrate + quality.audio_bitrate


def control(start: int = 0) -> QualityControl:
    return QualityControl(STEPS, cost, start)


def test_each_step_takes_less_than_the_one_before_and_pictures_go_before_the_voice() -> None:
    assert STEPS[0] == Quality(800_000, 1, 64_000)
    assert all(cost(a) > cost(b) and a.every <= b.every for a, b in pairwise(STEPS))
    assert all(step.audio_bitrate >= 24_000 for step in STEPS)
    assert STEPS[-1].every > 25, "stills"


@pytest.mark.parametrize("wanted", [50_000, 100_000, 400_000, 5_000_000])
def test_the_first_step_is_what_is_wanted_and_none_takes_more(wanted: int) -> None:
    steps = quality_steps(wanted, 20_000)
    assert steps[0] == Quality(wanted, 1, 20_000)
    assert all(step.video_bitrate < wanted and step.audio_bitrate == 20_000 for step in steps[1:])


def test_it_goes_down_at_once_as_far_as_need_be() -> None:
    held = control()
    held.update(cost(STEPS[3]), 10.0)
    assert held.step == 3
    held.update(1.0, 10.1)
    assert held.step == len(STEPS) - 1, "the last step stays whatever happens"


def test_it_goes_up_one_step_after_the_other_when_there_has_been_room_for_long_enough() -> None:
    held = control()
    held.update(cost(STEPS[4]), 0.0)
    times = []
    for tenth in range(200):
        before = held.step
        held.update(1e9, tenth / 10)
        if held.step != before:
            times.append(tenth / 10)
    assert held.step == 0
    assert times == pytest.approx([PATIENCE_S * n for n in range(1, 5)], abs=0.11)


def test_room_that_comes_and_goes_raises_nothing() -> None:
    held = control()
    held.update(cost(STEPS[3]), 0.0)
    for second in range(100):
        held.update(1e9 if second % 2 else cost(STEPS[3]), second / 1)
    assert held.step == 3


def test_an_unknown_line_that_has_room_gets_the_best_at_once_and_only_once() -> None:
    held = control(start=2)
    held.update(cost(STEPS[2]), 0.0)
    assert held.step == 2
    held.update(1e9, 0.1)
    assert held.step == 0
    held.update(cost(STEPS[3]), 1.0)
    held.update(1e9, 1.1)
    assert held.step == 3


def test_a_line_that_fails_each_trial_is_tried_more_and_more_rarely() -> None:
    held = control()
    held.update(cost(STEPS[3]), 0.0)
    rises = []
    for tenth in range(6000):
        now = tenth / 10
        before = held.step
        held.update(cost(STEPS[2]) if before == 3 else cost(STEPS[3]), now)
        if held.step < before:
            rises.append(now)
    gaps = [b - a for a, b in pairwise(rises)]
    assert all(b > a - 0.11 for a, b in pairwise(gaps)), "each wait is as long as the one before or longer"
    assert gaps[0] < 2.5 * PATIENCE_S and gaps[-1] == pytest.approx(MAX_PATIENCE_S, abs=0.5)


@given(st.lists(st.tuples(st.floats(0, 5), st.floats(0, 2e6)), max_size=200))
def test_whatever_is_measured_what_fits_is_never_exceeded_nor_two_steps_taken_up(
    measured: list[tuple[float, float]],
) -> None:
    held, now = control(), 0.0
    for since, bits in measured:
        now += since
        before = held.step
        held.update(bits, now)
        assert cost(held.quality) <= bits or held.step == len(STEPS) - 1
        assert held.step >= before - 1
