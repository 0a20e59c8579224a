"""Spans of time in several units: ``2 hours 45 min``, ``half an hour``, ``1小时20分钟``."""

from __future__ import annotations

import re
from fractions import Fraction

_SECONDS = {
    "s": 1, "sec": 1, "secs": 1, "second": 1, "seconds": 1, "min": 60, "mins": 60, "minute": 60, "minutes": 60,
    "h": 3600, "hr": 3600, "hrs": 3600, "hour": 3600, "hours": 3600, "day": 86400, "days": 86400, "week": 604800,
    "weeks": 604800, "秒": 1, "秒钟": 1, "分": 60, "分钟": 60, "小时": 3600, "天": 86400, "周": 604800, "星期": 604800,
    "刻钟": 900,
}  # fmt: skip

_UNIT = "|".join(sorted((name for name in _SECONDS if name.isascii()), key=len, reverse=True))
_ZH_UNIT = "|".join(sorted((name for name in _SECONDS if not name.isascii()), key=len, reverse=True))
_PIECE = (
    r"(?:(?:an|1) hour and (?:a|1) half"
    rf"|\d+(?:\.\d+)?(?: \d+/\d+|/\d+)? ?(?:{_UNIT})\b"
    r"|(?:half|1 half|1/2|(?:1 |a )?quarter|1/4|3 quarters|3/4)(?: of)? (?:an )?hours?|an hour|a minute)"
)
DURATION = rf"{_PIECE}(?:(?:,? and|,)? {_PIECE}){{0,3}}"
"""A pattern without groups."""

CHINESE_DURATION = rf"(?:\d+(?:\.\d+)?个?(?:{_ZH_UNIT})半?|半个?小时)+"

_NAMES = ((86400, "day", "天"), (3600, "hour", "小时"), (60, "minute", "分钟"), (1, "second", "秒"))


_PHRASES = tuple(
    (re.compile(rf"(?<![\d/])(?<!\d ){words}"), minutes)
    for words, minutes in (
        (r"(?:an|1) hour and (?:a|1) half", "90 min"),
        (r"(?:3 quarters|3/4)(?: of)? (?:an )?hours?", "45 min"),
        (r"(?:half|1 half|1/2)(?: of)? (?:an )?hours?|半个?小时", "30 min"),
        (r"(?:(?:1 |a )?quarter|1/4)(?: of)? (?:an )?hours?", "15 min"),
        (r"\ban hour", "60 min"),
        (r"\ba minute", "1 min"),
    )
)
_COUNTED = re.compile(rf"(\d+(?:\.\d+)?)(?: (\d+/\d+)|(/\d+))? ?个?({_UNIT}|{_ZH_UNIT})(半?)")


def seconds_of(text: str) -> Fraction:
    """The seconds of a text that matches one of the patterns."""
    for pattern, minutes in _PHRASES:
        text = pattern.sub(minutes, text)
    total = Fraction(0)
    for number, part, divisor, unit, half in _COUNTED.findall(text):
        amount = Fraction(number + divisor) + Fraction(part or 0) + (Fraction(1, 2) if half else 0)
        total += amount * _SECONDS[unit]
    return total


def _parts(seconds: Fraction | int, unit: str | None, chinese: bool) -> list[tuple[str, str]]:
    rest = Fraction(seconds)
    parts: list[tuple[str, str]] = []
    for size, english, name in _NAMES:
        if unit is not None and unit.rstrip("s") not in (english, name):
            continue
        if unit is None and size == 86400:
            continue
        count = rest / size if unit is not None or size == 1 else Fraction(rest // size)
        if count:
            number = f"{count.numerator:,}" if count.denominator == 1 else f"{float(count):g}"
            parts.append((number, name if chinese else f"{english}{'' if count == 1 else 's'}"))
        rest -= count * size
    return parts


def spelled(seconds: Fraction | int, unit: str | None = None) -> str:
    """``4 hours 15 minutes``; with ``unit`` in that alone."""
    return " ".join(f"{number} {name}" for number, name in _parts(seconds, unit, False)) or f"0 {unit or 'minutes'}"


def chinese_spelled(seconds: Fraction | int, unit: str | None = None) -> str:
    """``4小时15分钟``."""
    return "".join(number + name for number, name in _parts(seconds, unit, True)) or f"0{unit or '分钟'}"
