"""English text to the phonemes that hibari reads, with hibari's own lexicon, tagger and network for unknown words.

In: text whose numbers, units and formulas are words already; hibari's own normalisation of these is left out. Out:
phonemes in misaki's alphabet, each with the stretch of text it was made for. Blocking (about a millisecond a clause).
Thread safe once loaded.
"""

from __future__ import annotations

import json
import unicodedata
from collections.abc import Collection, Sequence
from functools import cache
from pathlib import Path

from hibari.g2p import ASSETS, G2P

from engine.errors import ModelMissing
from engine.speaking.english_readings import reading
from engine.speaking.ipa import SPACE, is_letter
from engine.speaking.misaki import Code

MAX_CODES = 400
"""The most phonemes that the network gets at once; the package's own limit."""

_PAD = 0
"""Id before and after what is said at once."""


class EnglishPhonemes:
    """The text-to-phoneme step.

    Args:
        british: pronounce words the British way, not the American.

    Raises:
        ModelMissing: the package's data files are missing or damaged.
    """

    def __init__(self, british: bool = False) -> None:
        try:
            self._ids: dict[str, int] = json.loads(Path(ASSETS, "vocab.json").read_text(encoding="utf-8"))
            self._g2p = G2P(british=british)
            # The network for unknown words is loaded at its first use, which must not be in the middle of a reply.
            self._g2p("zzyzx", normalize_text=False)
        except (OSError, ValueError, KeyError) as error:
            raise ModelMissing(f"hibari's lexicon cannot be read ({error!r}); install the package again") from error

    @property
    def alphabet(self) -> Collection[str]:
        """Every symbol that has an id; Kokoro's are the same."""
        return self._ids

    def codes(self, text: str) -> list[Code]:
        """The phonemes of a text, a single space between words; empty if nothing in it can be pronounced.

        Args:
            text: from ``plain``.
        """
        tokens = self._g2p.tokenize(text)
        if not tokens:
            return []
        words = [token.text for token in tokens]
        for index, token in enumerate(tokens):
            token.phonemes = reading(words, index)
        found: list[Code] = []
        at = 0
        for token in self._g2p.phonemize_tokens(tokens):
            start = text.find(token.text, at)
            start = at if start < 0 else start
            at = start + len(token.text)
            found += [Code(symbol, start, at) for symbol in token.phonemes or "" if symbol in self._ids]
            if token.whitespace and found and found[-1].symbol != SPACE:
                found.append(Code(SPACE, at, at))
        while found and found[-1].symbol == SPACE:
            found.pop()
        return found if any(is_letter(code.symbol) for code in found) else []

    def ids(self, codes: Sequence[Code]) -> list[int]:
        """What the network reads for these codes: one id each, framed by two pads."""
        return [_PAD, *(self._ids[code.symbol] for code in codes), _PAD]


@cache
def english_phonemes(british: bool = False) -> EnglishPhonemes:
    """The text-to-phoneme step of this process; the arguments are those of ``EnglishPhonemes``."""
    return EnglishPhonemes(british)


def plain(text: str) -> str:
    """The text as the package can read it.

    Digits that are not decimal (``²``, ``①``), on which it fails, become decimal ones. ``[word](/phonemes/)``, by which
    it takes pronunciations, is broken up: an answer must not contain instructions.
    """
    readable = (str(unicodedata.digit(c)) if c.isdigit() and not c.isdecimal() else c for c in text)
    return "".join(readable).replace("\0", " ").replace("](", "] (")


def divided(codes: list[Code]) -> list[list[Code]]:
    """Stretches of at most ``MAX_CODES`` codes, cut at a space: the last one after a pause, if there is any."""
    parts: list[list[Code]] = []
    while len(codes) > MAX_CODES:
        head = codes[:MAX_CODES]
        spaces = [i for i, code in enumerate(head) if code.symbol == SPACE and i > MAX_CODES // 4]
        pauses = [i for i in spaces if head[i - 1].symbol in ".!?;:,—…"]
        cut = (pauses or spaces or [MAX_CODES])[-1]
        parts.append(codes[:cut])
        codes = codes[cut:]
    return [*parts, codes] if codes else parts
