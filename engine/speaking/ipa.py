"""IPA as espeak-ng writes it, one code point after the other, made into phonemes.

Pure. In: code points with durations (Piper) or short strings (espeak-ng events). Out:
phonemes: diphthongs and affricates whole, marks joined to their letter, stress as a number.
"""

from __future__ import annotations

import unicodedata
from collections.abc import Sequence
from dataclasses import dataclass

STRESS = {"ˈ": 2, "ˌ": 1}
SPACE = " "
PAUSES = frozenset('^$.,;:!?¡¿…—–"()«»“”、。，；：！？')
"""Code points that Piper speaks as silence."""

VOWELS = frozenset("aeiouyæøœɐɑɒɔɘəɚɛɜɝɞɤɨɪɯɵɶʉʊʌʏᵻᵿ")
_SECOND = {"a": "ɪʊiu", "e": "ɪʊi", "o": "ʊɪ", "ə": "ʊ", "ɔ": "ɪ", "ɪ": "ə", "ɛ": "ə", "ʊ": "ə"}
"""Vowels that end a diphthong, by its first vowel."""

_RELEASE = {"t": "ʃsɕʂ", "d": "ʒzʑʐ", "p": "f", "ʈ": "ʂ", "ɖ": "ʐ"}
"""Fricatives that make an affricate, by its stop."""

_MARKS = frozenset("ːˑʲʰʷˤ˞ʼ‿̃")
_TONES = frozenset("0123456789˥˦˧˨˩↓↑→↗↘#")


@dataclass(slots=True)
class Segment:
    """A phoneme under construction, or a gap. Units are the caller's (samples, ms)."""

    symbol: str
    """IPA; empty for silence, a space for the joint between two words."""
    start: float
    end: float
    stress: int = 0


def assemble(codes: Sequence[str], durations: Sequence[float]) -> list[Segment]:
    """Join code points to sounds.

    A stress mark's time belongs to the vowel after it, a length mark's (or any modifier's) to
    the letter before it. Joints between words stay, as sounds with a space for a symbol.
    """
    sounds: list[Segment] = []
    at = 0.0
    stress, pending = 0, 0.0
    for code, duration in zip(codes, durations, strict=True):
        start, at = at, at + duration
        last = sounds[-1] if sounds else None
        if code in STRESS:
            stress, pending = STRESS[code], pending + duration
        elif code in PAUSES or code == SPACE:
            _gap(sounds, "" if code in PAUSES else SPACE, start - pending, at)
            pending = 0.0
        elif last and last.symbol.strip() and (_modifies(code) or _joins(last, code, stress)):
            last.end, pending = at, 0.0
            last.symbol += "" if code in _TONES or code in "ːˑ" else code
        elif not _modifies(code):
            sounds.append(Segment(code, start - pending, at, stress if code in VOWELS else 0))
            pending = 0.0
            if code in VOWELS:
                stress = 0
    return sounds


def _gap(sounds: list[Segment], symbol: str, start: float, end: float) -> None:
    """Adjacent gaps are one; silence wins over a joint."""
    if sounds and not sounds[-1].symbol.strip():
        sounds[-1].end = end
        if not symbol:
            sounds[-1].symbol = ""
    else:
        sounds.append(Segment(symbol, start, end))


def _modifies(code: str) -> bool:
    return code in _MARKS or code in _TONES or unicodedata.combining(code) > 0


def _joins(last: Segment, code: str, stress: int) -> bool:
    """Does ``code`` complete a diphthong or an affricate? A stressed vowel always begins anew."""
    if code in VOWELS:
        return not stress and code in _SECOND.get(last.symbol, "")
    return code in _RELEASE.get(last.symbol, "")


def is_letter(code: str) -> bool:
    """Whether a code point is heard: no mark, no pause."""
    return code not in PAUSES and code not in STRESS and code != SPACE and not _modifies(code)


def symbol_of(text: str) -> tuple[str, int]:
    """An espeak-ng phoneme name to its symbol and stress: ``"ˈaɪ"`` is ``("aɪ", 2)``.

    Length marks and tones are dropped; the name of a pause or of a language switch gives ``""``.
    """
    if text.startswith("(") or text.startswith("_"):
        return "", 0
    stress = max((STRESS.get(char, 0) for char in text), default=0)
    kept = [c for c in text if c not in STRESS and c not in _TONES and c not in "ːˑ-" and c not in PAUSES]
    return "".join(kept).strip(), stress
