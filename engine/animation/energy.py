"""A mouth that opens with loudness: the plainest way from sound alone to motion.

The fallback for sounds no network was trained for, and the baseline the network in
``audio_driven.py`` must beat. Pure functions; safe from any thread.
"""

from __future__ import annotations

import numpy as np

from engine.animation.pose import CHANNEL
from engine.animation.visemes import MOUTH_CHANNELS
from engine.items import FRAME_SAMPLES, FloatArray

_SILENT_DB = -50.0
_RANGE_DB = 26.0
"""From shut to wide open below the loudest level."""


def loudness_db(pcm: FloatArray) -> FloatArray:
    """Level of each 40 ms: (n,) float32 mono 24 kHz to (n // 960,) float32 dB of full scale."""
    whole = len(pcm) // FRAME_SAMPLES * FRAME_SAMPLES
    power = np.mean(pcm[:whole].reshape(-1, FRAME_SAMPLES) ** 2, axis=1)
    level: FloatArray = (10 * np.log10(power + 1e-10)).astype(np.float32)
    return level


def energy_track(pcm: FloatArray, loudest_db: float = -18.0) -> FloatArray:
    """A mouth for each whole 40 ms of sound: (n // 960, 12) float32, 0..1.

    Args:
        pcm: (n,) float32 mono, 24 kHz.
        loudest_db: level at which the mouth is widest; speech louder than this raises it.
    """
    level = loudness_db(pcm)
    track = np.zeros((len(level), MOUTH_CHANNELS), dtype=np.float32)
    if len(level) == 0:
        return track
    top = max(loudest_db, float(level.max()))
    opening = np.clip(1 + (level - top) / _RANGE_DB, 0, 1)
    opening[level < _SILENT_DB] = 0
    track[:, CHANNEL["jaw_open"]] = 0.55 * opening**1.5
    track[:, CHANNEL["lower_lip_down"]] = 0.3 * opening
    track[:, CHANNEL["mouth_stretch"]] = 0.2 * opening
    return track
