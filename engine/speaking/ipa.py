"""Turns IPA as espeak-ng writes it into phonemes.

Pure. In: single code points with durations (Piper) or phoneme names (espeak-ng events). Out: phonemes, with diphthongs
and affricates kept whole, modifiers attached to their letter and stress as a number.
"""

from __future__ import annotations

import unicodedata
from collections.abc import Sequence
from dataclasses import dataclass

STRESS = {"ˈ": 2, "ˌ": 1}
"""Stress marks: primary is 2, secondary 1."""
SPACE = " "
PAUSES = frozenset('^$.,;:!?¡¿…—–"()«»“”、。，；：！？')
"""Code points that Piper renders as silence."""

VOWELS = frozenset("aeiouyæøœɐɑɒɔɘəɚɛɜɝɞɤɨɪɯɵɶʉʊʌʏᵻᵿ")
_SECOND = {"a": "ɪʊiu", "e": "ɪʊi", "o": "ʊɪ", "ə": "ʊ", "ɔ": "ɪ", "ɪ": "ə", "ɛ": "ə", "ʊ": "ə"}
"""Second vowels of diphthongs, by the first."""

_RELEASE = {"t": "ʃsɕʂ", "d": "ʒzʑʐ", "p": "f", "ʈ": "ʂ", "ɖ": "ʐ"}
"""Fricatives that complete an affricate, by its stop."""

_MARKS = frozenset("ːˑʲʰʷˤ˞ʼ‿̃")
_TONES = frozenset("0123456789˥˦˧˨˩↓↑→↗↘#")


@dataclass(slots=True)
class Segment:
    """A phoneme, a silence or a word boundary, from ``start`` to ``end`` in the caller's unit (columns, ms)."""

    symbol: str
    """IPA; empty for silence, a space for a word boundary."""
    start: float
    end: float
    stress: int = 0


def assemble(codes: Sequence[str], durations: Sequence[float]) -> list[Segment]:
    """Joins code points to segments.

    The time of a stress mark goes to the vowel after it, that of a length mark or another modifier to the letter before
    it. Word boundaries become segments whose symbol is a space.

    Args:
        codes: IPA code points, stress marks, pauses and spaces.
        durations: one per code point, in any unit.
    """
    segments: list[Segment] = []
    at = 0.0
    stress, pending = 0, 0.0
    for code, duration in zip(codes, durations, strict=True):
        start, at = at, at + duration
        last = segments[-1] if segments else None
        if code in STRESS:
            stress, pending = STRESS[code], pending + duration
        elif code in PAUSES or code == SPACE:
            _gap(segments, "" if code in PAUSES else SPACE, start - pending, at)
            pending = 0.0
        elif last and last.symbol.strip() and (_modifies(code) or _joins(last, code, stress)):
            last.end, pending = at, 0.0
            last.symbol += "" if code in _TONES or code in "ːˑ" else code
        elif not _modifies(code):
            segments.append(Segment(code, start - pending, at, stress if code in VOWELS else 0))
            pending = 0.0
            if code in VOWELS:
                stress = 0
    return segments


def _gap(segments: list[Segment], symbol: str, start: float, end: float) -> None:
    """Appends a silence or word boundary. Adjacent ones are merged, and silence takes precedence."""
    if segments and not segments[-1].symbol.strip():
        segments[-1].end = end
        if not symbol:
            segments[-1].symbol = ""
    else:
        segments.append(Segment(symbol, start, end))


def _modifies(code: str) -> bool:
    return code in _MARKS or code in _TONES or unicodedata.combining(code) > 0


def _joins(last: Segment, code: str, stress: int) -> bool:
    """Whether ``code`` completes a diphthong or an affricate. A stressed vowel always begins a new segment."""
    if code in VOWELS:
        return not stress and code in _SECOND.get(last.symbol, "")
    return code in _RELEASE.get(last.symbol, "")


def is_letter(code: str) -> bool:
    """Whether a code point is a sound of its own: not a mark, a pause or a space."""
    return code not in PAUSES and code not in STRESS and code != SPACE and not _modifies(code)


def symbol_of(text: str) -> tuple[str, int]:
    """The symbol and stress of an espeak-ng phoneme name: ``("aɪ", 2)`` for ``"ˈaɪ"``.

    Length marks and tones are dropped. The symbol of a pause or a language switch is empty.
    """
    if text.startswith("(") or text.startswith("_"):
        return "", 0
    stress = max((STRESS.get(char, 0) for char in text), default=0)
    kept = [c for c in text if c not in STRESS and c not in _TONES and c not in "ːˑ-" and c not in PAUSES]
    return "".join(kept).strip(), stress
