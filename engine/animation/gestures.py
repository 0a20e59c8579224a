"""Gestures that go with speech: nods on stressed words, raised brows on questions.

Planned once per piece of speech, from its words, its loudness and a seeded generator, as a
list of ``Gesture``, and evaluated at any time. Pure; safe from any thread. Sizes and probabilities are judgements.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np

from engine.animation.pose import CHANNEL, rest_pose
from engine.items import OUTPUT_RATE, FloatArray, Speech

_APART_S = 0.8
"""Shortest time between the stressed words of two nods."""

_PSEUDO_WORD_S = 0.25
"""Stands in for words when the voice gives no word times."""

_QUESTION = ("?", "？", "؟")
_EMPHASIS = ("!", "！")


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


def nod(peak_s: float, amount: float) -> Gesture:
    """A nod of the head, lowest at ``peak_s``; ``amount`` 0..1."""
    return Gesture(CHANNEL["head_pitch"], -0.24 * amount, peak_s - 0.18, 0.18, 0.02, 0.34)


def brow_flash(peak_s: float, amount: float, hold_s: float = 0.12) -> list[Gesture]:
    """Both brows raised, highest from ``peak_s`` for ``hold_s``; ``amount`` 0..1."""
    return [
        Gesture(CHANNEL["brow_inner_up"], 0.5 * amount, peak_s - 0.16, 0.16, hold_s, 0.3),
        Gesture(CHANNEL["brow_outer_up"], 0.55 * amount, peak_s - 0.16, 0.16, hold_s, 0.3),
    ]


def plan(speech: Speech, offset_s: float, now_s: float, rng: np.random.Generator) -> list[Gesture]:
    """Gestures for a piece of speech that begins at ``offset_s``; none starts before ``now_s``, which was shown."""
    found: list[Gesture] = []
    text = speech.clause.text.rstrip(" \"'”’)")
    spans = _prominent(speech, rng)
    for i, (peak, amount, shouted) in enumerate(spans):
        found.append(nod(offset_s + peak, amount))
        if shouted or (i == 0 and text.endswith(_EMPHASIS)) or rng.random() < 0.22:
            found.extend(brow_flash(offset_s + peak, amount))
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


def _prominent(speech: Speech, rng: np.random.Generator) -> list[tuple[float, float, bool]]:
    """The words a speaker would nod on: (peak in seconds, amount 0..1, whether it is written in capitals)."""
    words = [(w.text.strip(".,!?;:\"'"), w.start_ms / 1000, w.end_ms / 1000) for w in speech.words]
    if not words:
        count = int(speech.duration_ms / 1000 / _PSEUDO_WORD_S)
        words = [("word", i * _PSEUDO_WORD_S, (i + 1) * _PSEUDO_WORD_S) for i in range(count)]
    if not words:
        return []
    loud = np.array([_rms(speech.pcm, start, end) for _, start, end in words])
    usual = float(loud.mean()) + 1e-6
    found: list[tuple[float, float, bool]] = []
    for (text, start, end), level in zip(words, loud, strict=True):
        shouted = len(text) > 2 and text.isupper()
        content = len(text) > 3 or not text.isascii()
        strong = content and level > 1.12 * usual and rng.random() < 0.75
        if not (strong or shouted) or (found and start - found[-1][0] < _APART_S):
            continue
        found.append((_stressed_moment(speech, start, end), float(np.clip(level / usual - 0.5, 0.5, 1.0)), shouted))
    return found


def _stressed_moment(speech: Speech, start: float, end: float) -> float:
    """Middle of the phoneme with primary stress in the interval, or of the interval if there is none."""
    for phoneme in speech.phonemes:
        middle = (phoneme.start_ms + phoneme.end_ms) / 2000
        if phoneme.stress == 2 and start <= middle <= end:
            return middle
    return (start + end) / 2


def _rms(pcm: FloatArray, start_s: float, end_s: float) -> float:
    part = pcm[int(start_s * OUTPUT_RATE) : int(end_s * OUTPUT_RATE)]
    return float(np.sqrt(np.mean(part**2))) if len(part) else 0.0
