"""Idle pictures in virtual time: few, and none that would be missed."""

from __future__ import annotations

import numpy as np
import pytest

from engine.animation.idle_motion import IdleMotion
from engine.animation.moods import Mood
from engine.animation.pose import CHANNEL, rest_pose
from engine.animation.stillness import MAX_GAP_S, Stillness

DUE_S = 0.08


@pytest.mark.parametrize("seed", range(4))
@pytest.mark.parametrize("mood", ["idle", "listening", "thinking"])
def test_a_waiting_face_is_drawn_seldom_and_its_blinks_are_seen(mood: Mood, seed: int) -> None:
    idle_motion, stillness = IdleMotion(seed), Stillness()
    shown_at, lids, seen_lids = [], [], []
    shown = rest_pose()
    for tick in range(int(60 / DUE_S)):
        pose = idle_motion.pose(tick * DUE_S, mood)
        if stillness.shows(pose, tick * DUE_S):
            shown_at.append(tick * DUE_S)
            shown = pose
        lids.append(pose[CHANNEL["blink_left"]])
        seen_lids.append(shown[CHANNEL["blink_left"]])
        assert abs(shown[CHANNEL["head_yaw"]] - pose[CHANNEL["head_yaw"]]) * 28 < 0.6
    assert len(shown_at) < 60 * 6
    assert np.diff(shown_at).max() <= MAX_GAP_S + DUE_S
    assert max(lids) > 0.5, "it blinked"
    assert np.abs(np.array(lids) - seen_lids).max() < 0.06


def test_the_same_pose_is_drawn_again_only_for_who_has_not_seen_it() -> None:
    stillness, pose = Stillness(), rest_pose()
    assert stillness.shows(pose, 0.0)
    assert not stillness.shows(pose.copy(), 0.5)
    stillness.forget()
    assert stillness.shows(pose, 0.6)
    assert not stillness.shows(pose, 0.7)
    assert stillness.shows(pose, 0.6 + MAX_GAP_S)
