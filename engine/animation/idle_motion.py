"""Idle motion: what a face does besides talking. Blinks, glances, sway, breath and the look of a mood.

``IdleMotion`` is a function of the seed, the time and when the mood changed: asked again, it gives the
same pose. It is told the time and keeps no clock; one object per session, used by one thread at
a time. A call takes some tens of microseconds. Nothing needs closing.
"""

from __future__ import annotations

import math
from dataclasses import dataclass
from typing import Literal

import numpy as np

from engine.animation.idle_events import EventBlock, draw_events, eyelid, gaze_at, last_two, nodding, smoothstep
from engine.animation.pose import CHANNEL, POSE_CHANNELS, rest_pose
from engine.items import FPS, FRAME_SAMPLES, AnimatedFrame, FloatArray

Mood = Literal["idle", "listening", "thinking", "speaking"]
MOODS: tuple[Mood, ...] = ("idle", "listening", "thinking", "speaking")

MOOD_CHANGE_S = 0.7
"""A change of mood takes this long."""

BLOCK_S = 60.0
"""Blinks, glances and nods are drawn for this much time at once, each block from its own seed."""

_MAX_MOOD_CHANGES = 32
"""Changes remembered, for when time goes back."""

_LOOKS: dict[Mood, dict[str, float]] = {
    "idle": {"mouth_smile": 0.1},
    "listening": {
        "mouth_smile": 0.16, "brow_inner_up": 0.16, "brow_outer_up": 0.14, "eye_wide": 0.12,
        "head_roll": 0.28, "head_pitch": 0.04,
    },
    "thinking": {
        "look_x": 0.42, "look_y": 0.5, "brow_inner_up": 0.12, "brow_down": 0.18, "eye_squint": 0.12,
        "head_yaw": 0.22, "head_pitch": 0.16, "mouth_pucker": 0.1,
    },
    "speaking": {"mouth_smile": 0.1, "brow_outer_up": 0.06, "cheek_squint": 0.05},
}  # fmt: skip

"""The pose each mood adds. Drawn by eye, as are all amplitudes here."""

_SWAY: dict[Mood, float] = {"idle": 0.8, "listening": 0.55, "thinking": 0.7, "speaking": 1.0}
_GLANCE: dict[Mood, float] = {"idle": 1.0, "listening": 0.35, "thinking": 0.7, "speaking": 0.7}
"""How much of the sway and of the glances each mood keeps."""

_SWAYING: dict[str, float] = {
    "head_yaw": 0.16, "head_pitch": 0.09, "head_roll": 0.10, "brow_inner_up": 0.03, "brow_outer_up": 0.03,
}  # fmt: skip
"""Amplitude of each channel's slow drift."""

_SWAY_HZ = (0.07, 0.13, 0.23, 0.39)
"""The drift is a sum of sines of these frequencies, which share no period."""

_BREATH_S = 4.2
"""One breath: 14 a minute, within the 12 to 20 of an adult at rest."""

_ORDER = {mood: i for i, mood in enumerate(MOODS)}


@dataclass(frozen=True, slots=True)
class _MoodChange:
    at_s: float
    before: tuple[float, ...]
    """Weights of all moods, in the order of ``MOODS``, when the change began."""
    mood: Mood


class IdleMotion:
    """The idle motion of one face.

    Args:
        seed: determines everything random.
        loop_s: makes the motion periodic with this period (at least 4 s); only for ``idle_loop``.
    """

    def __init__(self, seed: int, loop_s: float | None = None) -> None:
        self.seed = seed
        self._loop_s = loop_s
        rng = np.random.default_rng([seed, 0])
        self._waves = {
            CHANNEL[name]: [(amplitude * w, self._period(hz), p) for w, hz, p in self._drift(rng)]
            for name, amplitude in _SWAYING.items()
        }
        self._breath_hz = self._period(1 / _BREATH_S)
        self._looks = {mood: _look(mood) for mood in MOODS}
        self._blocks: dict[int, EventBlock] = {}
        self._extra_blinks: list[float] = []
        self._moods: list[_MoodChange] = [_MoodChange(-1e9, _one_hot("idle"), "idle")]

    def pose(self, t_seconds: float, mood: Mood) -> FloatArray:
        """The face at a time on the session's clock: (len(POSE_CHANNELS),) float32, in range.

        Time may go back (a reply that was animated ahead was interrupted); mood changes after
        ``t_seconds`` are then forgotten.
        """
        weights = self._mood_weights(t_seconds, mood)
        block, since = self._block(t_seconds)
        pose = rest_pose()
        for name, weight in zip(MOODS, weights, strict=True):
            if weight > 0:
                pose += np.float32(weight) * self._looks[name]
        sway = sum(w * _SWAY[m] for m, w in zip(MOODS, weights, strict=True))
        for channel, waves in self._waves.items():
            pose[channel] += sway * sum(a * math.sin(2 * math.pi * (hz * t_seconds + phase)) for a, hz, phase in waves)
        pose[_BREATH] = _breath(self._breath_hz * t_seconds)
        x, y = gaze_at(block.glances, since)
        glance = sum(w * _GLANCE[m] for m, w in zip(MOODS, weights, strict=True))
        pose[_LOOK_X] += glance * x
        pose[_LOOK_Y] += glance * y
        pose[_PITCH] -= 0.22 * weights[_ORDER["listening"]] * nodding(block.nods, since)
        blinks = [since - at for at in last_two(block.blinks, since)] + [t_seconds - at for at in self._extra_blinks]
        looking_down = max(-float(pose[_LOOK_Y]), 0.0)
        lids = max(0.12 * looking_down, *map(eyelid, blinks), 0.0)
        pose[_BLINK_LEFT] = pose[_BLINK_RIGHT] = lids
        clipped: FloatArray = np.clip(pose, _LOWEST, 1.0)
        return clipped

    def blink_at(self, t_seconds: float) -> None:
        """Blink at that time, for pauses between clauses, unless another blink is within 0.6 s."""
        block, since = self._block(t_seconds)
        alone = all(abs(since - at) > 0.6 for at in block.blinks)
        if alone and all(abs(t_seconds - at) > 0.6 for at in self._extra_blinks):
            self._extra_blinks = [*self._extra_blinks[-7:], t_seconds]

    def idle_frame(self, t_seconds: float, mood: Mood = "idle", index: int = 0) -> AnimatedFrame:
        """One silent frame with the pose of that time."""
        return AnimatedFrame(index, _SILENCE, self.pose(t_seconds, mood), speaking=False)

    def _mood_weights(self, t: float, mood: Mood) -> tuple[float, ...]:
        while len(self._moods) > 1 and self._moods[-1].at_s > t:
            self._moods.pop()
        weights = self._weights_at(t)
        if self._moods[-1].mood != mood:
            self._moods.append(_MoodChange(t, weights, mood))
            del self._moods[:-_MAX_MOOD_CHANGES]
        return weights

    def _weights_at(self, t: float) -> tuple[float, ...]:
        change = self._moods[-1]
        done = smoothstep((t - change.at_s) / MOOD_CHANGE_S)
        goal = _one_hot(change.mood)
        return tuple(b + (g - b) * done for b, g in zip(change.before, goal, strict=True))

    def _block(self, t: float) -> tuple[EventBlock, float]:
        """The block of time that contains ``t``, and ``t`` counted from its start."""
        length = self._loop_s or BLOCK_S
        number = math.floor(t / length)
        key = 0 if self._loop_s is not None else number
        if key not in self._blocks:
            while len(self._blocks) >= 3:
                del self._blocks[min(self._blocks)]
            self._blocks[key] = draw_events(np.random.default_rng([self.seed, 1, key & 0xFFFFFFFF]), length)
        return self._blocks[key], t - number * length

    def _drift(self, rng: np.random.Generator) -> list[tuple[float, float, float]]:
        """Sines of one channel: (weight, Hz, phase in cycles); the weights sum to 1."""
        weights = rng.uniform(0.5, 1.0, len(_SWAY_HZ)) * (1.0, 0.8, 0.4, 0.2)
        phases = rng.uniform(0, 1, len(_SWAY_HZ))
        return list(zip(weights / weights.sum(), _SWAY_HZ, phases, strict=True))

    def _period(self, hz: float) -> float:
        """``hz``, or the nearest frequency with a whole number of cycles in the loop."""
        if self._loop_s is None:
            return hz
        return max(1, round(hz * self._loop_s)) / self._loop_s


def idle_loop(seconds: float, seed: int) -> FloatArray:
    """Poses of a seamless loop of idle motion: (round(seconds * FPS), channels) float32.

    The first pose follows the last as smoothly as any other two in a row.

    Raises:
        ValueError: shorter than 4 s, too short for a blink to look natural.
    """
    if seconds < 4:
        raise ValueError(f"an idle loop of {seconds} s is too short: use at least 4")
    count = round(seconds * FPS)
    idle_motion = IdleMotion(seed, loop_s=count / FPS)
    return np.stack([idle_motion.pose(i / FPS, "idle") for i in range(count)])


def _breath(cycles: float) -> float:
    """0 exhaled to 1 inhaled; ``cycles`` counts breaths. In for two fifths of a cycle, out for the rest."""
    phase = cycles % 1.0
    return smoothstep(phase / 0.4) if phase < 0.4 else 1 - smoothstep((phase - 0.4) / 0.6)


def _look(mood: Mood) -> FloatArray:
    pose = rest_pose()
    for name, value in _LOOKS[mood].items():
        pose[CHANNEL[name]] = value
    return pose


def _one_hot(mood: Mood) -> tuple[float, ...]:
    return tuple(float(m == mood) for m in MOODS)


_SIGNED = ("look_x", "look_y", "head_yaw", "head_pitch", "head_roll")
_LOWEST: FloatArray = np.array([-1.0 if c in _SIGNED else 0.0 for c in POSE_CHANNELS], dtype=np.float32)
_SILENCE: FloatArray = np.zeros(FRAME_SAMPLES, dtype=np.float32)
_SILENCE.setflags(write=False)
_BREATH, _LOOK_X, _LOOK_Y, _PITCH = (CHANNEL[c] for c in ("breath", "look_x", "look_y", "head_pitch"))
_BLINK_LEFT, _BLINK_RIGHT = CHANNEL["blink_left"], CHANNEL["blink_right"]
