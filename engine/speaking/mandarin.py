"""Mandarin text to the phonemes Kokoro was trained on: words, their pinyin, and pinyin in IPA with tone arrows.

The letters are those of misaki's first Mandarin alphabet (https://github.com/hexgrad/misaki, ``misaki/zh.py``), which
takes its IPA from pinyin-to-ipa (https://github.com/stefantaubert/pinyin-to-ipa, MIT). Words come from jieba's
dictionary (``rjieba``), readings from ``pypinyin``. Blocking: a fraction of a millisecond a clause, after both have
loaded their dictionaries (0.3 s, 60 MB). Thread safe.
"""

from __future__ import annotations

import re
from collections.abc import Iterator
from functools import cache

import rjieba
from pypinyin import Style, lazy_pinyin

_TONES = {"1": "→", "2": "↗", "3": "↓", "4": "↘", "5": ""}

_INITIALS = {
    "b": "p", "p": "pʰ", "m": "m", "f": "f", "d": "t", "t": "tʰ", "n": "n", "l": "l", "g": "k", "k": "kʰ", "h": "x",
    "j": "ʨ", "q": "ʨʰ", "x": "ɕ", "zh": "ꭧ", "ch": "ꭧʰ", "sh": "ʂ", "r": "ɻ", "z": "ʦ", "c": "ʦʰ", "s": "s", "": "",
}  # fmt: skip

# "0" is where the tone goes.
_FINALS = {
    "a": "a0", "ai": "ai0", "an": "a0n", "ang": "a0ŋ", "ao": "au0", "e": "ɤ0", "ei": "ei0", "en": "ə0n", "eng": "ə0ŋ",
    "i": "i0", "ia": "ja0", "ian": "jɛ0n", "iang": "ja0ŋ", "iao": "jau0", "ie": "je0", "in": "i0n", "iu": "jou0",
    "ing": "i0ŋ", "iong": "jʊ0ŋ", "ong": "ʊ0ŋ", "ou": "ou0", "u": "u0", "ui": "wei0", "ua": "wa0", "uai": "wai0",
    "uan": "wa0n", "un": "wə0n", "uang": "wa0ŋ", "ueng": "wə0ŋ", "uo": "wo0", "o": "wo0",
    "v": "y0", "ve": "ɥe0", "van": "ɥɛ0n", "vn": "y0n",
}  # fmt: skip

_WHOLE = {
    "er": "ɚ0", "o": "ɔ0", "ê": "ɛ0", "yo": "jɔ0", "m": "m0", "n": "n0", "ng": "ŋ0", "hm": "hm0", "hng": "hŋ0",
}  # fmt: skip
"""Syllables that are not an initial and a final of the tables."""

_Y = {"yi": "i", "ya": "ia", "yan": "ian", "yang": "iang", "yao": "iao", "ye": "ie", "yin": "in", "you": "iu",
      "ying": "ing", "yong": "iong", "yu": "v", "yue": "ve", "yuan": "van", "yun": "vn", "yai": "ai"}  # fmt: skip
_W = {"wu": "u", "wa": "ua", "wai": "uai", "wan": "uan", "wang": "uang", "wei": "ui", "wen": "un", "weng": "ueng",
      "wo": "uo"}  # fmt: skip

_LONGEST_WORD = 40
"""Longer "words" are strings of characters without sense; their characters are read one by one."""

_SYLLABLE = re.compile(r"(zh|ch|sh|[bpmfdtnlgkhjqxrzcs]?)([aeiouv]+(?:ng|n|r)?)")


def syllables(word: str) -> list[str]:
    """The syllables of a word of Chinese characters, one per character: IPA letters and a tone arrow.

    A character without a known reading gives the empty string. Third tones before third tones, 不 and 一 change as
    they do when spoken.
    """
    readings = lazy_pinyin(
        list(word) if len(word) > _LONGEST_WORD else word,
        style=Style.TONE3,
        neutral_tone_with_five=True,
        tone_sandhi=True,
        errors=_unread,
    )
    found = [syllable(reading) for reading in readings]
    return found if len(found) == len(word) else [syllable(reading_of(char)) for char in word]


def _unread(_characters: str) -> str:
    """What stands for characters without a reading, however many."""
    return " "


def reading_of(character: str) -> str:
    """The usual pinyin of one character, its tone as a digit; a space if it has none."""
    return str(lazy_pinyin(character, style=Style.TONE3, neutral_tone_with_five=True, errors=_unread)[0])


@cache
def syllable(pinyin: str) -> str:
    """A pinyin syllable with its tone as a digit (``guang1``), in IPA; empty if it is none."""
    tone = _TONES.get(pinyin[-1:])
    base = pinyin[:-1] if tone is not None else pinyin
    whole = _WHOLE.get(base)
    if whole is None:
        initial, final = _parts(base.replace("ü", "v"))
        if final is None:
            return ""
        whole = _INITIALS[initial] + final
    return whole.replace("0", tone or "")


def _parts(base: str) -> tuple[str, str | None]:
    """The initial and the IPA of the final of a syllable without its tone; None if it has no such parts."""
    if base in _Y or base in _W:
        return "", _FINALS[_Y.get(base) or _W[base]]
    match = _SYLLABLE.fullmatch(base)
    if match is None:
        return "", None
    initial, final = match.groups()
    if final == "i" and initial in ("zh", "ch", "sh", "r", "z", "c", "s"):
        return initial, "ɨ0"
    if initial in ("j", "q", "x") and final.startswith("u"):
        final = "v" + final[1:]
    return initial, _FINALS.get(final)


def words(text: str) -> Iterator[tuple[str, int]]:
    """The words of a text of Chinese characters, each with its position in the text."""
    at = 0
    for word in rjieba.cut(text):
        yield word, at
        at += len(word)
