"""Stretches of a clause that are in other languages than the rest of it, told by their script. Pure, linear.

``The word 你好 means hello.`` is said by two voices: one for English, one for Chinese.
"""

from __future__ import annotations

import re

from engine.text.language import SAME_SCRIPT
from engine.text.math_words import FUNCTIONS
from engine.text.protected import NEVER, protected_end
from engine.text.scripts import SCRIPTS, UNSPACED_LANGUAGES

MAX_RUNS = 6
"""A clause is cut into no more: what follows stays with the clause's own language."""

_OWN_CHARACTERS = frozenset({"zh", "ja", "ko"})
"""One of their characters can be a word; a single letter of an alphabet may be a symbol: π, Δ, й."""

_WORD = re.compile(r"[^\W\d_]+(?:['’-][^\W\d_]+)*")
_LATIN = re.compile(r"[A-Za-zÀ-ɏ]+(?:['’-][A-Za-zÀ-ɏ]+)*")
_CLOSING = re.compile(r"[，。！？；：、…]+")
_MAX_SPACE = 3


_SCRIPT_LANGUAGES = frozenset(language for language, _ in SCRIPTS) | {
    each for same in SAME_SCRIPT.values() for each in same
}


def language_runs(text: str, language: str, other: str = "en") -> list[tuple[str, str]]:
    """``text`` in pieces, each with its language; joined they give ``text`` again.

    Args:
        text: a clause.
        language: of the clause as a whole, ISO 639-1.
        other: the language of Latin letters in a text of another script.
    """
    found = _foreign(text, language, other)
    if not found:
        return [(text, language)]
    pieces: list[tuple[str, str]] = []
    at = 0
    for begin, end, foreign in found[: MAX_RUNS // 2]:
        if any(map(str.isalnum, text[at:begin])):
            pieces.append((text[at:begin], language))
        elif pieces:
            pieces[-1] = (pieces[-1][0] + text[at:begin], pieces[-1][1])
        else:
            begin = at
        pieces.append((text[begin:end], foreign))
        at = end
    if any(map(str.isalnum, text[at:])):
        pieces.append((text[at:], language))
    else:
        pieces[-1] = (pieces[-1][0] + text[at:], pieces[-1][1])
    return pieces


def _foreign(text: str, language: str, other: str) -> list[tuple[int, int, str]]:
    """Stretches (begin, end, language) of foreign words with at most a space or a comma between them."""
    if text.isascii() and language not in _SCRIPT_LANGUAGES:
        return []
    whole = _protected(text)
    runs: list[tuple[int, int, str]] = []
    for begin, end, word in _words(text, language):
        if any(first <= begin < last for first, last in whole):
            continue
        foreign = _foreign_language(word, language, other, text[max(0, begin - 1) : begin], text[end : end + 1])
        if foreign is None:
            continue
        if runs and runs[-1][2] == foreign and begin - runs[-1][1] <= _MAX_SPACE:
            between = text[runs[-1][1] : begin]
            if not any(map(str.isalnum, between)):
                runs[-1] = (runs[-1][0], end, foreign)
                continue
        runs.append((begin, end, foreign))
    return [(begin, _with_stop(text, end, foreign), foreign) for begin, end, foreign in runs]


def _words(text: str, language: str) -> list[tuple[int, int, str]]:
    """Words with their places; where a script without spaces meets another, a word ends."""
    words: list[tuple[int, int, str]] = []
    for match in _WORD.finditer(text):
        begin = match.start()
        script = ""
        for at in range(match.start(), match.end()):
            here = _script(text[at])
            if at > begin and here != script and text[at].isalpha() and {here, script} != {"ja", "zh"}:
                words.append((begin, at, text[begin:at]))
                begin = at
            script = here if text[at].isalpha() else script
        words.append((begin, match.end(), text[begin : match.end()]))
    return words


def _foreign_language(word: str, language: str, other: str, before: str, after: str) -> str | None:
    script = next((found for found in map(_script, word) if found == "ja"), _script(word[0]))
    if not script:
        if language not in _SCRIPT_LANGUAGES or language == other or not _is_latin_word(word, before, after):
            return None
        return other if other not in _SCRIPT_LANGUAGES else "en"
    if script == language or script in _related(language):
        return None
    if script not in _OWN_CHARACTERS and len(word) < 2:
        return None
    return script


def _is_latin_word(word: str, before: str, after: str) -> bool:
    """A word rather than a variable, an abbreviation or a unit: "apple", not "DNA", "km" or "sin"."""
    if not _LATIN.fullmatch(word) or len(word) < 3 or word.isupper() or word in FUNCTIONS:
        return False
    return not any(char.isdigit() or char in "=+*/^_\\<>#@.~" for char in before + after.replace(".", ""))


def _protected(text: str) -> list[tuple[int, int]]:
    """Formulas and code."""
    spans: list[tuple[int, int]] = []
    at = 0
    for match in re.finditer(r"[$\\`]", text):
        if match.start() < at:
            continue
        end = protected_end(text, match.start(), final=True)
        if end not in (NEVER, match.start()):
            spans.append((match.start(), end))
            at = end
    return spans


def _with_stop(text: str, end: int, language: str) -> int:
    """A full stop of the foreign script belongs to the words before it."""
    closing = _CLOSING.match(text, end) if language in UNSPACED_LANGUAGES else None
    return closing.end() if closing else end


def _script(char: str) -> str:
    if char.isascii():
        return ""
    return next((language for language, pattern in SCRIPTS if pattern.match(char)), "")


def _related(language: str) -> frozenset[str]:
    """Scripts that a language of another script uses too."""
    related = {script for script, languages in SAME_SCRIPT.items() if language in languages}
    return frozenset(related | ({"zh"} if language in ("ja", "ko", "yue") else set()))
