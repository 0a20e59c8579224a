"""A face that is alive: the same way each time, without jumps, at the pace of people."""

from __future__ import annotations

import time

import numpy as np
import pytest

from engine.animation.idle_events import BLINK_S, eyelid
from engine.animation.idle_motion import IdleMotion, idle_loop
from engine.animation.moods import MOODS, Mood
from engine.animation.pose import CHANNEL, POSE_CHANNELS
from engine.items import FPS, FloatArray

BLINKS = [CHANNEL["blink_left"], CHANNEL["blink_right"]]
GAZE = [CHANNEL["look_x"], CHANNEL["look_y"]]
MAX_STEP = 0.08
"""How far any channel but eyelids and gaze may move between two pictures."""

SLOW = [i for name, i in CHANNEL.items() if not name.startswith(("blink", "look"))]
SIGNED = [i for name, i in CHANNEL.items() if name.startswith(("look", "head")) or name.endswith("_sway")]
UNSIGNED = [i for i in range(len(POSE_CHANNELS)) if i not in SIGNED]


def live(seed: int, seconds: float, mood: Mood = "idle", start: float = 0.0) -> FloatArray:
    idle_motion = IdleMotion(seed)
    return np.stack([idle_motion.pose(start + i / FPS, mood) for i in range(int(seconds * FPS))])


def blink_starts(poses: FloatArray) -> FloatArray:
    shut = poses[:, BLINKS[0]] > 0.5
    starts: FloatArray = (np.flatnonzero(shut[1:] & ~shut[:-1]) / FPS).astype(np.float32)
    return starts


@pytest.mark.parametrize("mood", MOODS)
def test_within_range_and_without_jumps_in_every_mood(mood: Mood) -> None:
    poses = live(4, 150, mood)
    assert poses.dtype == np.float32
    assert poses[:, UNSIGNED].min() >= 0 and np.abs(poses).max() <= 1
    assert np.abs(np.diff(poses[:, SLOW], axis=0)).max() <= MAX_STEP


def test_the_same_seed_lives_the_same_life_and_another_does_not() -> None:
    assert np.array_equal(live(1, 20), live(1, 20))
    assert not np.allclose(live(1, 20), live(2, 20), atol=0.05)


def test_asking_out_of_order_gives_the_same() -> None:
    forward = live(7, 70)
    idle_motion = IdleMotion(7)
    backward = np.stack([idle_motion.pose(i / FPS, "idle") for i in reversed(range(70 * FPS))])[::-1]
    assert np.array_equal(forward, backward)


def test_a_clock_far_from_zero_costs_nothing_more() -> None:
    idle_motion = IdleMotion(1)
    start = time.thread_time()
    idle_motion.pose(40_000_000.0, "idle")
    assert time.thread_time() - start < 0.1


def test_blinks_come_every_four_seconds_at_irregular_times() -> None:
    starts = np.concatenate([blink_starts(live(seed, 240)) + seed * 1000 for seed in range(4)])
    gaps = np.diff(starts)
    gaps = gaps[gaps < 60]
    assert 3.3 < 4 * 240 / len(starts) < 4.7
    assert gaps.std() > 1.0
    assert (gaps < 0.6).sum() >= 3  # some are double


def test_a_blink_shuts_faster_than_it_opens() -> None:
    times = np.linspace(0, BLINK_S, 500)
    lids = np.array([eyelid(float(t)) for t in times])
    shut = times[lids > 0.99]
    assert 0.15 < BLINK_S < 0.3 and len(shut)
    assert shut[0] < BLINK_S - shut[-1]
    assert eyelid(-1) == eyelid(BLINK_S) == 0


def test_every_blink_shows_in_a_picture() -> None:
    for phase in np.linspace(0, 0.04, 9):
        assert max(eyelid(float(phase) + i / FPS) for i in range(8)) > 0.85


def test_both_eyes_blink_together() -> None:
    poses = live(3, 60)
    assert np.array_equal(poses[:, BLINKS[0]], poses[:, BLINKS[1]])


@pytest.mark.parametrize("mood", MOODS)
def test_gaze_jumps_and_rests(mood: Mood) -> None:
    speed = np.abs(np.diff(live(5, 120, mood)[:, GAZE], axis=0)).max(axis=1)
    assert (speed < 0.02).mean() > 0.9
    jumps = speed > 0.02
    assert 0.4 < (jumps[1:] & ~jumps[:-1]).sum() / 120 < 2.5  # saccades a second; people make up to three


def looking_away(mood: Mood) -> float:
    """The share of the time."""
    idle_motion = IdleMotion(8)
    poses = np.stack([idle_motion.pose(i / 5, mood) for i in range(300 * 5)])
    return float((np.hypot(poses[:, GAZE[0]], poses[:, GAZE[1]]) > 0.16).mean())


def test_the_tutor_looks_at_the_student_and_away_when_thinking() -> None:
    away = {mood: looking_away(mood) for mood in MOODS}
    assert away["listening"] < 0.2
    assert away["listening"] < away["speaking"] < 0.4 and away["idle"] < 0.4
    assert 0.6 < away["thinking"] < 0.95


def test_moods_look_different() -> None:
    looks = {mood: live(2, 100, mood)[2 * FPS :].mean(axis=0) for mood in MOODS}
    thinking, listening, idle = looks["thinking"], looks["listening"], looks["idle"]
    assert thinking[CHANNEL["look_y"]] > 0.1 and thinking[CHANNEL["brow_down"]] > 0.1
    assert listening[CHANNEL["head_roll"]] > idle[CHANNEL["head_roll"]] + 0.15
    assert listening[CHANNEL["brow_outer_up"]] > idle[CHANNEL["brow_outer_up"]] + 0.08


def nods(poses: FloatArray) -> int:
    """How often the head is lowered by more than drift lowers it in the same time."""
    pitch = poses[:, CHANNEL["head_pitch"]]
    before = np.array([pitch[max(0, i - FPS // 2) : i + 1].max() for i in range(len(pitch))])
    down = before - pitch > 0.1
    return int((down[1:] & ~down[:-1]).sum())


def test_a_listener_nods_now_and_then() -> None:
    assert 4 < nods(live(1, 180, "listening")) / 3 < 12


@pytest.mark.parametrize(("mood", "asked"), [("listening", 1), ("thinking", 1), ("speaking", 0)])
def test_an_asked_nod_happens_while_the_tutor_attends(mood: Mood, asked: int) -> None:
    idle_motion = IdleMotion(2)
    own = [at for at, _ in idle_motion._block(0.0)[0].nods]
    quiet = next(t for t in np.arange(2.0, 50, 0.1) if all(abs(at - t) > 3 for at in own))
    plain = live(2, 5, mood, start=quiet - 2)
    idle_motion.nod_at(quiet)
    idle_motion.nod_at(quiet + 0.5)
    nodding = np.stack([idle_motion.pose(quiet - 2 + i / FPS, mood) for i in range(5 * FPS)])
    lower = (plain - nodding)[:, CHANNEL["head_pitch"]] > 0.17  # more than the small one after it
    assert (lower[1:] & ~lower[:-1]).sum() == asked


def test_the_body_leans_and_the_hair_swings_after_the_head() -> None:
    poses = live(6, 120)
    assert poses[:, CHANNEL["body_sway"]].std() > 0.1
    assert 0.02 < poses[:, CHANNEL["hair_sway"]].std() < 0.3


def test_a_branch_goes_its_own_way() -> None:
    session, plain = IdleMotion(4), IdleMotion(4)
    reply = session.branch()
    for i in range(40):
        reply.pose(10 + i / FPS, "speaking")
        reply.blink_at(10.5)
    for i in range(50):
        assert np.array_equal(session.pose(10 + i / FPS, "thinking"), plain.pose(10 + i / FPS, "thinking"))
    going_on = np.stack([reply.pose(11.6 + i / FPS, "speaking") for i in range(30)])
    assert np.abs(np.diff(going_on[:, SLOW], axis=0)).max() < MAX_STEP


def test_changing_moods_takes_time() -> None:
    idle_motion = IdleMotion(9)
    poses = [idle_motion.pose(i / FPS, MOODS[(i // 20) % 4]) for i in range(1500)]
    assert np.abs(np.diff(np.stack(poses)[:, SLOW], axis=0)).max() <= MAX_STEP


def test_going_back_in_time_forgets_the_mood_changes_after_it() -> None:
    plain, rewound = IdleMotion(3), IdleMotion(3)
    for idle_motion in (plain, rewound):
        for i in range(50):
            idle_motion.pose(i / FPS, "speaking")
    for i in range(60, 120):
        rewound.pose(i / FPS, "listening")
    for i in range(50, 100):
        assert np.array_equal(plain.pose(i / FPS, "speaking"), rewound.pose(i / FPS, "speaking"))


def test_an_asked_blink_happens_unless_one_is_near() -> None:
    still = live(11, 30)
    quiet = float(next(t for t in np.arange(1.0, 28, 0.1) if all(abs(blink_starts(still) - t) > 1.2)))
    idle_motion = IdleMotion(11)
    idle_motion.blink_at(quiet)
    idle_motion.blink_at(quiet + 0.2)
    poses = np.stack([idle_motion.pose(i / FPS, "idle") for i in range(30 * FPS)])
    assert len(blink_starts(poses)) == len(blink_starts(still)) + 1


def test_an_idle_frame_is_silent() -> None:
    frame = IdleMotion(1).idle_frame(1.0, "listening", index=7)
    assert frame.index == 7 and frame.pcm.shape == (960,) and not frame.pcm.any() and not frame.speaking
    assert frame.pose.shape == (len(POSE_CHANNELS),)


@pytest.mark.parametrize("seconds", [4.0, 8.0, 11.2])
@pytest.mark.parametrize("seed", [0, 1, 2])
def test_the_idle_loop_has_no_seam(seconds: float, seed: int) -> None:
    loop = idle_loop(seconds, seed)
    assert loop.shape == (round(seconds * FPS), len(POSE_CHANNELS))
    steps = np.abs(np.diff(np.concatenate((loop, loop[:1])), axis=0))
    seam, inside = steps[-1], steps[:-1].max(axis=0)
    assert (seam <= inside + 1e-4).all()
    assert loop[:, BLINKS].max() > 0.8 and loop[0, BLINKS].max() < 0.05


def test_a_loop_too_short_for_a_blink_is_refused() -> None:
    with pytest.raises(ValueError, match="too short"):
        idle_loop(1, 0)


def test_an_idle_session_costs_little() -> None:
    idle_motion = IdleMotion(1)
    idle_motion.pose(0, "idle")
    start = time.process_time()
    for i in range(1000):
        idle_motion.pose(i / FPS, "idle")
    assert (time.process_time() - start) / 40 < 0.01  # of a core, for 40 s of idling
