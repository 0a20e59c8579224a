"""Estimated word times for voices that give none, from how fast the voice has spoken so far.

No I/O. Calls from several threads are safe: the state is one float.
"""

from __future__ import annotations

import re

from engine.items import Word
from engine.speaking.timeline import ClauseTiming, spread, tokens
from engine.text.scripts import HANGUL, UNSPACED

_WIDE = re.compile(f"[{UNSPACED}{HANGUL}]")
_WIDE_WEIGHT = 3.2
"""A Chinese character takes about as long as three letters. A judgement."""

_LEARNING_RATE = 0.3
"""How far each clause moves the estimate towards its own pace, 0 to 1. A judgement."""

_INITIAL_LETTER_S = 0.068
"""Seconds per letter before anything has been learned. A judgement."""


class Pace:
    """How long one voice takes per letter, learned from the clauses it has spoken."""

    def __init__(self) -> None:
        self._letter_s = _INITIAL_LETTER_S

    def timeline(self, text: str) -> ClauseTiming:
        """Estimated times of the words of ``text``, ms from the start of its audio; no phonemes."""
        total = _weight(text) * self._letter_s * 1000
        shown = [token.text for token in tokens(text)]
        words: tuple[Word, ...] = spread(shown, [None] * len(shown), 0.0, total)
        return ClauseTiming(words)

    def learn(self, text: str, seconds: float) -> None:
        """Adjusts the estimate: speaking ``text`` took ``seconds``. Very short texts are ignored."""
        weight = _weight(text)
        if weight >= 5 and seconds > 0.1:
            measured = min(max(seconds / weight, 0.02), 0.3)
            self._letter_s += _LEARNING_RATE * (measured - self._letter_s)


def _weight(text: str) -> float:
    wide = len(_WIDE.findall(text))
    return max(1.0, len(text) - wide + wide * _WIDE_WEIGHT)
