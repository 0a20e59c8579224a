"""Money, powers of ten, versions and units: what the number grammars do not know or get wrong. Pure, linear."""

from __future__ import annotations

import re

from engine.text.number_words import digits_in_words, number_in_words
from engine.text.units import unit_in_words

_SCALES = {"k": "thousand", "K": "thousand", "M": "million", "m": "million", "bn": "billion", "B": "billion"}
_CHINESE_SCALES = {"thousand": "千", "million": "百万", "billion": "十亿", "trillion": "万亿"}
_SCALE = r"(?:\s?(thousand|million|billion|trillion|bn|[kKMmB])\b)?"
_AMOUNT = r"(\d(?:[\d.,]{0,18}\d)?)"
_BEFORE = re.compile(rf"(?<![\w$])(-?)(US\$|[$€£¥₹])\s?{_AMOUNT}{_SCALE}(?![\w%]|[.,]\d)", re.ASCII)
_AFTER = re.compile(rf"(?<![\w.,$]){_AMOUNT}\s?([€£¥₹])(?![\w])", re.ASCII)
_CURRENCIES = {
    "$": ("dollar", "美元", "cent"),
    "US$": ("dollar", "美元", "cent"),
    "€": ("euro", "欧元", "cent"),
    "£": ("pound", "英镑", "penny"),
    "¥": ("yen", "元", ""),
    "₹": ("rupee", "卢比", "paisa"),
}
_POWER_OF_TEN = re.compile(
    r"(?<![\w.,])(-?)(\d{1,9}(?:\.\d{1,12})?)[eE]([-+]?)(\d{1,4})(?![\w.]\d|\w)(?: ([A-Za-zμΩ/²³^]{1,9})(?!\w))?",
    re.ASCII,
)
_EUROPEAN = re.compile(r"(?<![\w.,])(\d{1,3}(?:\.\d{3}){1,4}),(\d{1,6})(?![\w,]|\.\d)", re.ASCII)
_GROUPED = re.compile(r"(?<![\w.,$€£¥])(\d{1,3}(?:,\d{3}){1,4}\.\d{1,6})(?![\w,%]|\.\d)", re.ASCII)
_VERSION = re.compile(r"(?<![\w.])(v?)(\d{1,3})\.(\d{1,3})\.(\d{1,3})(?![\w]|\.\d)", re.ASCII)
_LONG_NUMBER = re.compile(r"(?<![\d.,])\d{13,40}(?![\d.,]\d|\d)", re.ASCII)
_UNIT = re.compile(
    r"(?<![\w.,])(\d[\d.,]{0,18})(\s?)([A-Za-zΩμµ]{1,4}(?:[²³]|\^[23])?(?:/[A-Za-z]{1,4}(?:[²³]|\^[23])?)?)(?![\w/²³^'’]|\.\w)",
    re.ASCII,
)
_SIGNED_UNIT = re.compile(
    r"(?<![\w.,])(\d(?:[\d.,]{0,18}\d)?)\s?(?=[A-Za-z]{0,4}[ΩμµÅ²³/·^])([A-Za-zΩμµÅ²³/·^23]{1,12})(?![\w/²³^·])",
    re.ASCII,
)
"""Units written with characters outside ASCII."""

_OTHERWISE_READ = frozenset(str.split("A B C F H T K t l h d in min ft mi lb mph m g km cm mm kg mg pm am PM AM"))
"""Left to the grammars, or more often something else after a number."""


def amounts_in_words(text: str, *, chinese: bool) -> str:
    """``$1,500.50``, ``€1.234,56``, ``6.022e23``, ``60 Hz`` in words; the rest of ``text`` as it is."""
    if not any(char.isdigit() for char in text):
        return text
    text = _BEFORE.sub(lambda m: _money(m.group(3), m.group(2), m.group(4), m.group(1), chinese), text)
    text = _AFTER.sub(lambda m: _money(m.group(1), m.group(2), None, "", chinese), text)
    text = _POWER_OF_TEN.sub(lambda m: _power_of_ten(m, chinese), text)
    text = _EUROPEAN.sub(lambda m: number_in_words(f"{m.group(1).replace('.', '')}.{m.group(2)}", chinese), text)
    text = _UNIT.sub(lambda m: _with_unit(m, chinese), text)
    text = _GROUPED.sub(lambda m: number_in_words(m.group(1).replace(",", ""), chinese), text)
    text = _VERSION.sub(lambda m: _version(m, chinese), text)
    return _LONG_NUMBER.sub(lambda m: digits_in_words(m.group(), chinese), text)


def quantities_in_words(text: str, *, chinese: bool) -> str:
    """Units after a number that would otherwise be read character by character: ``9.8 m/s²``, ``50 Ω``, ``3 μg``."""
    return _SIGNED_UNIT.sub(lambda m: _signed_unit(m, chinese), text)


def _signed_unit(match: re.Match[str], chinese: bool) -> str:
    number, unit = match.groups()
    words = unit_in_words(unit, chinese, one=plain_number(number) == "1")
    return match.group() if words is None else number + ("" if chinese else " ") + words


def plain_number(written: str, currency: str = "") -> str:
    """``1,500.50`` and ``1.500,50`` with one dot for the decimals and nothing between thousands."""
    dot, comma = written.rfind("."), written.rfind(",")
    if dot >= 0 and comma >= 0:
        decimal = "." if dot > comma else ","
    elif comma >= 0:
        decimal = "," if len(written) - comma - 1 != 3 else ""
    else:
        grouped = written.count(".") > 1 or (currency == "€" and len(written) - dot - 1 == 3)
        decimal = "" if grouped else "."
    whole, _, decimals = written.rpartition(decimal) if decimal and decimal in written else (written, "", "")
    whole = whole.replace(",", "").replace(".", "")
    return f"{whole}.{decimals}" if decimals else whole


def _money(written: str, currency: str, scale: str | None, sign: str, chinese: bool) -> str:
    number = plain_number(written, currency)
    name, chinese_name, cent = _CURRENCIES[currency]
    scale = _SCALES.get(scale or "", scale)
    if chinese:
        whole, _, decimals = number.partition(".")
        short = f"{whole}.{decimals.rstrip('0')}".rstrip(".")
        return (
            ("负" if sign else "") + number_in_words(short, True) + _CHINESE_SCALES.get(scale or "", "") + chinese_name
        )
    whole, _, decimals = number.partition(".")
    said = "minus " if sign else ""
    if scale:
        return f"{said}{number_in_words(number, False)} {scale} {_plural(name)}"
    if len(decimals) == 2 and cent:
        cents = int(decimals)
        small = f"{number_in_words(str(cents), False)} {cent if cents == 1 else _plural(cent)}"
        if not int(whole):
            return said + (small if cents else f"zero {_plural(name)}")
        return said + _counted(whole, name) + (f" and {small}" if cents else "")
    if decimals:
        return f"{said}{number_in_words(number, False)} {_plural(name)}"
    return said + _counted(whole, name)


def _counted(number: str, name: str) -> str:
    return f"{number_in_words(number, False)} {name if number == '1' else _plural(name)}"


def _plural(name: str) -> str:
    return {"penny": "pence", "yen": "yen", "paisa": "paise"}.get(name, f"{name}s")


def _power_of_ten(match: re.Match[str], chinese: bool) -> str:
    sign, number, power_sign, power, unit = match.groups()
    said = number_in_words(number, chinese)
    exponent = number_in_words(power.lstrip("0") or "0", chinese)
    tail = "" if not unit else (unit_in_words(unit, chinese) if unit not in ("in", "a", "A") else None) or unit
    if chinese:
        return f"{'负' if sign else ''}{said}乘十的{'负' if power_sign == '-' else ''}{exponent}次方{tail}"
    minus = "minus " if power_sign == "-" else ""
    return f"{'minus ' if sign else ''}{said} times ten to the power of {minus}{exponent} {tail}".rstrip()


def _version(match: re.Match[str], chinese: bool) -> str:
    parts = [number_in_words(part, chinese) for part in match.groups()[1:]]
    head = ("版本" if chinese else "version ") if match.group(1) else ""
    return head + ("点" if chinese else " point ").join(parts)


def _with_unit(match: re.Match[str], chinese: bool) -> str:
    number, space, unit = match.groups()
    if unit in _OTHERWISE_READ or (unit == "s" and not space):
        return match.group()
    plain = plain_number(number.rstrip(".,"))
    words = unit_in_words(unit, chinese, one=plain == "1")
    if words is None:
        return match.group()
    return number_in_words(plain, chinese) + ("" if chinese else " ") + words
