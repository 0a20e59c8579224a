"""Which writing system a character belongs to: the one place for script ranges and unspaced languages. Pure.

A language is an ISO 639-1 code everywhere in the engine (``en``, ``zh``), or the ISO 639-3 code of a
language that has none (``yue``); see ``engine.items.Language``.
"""

from __future__ import annotations

import re

HAN = "\u3400-\u4dbf\u4e00-\u9fff\uf900-\ufaff\U00020000-\U0003134f"
"""Chinese characters, as ranges of a regular expression's character class (Unicode 16, blocks CJK ...)."""

KANA = "\u3040-\u30ff\u31f0-\u31ff\uff66-\uff9f"
HANGUL = "\u1100-\u11ff\u3130-\u318f\uac00-\ud7af"
UNSPACED = HAN + KANA
"""Characters of scripts without spaces of which each is counted, cut and indexed by itself.

Thai, Lao, Khmer, Burmese and Tibetan have no spaces between words either, but a character of theirs is a letter.
"""

_UNSPACED = re.compile(f"[{UNSPACED}]")

SCRIPTS: tuple[tuple[str, re.Pattern[str]], ...] = (
    ("ja", re.compile(f"[{KANA}]")),
    ("ko", re.compile(f"[{HANGUL}]")),
    ("zh", re.compile(f"[{HAN}]")),
    ("ru", re.compile("[\u0400-\u04ff]")),
    ("ar", re.compile("[\u0600-\u06ff\u0750-\u077f]")),
    ("he", re.compile("[\u0590-\u05ff]")),
    ("el", re.compile("[\u0370-\u03ff]")),
    ("hi", re.compile("[\u0900-\u097f]")),
    ("bn", re.compile("[\u0980-\u09ff]")),
    ("ta", re.compile("[\u0b80-\u0bff]")),
    ("te", re.compile("[\u0c00-\u0c7f]")),
    ("th", re.compile("[\u0e00-\u0e7f]")),
    ("ka", re.compile("[\u10a0-\u10ff]")),
    ("hy", re.compile("[\u0530-\u058f]")),
    ("am", re.compile("[\u1200-\u137f]")),
)
"""Each script with the language most often written in it; Japanese before Chinese, whose characters it shares."""

UNSPACED_LANGUAGES = frozenset({"zh", "ja", "yue", "th", "lo", "my", "km", "bo"})
"""Languages written without spaces between words."""


def is_unspaced(char: str) -> bool:
    """Whether ``char`` is Chinese or Japanese, written without spaces between words."""
    return _UNSPACED.match(char) is not None


def count_unspaced(text: str) -> int:
    """How many characters of ``text`` are Chinese or Japanese."""
    return 0 if text.isascii() else len(_UNSPACED.findall(text))
