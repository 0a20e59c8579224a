"""Where speech is stressed: by its pitch if the voice tells it, else guessed from loudness.

A head moves with pitch accents: syllables that a speaker raises above the rest (Graf, Cosatto, Strom and Huang 2002,
"Visual prosody: facial movements accompanying speech"). Thresholds and probabilities are judgements. Pure, but for the
pitch a ``PitchRange`` has heard; safe from any one thread at a time.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from engine.items import OUTPUT_RATE, PITCH_STEP_MS, FloatArray, Phoneme, Speech, Word

APART_S = 0.8
"""Shortest time between two accents that are shown."""

_ACCENT, _STRONG = 4.5, 7.0
"""Semitones above the speaker's usual pitch that make an accent, and a strong one."""

_FALL = 1.5
"""Semitones below the usual pitch at which a clause that is over ends."""

_REACH_MS = 30.0
"""How far around a vowel its highest pitch may lie."""

_REMEMBERED = 1000
"""Values of pitch (10 s of voiced speech) that make up what is usual."""

_PSEUDO_WORD_S = 0.25
"""Stands in for words when the voice gives no word times."""


@dataclass(frozen=True, slots=True)
class Accent:
    """A stressed moment."""

    at_s: float
    """From the start of the speech it was found in."""

    amount: float
    """0..1."""

    strong: bool
    """Written in capitals, or far above the usual pitch."""


class PitchRange:
    """The usual pitch of one reply's speaker, from what has been spoken so far."""

    def __init__(self) -> None:
        self._heard: FloatArray = np.zeros(0, np.float32)

    def hear(self, pitch: FloatArray) -> None:
        """Adds what has been spoken: (n,) Hz, 0 where unvoiced."""
        self._heard = np.concatenate([self._heard, pitch[pitch > 0]])[-_REMEMBERED:]

    def above(self, pitch: FloatArray) -> FloatArray:
        """Semitones above the usual pitch: (n,) Hz, 0 where unvoiced, to (n,) float32, NaN where unvoiced."""
        found = np.full(len(pitch), np.nan, np.float32)
        voiced = pitch > 0
        if voiced.any() and len(self._heard):
            found[voiced] = 12 * np.log2(pitch[voiced] / np.median(self._heard))
        return found


def accents(speech: Speech, usual: PitchRange, rng: np.random.Generator) -> list[Accent]:
    """The stressed moments of a piece of speech, in order, at least ``APART_S`` apart.

    Args:
        speech: the piece.
        usual: of the reply; it has heard this piece.
        rng: decides which of the words that only loudness tells are taken.
    """
    found = _by_loudness(speech, rng) if speech.pitch is None else _by_pitch(speech, usual.above(speech.pitch))
    kept: list[Accent] = []
    for accent in sorted(found, key=lambda accent: accent.at_s):
        if not kept or accent.at_s - kept[-1].at_s >= APART_S:
            kept.append(accent)
        elif accent.amount > kept[-1].amount and (len(kept) < 2 or accent.at_s - kept[-2].at_s >= APART_S):
            kept[-1] = accent
    return kept


def falls(speech: Speech, usual: PitchRange) -> bool:
    """Whether the piece ends low, as speakers do who have finished. Loudness does not tell: False without pitch."""
    if speech.pitch is None:
        return False
    voiced = speech.pitch[speech.pitch > 0][-12:]
    return len(voiced) > 3 and float(np.median(usual.above(voiced))) < -_FALL


def _by_pitch(speech: Speech, above: FloatArray) -> list[Accent]:
    stressed = [_accent(phoneme, above) for phoneme in speech.phonemes if phoneme.stress == 2]
    return [*(accent for accent in stressed if accent), *_shouted(speech)]


def _accent(vowel: Phoneme, above: FloatArray) -> Accent | None:
    """The pitch accent on a stressed vowel, at its highest pitch."""
    first = max(0, int((vowel.start_ms - _REACH_MS) / PITCH_STEP_MS))
    around = above[first : int((vowel.end_ms + _REACH_MS) / PITCH_STEP_MS) + 1]
    if np.isnan(around).all():
        return None
    peak = int(np.nanargmax(around))
    height = float(around[peak])
    if height < _ACCENT:
        return None
    amount = float(np.clip(height / 10 + 0.1, 0.5, 1.0))
    return Accent((first + peak + 0.5) * PITCH_STEP_MS / 1000, amount, height >= _STRONG)


def _shouted(speech: Speech) -> list[Accent]:
    return [Accent(_middle(speech, word), 1.0, True) for word in speech.words if _in_capitals(word.text)]


def _by_loudness(speech: Speech, rng: np.random.Generator) -> list[Accent]:
    """Long words that are louder than the others; three of four of them."""
    words: tuple[Word, ...] = speech.words
    if not words:
        step = _PSEUDO_WORD_S * 1000
        words = tuple(Word("word", i * step, (i + 1) * step) for i in range(int(speech.duration_ms / step)))
    if not words:
        return []
    loud = np.array([_rms(speech.pcm, word.start_ms, word.end_ms) for word in words])
    usual = float(loud.mean()) + 1e-6
    found: list[Accent] = []
    for word, level in zip(words, loud, strict=True):
        text = word.text.strip(".,!?;:\"'")
        shouted = _in_capitals(text)
        content = len(text) > 3 or not text.isascii()
        if (content and level > 1.12 * usual and rng.random() < 0.75) or shouted:
            found.append(Accent(_middle(speech, word), float(np.clip(level / usual - 0.5, 0.5, 1.0)), shouted))
    return found


def _in_capitals(text: str) -> bool:
    text = text.strip(".,!?;:\"'")
    return len(text) > 2 and text.isupper()


def _middle(speech: Speech, word: Word) -> float:
    """Middle of the word's vowel with primary stress, or of the word if there is none; seconds."""
    for phoneme in speech.phonemes:
        middle = (phoneme.start_ms + phoneme.end_ms) / 2
        if phoneme.stress == 2 and word.start_ms <= middle <= word.end_ms:
            return middle / 1000
    return (word.start_ms + word.end_ms) / 2000


def _rms(pcm: FloatArray, start_ms: float, end_ms: float) -> float:
    part = pcm[int(start_ms * OUTPUT_RATE / 1000) : int(end_ms * OUTPUT_RATE / 1000)]
    return float(np.sqrt(np.mean(part**2))) if len(part) else 0.0
