"""Coarticulation: from phonemes on a timeline to mouth positions at given times. Pure functions over arrays.

Two steps. First dominance functions, as proposed by Cohen and Massaro (1993, "Modeling coarticulation in synthetic
visual speech"): every segment pulls every channel towards its target, the pull falls off exponentially with the
distance in time, and the result is the weighted average of the targets. Theirs has its peak at the middle of the
segment; ours is flat over the middle 40 % of it. Rounding reaches further ahead than the jaw. Consonants made by the
tongue alone hardly pull the lips, which therefore keep the shape of their neighbours.

Then rules that the average must not break. Like JALI (Edwards et al. 2016, "JALI: an animator-centric viseme model for
expressive lip synchronization") we narrow the jaw in sibilants, put the lip on the teeth for f and v, and shut the lips
on p, b and m. Closures come last and last for at least one picture. All numbers are ours.

Called wherever poses are made, from any thread; keeps no state.
"""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass, replace

import numpy as np
import numpy.typing as npt

from engine.animation.phonemes import articulations
from engine.animation.pose import CHANNEL
from engine.animation.visemes import (
    DOMINANCE,
    GROUP_CHANNELS,
    MOUTH_CHANNELS,
    REACH_S,
    TARGETS,
    VISEME,
)
from engine.items import FloatArray, Phoneme

JAW, CLOSE, BITE = CHANNEL["jaw_open"], CHANNEL["mouth_close"], CHANNEL["lip_bite"]
FUNNEL, PUCKER = CHANNEL["mouth_funnel"], CHANNEL["mouth_pucker"]
UPPER, LOWER = CHANNEL["upper_lip_up"], CHANNEL["lower_lip_down"]
TONGUE = [CHANNEL["tongue_up"], CHANNEL["tongue_out"]]

MIN_HOLD_S = 0.044
"""A closure lasts a little longer than a picture (40 ms), so that the middle of at least one picture falls into it."""

RAMP_S = 0.03
"""How long an enforced shape takes to come and to go."""

SIBILANT_JAW = 0.14
BITE_JAW = 0.12
"""Widest jaw in sibilants, and in f and v; chosen by eye."""

OPENS_BEFORE_S = 0.15
"""How long before a sound silence stops pulling; the mouth is then seen to move from about 120 ms before it."""

RESTS_AFTER_S = 0.07
"""How long after the last sound silence begins to pull fully."""

MAX_REACH_S = 0.6
"""Beyond this distance no segment moves anything visibly."""

_STRESS_OPENNESS = (0.88, 1.0, 1.1)
"""Factor on the jaw for vowels without, with secondary and with primary stress. A judgement."""


@dataclass(frozen=True, slots=True)
class Segments:
    """Articulations on a timeline: columns of equal length (n,), in order of time."""

    viseme: npt.NDArray[np.intp]
    """Index into ``VISEMES``."""
    start_s: FloatArray
    end_s: FloatArray
    openness: FloatArray
    rounding: FloatArray
    strength: FloatArray
    sustained: npt.NDArray[np.bool_]

    def __len__(self) -> int:
        return len(self.viseme)

    def between(self, start_s: float, end_s: float) -> Segments:
        """Those that visibly affect the interval."""
        keep = (self.end_s > start_s - MAX_REACH_S) & (self.start_s < end_s + MAX_REACH_S)
        return Segments(*(getattr(self, name)[keep] for name in self.__slots__))

    def until(self, end_s: float) -> Segments:
        """Those that begin before ``end_s``; the last is cut there."""
        keep = self.start_s < end_s - 0.001
        kept = Segments(*(getattr(self, name)[keep] for name in self.__slots__))
        return replace(kept, end_s=np.minimum(kept.end_s, np.float32(end_s)))

    def then(self, other: Segments) -> Segments:
        """This, then ``other``; a gap between them becomes silence."""
        parts = [self, other]
        if len(self) and len(other) and other.start_s[0] > self.end_s[-1] + 0.001:
            parts.insert(1, _silence(float(self.end_s[-1]), float(other.start_s[0])))
        return Segments(*(np.concatenate([getattr(part, n) for part in parts]) for n in self.__slots__))


_Row = tuple[int, float, float, float, float, float, bool]


def _columns(rows: list[_Row]) -> Segments:
    viseme, start, end, openness, rounding, strength, sustained = zip(*rows, strict=True) if rows else ((),) * 7
    return Segments(
        np.array(viseme, dtype=np.intp), np.array(start, dtype=np.float32), np.array(end, dtype=np.float32),
        np.array(openness, dtype=np.float32), np.array(rounding, dtype=np.float32),
        np.array(strength, dtype=np.float32), np.array(sustained, dtype=np.bool_),
    )  # fmt: skip


def _silence(start_s: float, end_s: float) -> Segments:
    return _columns([(VISEME["sil"], start_s, end_s, 1.0, 0.0, 1.0, False)])


def no_segments() -> Segments:
    """An empty timeline."""
    return _columns([])


def segments(phonemes: Iterable[Phoneme], offset_s: float = 0.0, language: str = "") -> Segments:
    """Lay phonemes on a timeline.

    A symbol that only modifies (length, tone) extends the segment before it, adjacent silences
    become one, and a gap between two phonemes is silence.

    Args:
        phonemes: in order of time, ms from the start of their ``Speech``.
        offset_s: where that ``Speech`` begins on the timeline, seconds.
        language: ISO 639-1, see ``articulations``.
    """
    rows: list[_Row] = []
    silent = VISEME["sil"]
    for phoneme in phonemes:
        start, end = offset_s + phoneme.start_ms / 1000, offset_s + phoneme.end_ms / 1000
        if end <= start:
            continue
        if rows and start > rows[-1][2] + 0.001:
            rows.append((silent, rows[-1][2], start, 1.0, 0.0, 1.0, False))
        parts = articulations(phoneme.symbol, language)
        if rows and (not parts or (parts[0].viseme == "sil" and rows[-1][0] == silent)):
            rows[-1] = (*rows[-1][:2], end, *rows[-1][3:])
            continue
        scale = _STRESS_OPENNESS[min(phoneme.stress, 2)]
        shares = np.cumsum([0.0] + [part.share for part in parts])
        for i, part in enumerate(parts):
            a, b = (start + (end - start) * float(shares[j] / shares[-1]) for j in (i, i + 1))
            open_ = part.openness * scale if part.is_vowel else part.openness
            rows.append((VISEME[part.viseme], a, b, open_, part.rounding, part.strength, part.sustained))
    return _columns(rows)


def mouth_track(timeline: Segments, times_s: npt.NDArray[np.floating]) -> FloatArray:
    """Where the mouth is at each time: both steps, for a timeline that is complete.

    Args:
        timeline: what is said; there is silence before and after it.
        times_s: (f,) seconds on the same timeline, ascending: the middle of each picture.

    Returns:
        (f, 12) float32, 0..1, the mouth channels of ``pose.py``.
    """
    times = np.asarray(times_s, dtype=np.float32)
    if len(timeline) == 0 or len(times) == 0:
        return np.zeros((len(times), MOUTH_CHANNELS), dtype=np.float32)
    return enforce_rules(blend(timeline, times), timeline, times)


def blend(timeline: Segments, times: FloatArray) -> FloatArray:
    """The first step: targets averaged by dominance, (f, 12) float32. ``timeline`` must not be empty."""
    begins, ends = float(timeline.start_s[0]), float(timeline.end_s[-1])
    every = _silence(begins - 10, begins).then(timeline).then(_silence(ends, ends + 10))
    silent = every.viseme == VISEME["sil"]
    length = every.end_s - every.start_s
    core_start = every.start_s + np.where(silent, RESTS_AFTER_S, 0.3 * length)
    core_end = every.end_s - np.where(silent, OPENS_BEFORE_S, 0.3 * length)
    middle = (core_start + core_end) / 2
    core_start, core_end = np.minimum(core_start, middle), np.maximum(core_end, middle)
    # A short silence is the hold of a stop, or the joint of two words: it hardly moves the face.
    weight = np.where(silent, np.clip((length - 0.06) / 0.16, 0, 1) ** 2, 1.0).astype(np.float32)

    targets = TARGETS[every.viseme]
    targets[:, JAW] *= every.openness
    targets[:, PUCKER] = np.maximum(targets[:, PUCKER], every.rounding)
    np.clip(targets, 0, 1, out=targets)

    ahead = np.maximum(core_start - times[:, None], 0)
    after = np.maximum(times[:, None] - core_end, 0)
    track = np.empty((len(times), MOUTH_CHANNELS), dtype=np.float32)
    for group, channels in enumerate(GROUP_CHANNELS):
        reach = REACH_S[group]
        pull = np.exp(-(ahead / reach[0] + after / reach[1])) * (DOMINANCE[every.viseme, group] * weight)
        pull /= pull.sum(axis=1, keepdims=True) + 1e-9
        columns = list(channels)
        track[:, columns] = pull @ targets[:, columns]
    return track


def enforce_rules(track: FloatArray, timeline: Segments, times: FloatArray) -> FloatArray:
    """The second step: shapes that blending must not wash out. Closures come last and win. Gives a new (f, 12)."""
    track = track.copy()
    sibilant = (timeline.viseme == VISEME["SS"]) | (timeline.viseme == VISEME["CH"])
    hiss = _envelope(timeline, sibilant, times)
    track[:, JAW] += hiss * (np.minimum(track[:, JAW], SIBILANT_JAW) - track[:, JAW])

    bite = _envelope(timeline, timeline.viseme == VISEME["FF"], times)
    track[:, BITE] = np.maximum(track[:, BITE], bite)
    track[:, JAW] += bite * (np.minimum(track[:, JAW], BITE_JAW) - track[:, JAW])
    track[:, LOWER] *= 1 - bite

    shut = _envelope(timeline, timeline.viseme == VISEME["PP"], times)
    return close_lips(track, shut)


def close_lips(track: FloatArray, shut: FloatArray) -> FloatArray:
    """Press the lips together by ``shut`` (f,), 0..1, in place, and relax the rest of the mouth; gives ``track``."""
    track[:, CLOSE] = np.maximum(track[:, CLOSE], shut)
    yielding = 1 - shut
    track[:, JAW] *= 0.15 + 0.85 * yielding
    track[:, PUCKER] *= 0.4 + 0.6 * yielding
    for channel in (FUNNEL, BITE, UPPER, LOWER, *TONGUE):
        track[:, channel] *= yielding
    return track


def _envelope(timeline: Segments, chosen: npt.NDArray[np.bool_], times: FloatArray) -> FloatArray:
    """(f,) float32: 1 while one of the chosen segments is held, with ramps of ``RAMP_S``."""
    if not chosen.any():
        return np.zeros(len(times), dtype=np.float32)
    start, end = timeline.start_s[chosen], timeline.end_s[chosen]
    length = end - start
    stop = (timeline.viseme[chosen] == VISEME["PP"]) & ~timeline.sustained[chosen]
    # A stop bursts before its end; everything else is held to the end.
    first = start + 0.08 * length
    last = end - np.where(stop, 0.3, 0.08) * length
    centre = (first + last) / 2
    half = np.maximum((last - first) / 2, MIN_HOLD_S / 2)
    beyond = np.maximum(np.abs(times[:, None] - centre) - half, 0)
    linear = np.maximum(1 - beyond / RAMP_S, 0)
    smooth = linear * linear * (3 - 2 * linear) * timeline.strength[chosen]
    held: FloatArray = smooth.max(axis=1).astype(np.float32)
    return held
