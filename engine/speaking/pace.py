"""Word times for voices that tell none: a guess from how fast the voice has spoken so far.

Pure but for its memory; thread safe enough (one float is replaced).
"""

from __future__ import annotations

import re

from engine.items import Word
from engine.speaking.timeline import ClauseTiming, spread, tokens
from engine.text.scripts import HANGUL, UNSPACED

_WIDE = re.compile(f"[{UNSPACED}{HANGUL}]")
_WIDE_WEIGHT = 3.2
"""A Chinese character takes about as long as three letters."""

_LEARNING = 0.3


class Pace:
    """Seconds a voice needs for a letter."""

    def __init__(self) -> None:
        self._letter_s = 0.068

    def timeline(self, text: str) -> ClauseTiming:
        """The words of ``text`` where they probably are."""
        total = _weight(text) * self._letter_s * 1000
        shown = [token.text for token in tokens(text)]
        words: tuple[Word, ...] = spread(shown, [None] * len(shown), 0.0, total)
        return ClauseTiming(words)

    def learn(self, text: str, seconds: float) -> None:
        """``text`` was said in ``seconds``."""
        weight = _weight(text)
        if weight >= 5 and seconds > 0.1:
            measured = min(max(seconds / weight, 0.02), 0.3)
            self._letter_s += _LEARNING * (measured - self._letter_s)


def _weight(text: str) -> float:
    wide = len(_WIDE.findall(text))
    return max(1.0, len(text) - wide + wide * _WIDE_WEIGHT)
