"""Gestures that go with speech: nods on the words that stand out, raised brows on questions.

Planned once per piece of speech, from what ``emphasis`` finds stressed and a seeded generator, as a list of
``Gesture``, and evaluated at any time. Sizes and probabilities are judgements.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np

from engine.animation.emphasis import Accent, PitchRange, accents
from engine.animation.pose import CHANNEL, rest_pose
from engine.items import FloatArray, Speech

_QUESTION = ("?", "？", "؟")
_EMPHASIS = ("!", "！")

_BROWS_BY_CHANCE = 0.22
"""Share of the nods that raised brows accompany, where no pitch tells which."""


MIN_NOD_GAP_S, MAX_NOD_GAP_S = 3.2, 7.0
"""Shortest time from one nod to the next: for the strongest accents, and for the weakest."""


@dataclass(frozen=True, slots=True)
class Gesture:
    """One channel rises smoothly, holds and returns. Times are in seconds on the reply's timeline."""

    channel: int
    amount: float
    start_s: float
    attack_s: float
    hold_s: float
    release_s: float

    @property
    def end_s(self) -> float:
        return self.start_s + self.attack_s + self.hold_s + self.release_s

    def at(self, t: float) -> float:
        """Its value at time ``t``, between 0 and ``amount``."""
        since = t - self.start_s
        if since <= 0 or t >= self.end_s:
            return 0.0
        if since < self.attack_s:
            x = since / self.attack_s
        elif since < self.attack_s + self.hold_s:
            x = 1.0
        else:
            x = (self.end_s - t) / self.release_s
        return self.amount * x * x * (3 - 2 * x)


class NodPace:
    """Keeps a reply's nods apart, so that only what stands out is nodded at.

    Speakers nod about ten times a minute: six to fifteen is the range this is tuned to, by ``tests/animation`` and on
    replies of the built-in voices. A nod at every pitch accent would make thirty.
    """

    def __init__(self) -> None:
        self._last_s = -MAX_NOD_GAP_S

    def take(self, accent: Accent, at_s: float) -> bool:
        """Whether to nod at ``accent``, at ``at_s`` on the reply's timeline; if so, it counts as the last nod."""
        gap_s = MIN_NOD_GAP_S if accent.strong else MAX_NOD_GAP_S - (MAX_NOD_GAP_S - MIN_NOD_GAP_S) * accent.amount
        if at_s - self._last_s < gap_s:
            return False
        self._last_s = at_s
        return True


def nod(peak_s: float, amount: float) -> Gesture:
    """A nod of the head, lowest at ``peak_s``; ``amount`` 0..1."""
    return Gesture(CHANNEL["head_pitch"], -0.24 * amount, peak_s - 0.18, 0.18, 0.02, 0.34)


def brow_flash(peak_s: float, amount: float, hold_s: float = 0.12) -> list[Gesture]:
    """Both brows raised, highest from ``peak_s`` for ``hold_s``; ``amount`` 0..1."""
    return [
        Gesture(CHANNEL["brow_inner_up"], 0.5 * amount, peak_s - 0.16, 0.16, hold_s, 0.3),
        Gesture(CHANNEL["brow_outer_up"], 0.55 * amount, peak_s - 0.16, 0.16, hold_s, 0.3),
    ]


def plan(
    speech: Speech,
    offset_s: float,
    now_s: float,
    rng: np.random.Generator,
    usual: PitchRange | None = None,
    pace: NodPace | None = None,
) -> list[Gesture]:
    """Gestures for a piece of speech.

    Args:
        speech: the piece.
        offset_s: when it begins.
        now_s: what was shown before; no gesture starts earlier.
        rng: decides what is left to chance.
        usual: the pitch of what has been spoken before; it hears this piece. None for the first one.
        pace: of the reply's nods. None for the first piece.
    """
    pace = pace or NodPace()
    usual = usual or PitchRange()
    if speech.pitch is not None:
        usual.hear(speech.pitch)
    found: list[Gesture] = []
    text = speech.clause.text.rstrip(" \"'”’)")
    for accent in accents(speech, usual, rng):
        peak_s = offset_s + accent.at_s
        if not pace.take(accent, peak_s):
            continue
        found.append(nod(peak_s, accent.amount))
        exclaimed = text.endswith(_EMPHASIS)
        if accent.strong or exclaimed or (speech.pitch is None and rng.random() < _BROWS_BY_CHANCE):
            found.extend(brow_flash(peak_s, accent.amount))
    if speech.last and text.endswith(_QUESTION):
        end = offset_s + speech.duration_ms / 1000
        found.extend(brow_flash(end - 0.35, 0.9, hold_s=0.35))
        found.append(Gesture(CHANNEL["head_pitch"], 0.12, end - 0.5, 0.3, 0.3, 0.4))
        found.append(Gesture(CHANNEL["head_roll"], float(rng.choice((-0.12, 0.12))), end - 0.5, 0.35, 0.3, 0.5))
    return [_not_before(gesture, now_s) for gesture in found]


def evaluate(gestures: Sequence[Gesture], t: float) -> FloatArray:
    """Their sum at time ``t``, as a pose: (channels,) float32, not clipped."""
    pose = rest_pose()
    for gesture in gestures:
        pose[gesture.channel] += gesture.at(t)
    return pose


def _not_before(gesture: Gesture, now_s: float) -> Gesture:
    if gesture.start_s >= now_s:
        return gesture
    return Gesture(gesture.channel, gesture.amount, now_s, gesture.attack_s, gesture.hold_s, gesture.release_s)
