"""When each phoneme and word of a clause is heard, and how words found in the voice's text map to the shown ones.

Pure. In: what a voice tells of its timing. Out: ``Word`` and ``Phoneme`` tuples in ms from the
start of the clause's raw sound, monotone, one ``Word`` for every word that captions show.
"""

from __future__ import annotations

import re
from collections.abc import Sequence
from dataclasses import dataclass, replace
from difflib import SequenceMatcher

from engine.items import Phoneme, Word
from engine.text.scripts import UNSPACED

Span = tuple[float, float]

_SLIVER_MS = 2.0
"""A phoneme cut by a window into less than this is left to the window that holds the rest."""
MAX_PAIRS = 40_000
"""Pairs of shown and spoken words that are compared (200 of each take 20 ms); the words of longer clauses share out
their time by length."""

_RUN = re.compile(r"\S+")
# One character of a script without spaces, or a stretch of anything else; the middle dot "・" is punctuation.
_PART = re.compile(rf"(?!\u30fb)[{UNSPACED}]|(?:[^{UNSPACED}]|\u30fb)+")
_LEADING = re.compile(r"[^\w]*")
_OPENING = re.compile(r"[(\[{“‘「『《]")
_SIGNS = re.compile(r"[=+×÷±−<>≤≥≠≈∞∑∏∫√∪∩∈∉⊂⊆→⇒⇔∧∨·%°$€£¥&]{1,3}")
_BETWEEN_OPERANDS = re.compile(r"[-–*/|:]")
_OPERAND_BEFORE = re.compile(r"(?:\d|(?<![A-Za-z])[A-Za-z])[)\]}²³%!]*$")
_OPERAND_AFTER = re.compile(r"[(\[{√-]*(?:\d|[A-Za-z](?![A-Za-z]))")


@dataclass(frozen=True, slots=True)
class Token:
    """A word of a text and where it stands in it (character positions)."""

    text: str
    start: int
    end: int


def tokens(text: str) -> list[Token]:
    """Words as shown: between spaces with their punctuation; single characters of Chinese and Japanese.

    A sign that stands alone and is spoken, as in ``x = 5``, is a word too; a dash between words is not.
    Linear in the length of ``text``, whatever is in it.
    """
    found: list[Token] = []
    runs = list(_RUN.finditer(text))
    for at, run in enumerate(runs):
        words = _split(run.group(), run.start())
        if not words and _is_sign(runs, at):
            words = [Token(run.group(), run.start(), run.end())]
        found += words
    return found


def _split(run: str, offset: int) -> list[Token]:
    """The words of a run without spaces. Opening brackets and quotes belong to the word after them."""
    ends: list[tuple[int, int]] = []
    pending = 0
    for part in _PART.finditer(run):
        leading = _LEADING.match(run, part.start(), part.end())
        first = leading.end() if leading else part.start()
        if ends and first > part.start():
            opening = _OPENING.search(run, part.start(), first)
            pending = opening.start() if opening else first
            ends[-1] = (ends[-1][0], pending)
        if first < part.end():
            ends.append((pending, part.end()))
            pending = part.end()
    return [Token(run[start:end], offset + start, offset + end) for start, end in ends]


def _is_sign(runs: Sequence[re.Match[str]], at: int) -> bool:
    """Whether a run of signs is spoken: "=" always, "-" between numbers or letters."""
    sign = runs[at].group()
    if _SIGNS.fullmatch(sign):
        return True
    if not _BETWEEN_OPERANDS.fullmatch(sign) or not 0 < at < len(runs) - 1:
        return False
    return bool(_OPERAND_BEFORE.search(runs[at - 1].group()[-8:]) and _OPERAND_AFTER.match(runs[at + 1].group()))


@dataclass(frozen=True, slots=True)
class ClauseTiming:
    """The timing of one clause, ms from the start of its raw sound."""

    words: tuple[Word, ...] = ()
    phonemes: tuple[Phoneme, ...] = ()

    def window(self, start_ms: float, end_ms: float, *, first: bool = False, last: bool = False) -> ClauseTiming:
        """What belongs to one piece of the sound, its times counted from the piece's start.

        Phonemes are cut at the edges; a word goes with the piece in which it begins and may
        end after it. ``first`` and ``last`` take in words that lie before or after all sound.
        """
        phonemes = []
        for phoneme in self.phonemes:
            begin, finish = max(phoneme.start_ms, start_ms), min(phoneme.end_ms, end_ms)
            if finish - begin >= _SLIVER_MS:
                phonemes.append(replace(phoneme, start_ms=begin - start_ms, end_ms=finish - start_ms))
        words = []
        for word in self.words:
            if (first or word.start_ms >= start_ms) and (last or word.start_ms < end_ms):
                begin = min(max(word.start_ms, start_ms), end_ms)
                finish = max(begin, min(word.end_ms, end_ms) if last else word.end_ms)
                words.append(replace(word, start_ms=begin - start_ms, end_ms=finish - start_ms))
        return ClauseTiming(tuple(words), tuple(phonemes))


def spread(texts: Sequence[str], known: Sequence[Span | None], start_ms: float, end_ms: float) -> tuple[Word, ...]:
    """A word for every text: known spans are kept, the others share the gaps by their length.

    Args:
        texts: words in order.
        known: the span of each, ms, or None.
        start_ms: where the first may begin.
        end_ms: where the last must end.
    """
    words: list[Word] = []
    cursor = start_ms
    at = 0
    while at < len(texts):
        span = known[at]
        if span is not None:
            begin = min(max(cursor, span[0]), end_ms)
            finish = min(max(begin, span[1]), end_ms)
            words.append(Word(texts[at], begin, finish))
            cursor, at = finish, at + 1
            continue
        stop = next((i for i in range(at, len(texts)) if known[i] is not None), len(texts))
        after = known[stop] if stop < len(texts) else None
        limit = max(cursor, min(after[0] if after else end_ms, end_ms))
        weights = [max(1, len(text)) for text in texts[at:stop]]
        for text, weight in zip(texts[at:stop], weights, strict=True):
            length = (limit - cursor) * weight / sum(weights)
            words.append(Word(text, cursor, cursor + length))
            cursor += length
            weights = weights[1:]
        at = stop
    return tuple(words)


def shown_words(text: str, spoken: Sequence[Word], end_ms: float) -> tuple[Word, ...]:
    """Times for the words of ``text`` from those of what was really said for it.

    Words that both have are anchors; where they differ ("25" was said as "twenty five") the
    shown words share the time of the said ones.
    """
    shown = [token.text for token in tokens(text)]
    if shown == [word.text for word in spoken]:
        return tuple(spoken)
    known: list[Span | None] = [None] * len(shown)
    if len(shown) * len(spoken) > MAX_PAIRS:
        return spread(shown, known, spoken[0].start_ms, end_ms)
    matcher = SequenceMatcher(None, [_key(t) for t in shown], [_key(w.text) for w in spoken], autojunk=False)
    for op, i0, i1, j0, j1 in matcher.get_opcodes():
        if op == "equal" or (op == "replace" and i1 - i0 == j1 - j0):
            known[i0:i1] = [(word.start_ms, word.end_ms) for word in spoken[j0:j1]]
        elif op == "replace":
            run = spread(shown[i0:i1], [None] * (i1 - i0), spoken[j0].start_ms, spoken[j1 - 1].end_ms)
            known[i0:i1] = [(word.start_ms, word.end_ms) for word in run]
    start = spoken[0].start_ms if spoken else 0.0
    return spread(shown, known, start, end_ms)


def _key(text: str) -> str:
    return "".join(char for char in text.casefold() if char.isalnum())
