"""Characters as a voice can read them: look-alikes replaced, invisible ones gone, runs shortened. Pure, linear."""

from __future__ import annotations

import re
import unicodedata

_INVISIBLE = re.compile(
    "[\u00ad\u0334-\u0338\u034f\u061c\u115f\u1160\u17b4\u17b5\u180b-\u180e\u200b-\u200f\u202a-\u202e\u2060-\u206f\ufe00-\ufe0e\ufeff\ufff9-\ufffb]"
    "|[\x00-\x08\x0b\x0c\x0e-\x1f\x7f-\x84\x86-\x9f]|[\U000e0000-\U000e0fff]"
)
_LOOK_ALIKES = re.compile(
    # Ligatures, full-width forms but punctuation of Chinese text, letters for mathematics, enclosed and Roman
    # numerals, squared units, compatibility ideographs.
    "[\ufb00-\ufb06\uff02-\uff07\uff0a\uff0b\uff0d\uff0f-\uff19\uff1c-\uff1e\uff20-\uff3a\uff3c-\uff3e\uff40-\uff5d\uff65-\uff9f\uffe0-\uffe6"
    "\U0001d400-\U0001d7ff\u2460-\u249b\u2160-\u217f\u210a-\u210e\u2110-\u2113\u211b\u2130\u2131\u2133\u3300-\u33ff\u2103\u2109\u2116"
    "\uf900-\ufaff\u2002-\u200a\u202f\u205f\u3000\u00a0\u2474-\u2487\U0001f100-\U0001f10a\u2236]+"
)
_SPECIAL = {"㎡": "m²", "㎥": "m³", "㎠": "cm²", "㎤": "cm³", "㎢": "km²", "㎣": "mm³", "㎟": "mm²", "∶": ":"}
_WIDE_POINT = re.compile(r"(?<=\d)．(?=\d)")
_RUN = re.compile(r"([^\w\s])\1{3,}")
_SPACE_RUN = re.compile(r"[ \t]{3,}")
_LONG_RUN = re.compile(r"(\w)\1{11,}")

LONGEST_RUN = 3
"""Repeated punctuation is cut to so many; rows of dashes say nothing."""


def readable(text: str) -> str:
    """``text`` with one way to write each letter, and without what cannot be heard.

    Unlike plain NFKC this keeps what has a meaning of its own: ``x²``, ``H₂O``, ``½``, ``ℝ``, ``…`` and the
    punctuation of Chinese.
    """
    if text.isascii():
        text = _INVISIBLE.sub("", text)
    else:
        text = _LOOK_ALIKES.sub(_plain, _INVISIBLE.sub("", unicodedata.normalize("NFC", text)))
        text = _WIDE_POINT.sub(".", text)
    return shortened(text)


def shortened(text: str) -> str:
    """Runs of one symbol cut to three, of one letter or digit to twelve, of spaces to two."""
    text = _SPACE_RUN.sub("  ", _RUN.sub(lambda m: m.group(1) * LONGEST_RUN, text))
    return _LONG_RUN.sub(lambda m: m.group()[:12], text)


def _plain(match: re.Match[str]) -> str:
    plain = ""
    enclosed = False
    for char in match.group():
        # ①② are two numbers, not one.
        plain += "、" if enclosed and "\u2460" <= char <= "\u249b" else ""
        plain += _SPECIAL.get(char) or unicodedata.normalize("NFKC", char).replace("\u2044", "/")
        enclosed = "\u2460" <= char <= "\u249b"
    return plain
