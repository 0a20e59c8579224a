"""Where the eyes look: fixations on the student's face, joined by saccades, and glances away from it.

Drawn for a whole block of time at once. Pure functions of a random generator and the time; safe from any thread. Times
are in seconds, directions are ``look_x`` and ``look_y`` of the pose.

How long people look away and how often follows Andrist, Mutlu and Gleicher, "Conversational gaze aversion for virtual
agents" (IVA 2013), who measured it in conversations: about 2 s every 5 s when speaking, 1 s every 7 s when listening,
and 3.5 s when planning what to say, more often up than to the side or down. The sizes are judgements.
"""

from __future__ import annotations

from bisect import bisect_right
from dataclasses import dataclass

import numpy as np

from engine.animation.moods import Mood, smoothstep

SACCADE_S = 0.05
"""How long the eyes take to a new place: 21 ms and 2.2 ms a degree (Bahill, Clark and Stark 1975), for about 13
degrees."""

HEAD_FOLLOWS_S = 0.5
"""How long the head takes to follow a glance away."""

_ON_FACE = ((-0.05, 0.02), (0.05, 0.02), (0.0, -0.05))
"""The student's eyes and mouth, between which a look wanders."""

_SHORTEST_S = 0.6
"""No glance away and no look back is shorter, so that the head can follow."""


@dataclass(frozen=True, slots=True)
class Habit:
    """How the eyes behave in one mood; pairs are mean and standard deviation in seconds."""

    looks: tuple[float, float]
    """Time on the student between two glances away."""
    away: tuple[float, float]
    """Length of a glance away."""
    reach: tuple[float, float]
    """Shortest and longest glance, as ``look_x``."""
    up_side_down: tuple[float, float, float]
    """Probabilities of the directions."""


HABITS: dict[Mood, Habit] = {
    "idle": Habit((5.5, 1.8), (1.3, 0.4), (0.2, 0.42), (0.2, 0.6, 0.2)),
    "listening": Habit((7.2, 1.9), (1.1, 0.3), (0.12, 0.25), (0.1, 0.5, 0.4)),
    "thinking": Habit((0.9, 0.2), (3.5, 1.2), (0.5, 0.8), (0.6, 0.3, 0.1)),
    "speaking": Habit((4.8, 1.4), (1.5, 0.4), (0.14, 0.32), (0.25, 0.45, 0.3)),
}


@dataclass(frozen=True, slots=True)
class Glance:
    """Where the eyes look from ``at_s`` on; x and y as ``look_x`` and ``look_y`` of the pose."""

    at_s: float
    x: float
    y: float


@dataclass(frozen=True, slots=True)
class GazeTrack:
    """The gaze of one mood in one block of time. It begins and ends on the student, so that blocks join."""

    eyes: tuple[Glance, ...]
    """Every fixation."""
    head: tuple[Glance, ...]
    """The glances away and the looks back, which the head follows."""


def draw_gaze(rng: np.random.Generator, length_s: float, habit: Habit) -> GazeTrack:
    """The gaze of a block of ``length_s`` seconds (at least 4)."""
    eyes, head = [Glance(-1.0, 0.0, 0.0)], [Glance(-1.0, 0.0, 0.0)]
    end = length_s - HEAD_FOLLOWS_S - 0.1
    at = min(0.8, _lasting(rng, habit.looks))
    while at < end - _SHORTEST_S:
        x, y = _direction(rng, habit)
        back = min(at + _lasting(rng, habit.away), end)
        head.append(Glance(at, x, y))
        eyes += _fixations(rng, at, back, [(x, y), (x * 0.8, y * 1.1), (x * 1.1, y * 0.8)], (0.6, 0.9))
        head.append(Glance(back, 0.0, 0.0))
        at = back + _lasting(rng, habit.looks)
        eyes += _fixations(rng, back, min(at, end), _ON_FACE, (0.35, 0.55))
    if len(eyes) == 1:
        eyes += _fixations(rng, 0.3, end, _ON_FACE, (0.35, 0.55))
    eyes.append(Glance(end, 0.0, 0.0))
    return GazeTrack(tuple(eyes), tuple(head))


def gaze_at(glances: tuple[Glance, ...], since: float, change_s: float = SACCADE_S) -> tuple[float, float]:
    """(x, y) at ``since`` seconds from the block's start, when each new place takes ``change_s`` to reach."""
    i = bisect_right(glances, since, key=lambda g: g.at_s) - 1
    now, before = glances[max(i, 0)], glances[max(i - 1, 0)]
    done = smoothstep((since - now.at_s) / change_s)
    return before.x + (now.x - before.x) * done, before.y + (now.y - before.y) * done


def _lasting(rng: np.random.Generator, mean_and_spread: tuple[float, float]) -> float:
    return max(_SHORTEST_S, float(rng.normal(*mean_and_spread)))


def _direction(rng: np.random.Generator, habit: Habit) -> tuple[float, float]:
    reach = float(rng.uniform(*habit.reach))
    side = float(rng.choice((-1.0, 1.0)))
    where = rng.choice(3, p=habit.up_side_down)
    across, height = ((0.7, 0.8), (1.0, 0.1), (0.7, -0.6))[where]
    return side * across * reach, height * reach


def _fixations(
    rng: np.random.Generator,
    start: float,
    end: float,
    places: list[tuple[float, float]] | tuple[tuple[float, float], ...],
    rest_s: tuple[float, float],
) -> list[Glance]:
    """Fixations from ``start`` to ``end``, the first one on the first place. ``rest_s``: shortest and typical rest."""
    found: list[Glance] = []
    at, place = start, places[0]
    while at < end - 0.15 or not found:
        x, y = place
        found.append(Glance(at, x + float(rng.normal(0, 0.012)), y + float(rng.normal(0, 0.008))))
        at += rest_s[0] + float(rng.exponential(rest_s[1]))
        place = places[int(rng.integers(len(places)))]
    return found
