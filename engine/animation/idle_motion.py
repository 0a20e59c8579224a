"""Idle motion: what a face does besides talking. Blinks, glances, sway, breath and the look of a mood.

``IdleMotion`` is a function of the seed, the time and when the mood changed: asked again, it gives the
same pose. It is told the time and keeps no clock; one object per session, used by one thread at
a time. A call takes some tens of microseconds. Nothing needs closing.
"""

from __future__ import annotations

import copy
import math

import numpy as np

from engine.animation.gaze import HEAD_FOLLOWS_S, gaze_at
from engine.animation.idle_events import EventBlock, draw_events, eyelid, last_two, nodding, posture_at
from engine.animation.moods import MOODS, Mood, MoodTrack, Weights, smoothstep
from engine.animation.pose import CHANNEL, in_range, rest_pose
from engine.items import FPS, FRAME_SAMPLES, AnimatedFrame, FloatArray

BLOCK_S = 60.0
"""Blinks, glances, nods and postures are drawn for this much time at once, each block from its own seed."""

_LOOKS: dict[Mood, dict[str, float]] = {
    "idle": {"mouth_smile": 0.12},
    "listening": {
        "mouth_smile": 0.16, "brow_inner_up": 0.16, "brow_outer_up": 0.14, "eye_wide": 0.1,
        "head_roll": 0.3, "head_pitch": 0.04,
    },
    "thinking": {
        "brow_inner_up": 0.1, "brow_down": 0.16, "eye_squint": 0.12, "head_pitch": 0.08, "head_roll": -0.1,
        "mouth_pucker": 0.1,
    },
    "speaking": {"mouth_smile": 0.1, "brow_outer_up": 0.06, "cheek_squint": 0.05},
}  # fmt: skip
"""The pose each mood adds. Drawn by eye, as are all amplitudes here."""

_SWAY: dict[Mood, float] = {"idle": 0.9, "listening": 0.55, "thinking": 0.7, "speaking": 1.0}
"""How much of the sway and of the shifts of posture each mood keeps."""

_SWAYING: dict[str, float] = {
    "head_yaw": 0.12, "head_pitch": 0.07, "head_roll": 0.09, "brow_inner_up": 0.03, "brow_outer_up": 0.03,
    "body_sway": 0.35,
}  # fmt: skip
"""Amplitude of each channel's slow drift."""

_SWAY_HZ = (0.07, 0.13, 0.23, 0.39)
"""The drift is a sum of sines of these frequencies, which share no period."""

_BREATH_S = 4.2
"""One breath: 14 a minute, within the 12 to 20 of an adult at rest."""

_FOLLOW_YAW, _FOLLOW_PITCH = 0.32, 0.26
"""How far the head goes with a glance away."""

_STEADY_EYES = 0.4
"""How far the eyes turn against the head, so that they stay on the student while it sways."""

_HAIR_LAG_S = 0.24
"""The tips of the hair are where the head was this long ago. A judgement."""

_NOD = 0.24
"""``head_pitch`` of a full nod of a listener."""

EXTRA_NOD_GAP_S = 1.6
"""Nods that are asked for are at least this far apart."""


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
        self._extra_nods: list[float] = []
        self._moods = MoodTrack()

    def pose(self, t_seconds: float, mood: Mood) -> FloatArray:
        """The face at a time on the session's clock: (len(POSE_CHANNELS),) float32, in range.

        Time may go back (a reply that was animated ahead was interrupted); mood changes after
        ``t_seconds`` are then forgotten.
        """
        weights, eye_weights = self._moods.weights(t_seconds, mood)
        block, since = self._block(t_seconds)
        pose = rest_pose()
        for name, weight in zip(MOODS, weights, strict=True):
            if weight > 0:
                pose += np.float32(weight) * self._looks[name]
        self._move_head(pose, t_seconds, block, since, weights)
        pose[_BREATH] = _breath(self._breath_hz * t_seconds)
        self._look(pose, block, since, weights, eye_weights)
        blinks = [since - at for at in last_two(block.blinks, since)] + [t_seconds - at for at in self._extra_blinks]
        looking_down = max(-float(pose[_LOOK_Y]), 0.0)
        lids = max(0.12 * looking_down, *map(eyelid, blinks), 0.0)
        pose[_BLINK_LEFT] = pose[_BLINK_RIGHT] = lids
        return in_range(pose)

    def _move_head(self, pose: FloatArray, t: float, block: EventBlock, since: float, weights: Weights) -> None:
        """Sway, posture and nods; the eyes turn against the head, and the hair lags behind it."""
        sway = _weighted(_SWAY, weights)
        for channel, waves in self._waves.items():
            pose[channel] += sway * _sum_of_sines(waves, t)
        held = posture_at(block.postures, since)
        for channel, value in ((_YAW, held.yaw), (_PITCH, held.pitch), (_ROLL, held.roll), (_BODY, held.sway)):
            pose[channel] += sway * value
        pose[_LOOK_X] -= _STEADY_EYES * pose[_YAW]
        pose[_LOOK_Y] -= _STEADY_EYES * pose[_PITCH]
        before = posture_at(block.postures, since - _HAIR_LAG_S)
        turned = sway * (held.yaw - before.yaw + held.roll - before.roll)
        for channel in (_YAW, _ROLL):
            waves = self._waves[channel]
            turned += sway * (_sum_of_sines(waves, t) - _sum_of_sines(waves, t - _HAIR_LAG_S))
        pose[_HAIR] = 0.25 * float(pose[_BODY]) - 3.0 * turned
        attention = weights[_LISTENING] + weights[_THINKING]
        if attention:
            own = weights[_LISTENING] * nodding(block.nods, since)
            asked = attention * max((nodding(((0.0, 1.0),), t - at) for at in self._extra_nods), default=0.0)
            pose[_PITCH] -= _NOD * max(own, asked)

    def _look(self, pose: FloatArray, block: EventBlock, since: float, face: Weights, eyes: Weights) -> None:
        """Fixations and glances of the moods; the head follows the glances away."""
        for mood, head_weight, eye_weight in zip(MOODS, face, eyes, strict=True):
            if eye_weight > 0:
                x, y = gaze_at(block.gaze[mood].eyes, since)
                pose[_LOOK_X] += eye_weight * x
                pose[_LOOK_Y] += eye_weight * y
            if head_weight > 0:
                x, y = gaze_at(block.gaze[mood].head, since, HEAD_FOLLOWS_S)
                pose[_YAW] += _FOLLOW_YAW * head_weight * x
                pose[_PITCH] += _FOLLOW_PITCH * head_weight * y

    def branch(self) -> IdleMotion:
        """The same face from here on in another timeline, such as a reply's that is animated ahead of time.

        Moods, blinks and nods asked of one are not seen in the other.
        """
        other = copy.copy(self)
        other._moods = self._moods.copy()
        other._extra_blinks, other._extra_nods = list(self._extra_blinks), list(self._extra_nods)
        return other

    def nod_at(self, t_seconds: float) -> None:
        """Nod at that time if the tutor then listens, for pauses of the student, unless it nods already."""
        block, since = self._block(t_seconds)
        alone = all(abs(since - at) > EXTRA_NOD_GAP_S for at, _ in block.nods)
        if alone and all(abs(t_seconds - at) > EXTRA_NOD_GAP_S for at in self._extra_nods):
            self._extra_nods = [*self._extra_nods[-3:], t_seconds]

    def blink_at(self, t_seconds: float) -> None:
        """Blink at that time, for pauses between clauses, unless another blink is within 0.6 s."""
        block, since = self._block(t_seconds)
        alone = all(abs(since - at) > 0.6 for at in block.blinks)
        if alone and all(abs(t_seconds - at) > 0.6 for at in self._extra_blinks):
            self._extra_blinks = [*self._extra_blinks[-7:], t_seconds]

    def idle_frame(self, t_seconds: float, mood: Mood = "idle", index: int = 0) -> AnimatedFrame:
        """One silent frame with the pose of that time."""
        return AnimatedFrame(index, _SILENCE, self.pose(t_seconds, mood), speaking=False)

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


def _weighted(amounts: dict[Mood, float], weights: Weights) -> float:
    return sum(weight * amounts[mood] for mood, weight in zip(MOODS, weights, strict=True))


def _sum_of_sines(waves: list[tuple[float, float, float]], t: float) -> float:
    """Of (amplitude, Hz, phase in cycles)."""
    return sum(a * math.sin(2 * math.pi * (hz * t + phase)) for a, hz, phase in waves)


_SILENCE: FloatArray = np.zeros(FRAME_SAMPLES, dtype=np.float32)
_SILENCE.setflags(write=False)
_BREATH, _LOOK_X, _LOOK_Y, _PITCH = (CHANNEL[c] for c in ("breath", "look_x", "look_y", "head_pitch"))
_YAW, _ROLL, _BODY, _HAIR = (CHANNEL[c] for c in ("head_yaw", "head_roll", "body_sway", "hair_sway"))
_BLINK_LEFT, _BLINK_RIGHT = CHANNEL["blink_left"], CHANNEL["blink_right"]
_LISTENING, _THINKING = MOODS.index("listening"), MOODS.index("thinking")
