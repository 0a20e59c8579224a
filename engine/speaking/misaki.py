"""Phonemes in misaki's alphabet: their translation to IPA, and the timing of a clause spoken from them. Pure.

Misaki (https://github.com/hexgrad/misaki, ``EN_PHONES.md``) writes one letter for each English diphthong and affricate.
Kokoro's and hibari's vocabularies are this alphabet with the letters of other languages added.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np

from engine.items import Clause, FloatArray, Word
from engine.speaking.ipa import PAUSES, SPACE, Segment, assemble
from engine.speaking.letters import phoneme_times
from engine.speaking.timeline import ClauseTiming, Span, shown_words, spread, tokens

_IPA = {
    "A": "eɪ", "I": "aɪ", "O": "oʊ", "Q": "əʊ", "W": "aʊ", "Y": "ɔɪ",
    "ᵊ": "ə", "T": "ɾ", "S": "ʃ",
    "ʣ": "dz", "ʤ": "dʒ", "ʥ": "dʑ", "ʦ": "ts", "ʧ": "tʃ", "ʨ": "tɕ", "ꭧ": "tʂ",
    "r": "ɹ", "g": "ɡ", "ᵝ": "",
}  # fmt: skip
"""Letters that are not IPA or mean something else in it. ``ᵝ`` only compresses the vowel before it."""


END = "$"
"""The symbol of the silence after the last phoneme; it is not in the alphabet."""


@dataclass(frozen=True, slots=True)
class Code:
    """A phoneme, stress mark, space or punctuation mark that a network reads."""

    symbol: str
    """One character of misaki's alphabet."""
    start: int
    end: int
    """The stretch of the text it was made for, as indices; empty for a space."""


def to_ipa(symbol: str) -> str:
    """One character in IPA: two letters for a diphthong or an affricate, none for a mark that has no counterpart."""
    return _IPA.get(symbol, symbol)


def clause_timing(
    clause: Clause,
    text: str,
    codes: Sequence[Code],
    edges: FloatArray,
    pitch: FloatArray | None = None,
) -> ClauseTiming:
    """The phoneme and word times of a clause.

    Args:
        clause: what is spoken.
        text: what ``codes`` point into: the spoken text as the phonemes were made from it.
        codes: n codes, in order.
        edges: when each code begins, and when the last one ends, (n + 1,) ms from the start of the raw audio.
        pitch: see ``ClauseTiming``.
    """
    phonemes = phoneme_times(_segments([code.symbol for code in codes], edges), 1.0)
    words = shown_words(clause.text, _words(text, codes, edges), float(edges[-1]))
    return ClauseTiming(words, phonemes, pitch)


def _segments(symbols: Sequence[str], edges: FloatArray) -> list[Segment]:
    letters: list[str] = ["^"]
    durations = [float(edges[0])]
    for symbol, duration in zip(symbols, np.diff(edges).tolist(), strict=True):
        ipa = to_ipa(symbol)
        letters += ipa
        durations += [duration / len(ipa)] * len(ipa)
        if not ipa:
            durations[-1] += duration
    return assemble(letters, durations)


def _words(text: str, codes: Sequence[Code], edges: FloatArray) -> list[Word]:
    """The words of ``text``, each from the first to the last sound made for it."""
    found = tokens(text)
    known: list[Span | None] = [None] * len(found)
    at = 0
    for i, code in enumerate(codes):
        if code.symbol in PAUSES or code.symbol == SPACE or not found:
            continue
        while at + 1 < len(found) and found[at + 1].start <= code.start:
            at += 1
        begun = known[at]
        known[at] = (begun[0] if begun else float(edges[i]), float(edges[i + 1]))
    return list(spread([token.text for token in found], known, 0.0, float(edges[-1])))
