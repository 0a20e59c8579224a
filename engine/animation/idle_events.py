"""What a face does now and then: blinks, nods and shifts of posture, drawn for a whole block of time at once.

Pure functions of a random generator and the time; safe from any thread. Times are in seconds.
"""

from __future__ import annotations

import math
from bisect import bisect_right
from collections.abc import Mapping
from dataclasses import dataclass

import numpy as np

from engine.animation.gaze import HABITS, GazeTrack, draw_gaze
from engine.animation.moods import MOODS, Mood, smoothstep

_BLINK_MEAN_S = 4.0
"""15 blinks a minute, about what people do at rest: 17 on average, and 26 in conversation (Bentivoglio et al.,
"Analysis of blink rate patterns in normal subjects", Movement Disorders 12, 1997)."""

_CLOSING_S, _CLOSED_S, _OPENING_S = 0.07, 0.04, 0.13
BLINK_S = _CLOSING_S + _CLOSED_S + _OPENING_S
"""Length of a blink: lids go down twice as fast as up."""

NOD_S = 0.66
"""How long a listener's nod takes. A second, smaller one may follow."""

POSTURE_S = 1.1
"""How long it takes to shift to another posture."""

SETTLED_S = 0.4
"""The last posture of a block is reached so long before its end: longer than anything lags behind the head."""


def eyelid(since_s: float) -> float:
    """How far the eyes are shut, 0..1, ``since_s`` after a blink began: fast down, held, slower up."""
    if since_s <= 0 or since_s >= BLINK_S:
        return 0.0
    if since_s < _CLOSING_S:
        return smoothstep(since_s / _CLOSING_S)
    return 1 - smoothstep((since_s - _CLOSING_S - _CLOSED_S) / _OPENING_S)


@dataclass(frozen=True, slots=True)
class Posture:
    """How head and shoulders are held from ``at_s`` on: offsets of the pose's channels of these names."""

    at_s: float
    yaw: float = 0.0
    pitch: float = 0.0
    roll: float = 0.0
    sway: float = 0.0


@dataclass(frozen=True, slots=True)
class EventBlock:
    """The events of one block of time, in seconds from its start.

    None of them crosses the block's ends, so blocks join without a jump.
    """

    blinks: tuple[float, ...]
    gaze: Mapping[Mood, GazeTrack]
    nods: tuple[tuple[float, float], ...]
    """(start, size): size 0..1."""
    postures: tuple[Posture, ...]


def draw_events(rng: np.random.Generator, length_s: float) -> EventBlock:
    """The events of a block of ``length_s`` seconds (at least 4)."""
    blinks: list[float] = []
    at = float(rng.uniform(0.9, min(_BLINK_MEAN_S, length_s - 1)))
    while at < length_s - 0.5:
        blinks.append(at)
        at += 0.32 if rng.random() < 0.12 else _blink_pause(rng)
    nods: list[tuple[float, float]] = []
    at = float(rng.uniform(2.0, 5.0))
    while at < length_s - 2 * NOD_S:
        nods.append((at, float(rng.uniform(0.5, 0.9))))
        at += float(rng.uniform(5.0, 11.0))
    gaze = {mood: draw_gaze(rng, length_s, HABITS[mood]) for mood in MOODS}
    return EventBlock(tuple(blinks), gaze, tuple(nods), _draw_postures(rng, length_s))


def _blink_pause(rng: np.random.Generator) -> float:
    """Seconds to the next blink: lognormal, 4 s on average with double blinks counted, never under 0.9 s."""
    spread = 0.5
    typical = math.log(1.17 * _BLINK_MEAN_S) - spread**2 / 2
    return max(0.9, float(rng.lognormal(typical, spread)))


def _draw_postures(rng: np.random.Generator, length_s: float) -> tuple[Posture, ...]:
    postures = [Posture(-POSTURE_S)]
    at = float(rng.uniform(1.0, 4.0))
    while at < length_s - 2 * POSTURE_S - SETTLED_S:
        yaw, pitch, roll, sway = (float(x) for x in rng.normal(0, (0.13, 0.06, 0.11, 0.4)).clip(-0.3, 0.3))
        postures.append(Posture(at, yaw, pitch, roll, sway))
        at += float(rng.uniform(3.0, 8.0))
    postures.append(Posture(length_s - POSTURE_S - SETTLED_S))
    return tuple(postures)


def posture_at(postures: tuple[Posture, ...], since: float) -> Posture:
    """The posture at ``since`` seconds from the block's start."""
    i = bisect_right(postures, since, key=lambda p: p.at_s) - 1
    now, before = postures[max(i, 0)], postures[max(i - 1, 0)]
    done = smoothstep((since - now.at_s) / POSTURE_S)
    mixed = (b + (n - b) * done for b, n in zip(_values(before), _values(now), strict=True))
    return Posture(since, *mixed)


def _values(posture: Posture) -> tuple[float, float, float, float]:
    return posture.yaw, posture.pitch, posture.roll, posture.sway


def nodding(nods: tuple[tuple[float, float], ...], since: float) -> float:
    """How far the head is down, 0..1, at ``since`` seconds from the block's start. A large nod has a small one after
    it."""
    i = bisect_right(nods, since, key=lambda n: n[0]) - 1
    if i < 0:
        return 0.0
    at, size = nods[i]
    phase = (since - at) / NOD_S
    if phase < 1:
        return size * math.sin(math.pi * phase) ** 2
    return 0.55 * size * math.sin(math.pi * (phase - 1)) ** 2 if size > 0.7 and phase < 2 else 0.0


def last_two(blinks: tuple[float, ...], since: float) -> tuple[float, ...]:
    """The last two blinks that began by ``since``; no earlier one can still be going on."""
    i = bisect_right(blinks, since)
    return blinks[max(i - 2, 0) : i]
