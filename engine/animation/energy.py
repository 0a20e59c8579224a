"""Loudness, and a mouth that opens with it: the baseline that ``audio_driven.py`` has to beat.

``energy_track`` is what ``scripts/train_audio_face.py`` compares the network with. Pure functions; safe from any
thread.
"""

from __future__ import annotations

import numpy as np

from engine.animation.pose import CHANNEL
from engine.animation.visemes import MOUTH_CHANNELS
from engine.items import FRAME_SAMPLES, FloatArray

_SILENT_DB = -50.0
"""Below this level, in dB of full scale, the mouth is shut."""

_RANGE_DB = 26.0
"""Range of levels below the loudest over which the mouth opens."""


def loudness_db(pcm: FloatArray) -> FloatArray:
    """Level of each frame of 40 ms: (n,) float32 mono 24 kHz to (n // 960,) float32, dB of full scale."""
    whole = len(pcm) // FRAME_SAMPLES * FRAME_SAMPLES
    power = np.mean(pcm[:whole].reshape(-1, FRAME_SAMPLES) ** 2, axis=1)
    level: FloatArray = (10 * np.log10(power + 1e-10)).astype(np.float32)
    return level


def energy_track(pcm: FloatArray, loudest_db: float = -18.0) -> FloatArray:
    """One mouth per whole frame of audio: (n // 960, 12) float32, 0..1.

    Args:
        pcm: (n,) float32 mono, 24 kHz.
        loudest_db: level at which the mouth is widest, raised to the loudest frame if that is louder.
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
