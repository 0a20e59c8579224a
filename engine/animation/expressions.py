"""What expressions look like, and how one passes into another while the tutor speaks.

Told the time frame by frame; one ``ExpressionTrack`` per reply, used by one thread at a time. Shapes and times are
judgements, by eye.
"""

from __future__ import annotations

import math
from collections.abc import Mapping

from engine.animation.pose import CHANNEL, rest_pose
from engine.items import FPS, Expression, FloatArray

_SHAPES: Mapping[Expression, Mapping[str, float]] = {
    "neutral": {},
    "glad": {"mouth_smile": 0.42, "cheek_squint": 0.4, "brow_outer_up": 0.12, "eye_squint": 0.1, "head_pitch": 0.04},
    "gentle": {
        "mouth_smile": -0.08, "brow_inner_up": 0.5, "brow_outer_up": -0.06, "eye_squint": 0.06,
        "head_roll": 0.22, "head_pitch": -0.08,
    },
    "thoughtful": {
        "mouth_smile": -0.06, "brow_down": 0.22, "brow_inner_up": 0.1, "eye_squint": 0.16, "look_x": 0.22,
        "look_y": 0.2, "head_yaw": 0.12, "head_roll": -0.14,
    },
    "surprised": {
        "mouth_smile": 0.12, "brow_inner_up": 0.6, "brow_outer_up": 0.65, "eye_wide": 0.55, "head_pitch": 0.1,
    },
}  # fmt: skip
"""What is added to the speaking face. ``gentle`` takes its smile away."""

ATTACK_S, DECAY_S = 0.22, 0.5
"""Time constants with which an expression comes, and with which it goes."""

SURPRISE_S = 1.0
"""Surprise passes after this long; the others last as long as their clause."""


class ExpressionTrack:
    """The expressions of one reply."""

    def __init__(self) -> None:
        self._planned: list[tuple[float, Expression]] = []
        self._goal: FloatArray = rest_pose()
        self._now: FloatArray = rest_pose()

    def plan(self, expression: Expression, at_s: float) -> None:
        """``expression`` from ``at_s`` on, in seconds on the reply's timeline; later than what was planned before."""
        self._planned = [planned for planned in self._planned if planned[0] < at_s]
        self._planned.append((at_s, expression))
        if expression == "surprised":
            self._planned.append((at_s + SURPRISE_S, "neutral"))

    def step(self, t: float) -> FloatArray:
        """What is added to the pose of the frame at ``t``: (channels,) float32. Called once per frame, in order."""
        due = [expression for at_s, expression in self._planned if at_s <= t]
        if due:
            self._planned = [(at_s, expression) for at_s, expression in self._planned if at_s > t]
            self._goal = shape(due[-1])
        rising = abs(self._goal).sum() > abs(self._now).sum()
        share = 1 - math.exp(-1 / (FPS * (ATTACK_S if rising else DECAY_S)))
        self._now = self._now + (self._goal - self._now) * share
        return self._now


def shape(expression: Expression) -> FloatArray:
    """A pose to add: (channels,) float32; values may be below the range of a pose."""
    pose = rest_pose()
    for name, value in _SHAPES[expression].items():
        pose[CHANNEL[name]] = value
    return pose
