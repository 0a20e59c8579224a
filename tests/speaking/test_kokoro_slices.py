"""Where a clause is cut so that its audio can be computed while it plays."""

from __future__ import annotations

import numpy as np
import pytest

from engine.items import FloatArray
from engine.speaking.kokoro_graph import FRAMES_PER_S, LEAD, MARGIN, Level
from engine.speaking.kokoro_slices import SlicePlan

OVERHEAD_S = (2 * MARGIN + LEAD) / FRAMES_PER_S


def energy(frames: int, quiet: tuple[int, ...] = ()) -> FloatArray:
    curve = np.full(2 * frames, 8.0, np.float32)
    for frame in quiet:
        curve[2 * frame : 2 * frame + 2] = -5.0
    return curve


def play(frames: int, cost: float) -> tuple[list[tuple[int, int]], float]:
    """The slices of a clause on a machine of this cost, and for how many seconds playback had to wait for one."""
    plan = SlicePlan(energy(frames), 0, frames, cost)
    now = started = done = late = 0.0
    slices: list[tuple[int, int]] = []
    while not plan.done:
        start, end = plan.next(done - (now - started) if slices else 0.0)
        slices.append((start, end))
        now += ((end - start) / FRAMES_PER_S + OVERHEAD_S) * cost
        if len(slices) == 1:
            started = now
        late = max(late, now - started - done)
        done += (end - start) / FRAMES_PER_S
    return slices, late


@pytest.mark.parametrize("cost", [0.02, 0.1, 0.3, 0.5, 0.6, 0.7])
@pytest.mark.parametrize("frames", [30, 80, 200, 500])
def test_the_next_slice_is_ready_before_the_last_one_has_played(cost: float, frames: int) -> None:
    slices, late = play(frames, cost)
    assert late == 0.0
    assert [start for start, _ in slices[1:]] == [end for _, end in slices[:-1]]
    assert slices[0][0] == 0 and slices[-1][1] == frames


def test_the_faster_the_machine_the_sooner_the_first_sound() -> None:
    firsts = [play(400, cost)[0][0][1] for cost in (0.05, 0.5, 0.7)]
    assert firsts[0] / FRAMES_PER_S < 0.65
    assert firsts == sorted(firsts) and firsts[0] < firsts[-1]


@pytest.mark.parametrize("cost", [0.9, 1.2, 2.0])
def test_a_machine_slower_than_speech_begins_before_all_is_computed(cost: float) -> None:
    slices, late = play(100, cost)
    assert len(slices) > 1 and slices[0][1] < 85
    assert late < 0.1


@pytest.mark.parametrize("ahead_s", [-5.0, 0.0, 0.3, 5.0])
@pytest.mark.parametrize("cost", [0.01, 0.6, 0.84, 0.86, 3.0])
def test_slices_follow_each_other_to_the_end_however_late_they_are(ahead_s: float, cost: float) -> None:
    for frames in (1, 15, 33, 100, 401):
        plan = SlicePlan(energy(frames), 0, frames, cost)
        at = 0
        while not plan.done:
            start, end = plan.next(ahead_s)
            assert start == at < end
            assert end - start >= min(16, frames)
            at = end
        assert at == frames


def test_cuts_are_where_the_voice_is_quiet() -> None:
    plan = SlicePlan(energy(200, quiet=(21,)), 0, 200, 0.1)
    assert plan.next(0.0) == (0, 21)


def test_a_short_clause_is_one_slice() -> None:
    plan = SlicePlan(energy(24), 4, 24, 0.5)
    assert plan.next(0.0) == (4, 24)
    assert plan.done


def test_slices_come_to_one_level() -> None:
    level = Level()
    assert level.gain(-6.0, 2.0) == 1.0
    assert level.gain(-6.5, 1.0) > 1.0
    assert level.gain(-5.0, 1.0) < 1.0
    assert level.gain(-30.0, 0.1) <= 1.6, "a slice is never made much louder"
