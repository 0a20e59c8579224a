"""The pose vector: what a face does at one moment, in channels like those of ARKit's blendshapes.

A pose is ``(len(POSE_CHANNELS),) float32``. All channels are 0 at rest. Blendshapes are
0..1; gaze and head are signed, -1..1. "Left" is the tutor's own left, which is right in the picture.
"""

from __future__ import annotations

import numpy as np

from engine.items import FloatArray

POSE_CHANNELS: tuple[str, ...] = (
    # mouth
    "jaw_open",  # 1 is as wide as speech ever opens it ("ah" is about 0.7)
    "mouth_close",  # lips pressed together whatever the jaw does: 1 is shut (p, b, m)
    "mouth_funnel",  # lips forward and open round ("oh", "sh")
    "mouth_pucker",  # lips small and round ("oo", w)
    "mouth_stretch",  # corners apart ("ee", s)
    "mouth_smile",
    "mouth_frown",
    "lip_bite",  # lower lip under the upper teeth (f, v)
    "upper_lip_up",
    "lower_lip_down",
    "tongue_up",  # tip behind the upper teeth (l, n, t, d)
    "tongue_out",  # tip between the teeth (th)
    # eyes
    "blink_left",
    "blink_right",
    "look_x",  # signed; + is the tutor's left
    "look_y",  # signed; + is up
    "eye_wide",
    "eye_squint",
    # brows and cheeks
    "brow_inner_up",
    "brow_outer_up",
    "brow_down",
    "cheek_squint",
    "cheek_puff",
    # head and body; 1 is the largest motion a calm speaker makes (about 15 degrees)
    "head_yaw",  # signed; + towards the tutor's left
    "head_pitch",  # signed; + is up
    "head_roll",  # signed; + towards the tutor's left shoulder
    "breath",  # 0 exhaled, 1 inhaled
    "body_sway",  # signed; + leans towards the tutor's left
    "hair_sway",  # signed; + the tips of long hair swing towards the tutor's left
)

CHANNEL: dict[str, int] = {name: i for i, name in enumerate(POSE_CHANNELS)}
"""Index of each channel."""


_SIGNED = ("look_x", "look_y", "head_yaw", "head_pitch", "head_roll", "body_sway", "hair_sway")
_LOWEST: FloatArray = np.array([-1.0 if c in _SIGNED else 0.0 for c in POSE_CHANNELS], dtype=np.float32)


def in_range(pose: FloatArray) -> FloatArray:
    """``pose`` (channels,) with every channel in its range."""
    clipped: FloatArray = np.clip(pose, _LOWEST, 1.0)
    return clipped


def rest_pose() -> FloatArray:
    """All zero: mouth shut, eyes open, looking at the student."""
    return np.zeros(len(POSE_CHANNELS), dtype=np.float32)
