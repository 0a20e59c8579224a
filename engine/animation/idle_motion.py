"""What a face does besides talking: blinks, glances, sway, breath and the look of a mood.

``IdleMotion`` is a function of (seed, time, when the mood changed): asked again, it answers the
same. It is told the time and keeps no clock; one object per session, used by one thread at
a time. A call costs some tens of microseconds. Nothing needs closing.
"""

from __future__ import annotations

import math
from bisect import bisect_right
from dataclasses import dataclass
from typing import Literal

import numpy as np

from engine.animation.pose import CHANNEL, POSE_CHANNELS, rest_pose
from engine.items import FPS, FRAME_SAMPLES, AnimatedFrame, FloatArray

Mood = Literal["idle", "listening", "thinking", "speaking"]
MOODS: tuple[Mood, ...] = ("idle", "listening", "thinking", "speaking")

MOOD_CHANGE_S = 0.7
"""A change of mood takes this long."""

EASE_S = 0.24
"""``ease_from`` has melted the old pose into the new one after this long."""

MAX_SLEW = 0.08
"""Most any channel but eyelids and gaze moves from one picture to the next by itself."""

BLOCK_S = 60.0
"""Blinks, glances and nods are decided for so long at once, each block from its own seed."""

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

_SWAY: dict[Mood, float] = {"idle": 0.8, "listening": 0.55, "thinking": 0.7, "speaking": 1.0}
_GLANCE: dict[Mood, float] = {"idle": 1.0, "listening": 0.35, "thinking": 0.7, "speaking": 0.7}

_SWAYING: dict[str, float] = {
    "head_yaw": 0.16, "head_pitch": 0.09, "head_roll": 0.10, "brow_inner_up": 0.03, "brow_outer_up": 0.03,
}  # fmt: skip
"""Amplitude of the slow drift of each channel."""

_SWAY_HZ = (0.07, 0.13, 0.23, 0.39)
_BREATH_S = 4.2
_BLINK_MEAN_S = 4.0
_CLOSING_S, _CLOSED_S, _OPENING_S = 0.07, 0.04, 0.13
BLINK_S = _CLOSING_S + _CLOSED_S + _OPENING_S
_SACCADE_S = 0.05
_NOD_S = 0.62
_ORDER = {mood: i for i, mood in enumerate(MOODS)}


def smoothstep(x: float) -> float:
    """0 at 0, 1 at 1, flat at both."""
    x = min(max(x, 0.0), 1.0)
    return x * x * (3 - 2 * x)


def eyelid(since_s: float) -> float:
    """How shut the eyes are, 0..1, so long after a blink began: fast down, held, slower up."""
    if since_s <= 0 or since_s >= BLINK_S:
        return 0.0
    if since_s < _CLOSING_S:
        return smoothstep(since_s / _CLOSING_S)
    return 1 - smoothstep((since_s - _CLOSING_S - _CLOSED_S) / _OPENING_S)


@dataclass(frozen=True, slots=True)
class _Glance:
    at_s: float
    x: float
    y: float


@dataclass(frozen=True, slots=True)
class _Block:
    """What happens by itself in one stretch of time, in seconds from its start.

    Nothing is under way at its ends, so blocks join without a jump.
    """

    blinks: tuple[float, ...]
    glances: tuple[_Glance, ...]
    nods: tuple[tuple[float, float], ...]
    """(start, size)"""


@dataclass(frozen=True, slots=True)
class _MoodChange:
    at_s: float
    before: tuple[float, ...]
    """Weights of the moods when it began."""
    mood: Mood


class IdleMotion:
    """The liveliness of one face.

    Args:
        seed: everything random follows from it.
        loop_s: make it periodic with this period (at least 4 s); only for ``idle_loop``.
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
        self._blocks: dict[int, _Block] = {}
        self._asked_blinks: list[float] = []
        self._moods: list[_MoodChange] = [_MoodChange(-1e9, _one_hot("idle"), "idle")]
        self._eased: tuple[float, FloatArray] | None = None

    def pose(self, t_seconds: float, mood: Mood) -> FloatArray:
        """The face at a time of the session's clock: (len(POSE_CHANNELS),) float32.

        Times may go back (a reply made ahead was interrupted); mood changes later than
        ``t_seconds`` are then forgotten.
        """
        pose = self._unblended(t_seconds, mood)
        if self._eased is not None:
            since, difference = self._eased
            left = 1 - smoothstep((t_seconds - since) / EASE_S)
            if left > 0:
                pose = np.clip(pose + difference * np.float32(left), _LOWEST, 1.0)
            else:
                self._eased = None
        return pose

    def ease_from(self, pose: FloatArray, t_seconds: float, mood: Mood) -> None:
        """What is on the screen at ``t_seconds`` is ``pose``: go on from there without a jump.

        For a reply that is cut off in the middle of a word or a nod.
        """
        self._eased = (t_seconds, pose - self._unblended(t_seconds, mood))

    def blink_at(self, t_seconds: float) -> None:
        """Blink then, unless the eyes are blinking anyway (for pauses between clauses)."""
        block, since = self._block(t_seconds)
        alone = all(abs(since - at) > 0.6 for at in block.blinks)
        if alone and all(abs(t_seconds - at) > 0.6 for at in self._asked_blinks):
            self._asked_blinks = [*self._asked_blinks[-7:], t_seconds]

    def idle_frame(self, t_seconds: float, mood: Mood = "idle", index: int = 0) -> AnimatedFrame:
        """A silent picture's worth of being there."""
        return AnimatedFrame(index, _SILENCE, self.pose(t_seconds, mood), speaking=False)

    # --- how it is made

    def _unblended(self, t: float, mood: Mood) -> FloatArray:
        weights = self._mood_weights(t, mood)
        block, since = self._block(t)
        pose = rest_pose()
        for name, weight in zip(MOODS, weights, strict=True):
            if weight > 0:
                pose += np.float32(weight) * self._looks[name]
        sway = sum(w * _SWAY[m] for m, w in zip(MOODS, weights, strict=True))
        for channel, waves in self._waves.items():
            pose[channel] += sway * sum(a * math.sin(2 * math.pi * (hz * t + phase)) for a, hz, phase in waves)
        pose[_BREATH] = _breath(self._breath_hz * t)
        x, y = _gaze(block.glances, since)
        glance = sum(w * _GLANCE[m] for m, w in zip(MOODS, weights, strict=True))
        pose[_LOOK_X] += glance * x
        pose[_LOOK_Y] += glance * y
        pose[_PITCH] -= 0.22 * weights[_ORDER["listening"]] * _nodding(block.nods, since)
        blinks = [since - at for at in _last_two(block.blinks, since)] + [t - at for at in self._asked_blinks]
        looking_down = max(-float(pose[_LOOK_Y]), 0.0)
        lids = max(0.12 * looking_down, *map(eyelid, blinks), 0.0)
        pose[_BLINK_LEFT] = pose[_BLINK_RIGHT] = lids
        clipped: FloatArray = np.clip(pose, _LOWEST, 1.0)
        return clipped

    def _mood_weights(self, t: float, mood: Mood) -> tuple[float, ...]:
        while len(self._moods) > 1 and self._moods[-1].at_s > t:
            self._moods.pop()
        weights = self._weights_at(t)
        if self._moods[-1].mood != mood:
            self._moods.append(_MoodChange(t, weights, mood))
            del self._moods[:-32]
        return weights

    def _weights_at(self, t: float) -> tuple[float, ...]:
        change = self._moods[-1]
        done = smoothstep((t - change.at_s) / MOOD_CHANGE_S)
        goal = _one_hot(change.mood)
        return tuple(b + (g - b) * done for b, g in zip(change.before, goal, strict=True))

    def _block(self, t: float) -> tuple[_Block, float]:
        """The stretch of time that holds ``t``, and ``t`` from its start."""
        length = self._loop_s or BLOCK_S
        number = math.floor(t / length)
        key = 0 if self._loop_s is not None else number
        if key not in self._blocks:
            while len(self._blocks) >= 3:
                del self._blocks[min(self._blocks)]
            self._blocks[key] = _decide(np.random.default_rng([self.seed, 1, key & 0xFFFFFFFF]), length)
        return self._blocks[key], t - number * length

    def _drift(self, rng: np.random.Generator) -> list[tuple[float, float, float]]:
        weights = rng.uniform(0.5, 1.0, len(_SWAY_HZ)) * (1.0, 0.8, 0.4, 0.2)
        phases = rng.uniform(0, 1, len(_SWAY_HZ))
        return list(zip(weights / weights.sum(), _SWAY_HZ, phases, strict=True))

    def _period(self, hz: float) -> float:
        if self._loop_s is None:
            return hz
        return max(1, round(hz * self._loop_s)) / self._loop_s


def idle_loop(seconds: float, seed: int) -> FloatArray:
    """A seamless loop of idling: (round(seconds * FPS), channels) float32.

    Its first picture follows its last as any picture follows the one before.

    Raises:
        ValueError: shorter than 4 s, too short for a blink to look natural.
    """
    if seconds < 4:
        raise ValueError(f"an idle loop of {seconds} s is too short (at least 4)")
    count = round(seconds * FPS)
    idle_motion = IdleMotion(seed, loop_s=count / FPS)
    return np.stack([idle_motion.pose(i / FPS, "idle") for i in range(count)])


def _decide(rng: np.random.Generator, length_s: float) -> _Block:
    blinks: list[float] = []
    at = float(rng.uniform(0.9, min(_BLINK_MEAN_S, length_s - 1)))
    while at < length_s - 0.5:
        blinks.append(at)
        at += 0.32 if rng.random() < 0.12 else _blink_pause(rng)
    glances = [_Glance(-1.0, 0.0, 0.0)]
    at = 0.8
    while at < length_s - 0.6:
        glances.append(_glance(rng, at))
        at += float(rng.gamma(3.0, 0.55)) + 0.35
    glances.append(_Glance(length_s - 0.3, 0.0, 0.0))
    nods: list[tuple[float, float]] = []
    at = float(rng.uniform(1.5, 3.5))
    while at < length_s - _NOD_S:
        nods.append((at, float(rng.uniform(0.6, 1.0))))
        at += float(rng.uniform(2.6, 6.5))
    return _Block(tuple(blinks), tuple(glances), tuple(nods))


def _blink_pause(rng: np.random.Generator) -> float:
    """Lognormal, 4 s on average with the double blinks counted, never under 0.9 s."""
    spread = 0.5
    typical = math.log(1.17 * _BLINK_MEAN_S) - spread**2 / 2
    return max(0.9, float(rng.lognormal(typical, spread)))


def _glance(rng: np.random.Generator, at: float) -> _Glance:
    """Mostly tiny shifts around the student's eyes, now and then a look away."""
    away = rng.random() < 0.16
    x, y = rng.normal(0, (0.3, 0.16) if away else (0.05, 0.035))
    return _Glance(at, float(np.clip(x, -0.6, 0.6)), float(np.clip(y, -0.35, 0.35)))


def _gaze(glances: tuple[_Glance, ...], since: float) -> tuple[float, float]:
    i = bisect_right(glances, since, key=lambda g: g.at_s) - 1
    now, before = glances[max(i, 0)], glances[max(i - 1, 0)]
    done = smoothstep((since - now.at_s) / _SACCADE_S)
    return before.x + (now.x - before.x) * done, before.y + (now.y - before.y) * done


def _nodding(nods: tuple[tuple[float, float], ...], since: float) -> float:
    i = bisect_right(nods, since, key=lambda n: n[0]) - 1
    if i < 0:
        return 0.0
    at, size = nods[i]
    phase = (since - at) / _NOD_S
    return size * math.sin(math.pi * phase) ** 2 if phase < 1 else 0.0


def _last_two(blinks: tuple[float, ...], since: float) -> tuple[float, ...]:
    i = bisect_right(blinks, since)
    return blinks[max(i - 2, 0) : i]


def _breath(cycles: float) -> float:
    """In for two fifths of a cycle, out for the rest."""
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
