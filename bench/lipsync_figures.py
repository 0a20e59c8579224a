"""Figures of lip sync from what a viewer gets: pixel features of each picture, and the audio.

Pure functions. Offsets are positive when the picture is late.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from typing import Any

import numpy as np
import numpy.typing as npt
from mouth_pixels import openings

from engine.animation.coarticulation import segments
from engine.animation.visemes import DOMINANCE, TARGETS
from engine.items import FPS, FRAME_SAMPLES, Phoneme

FloatArray = npt.NDArray[np.float64]

CLASSES = {
    "p b m": ("p", "b", "m", "pʰ", "ph"),
    "f v": ("f", "v"),
    "rounded": ("u", "uː", "ʊ", "oʊ", "əʊ", "ɔ", "ɔː", "w", "o", "y", "ɥ"),
    "spread": ("i", "iː", "ɪ", "eɪ", "e", "ɛ"),
    "open": ("æ", "a", "ɑ", "ɑː", "ʌ", "aɪ", "aʊ", "ɐ", "ai", "au", "ɑu"),
}
SHIFT_FRAMES = 5
SHUT = 0.12
"""Lips are shut while the opening is below this part of a wide one."""

NEAR_S = 0.0401
MAX_LAG = 8


@dataclass
class Seen:
    """A spoken sentence as a viewer gets it."""

    features: FloatArray
    """(n, 6) of each picture"""
    pcm: npt.NDArray[np.float32]
    phonemes: tuple[Phoneme, ...] = ()
    rest: FloatArray = field(default_factory=lambda: np.zeros((0, 6)))
    """(m, 6) of pictures known to be at rest"""
    wide: float = 0.0
    """Opening of an "ah"; 0 takes the wide openings of the sentence itself."""
    language: str = "en"
    """ISO 639-1; it tells tone letters from vowels."""

    @property
    def shut(self) -> npt.NDArray[np.bool_]:
        """(n,) whether the lips are together."""
        opening = self.opening
        return opening < SHUT * (self.wide or float(np.quantile(opening, 0.95)))

    @property
    def opening(self) -> FloatArray:
        found: FloatArray = openings(self.features, self.rest if len(self.rest) else self._quietest())
        return found

    @property
    def times(self) -> FloatArray:
        return (np.arange(len(self.features)) + 0.5) / FPS

    def _quietest(self) -> FloatArray:
        level = loudness(self.pcm, len(self.features))
        return self.features[level <= np.quantile(level, 0.1)]


def loudness(pcm: npt.NDArray[np.float32], frames: int) -> FloatArray:
    """Level of each 40 ms in dB, at least 45 dB below the loudest."""
    padded = np.zeros(frames * FRAME_SAMPLES, dtype=np.float32)
    padded[: min(len(pcm), len(padded))] = pcm[: len(padded)]
    level = 10 * np.log10(np.mean(padded.reshape(frames, FRAME_SAMPLES) ** 2, axis=1) + 1e-9)
    floored: FloatArray = np.maximum(level, level.max() - 45)
    return floored


def correlation(a: FloatArray, b: FloatArray) -> float:
    return float(np.corrcoef(a, b)[0, 1]) if a.std() > 0 and b.std() > 0 else 0.0


_HALF_SYLLABLES = 5
"""Pictures on either side of the moving average that is taken out before lags are sought."""


def lag_ms(pairs: Sequence[tuple[FloatArray, FloatArray]]) -> float:
    """How late the openings are against their references: the lag at which the mean correlation peaks.

    Pooled over sentences, because a single one may fit almost as well when shifted by a syllable. Slower changes than a
    syllable's (a sentence gets quieter towards its end) are taken out: they fit at any lag.
    """
    pairs = [(_by_syllables(opening), _by_syllables(reference)) for opening, reference in pairs]
    lags = np.arange(-MAX_LAG, MAX_LAG + 1)
    inner = slice(MAX_LAG, -MAX_LAG)
    values = np.array(
        [
            np.mean([correlation(np.roll(opening, -lag)[inner], reference[inner]) for opening, reference in pairs])
            for lag in lags
        ]
    )
    peak = int(np.clip(values.argmax(), 1, len(lags) - 2))
    left, middle, right = values[peak - 1 : peak + 2]
    bend = left - 2 * middle + right
    part = float(np.clip(0.5 * (left - right) / bend, -0.5, 0.5)) if bend < 0 else 0.0
    return float((lags[peak] + part) * 1000 / FPS)


def _by_syllables(track: FloatArray) -> FloatArray:
    """A track of pictures without what changes over more than about half a second."""
    mean = np.convolve(np.pad(track, _HALF_SYLLABLES, mode="edge"), np.ones(2 * _HALF_SYLLABLES + 1), "valid")
    return track - mean / (2 * _HALF_SYLLABLES + 1)


def lags(utterances: Sequence[Seen], reference: Callable[[Seen], FloatArray]) -> tuple[float, float, float]:
    """The pooled offset, and its minimum and maximum when one sentence is left out."""
    pairs = [(seen.opening, reference(seen)) for seen in utterances]
    without = [lag_ms([*pairs[:i], *pairs[i + 1 :]]) for i in range(len(pairs))] if len(pairs) > 1 else [lag_ms(pairs)]
    return lag_ms(pairs), min(without), max(without)


def demanded(phonemes: Sequence[Phoneme], frames: int, language: str = "en") -> FloatArray:
    """How open the phonemes want the jaw in each picture, without coarticulation."""
    timeline = segments(phonemes, language=language)
    fine = (np.arange(frames * 8) + 0.5) / (FPS * 8)
    wanted = TARGETS[:, 0] * (DOMINANCE[:, 0] > 0.4)
    track = np.zeros(len(fine))
    for viseme, start, end, openness in zip(
        timeline.viseme, timeline.start_s, timeline.end_s, timeline.openness, strict=True
    ):
        track[(fine >= start) & (fine < end)] = wanted[viseme] * openness
    mean: FloatArray = track.reshape(frames, 8).mean(axis=1)
    return mean


def closure_centres(phonemes: Sequence[Phoneme]) -> FloatArray:
    return np.array([(p.start_ms + p.end_ms) / 2000 for p in phonemes if p.symbol in CLASSES["p b m"]])


def closed_at(seen: Seen, centres: FloatArray) -> float:
    """Share of the centres with a shut mouth within 40 ms."""
    return float(np.mean([seen.shut[np.abs(seen.times - c) <= NEAR_S].any() for c in centres])) if len(centres) else 1.0


def vowels_open(seen: Seen) -> float:
    """Share of open vowels with an open mouth; without it, a mouth that never opens would score best on closures."""
    found = [p for p in seen.phonemes if p.symbol in (*CLASSES["open"], *CLASSES["spread"])]
    inside = [(seen.times >= p.start_ms / 1000) & (seen.times <= p.end_ms / 1000) for p in found]
    return float(np.mean([(~seen.shut[i]).any() for i in inside if i.any()]))


def rest_after_ms(seen: Seen) -> float:
    """Time from the end of the last phoneme until the mouth stays shut."""
    end = max(p.end_ms for p in seen.phonemes if p.symbol) / 1000
    open_ = np.flatnonzero(~seen.shut)
    return float(max(0.0, ((open_[-1] + 1) / FPS - end) * 1000)) if len(open_) else 0.0


def shifted(pcm: npt.NDArray[np.float32], frames: int) -> npt.NDArray[np.float32]:
    silence = np.zeros(abs(frames) * FRAME_SAMPLES, dtype=np.float32)
    return np.concatenate((silence, pcm)) if frames > 0 else pcm[-frames * FRAME_SAMPLES :]


def sounding(seen: Seen) -> FloatArray:
    """Level of the sound in each picture."""
    return loudness(seen.pcm, len(seen.features))


def wanted(seen: Seen) -> FloatArray:
    """How open its phonemes want the jaw in each picture."""
    return demanded(seen.phonemes, len(seen.features), seen.language)


def measure(seen: Seen) -> dict[str, float]:
    """Figures of one sentence; without phonemes, only those based on the audio."""
    opening = seen.opening
    found = {"sound_correlation": correlation(opening, sounding(seen))}
    for name, frames in (("sound_late", SHIFT_FRAMES), ("sound_early", -SHIFT_FRAMES)):
        found[f"{name}_correlation"] = correlation(opening, loudness(shifted(seen.pcm, frames), len(opening)))
    if seen.phonemes:
        centres = closure_centres(seen.phonemes)
        shift = SHIFT_FRAMES / FPS
        found |= {
            "phoneme_correlation": correlation(opening, wanted(seen)),
            "closed_on_pbm": closed_at(seen, centres),
            "pbm": len(centres),
            "open_in_vowels": vowels_open(seen),
            "rest_after_ms": rest_after_ms(seen),
            "sound_late_closed_on_pbm": closed_at(seen, centres + shift),
            "sound_early_closed_on_pbm": closed_at(seen, centres - shift),
        }
    return found


def swapped(utterances: Sequence[Seen]) -> dict[str, float]:
    """Figures of each mouth with the next sentence's audio."""
    rows = []
    for mouth, other in zip(utterances, [*utterances[1:], utterances[0]], strict=True):
        frames = min(len(mouth.features), len(other.pcm) // FRAME_SAMPLES)
        level = loudness(other.pcm, frames)
        centres = closure_centres(other.phonemes)
        closed = closed_at(mouth, centres[centres < frames / FPS])
        rows.append((correlation(mouth.opening[:frames], level), closed))
    means = np.mean(rows, axis=0)
    return {"swapped_correlation": float(means[0]), "swapped_closed_on_pbm": float(means[1])}


def confusion(utterances: Sequence[Seen]) -> dict[str, dict[str, int]]:
    """Which group of sounds a mouth looks like in the middle of a sound.

    Linear discriminants on the pixel features of the three pictures around the middle; each sentence is judged by the
    means and scatter of the others.
    """
    rows, labels, owners = [], [], []
    names = list(CLASSES)
    for owner, seen in enumerate(utterances):
        padded = np.pad(seen.features, ((1, 2), (0, 0)), mode="edge")
        for phoneme in seen.phonemes:
            label = next((i for i, n in enumerate(names) if phoneme.symbol in CLASSES[n]), None)
            at = int((phoneme.start_ms + phoneme.end_ms) / 2000 * FPS)
            if label is not None and at < len(seen.features):
                rows.append(padded[at : at + 3].ravel())
                labels.append(label)
                owners.append(owner)
    x, y, sentence = np.array(rows), np.array(labels), np.array(owners)
    table = np.zeros((len(names), len(names)), dtype=int)
    for held in range(len(utterances)):
        train = sentence != held
        scale = x[train].std(axis=0) + 1e-6
        z = x / scale
        means = np.stack([z[train & (y == c)].mean(axis=0) for c in range(len(names))])
        centred = z[train] - means[y[train]]
        inverse = np.linalg.inv(centred.T @ centred / train.sum() + 0.05 * np.eye(x.shape[1]))
        for row, label in zip(z[~train], y[~train], strict=True):
            away = row - means
            table[label, int(np.einsum("ci,ij,cj->c", away, inverse, away).argmin())] += 1
    return {a: {b: int(table[i, j]) for j, b in enumerate(names)} for i, a in enumerate(names)}


def summary(utterances: Sequence[Seen]) -> dict[str, Any]:
    """Offsets, means over sentences, controls and the confusion table."""
    rows = [measure(seen) for seen in utterances]
    found: dict[str, Any] = {}
    references = {"sound": sounding, "phoneme": wanted} if utterances[0].phonemes else {"sound": sounding}
    for name, reference in references.items():
        offset, least, greatest = lags(utterances, reference)
        found[f"{name}_offset_ms"] = round(offset, 1)
        found[f"{name}_offset_range_ms"] = [round(least, 1), round(greatest, 1)]
    for name in rows[0]:
        weights = [row["pbm"] for row in rows] if name.endswith("on_pbm") else None
        found[name] = round(float(np.average([row[name] for row in rows], weights=weights)), 3)
    if utterances[0].phonemes:
        found["pbm"] = sum(int(row["pbm"]) for row in rows)
        found["worst_rest_after_ms"] = round(max(row["rest_after_ms"] for row in rows), 1)
        found |= {name: round(value, 3) for name, value in swapped(utterances).items()}
        found["confusion"] = confusion(utterances)
    return found
