"""From the durations of a VITS voice's letters (IPA code points or spelling) to phonemes and words.

Pure. Such voices put a pad between any two letters; their durations count columns of sound.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from difflib import SequenceMatcher
from typing import Any

import numpy as np
import numpy.typing as npt

from engine.items import Clause, Phoneme, Word
from engine.speaking.ipa import Segment, assemble
from engine.speaking.timeline import ClauseTiming, Span, shown_words, spread, tokens

_PAD_BEFORE = 0.25
"""Share of the pad between two phonemes that sounds like the one before it.

Measured on sibilants, whose edges are seen in the spectrum: with this share labels and sound
agree on average; were all of it given to the one before, labels would come 18 ms late.
"""


def share_pads(own: npt.NDArray[Any], pads: npt.NDArray[Any]) -> list[float]:
    """Durations of n letters from their own columns, (n,), and those of the n - 1 pads between them."""
    before = np.append(pads * _PAD_BEFORE, 0.0)
    after = np.insert(pads * (1 - _PAD_BEFORE), 0, 0.0)
    durations: list[float] = (own + before + after).tolist()
    return durations


def clause_timeline(
    clause: Clause, sounds: Sequence[Segment], column_ms: float, columns: int, phonemes_of: Callable[[str], list[str]]
) -> ClauseTiming:
    """Words and phonemes of a clause, in ms of its ``columns`` columns of raw sound.

    Args:
        sounds: what is said, with times in columns; empty when the voice tells none, and the
            words then share the time by their length.
        phonemes_of: the letters of one word pronounced alone.
    """
    total_ms = columns * column_ms
    if not sounds:
        return ClauseTiming(shown_words(clause.text, (), total_ms))
    spoken = _spoken_words(clause.spoken, sounds, column_ms, phonemes_of)
    phonemes = tuple(
        Phoneme(s.symbol, s.start * column_ms, s.end * column_ms, s.stress) for s in _without_joints(sounds)
    )
    return ClauseTiming(shown_words(clause.text, spoken, total_ms), phonemes)


def _without_joints(sounds: Sequence[Segment]) -> list[Segment]:
    """Speech runs on between words: a joint's time goes half to either neighbour."""
    kept: list[Segment] = []
    joint: Segment | None = None
    for sound in sounds:
        if sound.symbol == " ":
            joint = sound
            continue
        start = sound.start
        if joint is not None:
            start = (joint.start + joint.end) / 2
            if kept:
                kept[-1].end = start
            joint = None
        kept.append(Segment(sound.symbol, start, sound.end, sound.stress))
    return kept


def _spoken_words(
    text: str, sounds: Sequence[Segment], column_ms: float, phonemes_of: Callable[[str], list[str]]
) -> tuple[Word, ...]:
    """Times of the words of ``text``.

    Usually every word is one group of phonemes between joints. espeak-ng joins some ("of the")
    and says others as several ("25"), so when the counts differ each word is pronounced alone
    and found again in what was said.
    """
    groups: list[list[Segment]] = [[]]
    for sound in sounds:
        if sound.symbol.strip():
            groups[-1].append(sound)
        elif groups[-1]:
            groups.append([])
    groups = [group for group in groups if group]
    words = [token.text for token in tokens(text)]
    end_ms = max((group[-1].end for group in groups), default=0.0) * column_ms
    if len(groups) == len(words) and not any(char.isdigit() for char in text):
        spans: list[Span | None] = [(group[0].start * column_ms, group[-1].end * column_ms) for group in groups]
        return spread(words, spans, 0.0, end_ms)
    said = [sound for group in groups for sound in group]
    owners: list[int] = []
    expected: list[str] = []
    for i, word in enumerate(words):
        codes = phonemes_of(word)
        alone = [sound.symbol for sound in assemble(codes, [0.0] * len(codes)) if sound.symbol.strip()]
        expected += alone
        owners += [i] * len(alone)
    known: list[Span | None] = [None] * len(words)
    matcher = SequenceMatcher(None, expected, [sound.symbol for sound in said], autojunk=False)
    for at, said_at, size in matcher.get_matching_blocks():
        for owner, sound in zip(owners[at : at + size], said[said_at : said_at + size], strict=True):
            begin = known[owner]
            known[owner] = (begin[0] if begin else sound.start * column_ms, sound.end * column_ms)
    return spread(words, known, said[0].start * column_ms if said else 0.0, end_ms)


def letter_durations(letters: Sequence[str | None], widths: npt.NDArray[Any]) -> tuple[list[str], list[float]]:
    """Letters and their columns from ids that may have pads (None) between, before and after them.

    What lies before the first and after the last letter becomes silence.
    """
    kept = [letter or "" for letter in ("^", *letters, "$") if letter is not None]
    own = np.zeros(len(kept))
    pads = np.zeros(len(kept) - 1)
    at = 0
    for letter, width in zip(letters, widths, strict=True):
        if letter is None:
            pads[at] += width
        else:
            at += 1
            own[at] = width
    return kept, share_pads(own, pads)
