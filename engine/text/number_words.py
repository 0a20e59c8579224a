"""Numbers in words, English and Chinese: what formulas are read with. Pure, linear in the number of digits."""

from __future__ import annotations

_UNITS = str.split(
    "zero one two three four five six seven eight nine ten eleven twelve thirteen fourteen fifteen "
    "sixteen seventeen eighteen nineteen"
)
_TENS = ["-", "-", "twenty", "thirty", "forty", "fifty", "sixty", "seventy", "eighty", "ninety"]
_SCALES = ("", " thousand", " million", " billion", " trillion")
_CHINESE_DIGITS = "零一二三四五六七八九"
_CHINESE_SCALES = ("", "万", "亿", "万亿")

MAX_DIGITS = 12
"""Longer numbers are read digit by digit."""

_ORDINALS = {
    2: "half",
    3: "third",
    4: "quarter",
    5: "fifth",
    8: "eighth",
    9: "ninth",
    12: "twelfth",
    20: "twentieth",
    100: "hundredth",
    1000: "thousandth",
}


def number_in_words(number: str, chinese: bool) -> str:
    """Words for an unsigned decimal number.

    Args:
        number: ASCII digits with at most one dot among them, e.g. ``12`` or ``0.5``.
        chinese: give Chinese words, else English.
    """
    whole, _, decimals = number.partition(".")
    words = _whole(whole or "0", chinese)
    if not decimals:
        return words
    digits = digits_in_words(decimals, chinese)
    return f"{words}点{digits}" if chinese else f"{words} point {digits}"


def digits_in_words(digits: str, chinese: bool) -> str:
    """Each digit by its name."""
    if chinese:
        return "".join(_CHINESE_DIGITS[int(digit)] for digit in digits)
    return " ".join(_UNITS[int(digit)] for digit in digits)


def fraction_in_words(numerator: str, denominator: str) -> str | None:
    """English for a common fraction ("three quarters"); None where a teacher would say "over"."""
    if not (numerator.isdecimal() and denominator.isdecimal()) or len(numerator) > 2 or len(denominator) > 4:
        return None
    top, bottom = int(numerator), int(denominator)
    common = 2 <= bottom <= 20 or bottom in _ORDINALS
    if not common or top % bottom == 0 or not (top < bottom or (top <= 10 and bottom <= 10)):
        return None
    name = _ORDINALS.get(bottom) or f"{_UNITS[bottom]}th"
    if top > 1:
        name = "halves" if bottom == 2 else f"{name}s"
    return f"{_whole(numerator, False)} {name}"


def ordinal_in_words(number: int) -> str:
    """English for the root of this degree or a matrix row: "fourth", "fifth"."""
    irregular = {1: "first", 2: "second", 3: "third", 4: "fourth", 5: "fifth", 8: "eighth", 9: "ninth", 12: "twelfth"}
    if number in irregular:
        return irregular[number]
    words = _whole(str(number), False)
    if words.endswith("y"):
        return f"{words[:-1]}ieth"
    head, _, last = words.rpartition(" ")
    if head and last in _UNITS[:10]:
        return f"{head} {irregular.get(_UNITS.index(last), f'{last}th')}"
    return f"{words}th"


def _whole(digits: str, chinese: bool) -> str:
    if len(digits) > MAX_DIGITS or (len(digits) > 1 and digits[0] == "0"):
        return digits_in_words(digits, chinese)
    return _chinese(int(digits)) if chinese else _english(int(digits))


def _english(number: int) -> str:
    if number < 1000:
        return _english_group(number, last=True)
    words: list[str] = []
    groups = [number // 1000**power % 1000 for power in range(len(_SCALES))]
    for power in range(len(_SCALES) - 1, -1, -1):
        if not groups[power]:
            continue
        if power == 0 and groups[0] < 100:
            words.append("and")
        words.append(_english_group(groups[power], last=power == 0) + _SCALES[power])
    return " ".join(words)


def _english_group(number: int, *, last: bool) -> str:
    if number < 20:
        return _UNITS[number]
    if number < 100:
        return _TENS[number // 10] + (f" {_UNITS[number % 10]}" if number % 10 else "")
    words = f"{_UNITS[number // 100]} hundred"
    if number % 100:
        words += (" and " if last else " ") + _english_group(number % 100, last=last)
    return words


def _chinese(number: int) -> str:
    if number == 0:
        return "零"
    words = ""
    gap = False
    for power in range(len(_CHINESE_SCALES) - 1, -1, -1):
        group = number // 10000**power % 10000
        if not group:
            gap = bool(words)
            continue
        if words and (gap or group < 1000):
            words += "零"
        words += _chinese_group(group) + _CHINESE_SCALES[power]
        gap = False
    return words.removeprefix("一") if words.startswith("一十") else words


def _chinese_group(number: int) -> str:
    words = ""
    gap = False
    for divisor, name in ((1000, "千"), (100, "百"), (10, "十"), (1, "")):
        digit = number // divisor % 10
        if digit:
            words += ("零" if gap and words else "") + _CHINESE_DIGITS[digit] + name
        gap = not digit
    return words
