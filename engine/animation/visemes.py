"""What each viseme looks like, and how strongly it dominates its neighbours, channel by channel.

Tables only: targets in the mouth channels of ``pose.py``, and dominances as in ``coarticulation.py``
(how much a viseme pulls a channel while its neighbours pull it too). The numbers were tuned by eye on the drawn
tutors and checked with ``bench/lipsync.py``. Built once at import.
"""

from __future__ import annotations

from collections.abc import Mapping

import numpy as np

from engine.animation.phonemes import VISEMES
from engine.animation.pose import CHANNEL, POSE_CHANNELS
from engine.items import FloatArray

MOUTH_CHANNELS = 12
"""This many channels, the first of a pose, are the mouth's."""

VISEME: dict[str, int] = {name: i for i, name in enumerate(VISEMES)}

_TARGETS: dict[str, dict[str, float]] = {
    "sil": {},
    "PP": {"mouth_close": 1.0, "jaw_open": 0.04},
    "FF": {"lip_bite": 1.0, "jaw_open": 0.08, "upper_lip_up": 0.3},
    "TH": {"jaw_open": 0.2, "tongue_out": 0.9, "mouth_stretch": 0.15, "lower_lip_down": 0.15},
    "DD": {"jaw_open": 0.17, "tongue_up": 0.9, "mouth_stretch": 0.2, "lower_lip_down": 0.15},
    "kk": {"jaw_open": 0.22, "mouth_stretch": 0.1},
    "CH": {"jaw_open": 0.12, "mouth_funnel": 0.7, "upper_lip_up": 0.3, "lower_lip_down": 0.3},
    "SS": {"jaw_open": 0.09, "mouth_stretch": 0.5, "lower_lip_down": 0.35, "upper_lip_up": 0.2},
    "nn": {"jaw_open": 0.17, "tongue_up": 1.0, "mouth_stretch": 0.15},
    "RR": {"jaw_open": 0.18, "mouth_funnel": 0.4, "mouth_pucker": 0.3},
    "aa": {"jaw_open": 0.7, "lower_lip_down": 0.3, "upper_lip_up": 0.2, "mouth_stretch": 0.1},
    "E": {"jaw_open": 0.44, "mouth_stretch": 0.4, "lower_lip_down": 0.3, "upper_lip_up": 0.2},
    "ih": {"jaw_open": 0.26, "mouth_stretch": 0.65, "mouth_smile": 0.1, "lower_lip_down": 0.25, "upper_lip_up": 0.15},
    "oh": {"jaw_open": 0.46, "mouth_funnel": 0.75, "mouth_pucker": 0.15},
    "ou": {"jaw_open": 0.2, "mouth_pucker": 0.95, "mouth_funnel": 0.2},
}

_GROUPS: dict[str, tuple[str, ...]] = {
    "jaw": ("jaw_open",),
    "shut": ("mouth_close", "lip_bite"),
    "round": ("mouth_funnel", "mouth_pucker"),
    "lips": ("mouth_stretch", "mouth_smile", "mouth_frown", "upper_lip_up", "lower_lip_down"),
    "tongue": ("tongue_up", "tongue_out"),
}
"""Channels that move together and share one dominance."""

_DOMINANCE: dict[str, dict[str, float]] = {
    "sil": {"jaw": 1.0, "shut": 1.0, "round": 1.0, "lips": 1.0, "tongue": 1.0},
    "PP": {"jaw": 0.45, "shut": 1.0, "round": 0.15, "lips": 0.3, "tongue": 0.1},
    "FF": {"jaw": 1.0, "shut": 1.0, "round": 0.3, "lips": 0.5, "tongue": 0.1},
    "TH": {"jaw": 0.7, "shut": 0.8, "round": 0.15, "lips": 0.2, "tongue": 1.0},
    "DD": {"jaw": 0.35, "shut": 0.6, "round": 0.06, "lips": 0.1, "tongue": 1.0},
    "kk": {"jaw": 0.2, "shut": 0.5, "round": 0.03, "lips": 0.04, "tongue": 0.5},
    "CH": {"jaw": 1.0, "shut": 1.0, "round": 0.9, "lips": 0.7, "tongue": 0.4},
    "SS": {"jaw": 1.0, "shut": 1.0, "round": 0.12, "lips": 0.6, "tongue": 0.4},
    "nn": {"jaw": 0.3, "shut": 0.6, "round": 0.05, "lips": 0.06, "tongue": 1.0},
    "RR": {"jaw": 0.6, "shut": 0.8, "round": 0.6, "lips": 0.4, "tongue": 0.4},
    "aa": {"jaw": 1.0, "shut": 1.0, "round": 0.8, "lips": 0.7, "tongue": 0.7},
    "E": {"jaw": 0.8, "shut": 1.0, "round": 0.8, "lips": 0.8, "tongue": 0.7},
    "ih": {"jaw": 0.7, "shut": 1.0, "round": 0.9, "lips": 0.9, "tongue": 0.7},
    "oh": {"jaw": 0.9, "shut": 1.0, "round": 1.0, "lips": 0.8, "tongue": 0.7},
    "ou": {"jaw": 0.8, "shut": 1.0, "round": 1.0, "lips": 0.9, "tongue": 0.7},
}

_REACH_MS: dict[str, tuple[float, float]] = {
    # before, after: milliseconds over which the pull falls to 1/e
    "jaw": (36.0, 32.0),
    "shut": (25.0, 25.0),
    "round": (85.0, 55.0),
    "lips": (50.0, 42.0),
    "tongue": (30.0, 30.0),
}


def _mouth_row(values: Mapping[str, float]) -> FloatArray:
    row = np.zeros(MOUTH_CHANNELS, dtype=np.float32)
    for name, value in values.items():
        row[CHANNEL[name]] = value
    return row


TARGETS: FloatArray = np.stack([_mouth_row(_TARGETS[v]) for v in VISEMES])
"""(15, 12) float32, 0..1: the mouth channels of each viseme."""

GROUP_CHANNELS: tuple[tuple[int, ...], ...] = tuple(tuple(CHANNEL[c] for c in cs) for cs in _GROUPS.values())
"""Indices of the mouth channels in each group; together they are all twelve."""

DOMINANCE: FloatArray = np.array([[_DOMINANCE[v][g] for g in _GROUPS] for v in VISEMES], dtype=np.float32)
"""(15, groups) float32, 0..1."""

REACH_S: FloatArray = np.array([_REACH_MS[g] for g in _GROUPS], dtype=np.float32) / np.float32(1000)
"""(groups, 2) float32: seconds a pull reaches ahead of its segment, and after it."""


def viseme_pose(viseme: str, amount: float = 1.0) -> FloatArray:
    """A whole pose that shows one viseme: (len(POSE_CHANNELS),) float32, for contact sheets, benches and tests."""
    pose = np.zeros(len(POSE_CHANNELS), dtype=np.float32)
    pose[:MOUTH_CHANNELS] = TARGETS[VISEME[viseme]] * amount
    return pose
