"""Turns the durations of a VITS voice's letters (IPA code points or plain letters) into phoneme and word times.

Pure. Such voices put a pad between every two letters. Durations are in columns of the latent.
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
"""Share of the pad between two phonemes that belongs to the first of them.

Measured on sibilants, whose edges show in the spectrum: with this share labels and audio agree on average. If the whole
pad went to the first phoneme, labels would be 18 ms late.
"""


def share_pads(own: npt.NDArray[Any], pads: npt.NDArray[Any]) -> list[float]:
    """Divides the pads between letters among their neighbours.

    Args:
        own: columns of each letter, (n,).
        pads: columns of the pads between them, (n - 1,).

    Returns:
        The duration of each letter in columns, n values with the same sum as ``own`` and ``pads``.
    """
    before = np.append(pads * _PAD_BEFORE, 0.0)
    after = np.insert(pads * (1 - _PAD_BEFORE), 0, 0.0)
    durations: list[float] = (own + before + after).tolist()
    return durations


def clause_timeline(
    clause: Clause, segments: Sequence[Segment], column_ms: float, columns: int, phonemes_of: Callable[[str], list[str]]
) -> ClauseTiming:
    """The word and phoneme times of a clause.

    Args:
        clause: what is spoken.
        segments: what the voice says, with times in columns. If empty (the voice gives no times), the words share the
            time in proportion to their length.
        column_ms: length of a column, ms.
        columns: length of the clause's raw audio.
        phonemes_of: returns the letters of one word pronounced alone.
    """
    total_ms = columns * column_ms
    if not segments:
        return ClauseTiming(shown_words(clause.text, (), total_ms))
    spoken = _spoken_words(clause.spoken, segments, column_ms, phonemes_of)
    return ClauseTiming(shown_words(clause.text, spoken, total_ms), phoneme_times(segments, column_ms))


def phoneme_times(segments: Sequence[Segment], column_ms: float) -> tuple[Phoneme, ...]:
    """Phonemes and silences with times in ms, from segments with times in columns.

    Half of the time of a word boundary goes to either neighbour, as speech has no gap there.
    """
    kept: list[Segment] = []
    boundary: Segment | None = None
    for segment in segments:
        if segment.symbol == " ":
            boundary = segment
            continue
        start = segment.start
        if boundary is not None:
            start = (boundary.start + boundary.end) / 2
            if kept:
                kept[-1].end = start
            boundary = None
        kept.append(Segment(segment.symbol, start, segment.end, segment.stress))
    return tuple(Phoneme(s.symbol, s.start * column_ms, s.end * column_ms, s.stress) for s in kept)


def _spoken_words(
    text: str, segments: Sequence[Segment], column_ms: float, phonemes_of: Callable[[str], list[str]]
) -> tuple[Word, ...]:
    """Times of the words of ``text``.

    Usually each word is one group of phonemes between two gaps. espeak-ng joins some words ("of the") and splits others
    ("25"), so if the counts differ, each word is pronounced alone and matched with what was said.
    """
    groups: list[list[Segment]] = [[]]
    for segment in segments:
        if segment.symbol.strip():
            groups[-1].append(segment)
        elif groups[-1]:
            groups.append([])
    groups = [group for group in groups if group]
    words = [token.text for token in tokens(text)]
    end_ms = max((group[-1].end for group in groups), default=0.0) * column_ms
    if len(groups) == len(words) and not any(char.isdigit() for char in text):
        spans: list[Span | None] = [(group[0].start * column_ms, group[-1].end * column_ms) for group in groups]
        return spread(words, spans, 0.0, end_ms)
    said = [segment for group in groups for segment in group]
    owners: list[int] = []
    expected: list[str] = []
    for i, word in enumerate(words):
        codes = phonemes_of(word)
        alone = [segment.symbol for segment in assemble(codes, [0.0] * len(codes)) if segment.symbol.strip()]
        expected += alone
        owners += [i] * len(alone)
    known: list[Span | None] = [None] * len(words)
    matcher = SequenceMatcher(None, expected, [segment.symbol for segment in said], autojunk=False)
    for at, said_at, size in matcher.get_matching_blocks():
        for owner, segment in zip(owners[at : at + size], said[said_at : said_at + size], strict=True):
            begin = known[owner]
            known[owner] = (begin[0] if begin else segment.start * column_ms, segment.end * column_ms)
    return spread(words, known, said[0].start * column_ms if said else 0.0, end_ms)


def letter_durations(letters: Sequence[str | None], widths: npt.NDArray[Any]) -> tuple[list[str], list[float]]:
    """Letters and their durations from a sequence that may have pads (None) before, between and after letters.

    What lies before the first and after the last letter becomes silence (``^`` and ``$``).

    Args:
        letters: n letters and pads.
        widths: columns of each, (n,).

    Returns:
        The letters without pads, framed by ``^`` and ``$``, and the columns of each.
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
