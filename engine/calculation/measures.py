"""Sums with units: ``2 hours 45 min + 1 hour 30 min``, ``2 kg - 300 g``, ``£5 - £2.35``, change, durations in words."""

from __future__ import annotations

import re
from dataclasses import dataclass
from fractions import Fraction

from engine.calculation.durations import DURATION, seconds_of, spelled
from engine.calculation.expression import read_expression
from engine.calculation.number import as_decimal

_FAMILIES: tuple[dict[str, tuple[tuple[str, ...], int]], ...] = (
    {"second": (("s", "sec", "secs", "秒"), 1), "minute": (("min", "mins", "分钟", "分"), 60),
     "hour": (("h", "hr", "hrs", "小时"), 3600), "day": (("天",), 86400), "week": (("周", "星期"), 604800)},
    {"mm": (("millimeter", "millimetre", "毫米"), 1), "cm": (("centimeter", "centimetre", "厘米"), 10),
     "dm": (("分米",), 100), "m": (("meter", "metre", "米"), 1000),
     "km": (("kilometer", "kilometre", "千米", "公里"), 10**6)},
    {"mg": (("milligram", "毫克"), 1), "g": (("gram", "gramme", "克"), 1000),
     "kg": (("kilogram", "kilo", "千克", "公斤"), 10**6), "t": (("tonne", "吨"), 10**9)},
    {"ml": (("milliliter", "millilitre", "毫升"), 1), "cl": (("centiliter", "centilitre"), 10),
     "l": (("liter", "litre", "升"), 1000)},
    {"inch": (("in", "inches"), 1), "foot": (("ft", "feet"), 12), "yard": (("yd",), 36), "mile": ((), 63360)},
    {"ounce": (("oz",), 1), "pound": (("lb", "lbs"), 16), "stone": ((), 224)},
    {"p": (("pence", "penny"), 1), "£": ((), 100)}, {"cent": (("¢",), 1), "$": (("dollar",), 100)},
    {"euro cent": ((), 1), "€": (("euro",), 100)},
    {"分钱": ((), 1), "角": (("毛",), 10), "元": (("块", "¥", "块钱", "元钱"), 100)},
)  # fmt: skip
"""Units that can be added, each with other names and its size in the smallest."""

_UNITS: dict[str, tuple[int, str, int]] = {}
for _index, _family in enumerate(_FAMILIES):
    for _unit, (_others, _size) in _family.items():
        for _name in (_unit, *_others):
            _UNITS[_name] = _index, _unit, _size
            if len(_name) > 2 and _name.isalpha() and _name.isascii():
                _UNITS[f"{_name}s"] = _index, _unit, _size

_SIGNS = "£$€¥"
_NAME = "|".join(re.escape(name) for name in sorted(_UNITS, key=len, reverse=True) if name not in _SIGNS)
_NUMBER = r"\d+(?:\.\d+)?(?: \d+/\d+|/\d+)?"
_TOKEN = re.compile(
    rf"\s*(?:(?P<sign>[{_SIGNS}]) ?(?P<money>\d+(?:\.\d+)?)|(?P<number>{_NUMBER}) ?(?P<unit>{_NAME})(?![a-z])"
    rf"|(?P<bare>{_NUMBER})|(?P<op>\+|-|\*|÷|/|plus|minus|add|times|x\b|multiplied by|divided by|take away|less"
    r"|加上?|减去?|乘以?|除以)|(?P<joint>and|又))"
)
_OPERATIONS = {
    "plus": "+", "add": "+", "加": "+", "加上": "+", "minus": "-", "take away": "-", "less": "-", "减": "-",
    "减去": "-", "times": "*", "x": "*", "multiplied by": "*", "乘": "*", "乘以": "*", "divided by": "/", "÷": "/",
    "除以": "/",
}  # fmt: skip
_MONEY = re.compile(
    rf"(?P<sign>[{_SIGNS}])(?P<amount>\d+(?:\.\d+)?)|(?P<words>\d+(?:\.\d+)?) (?P<unit>pounds?|dollars?|euros?)\b"
)
_CHANGE = re.compile(
    r"(?:how much |what )?(?:change|money is left|is left|do i have left) ?(?:do|will|would|should)? ?(?:i|"
    r"you|she|he|we)?"
    r" ?(?:get |be given |receive |have )?(?:back )?(?:from|out of|for) (?P<paid>.+?) (?:if|when|after) "
    r"(?:(?:i|you|she|he|we) )?(?:spend|spent|pay|buy something for|buying something for|spending|paying)"
    r"(?: for)? (?P<price>.+)"
)
_SPELLED = re.compile(
    rf"(?:convert |change |write |express )?(?P<duration>{DURATION}) (?:in|into|to|as) "
    r"(?:days?,? )?(?:hours? and minutes?|minutes? and seconds?|hours?,? minutes?,? and seconds?|hours? minutes?)"
)


_PART_OF = re.compile(r"(?P<part>.{1,40}?) of (?P<amount>\d.*)")


class NoMeasure(ValueError):
    """The text is no calculation with units."""


@dataclass(frozen=True, slots=True)
class _Amount:
    value: Fraction
    """In the smallest unit of its family; a plain number without one."""
    family: int | None
    compound: bool
    units: tuple[str, ...]


def measure_answer(text: str, *, chinese: bool = False) -> str:
    """The answer as a sentence: ``2 kg − 300 g = 1.7 kg.``

    Args:
        text: as ``words`` prepares it, without the question's frame.
        chinese: the language of text and sentence.

    Raises:
        NoMeasure: it is no such calculation.
        ZeroDivisionError: it divides by zero.
    """
    if match := _SPELLED.fullmatch(text):
        return f"{match['duration']} is {spelled(seconds_of(match['duration']))}."
    if match := _CHANGE.fullmatch(text):
        text = f"{match['paid']} - {match['price']}"
    text = _plain_money(text)
    if match := _PART_OF.fullmatch(text):
        return _part(match["part"], match["amount"])
    result, operations = _computed(text)
    if not operations or (result.family is None and not set(text) & set(_SIGNS)):
        raise NoMeasure(text)
    return f"{_tidy(text)} = {_shown(result, chinese)}{'。' if chinese else '.'}"


def _part(part: str, text: str) -> str:
    amount, end = _amount(text, 0)
    if end < len(text) or amount.family is None:
        raise NoMeasure(text)
    share = read_expression(part)
    result = _Amount(amount.value * share.number.value, amount.family, amount.compound, amount.units)
    return f"{share.shown} of {text} = {_shown(result, chinese=False)}."


def _plain_money(text: str) -> str:
    """``2 pounds 35`` as ``£2.35``; pounds and dollars with a sign if they are money for certain."""
    for words, sign, small in (
        ("pounds?", "£", "(?: pence| p)"),
        ("dollars?", "$", "(?: cents?)"),
        ("euros?", "€", "(?: cents?)"),
    ):
        text = re.sub(rf"(\d+) {words},? (?:and )?(\d\d){small}?(?![\d.])(?! [a-z])", rf"{sign}\1.\2", text)
        if sign in text or (words == "pounds?" and re.search(r"\b(?:pence|p)\b", text)):
            text = re.sub(rf"(\d+(?:\.\d+)?) {words}\b", rf"{sign}\1", text)
    return re.sub(
        r"(\d+(?:\.\d+)?) ?(?:块钱?|元钱?)(?:(\d)角?(?!\d))?",
        lambda m: f"{m[1]}元" + (f"{m[2]}角" if m[2] else ""),
        text,
    )


def _computed(text: str) -> tuple[_Amount, int]:
    """Sums and products from left to right, products first."""
    terms: list[tuple[str, _Amount]] = []
    at, sign, operations = 0, "+", 0
    while True:
        amount, at = _amount(text, at)
        if sign in "*/":
            before = terms.pop()
            amount, sign = _product(before[1], amount, sign), before[0]
        terms.append((sign, amount))
        if at >= len(text):
            break
        match = _TOKEN.match(text, at)
        if match is None or match["op"] is None:
            raise NoMeasure(text)
        sign, at, operations = _OPERATIONS.get(match["op"], match["op"]), match.end(), operations + 1
    total = terms[0][1]
    for sign, term in terms[1:]:
        if term.family != total.family:
            raise NoMeasure("the units do not fit")
        value = total.value + (term.value if sign == "+" else -term.value)
        total = _Amount(value, total.family, total.compound or term.compound, total.units + term.units)
    return total, operations


def _product(left: _Amount, right: _Amount, sign: str) -> _Amount:
    if sign == "*":
        if left.family is not None and right.family is not None:
            raise NoMeasure("a product of units")
        with_unit = left if left.family is not None else right
        return _Amount(left.value * right.value, with_unit.family, with_unit.compound, with_unit.units)
    if right.family is None:
        return _Amount(left.value / right.value, left.family, left.compound, left.units)
    raise NoMeasure("a quotient of units")


def _amount(text: str, at: int) -> tuple[_Amount, int]:
    value, family = Fraction(0), None
    units: list[str] = []
    while (match := _TOKEN.match(text, at)) and (match["money"] or match["number"] or (match["bare"] and not units)):
        if match["bare"]:
            return _Amount(_number(match["bare"]), None, False, ()), match.end()
        name = match["sign"] or match["unit"]
        number, unit, size = _UNITS[name]
        if family not in (None, number) or unit in units:
            break
        family, at = number, match.end()
        units.append(unit)
        value += _number(match["money"] or match["number"]) * size
        joint = _TOKEN.match(text, at)
        if joint and joint["joint"]:
            at = joint.end()
    if family is None:
        raise NoMeasure(text)
    return _Amount(value, family, len(units) > 1, tuple(units)), at


def _number(text: str) -> Fraction:
    return sum((Fraction(part) for part in text.split()), Fraction(0))


def _tidy(text: str) -> str:
    for word, sign in (*_OPERATIONS.items(), ("/", "÷"), ("*", "×"), ("-", "−")):
        boundary = r"\b" if word.isalpha() and word.isascii() else ""
        text = re.sub(rf"\s*{boundary}{re.escape(word)}{boundary}(?=[\s\d{_SIGNS}])\s*", f" {sign} ", text)
    return text.replace(" * ", " × ").replace(" / ", " ÷ ").replace(" - ", " − ").strip()


def _shown(result: _Amount, chinese: bool) -> str:
    if result.family is None:
        return as_decimal(result.value)[0]
    sizes = {unit: size for unit, (_, size) in _FAMILIES[result.family].items()}
    largest = max(result.units, key=lambda unit: sizes[unit])
    minus, value = ("−" if result.value < 0 else ""), abs(result.value)
    if largest in _SIGNS:
        exact = f"{float(value / sizes[largest]):,.2f}".removesuffix(".00")
        return f"{minus}{largest}{exact}"
    names = _chinese_names(result.family) if chinese else {}
    if not result.compound:
        decimal, _ = as_decimal(value / sizes[largest])
        return minus + _named(decimal, value / sizes[largest], names.get(largest, largest), chinese)
    parts = []
    # Down from the next larger unit that is usual: minutes carry into hours.
    carried = [unit for unit, size in sizes.items() if unit in result.units or _carries(unit, size, sizes[largest])]
    for unit in sorted(carried, key=lambda unit: -sizes[unit]):
        last = unit == min(carried, key=lambda unit: sizes[unit])
        count = value / sizes[unit] if last else Fraction(value // sizes[unit])
        value -= count * sizes[unit]
        if count:
            parts.append(_named(as_decimal(count)[0], count, names.get(unit, unit), chinese))
    return minus + ("" if chinese else " ").join(parts or [f"0 {names.get(largest, largest)}"])


def _carries(unit: str, size: int, largest: int) -> bool:
    return unit == "hour" and size > largest


def _chinese_names(family: int) -> dict[str, str]:
    return {
        unit: next((name for name in (*others, unit) if not name.isascii()), unit)
        for unit, (others, _) in _FAMILIES[family].items()
    }


def _named(number: str, count: Fraction, unit: str, chinese: bool) -> str:
    if chinese:
        return f"{number}{unit}"
    plural = {"foot": "feet", "inch": "inches", "stone": "stone"}.get(unit, f"{unit}s" if len(unit) > 2 else unit)
    return f"{number} {unit if count == 1 else plural}"
