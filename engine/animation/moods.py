"""What a face is doing while it says nothing in particular, and how it passes from one mood to the next.

Pure: told the time, keeps no clock. One ``MoodTrack`` per timeline, used by one thread at a time.
"""

from __future__ import annotations

import copy
from dataclasses import dataclass
from typing import Literal

Mood = Literal["idle", "listening", "thinking", "speaking"]
MOODS: tuple[Mood, ...] = ("idle", "listening", "thinking", "speaking")

MOOD_CHANGE_S = 0.7
"""The face and the head take this long to change from one mood to another. A judgement."""

EYES_CHANGE_S = 0.08
"""The eyes arrive sooner: they jump, and the head follows."""

_MAX_CHANGES = 32
"""Changes remembered, for when time goes back."""

Weights = tuple[float, ...]
"""How much of each mood there is, in the order of ``MOODS``; the sum is 1."""


def smoothstep(x: float) -> float:
    """0 below 0, 1 above 1, between them a cubic with flat ends."""
    x = min(max(x, 0.0), 1.0)
    return x * x * (3 - 2 * x)


@dataclass(frozen=True, slots=True)
class _Change:
    at_s: float
    face: Weights
    """Of face and head, when the change began."""
    eyes: Weights
    mood: Mood


class MoodTrack:
    """The moods of one face in time, beginning with ``idle``."""

    def __init__(self) -> None:
        idle = one_hot("idle")
        self._changes = [_Change(-1e9, idle, idle, "idle")]

    def weights(self, t: float, mood: Mood) -> tuple[Weights, Weights]:
        """The weights of face and head, and those of the eyes, at time ``t`` (seconds), when ``mood`` is asked for.

        Time may go back; changes after ``t`` are then forgotten.
        """
        while len(self._changes) > 1 and self._changes[-1].at_s > t:
            self._changes.pop()
        face, eyes = self._at(t)
        if self._changes[-1].mood != mood:
            self._changes.append(_Change(t, face, eyes, mood))
            del self._changes[:-_MAX_CHANGES]
        return face, eyes

    def copy(self) -> MoodTrack:
        """One that has had the same moods so far, and goes its own way."""
        other = copy.copy(self)
        other._changes = list(self._changes)
        return other

    def _at(self, t: float) -> tuple[Weights, Weights]:
        change = self._changes[-1]
        goal = one_hot(change.mood)
        since = t - change.at_s
        return (
            _between(change.face, goal, smoothstep(since / MOOD_CHANGE_S)),
            _between(change.eyes, goal, smoothstep(since / EYES_CHANGE_S)),
        )


def one_hot(mood: Mood) -> Weights:
    """Nothing but ``mood``."""
    return tuple(float(m == mood) for m in MOODS)


def _between(before: Weights, goal: Weights, done: float) -> Weights:
    return tuple(b + (g - b) * done for b, g in zip(before, goal, strict=True))
