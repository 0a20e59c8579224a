"""When each phoneme and word of a clause is spoken, and how the spoken words map to those shown in captions.

Pure. In: the times a voice gives. Out: ``Word`` and ``Phoneme`` tuples in ms from the start of the clause's raw audio,
in ascending order, with one ``Word`` for every word that captions show.
"""

from __future__ import annotations

import re
from collections.abc import Sequence
from dataclasses import dataclass, replace
from difflib import SequenceMatcher

from engine.items import PITCH_STEP_MS, FloatArray, Phoneme, Word
from engine.text.scripts import UNSPACED

Span = tuple[float, float]
"""Start and end, ms."""

_MIN_PHONEME_MS = 2.0
"""Where a piece contains less than this of a phoneme, the phoneme is left to the neighbouring piece."""

MAX_PAIRS = 40_000
"""Greatest number of pairs of shown and spoken words to compare (200 of each take 20 ms). In longer clauses the words
share the time in proportion to their length."""

_RUN = re.compile(r"\S+")
# One character of a script without spaces, or a stretch of anything else; the middle dot "・" is punctuation.
_PART = re.compile(rf"(?!\u30fb)[{UNSPACED}]|(?:[^{UNSPACED}]|\u30fb)+")
_LEADING = re.compile(r"[^\w]*")
_OPENING = re.compile(r"[(\[{“‘「『《]")
_SYMBOLS = re.compile(r"[=+×÷±−<>≤≥≠≈∞∑∏∫√∪∩∈∉⊂⊆→⇒⇔∧∨·%°$€£¥&]{1,3}")
_BETWEEN_OPERANDS = re.compile(r"[-–*/|:]")
_OPERAND_BEFORE = re.compile(r"(?:\d|(?<![A-Za-z])[A-Za-z])[)\]}²³%!]*$")
_OPERAND_AFTER = re.compile(r"[(\[{√-]*(?:\d|[A-Za-z](?![A-Za-z]))")


@dataclass(frozen=True, slots=True)
class Token:
    """A word of a text, with its start and end index in the text."""

    text: str
    start: int
    end: int


def tokens(text: str) -> list[Token]:
    """The words of ``text`` with their punctuation, split at spaces; in Chinese and Japanese, single characters.

    A symbol that stands alone and is spoken, as in ``x = 5``, is a word too; a dash between words is not. Takes linear
    time for any text.
    """
    found: list[Token] = []
    runs = list(_RUN.finditer(text))
    for at, run in enumerate(runs):
        words = _split(run.group(), run.start())
        if not words and _is_spoken_symbol(runs, at):
            words = [Token(run.group(), run.start(), run.end())]
        found += words
    return found


def _split(run: str, offset: int) -> list[Token]:
    """The words of a run without spaces. Opening brackets and quotation marks belong to the word after them."""
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


def _is_spoken_symbol(runs: Sequence[re.Match[str]], at: int) -> bool:
    """Whether a run of symbols is spoken: ``=`` always, ``-`` between numbers or single letters."""
    symbol = runs[at].group()
    if _SYMBOLS.fullmatch(symbol):
        return True
    if not _BETWEEN_OPERANDS.fullmatch(symbol) or not 0 < at < len(runs) - 1:
        return False
    return bool(_OPERAND_BEFORE.search(runs[at - 1].group()[-8:]) and _OPERAND_AFTER.match(runs[at + 1].group()))


@dataclass(frozen=True, slots=True)
class ClauseTiming:
    """The timing of one clause, ms from the start of its raw audio."""

    words: tuple[Word, ...] = ()
    phonemes: tuple[Phoneme, ...] = ()
    pitch: FloatArray | None = None
    """As in ``Speech``; None if the voice does not tell it."""

    def between(self, start_ms: float, end_ms: float, *, first: bool = False, last: bool = False) -> ClauseTiming:
        """The words and phonemes of one piece of the audio, with times from the piece's start.

        Phonemes are cut at the piece's edges. A word belongs to the piece in which it begins and may end after it.

        Args:
            start_ms: start of the piece.
            end_ms: end of the piece.
            first: the piece is the clause's first and includes words that begin before it.
            last: the piece is the clause's last and includes words that begin after it.
        """
        phonemes = []
        for phoneme in self.phonemes:
            begin, finish = max(phoneme.start_ms, start_ms), min(phoneme.end_ms, end_ms)
            if finish - begin >= _MIN_PHONEME_MS:
                phonemes.append(replace(phoneme, start_ms=begin - start_ms, end_ms=finish - start_ms))
        words = []
        for word in self.words:
            if (first or word.start_ms >= start_ms) and (last or word.start_ms < end_ms):
                begin = min(max(word.start_ms, start_ms), end_ms)
                finish = max(begin, min(word.end_ms, end_ms) if last else word.end_ms)
                words.append(replace(word, start_ms=begin - start_ms, end_ms=finish - start_ms))
        pitch = None
        if self.pitch is not None:
            pitch = self.pitch[max(0, round(start_ms / PITCH_STEP_MS)) : max(0, round(end_ms / PITCH_STEP_MS))]
        return ClauseTiming(tuple(words), tuple(phonemes), pitch)


def spread(texts: Sequence[str], known: Sequence[Span | None], start_ms: float, end_ms: float) -> tuple[Word, ...]:
    """Times for all words when only some are known: the others share the gaps in proportion to their length.

    Args:
        texts: the words, in order.
        known: the span of each word, or None if it is not known; same length as ``texts``.
        start_ms: the earliest start of the first word.
        end_ms: the latest end of the last word.
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
    """Times for the words of ``text`` as shown, from the times of the words that were spoken for it.

    Words found in both are anchors. Where they differ ("25" is spoken as "twenty five"), the shown words share the time
    of the spoken ones.

    Args:
        text: the text shown.
        spoken: the spoken words with their times, in order.
        end_ms: the latest end of the last word.
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
