"""Numbers, units, dates, money and simple formulas in words, for English and Chinese.

A thin cover over WeTextProcessing's grammars (``wetext``). Other languages are left as they
are: their voices read digits themselves. Takes 1-5 ms a clause with digits in it, nothing
without; the grammars are loaded at the first use (``warm_up``). Any thread.
"""

from __future__ import annotations

import re
from functools import cache
from typing import Any

from wetext import Normalizer

LANGUAGES = ("en", "zh")

_WORTH_IT = re.compile(r"\d|[%°$€£¥=+×÷±]|\b(?:Dr|Mr|Mrs|Ms|Prof|St)\.")

_SENTENCES = re.compile(r"(?<=[a-z)][.!?]) ")

_ENGLISH = (
    (re.compile(r"\be\.\s?g\.,?", re.IGNORECASE), "for example,"),
    (re.compile(r"\bi\.\s?e\.,?", re.IGNORECASE), "that is,"),
    (re.compile(r"\betc\.(?=\s*[a-z,;)]|\s*$)"), "et cetera"),
    (re.compile(r"\betc\."), "et cetera."),
    (re.compile(r"\bvs\.?(?=\s)"), "versus"),
    (re.compile(r"\bapprox\.(?=\s)"), "approximately"),
    (re.compile(r"\bNo\.\s?(?=\d)"), "number "),
    (re.compile(r"\bFig\.\s?(?=\d)"), "figure "),
    (re.compile(r"(?<=\d)\s?°(?![CFK])"), " degrees"),
)


def in_words(text: str, language: str) -> str:
    """``text`` as one would read it aloud; unchanged in languages without a grammar."""
    if language not in LANGUAGES:
        return text
    if language == "en":
        for pattern, words in _ENGLISH:
            text = pattern.sub(words, text)
    # Sentence by sentence: the grammars lose the space after a full stop before a number.
    return " ".join(_read(sentence, language) for sentence in _SENTENCES.split(text))


def _read(text: str, language: str) -> str:
    if not _WORTH_IT.search(text):
        return text
    try:
        return str(_grammar(language).normalize(text)) or text
    except (RuntimeError, ValueError, IndexError, KeyError, AssertionError):
        # The grammars assert that they could parse; a line of symbols must not silence the tutor.
        return text


def warm_up() -> None:
    """Load both grammars (about a second together)."""
    for language, sample in (("en", "It is 3:15 and 20% cost $4."), ("zh", "今天是2025年12月28日，50%。")):
        in_words(sample, language)


@cache
def _grammar(language: str) -> Any:
    return Normalizer(lang=language, operator="tn")
