"""What an idle face does now and then: blinks, glances and nods, drawn for a whole block of time at once.

Pure functions of a random generator and the time; safe from any thread. Times are in seconds.
"""

from __future__ import annotations

import math
from bisect import bisect_right
from dataclasses import dataclass

import numpy as np

_BLINK_MEAN_S = 4.0
"""15 blinks a minute, about what people do at rest: 17 on average, and 26 in conversation (Bentivoglio et al.,
"Analysis of blink rate patterns in normal subjects", Movement Disorders 12, 1997)."""

_CLOSING_S, _CLOSED_S, _OPENING_S = 0.07, 0.04, 0.13
BLINK_S = _CLOSING_S + _CLOSED_S + _OPENING_S
"""Length of a blink: lids go down twice as fast as up."""

_SACCADE_S = 0.05
"""How long the eyes take to a new place."""

_NOD_S = 0.62
"""How long a listener's nod takes."""


def smoothstep(x: float) -> float:
    """0 below 0, 1 above 1, between them a cubic with flat ends."""
    x = min(max(x, 0.0), 1.0)
    return x * x * (3 - 2 * x)


def eyelid(since_s: float) -> float:
    """How far the eyes are shut, 0..1, ``since_s`` after a blink began: fast down, held, slower up."""
    if since_s <= 0 or since_s >= BLINK_S:
        return 0.0
    if since_s < _CLOSING_S:
        return smoothstep(since_s / _CLOSING_S)
    return 1 - smoothstep((since_s - _CLOSING_S - _CLOSED_S) / _OPENING_S)


@dataclass(frozen=True, slots=True)
class Glance:
    """Where the eyes look from ``at_s`` on; x and y as ``look_x`` and ``look_y`` of the pose."""

    at_s: float
    x: float
    y: float


@dataclass(frozen=True, slots=True)
class EventBlock:
    """The events of one block of time, in seconds from its start.

    None of them crosses the block's ends, so blocks join without a jump.
    """

    blinks: tuple[float, ...]
    glances: tuple[Glance, ...]
    nods: tuple[tuple[float, float], ...]
    """(start, size): size 0..1."""


def draw_events(rng: np.random.Generator, length_s: float) -> EventBlock:
    """The events of a block of ``length_s`` seconds (at least 4)."""
    blinks: list[float] = []
    at = float(rng.uniform(0.9, min(_BLINK_MEAN_S, length_s - 1)))
    while at < length_s - 0.5:
        blinks.append(at)
        at += 0.32 if rng.random() < 0.12 else _blink_pause(rng)
    glances = [Glance(-1.0, 0.0, 0.0)]
    at = 0.8
    while at < length_s - 0.6:
        glances.append(_glance(rng, at))
        at += float(rng.gamma(3.0, 0.55)) + 0.35
    glances.append(Glance(length_s - 0.3, 0.0, 0.0))
    nods: list[tuple[float, float]] = []
    at = float(rng.uniform(1.5, 3.5))
    while at < length_s - _NOD_S:
        nods.append((at, float(rng.uniform(0.6, 1.0))))
        at += float(rng.uniform(2.6, 6.5))
    return EventBlock(tuple(blinks), tuple(glances), tuple(nods))


def _blink_pause(rng: np.random.Generator) -> float:
    """Seconds to the next blink: lognormal, 4 s on average with double blinks counted, never under 0.9 s."""
    spread = 0.5
    typical = math.log(1.17 * _BLINK_MEAN_S) - spread**2 / 2
    return max(0.9, float(rng.lognormal(typical, spread)))


def _glance(rng: np.random.Generator, at: float) -> Glance:
    """Mostly a tiny shift around the student's eyes, now and then a look away."""
    away = rng.random() < 0.16
    x, y = rng.normal(0, (0.3, 0.16) if away else (0.05, 0.035))
    return Glance(at, float(np.clip(x, -0.6, 0.6)), float(np.clip(y, -0.35, 0.35)))


def gaze_at(glances: tuple[Glance, ...], since: float) -> tuple[float, float]:
    """(look_x, look_y) at ``since`` seconds from the block's start."""
    i = bisect_right(glances, since, key=lambda g: g.at_s) - 1
    now, before = glances[max(i, 0)], glances[max(i - 1, 0)]
    done = smoothstep((since - now.at_s) / _SACCADE_S)
    return before.x + (now.x - before.x) * done, before.y + (now.y - before.y) * done


def nodding(nods: tuple[tuple[float, float], ...], since: float) -> float:
    """How far the head is down, 0..1, at ``since`` seconds from the block's start."""
    i = bisect_right(nods, since, key=lambda n: n[0]) - 1
    if i < 0:
        return 0.0
    at, size = nods[i]
    phase = (since - at) / _NOD_S
    return size * math.sin(math.pi * phase) ** 2 if phase < 1 else 0.0


def last_two(blinks: tuple[float, ...], since: float) -> tuple[float, ...]:
    """The last two blinks that began by ``since``; no earlier one can still be going on."""
    i = bisect_right(blinks, since)
    return blinks[max(i - 2, 0) : i]
