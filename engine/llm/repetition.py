"""Notices that a model has begun to repeat itself without end. Pure; linear in the length of the text."""

from __future__ import annotations

import re
from collections.abc import Sequence

from engine.text.scripts import UNSPACED

ANCHOR_WORDS = 4
"""So many words in a row that were said before begin a stretch of repetition."""

MIN_LOOP_WORDS = 12
"""A passage said three times in a row is a loop once its repetitions have this many words.

Below it are refrains and emphasis: "row, row, row your boat", "round and round, round and round".
"""

MIN_LOOP_TOKENS = 60
"""The same for numbers and emoji. A matrix of zeros is shorter."""

LONG_WORDS = 48
"""So many words, verbatim as before, are a loop wherever they were first said. A chorus is shorter."""

_WORD_LETTERS = 16
"""A longer word is counted in parts, so that "hahaha…" without a space is noticed too."""

_TOKEN = re.compile(
    rf"(?P<number>\n[^\S\n]*[(#*-]{{0,4}}[^\S\n]?\d{{1,3}}[.):](?=\s))"
    rf"|[{UNSPACED}\U0001f000-\U0001faff\u2600-\u27bf]|[^\W\d_{UNSPACED}]{{1,{_WORD_LETTERS}}}|\d{{1,{_WORD_LETTERS}}}"
)
"""A word, part of a long one, a Chinese character or an emoji. ``number`` belongs to a list: it is skipped."""

_OPEN_END = re.compile(r"(?:\n[^\w\n]{0,6})?\w{0,16}[.):]?\Z")
"""What the next piece may still change."""

_BOUNDARY = ""
"""Stands between texts; no word equals it."""


class Repetition:
    """Reads one reply as it is written.

    A loop is a passage that is said three times in a row, or a long one that was said before, in this reply or in an
    earlier one. Words count most: a matrix of zeros is not a loop, nor is a row of dashes.

    Args:
        earlier: replies that were given before.
    """

    def __init__(self, earlier: Sequence[str] = ()) -> None:
        self._words: list[str] = []
        self._last: dict[tuple[str, ...], int] = {}
        """Where each group of ``ANCHOR_WORDS`` words ended last."""
        self._distance = 0
        """How far back the words stand that are being repeated; 0 while none are."""
        self._matched = 0
        self._lettered = 0
        self._rest = "\n"
        for text in earlier:
            for match in _TOKEN.finditer(f"\n{text}"):
                if not match["number"]:
                    self._remember(match[0].casefold())
            self._words += [_BOUNDARY] * ANCHOR_WORDS
        self._begin = len(self._words)

    def push(self, text: str) -> bool:
        """Read the next piece; returns whether the reply has become a loop."""
        text = self._rest + text
        tail = _OPEN_END.search(text, max(0, len(text) - 32))
        end = tail.start() if tail else len(text)
        self._rest = text[end:]
        noticed = False
        for match in _TOKEN.finditer(text[:end]):
            noticed |= not match["number"] and self._read(match[0].casefold())
        return noticed

    def _read(self, word: str) -> bool:
        at = len(self._words)
        if self._distance and self._words[at - self._distance] == word:
            self._matched += 1
            self._lettered += word.isalpha()
            self._remember(word)
        else:
            before = self._remember(word)
            self._distance = 0 if before is None or at + 1 - self._begin < ANCHOR_WORDS else at - before
            self._matched = ANCHOR_WORDS if self._distance else 0
            self._lettered = sum(each.isalpha() for each in self._words[-ANCHOR_WORDS:]) if self._distance else 0
        in_this_reply = self._distance > 0 and at - self._matched - self._distance + 1 >= self._begin
        in_a_row = in_this_reply and self._matched >= 2 * self._distance
        return self._lettered >= (MIN_LOOP_WORDS if in_a_row else LONG_WORDS) or (
            in_a_row and self._matched >= MIN_LOOP_TOKENS
        )

    def _remember(self, word: str) -> int | None:
        """Add ``word``; returns where the words that end with it ended before."""
        self._words.append(word)
        group = tuple(self._words[-ANCHOR_WORDS:])
        before = self._last.get(group)
        self._last[group] = len(self._words) - 1
        return before
