"""Numbers, units, dates, money and simple formulas in words, for English and Chinese.

A thin layer over WeTextProcessing's grammars (``wetext``). Other languages are left alone: their voices
read digits themselves. Takes 1-5 ms for a clause with digits, and nothing for one without. The grammars are
loaded when first used (``warm_up``). Not for the event loop: a grammar holds the interpreter longer the longer
the text, so it gets only the words around a number.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Iterator, Sequence
from functools import cache
from typing import Any

from wetext import Normalizer

from engine.text.amounts import amounts_in_words

LANGUAGES = ("en", "zh")

_WORTH_IT = re.compile(r"\d|[%°$€£¥]")

_SENTENCES = re.compile(r"(?<=[a-z)][.!?]) ")

_AROUND = 2
"""Words kept with a number, on either side: its unit, month or currency."""

_LONGEST = 12
"""Words given to a grammar at once."""

_MAX_WORD = 40
"""Characters of one word a grammar is asked about; nothing that long is a number anybody reads out."""

_MAX_CHINESE = 60
"""Characters of Chinese given to a grammar at once."""

_CHINESE: _Rules = (
    (re.compile(r"(?<=\d)\s?m/s(?:²|\^2|\s?的平方)"), "米每二次方秒"),
    (re.compile(r"(?<=[\d方])\s?km/s\b"), "千米每秒"),
    (re.compile(r"(?<=[\d方])\s?m/s\b"), "米每秒"),
)

_CHINESE_PAUSES = re.compile(r"(?<=[，。；！？、：])(?!\d)")

_DECADES = ("", "", "twenties", "thirties", "forties", "fifties", "sixties", "seventies", "eighties", "nineties")

_Rules = tuple[tuple[re.Pattern[str], str | Callable[[re.Match[str]], str]], ...]

_ENGLISH: _Rules = (
    (re.compile(r"\be\.\s?g\.,?", re.IGNORECASE), "for example,"),
    (re.compile(r"\bi\.\s?e\.,?", re.IGNORECASE), "that is,"),
    (re.compile(r"\betc\.(?=\s*[a-z,;)]|\s*$)"), "et cetera"),
    (re.compile(r"\betc\."), "et cetera."),
    (re.compile(r"\bvs\b\.?(?=\s|$)"), "versus"),
    (re.compile(r"\bapprox\.(?=\s)"), "approximately"),
    (re.compile(r"\bNo\.\s?(?=\d)"), "number "),
    (re.compile(r"\b[Ff]ig(s?)\.\s?(?=\d)"), r"figure\1 "),
    (re.compile(r"(?<=\d)\s?°(?![CFK])"), " degrees"),
    (re.compile(r"\bProf\.(?=\s)"), "professor"),
    (re.compile(r"\bDr\.(?=\s)"), "doctor"),
    (re.compile(r"\bMr\.(?=\s)"), "Mister"),
    (re.compile(r"\bMrs\.(?=\s)"), "Missus"),
    (re.compile(r"\bMs\.(?=\s)"), "Miss"),
    (re.compile(r"\bSt\.(?=\s[A-Z])"), "Saint"),
    # What the grammar takes for something else: metres for minutes, decades for seconds, a span for a sum.
    (re.compile(r"(?<=\d)\s?km/s\b"), " kilometers per second"),
    (re.compile(r"(?<=\d)\s?m/s(?:²|\^2| squared)"), " meters per second squared"),
    (re.compile(r"(?<=\d)\s?m/s\b"), " meters per second"),
    (re.compile(r"(?<=\d)\s?km/h\b"), " kilometers per hour"),
    (re.compile(r"(?<=\d)\s?m\b(?![/.]\w)"), " meters"),
    (re.compile(r"(?<=\d)\s?tbsp\b\.?"), " tablespoons"),
    (re.compile(r"(?<=\d)\s?tsp\b\.?"), " teaspoons"),
    (re.compile(r"\b(1\d|20)([2-9])0s\b"), lambda m: f"{m.group(1)} {_DECADES[int(m.group(2))]}"),
    (re.compile(r"\b(1\d)00s\b"), r"\1 hundreds"),
    (re.compile(r"\b2000s\b"), "two thousands"),
    (re.compile(r"\b(1\d{3}|20\d\d)\s?[-–]\s?(1\d{3}|20\d\d)\b"), r"\1 to \2"),
    (re.compile(r"\b\d{3}-\d{4}\b"), lambda m: " ".join(m.group().replace("-", ","))),
    (re.compile(r"(?<![$€£¥\d,.])1,?000\b(?![,.]\d)"), "one thousand"),
    (re.compile(r"(?<![$€£¥\d,.])1,(?=(?!000)\d{3}\b(?![,.]\d))0*"), "one thousand "),
    (re.compile(r"\b(\d)'\s?(\d{1,2})(?:\"|''|”)"), r"\1 foot \2"),
)


def in_words(text: str, language: str) -> str:
    """``text`` as one would read it aloud; unchanged in languages without a grammar."""
    if language not in LANGUAGES:
        return text
    text = amounts_in_words(text, chinese=language == "zh")
    for pattern, words in _ENGLISH if language == "en" else _CHINESE:
        text = pattern.sub(words, text)
    if language == "en":
        # Sentence by sentence: the grammars lose the space after a full stop before a number.
        return " ".join(_english(sentence) for sentence in _SENTENCES.split(text))
    parts = (part for clause in _CHINESE_PAUSES.split(text) for part in _bounded(clause))
    return "".join(_read(part, language) for part in parts)


def _bounded(text: str) -> Iterator[str]:
    """Pieces no longer than a grammar may get, cut where no number goes on; one long number is one piece."""
    begin = 0
    while len(text) - begin > _MAX_CHINESE:
        end = begin + _MAX_CHINESE
        while end > begin and (text[end - 1].isascii() or text[end].isascii()):
            end -= 1
        end = end if end > begin else begin + _MAX_CHINESE
        yield text[begin:end]
        begin = end
    yield text[begin:]


def _english(sentence: str) -> str:
    """Each number with the words around it goes through the grammar, the rest past it."""
    words = sentence.split(" ")
    said: list[str] = []
    at = 0
    for begin, end in _spans([len(word) <= _MAX_WORD and bool(_WORTH_IT.search(word)) for word in words]):
        said += words[at:begin]
        said.append(_read(" ".join(words[begin:end]), "en") if _short(words[begin:end]) else " ".join(words[begin:end]))
        at = end
    return " ".join(said + words[at:])


def _short(words: Sequence[str]) -> bool:
    return max(map(len, words)) <= _MAX_WORD


def _spans(marked: Sequence[bool]) -> Iterator[tuple[int, int]]:
    """Ranges that hold all that is marked and its neighbours; touching ones are one, up to a limit."""
    begin = end = 0
    for index, mark in enumerate(marked):
        if not mark:
            continue
        if begin < end and index - _AROUND <= end and index - begin < _LONGEST:
            end = min(index + 1 + _AROUND, len(marked))
            continue
        if begin < end:
            yield begin, min(end, index)
            begin = max(index - _AROUND, min(end, index))
        else:
            begin = max(index - _AROUND, 0)
        end = min(index + 1 + _AROUND, len(marked))
    if begin < end:
        yield begin, end


def _read(text: str, language: str) -> str:
    if not _WORTH_IT.search(text) or (len(text) > _MAX_WORD and " " not in text and text.isascii()):
        return text
    try:
        # The grammars escape the double quotes they have seen.
        return str(_grammar(language).normalize(text)).replace('\\"', '"') or text
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
