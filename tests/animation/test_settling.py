"""From a reply to an idle face: no jump, whenever the reply is cut off."""

from __future__ import annotations

import numpy as np
import pytest

from engine.animation.idle_motion import IdleMotion
from engine.animation.moods import MOOD_CHANGE_S
from engine.animation.pose import CHANNEL, rest_pose
from engine.animation.settling import MOUTH_S, Settling

STEP_S = 0.08


@pytest.mark.parametrize("cut_at", [0.4, 1.7, 3.3, 5.2])
def test_an_interrupted_face_settles_without_a_jump(cut_at: float) -> None:
    reply, idle_motion, settling = IdleMotion(3), IdleMotion(3), Settling()
    idle_motion.pose(cut_at - 5, "thinking")
    said = reply.pose(cut_at, "speaking")
    said[[CHANNEL["jaw_open"], CHANNEL["mouth_smile"], CHANNEL["head_pitch"]]] += 0.5, 0.4, -0.2
    settling.spoken(said)
    times = cut_at + 0.2 + np.arange(20) * STEP_S
    shown = np.stack([said, *(settling.settle(idle_motion.pose(float(t), "idle"), float(t)) for t in times)])
    assert np.allclose(shown[0], shown[1], atol=1e-6), "it begins as the reply looked last"
    slow = [i for name, i in CHANNEL.items() if name.startswith(("head", "brow", "cheek", "mouth_smile", "body"))]
    assert np.abs(np.diff(shown[:, slow], axis=0)).max() < 2 * 0.08
    by_then = int(MOUTH_S / STEP_S) + 2
    assert shown[by_then, CHANNEL["jaw_open"]] < 0.02
    assert np.array_equal(shown[-1], idle_motion.pose(float(times[-1]), "idle"))


def test_without_a_reply_nothing_is_changed() -> None:
    pose, settling = rest_pose(), Settling()
    assert settling.settle(pose, 1.0) is pose
    settling.spoken(pose + 1)
    assert settling.settle(pose, 2.0).min() == 1
    assert settling.settle(pose, 2.0 + MOOD_CHANGE_S) is pose
