"""Ratios, percentages asked backwards, prices after a discount, speeds, and things bought at one price."""

from __future__ import annotations

import re
from fractions import Fraction
from math import gcd, lcm

from engine.calculation.number import NotComputable, as_decimal, as_fraction
from engine.calculation.rules import Rule, first_answer

_N = r"(\d+(?:\.\d+)?(?:/\d+)?)"
_PERCENT = r" ?(?:%|percent|per cent)"
_SIGN = r"([£$€]?)"
_RATIO = r"(\d+(?:\.\d+)?(?:(?: ?: ?| to |比)\d+(?:\.\d+)?){1,3})"
_ZH_RATIO = r"(\d+(?:\.\d+)?(?:[:比]\d+(?:\.\d+)?){1,3})"
_THING = r"(?:[a-z]+ ){0,3}"
_COST = (
    r"(?:how much (?:is it|are they|does it cost|do they cost|do i pay|is the sale price|would it cost|"
    r"will it cost)|what(?:'s| is) the (?:new |sale |final )?price|what does it cost|what do i pay|what "
    r"is it)(?: now)?"
)
_WAS = r"what (?:was|is) the original price|what did it cost before|how much was it before"


def english_proportion(text: str) -> str | None:
    """The answer to ``text`` (see ``words``), or None when it is no such question.

    Raises:
        NotComputable: it is one that has no answer.
        ZeroDivisionError: it divides by zero.
    """
    return first_answer(_ENGLISH, text)


def chinese_proportion(text: str) -> str | None:
    """As ``english_proportion``, in Chinese."""
    return first_answer(_CHINESE, text)


def _number(value: Fraction) -> str:
    decimal, exact = as_decimal(value)
    return decimal if exact else f"{as_fraction(value)} ≈ {decimal}"


def _money(sign: str, value: Fraction) -> str:
    decimal, exact = as_decimal(value)
    return f"{sign}{float(value):,.2f}".removesuffix(".00") if sign and exact else decimal


def _terms(ratio: str) -> list[Fraction]:
    terms = [Fraction(part) for part in re.split(r" ?: ?| to |比", ratio)]
    if not all(terms):
        raise NotComputable("no part of a ratio may be zero")
    return terms


def _simplified(ratio: str) -> str:
    terms = _terms(ratio)
    scale = lcm(*(term.denominator for term in terms))
    wholes = [int(term * scale) for term in terms]
    divisor = gcd(*wholes)
    return ":".join(str(term // divisor) for term in wholes)


def _simplify(ratio: str, stop: str = ".") -> str:
    given = ":".join(as_decimal(term)[0] for term in _terms(ratio))
    shown = _simplified(ratio)
    return f"{given} = {shown}{stop}"


def _shares(sign: str, amount: str, ratio: str) -> tuple[str, list[str]]:
    terms, whole = _terms(ratio), Fraction(amount)
    return f"{sign}{amount}", [_money(sign, whole * term / sum(terms)) for term in terms]


def _share(sign: str, amount: str, ratio: str) -> str:
    whole, shares = _shares(sign, amount, ratio)
    given = ":".join(as_decimal(term)[0] for term in _terms(ratio))
    return f"{whole} in the ratio {given} is {', '.join(shares[:-1])} and {shares[-1]}."


def _zh_share(amount: str, ratio: str) -> str:
    _, shares = _shares("", amount, ratio)
    return f"{amount}按{ratio.replace('比', ':')}分成{'和'.join(shares)}。"


def _whole_of(part: str, percent: str) -> str:
    whole = Fraction(part) / Fraction(percent) * 100
    return f"{part} is {percent}% of {_number(whole)}."


def _before(percent: str, sign: str, after: str, up: bool) -> str:
    factor = 1 + (1 if up else -1) * Fraction(percent) / 100
    return f"Before the {'increase' if up else 'discount'} it was {_money(sign, Fraction(after) / factor)}."


def _share_percent(part: str, base: str) -> str:
    decimal, exact = as_decimal(Fraction(part) / Fraction(base) * 100)
    return f"{part}/{base} {'=' if exact else '≈'} {decimal}%."


def _change_percent(a: str, b: str) -> str:
    before, after = Fraction(a), Fraction(b)
    decimal, exact = as_decimal(abs(after - before) / before * 100)
    kind = "an increase" if after >= before else "a decrease"
    return f"From {a} to {b} is {kind} of {'' if exact else 'about '}{decimal}%."


def _discounted(sign: str, price: str, percent: str) -> str:
    pays = Fraction(price) * (1 - Fraction(percent) / 100)
    return f"{sign}{price} − {percent}% = {_money(sign, pays)}."


def _percent_of_money(percent: str, sign: str, price: str) -> str:
    return f"{percent}% of {sign}{price} = {_money(sign, Fraction(price) * Fraction(percent) / 100)}."


def _price(count: str, sign: str, cost: str, unit: str | None, more: str) -> str:
    each = Fraction(cost) / Fraction(count)
    total = _money(sign, each * Fraction(more))
    words = f" {unit.strip()}" if unit and unit.strip() else ""
    return f"One costs {_money(sign, each)}{words}, so {more} cost {total}{words}."


_DISTANCES = r"(km|kilometers|kilometres|miles|m|meters|metres)"
_TIMES = r"(hours?|h|minutes?|min|seconds?|s)"
_HOURS = {"h": Fraction(1), "m": Fraction(1, 60), "s": Fraction(1, 3600)}


def _speed(distance: str, unit: str, time: str, per: str) -> str:
    speed = Fraction(distance) / Fraction(time)
    unit = {"meters": "m", "metres": "m", "kilometers": "km", "kilometres": "km"}.get(unit, unit)
    per = {"h": "hour", "m": "minute", "s": "second"}[per[0]]
    return f"{distance} {unit} ÷ {time} {per}{'s' * (time != '1')} = {_number(speed)} {unit} per {per}."


def _distance(speed: str, unit: str, per: str, time: str, given: str) -> str:
    distance = Fraction(speed) * Fraction(time) * _HOURS[given[0]] / _HOURS[per[0]]
    return f"At {speed} {unit} per {_PER[per[0]]} for {time} {given} it is {_number(distance)} {unit}."


def _time(distance: str, unit: str, speed: str, same: str, per: str) -> str:
    if unit[0] != same[0] or (unit in ("m", "meters", "metres")) != (same in ("m", "meters", "metres")):
        raise NotComputable("the units differ")
    time = Fraction(distance) / Fraction(speed)
    per = _PER[per[0]]
    return f"{distance} {unit} at {speed} {unit} per {per} take {_number(time)} {per}{'s' * (time != 1)}."


_PER = {"h": "hour", "m": "minute", "s": "second"}
_SPEED = rf"{_N} ?{_DISTANCES}(?:/| per | an )(hour|h|minute|min|second|s)"
_MOVES = r"(?:travels?|goes|go|drives?|runs?|walks?|covers?|cycles?|flies|moves?|rides?)"

_ENGLISH: tuple[Rule, ...] = (
    (re.compile(
        rf"(?:simplify |reduce )(?:the )?(?:ratio )?(?:of )?{_RATIO}(?: to (?:its )?(?:lowest|simplest) (?:terms|"
        rf"form))?"
    ), _simplify),
    (re.compile(
        rf"(?:write )?(?:the )?ratio (?:of )?{_RATIO} in (?:its |the )?(?:lowest|simplest) (?:terms|form)"
    ), _simplify),
    (re.compile(rf"(?:write )?{_RATIO} (?:simplified|in (?:its |the )?(?:lowest|simplest) (?:terms|form))"), _simplify),
    (re.compile(
        rf"(?:share|divide|split) {_SIGN}{_N} (?:[a-z]+ )?(?:in|into|by|using) (?:the |a )?ratio (?:of )?{_RATIO}"
    ), _share),
    (re.compile(rf"{_N} is {_N}{_PERCENT} of (?:what|which|what number|which number|a number)"), _whole_of),
    (re.compile(
        rf"{_N}{_PERCENT} of (?:what|which|what number|which number|a number) (?:is|=|equals|makes) {_N}"
    ), lambda p, a: _whole_of(a, p)),
    (re.compile(
        rf"(?:if )?{_N}{_PERCENT} of a number is {_N},? (?:what is|what's|find)(?: the)? number"
    ), lambda p, a: _whole_of(a, p)),
    (re.compile(rf"{_N} (?:out of|/) {_N} (?:as|in|into|to) (?:an? )?(?:percent(?:age)?|%)"), _share_percent),
    (re.compile(rf"(?:the )?(?:percent(?:age)?|%) (?:change|increase|decrease) from {_N} to {_N}"), _change_percent),
    (re.compile(
        rf"(?:an? |the |my )?{_THING}(?:costs? |costing |for )?{_SIGN}{_N}"
        rf" ?(?:pounds?|dollars?|euros?)? ?{_THING}(?:has|"
        rf"have|is|are|with|at|and has|gets|get)(?: a)? {_N}{_PERCENT} (?:off|discount)[,.?]* ?(?:{_COST})?"
    ), _discounted),
    (re.compile(rf"{_N}{_PERCENT} of ([£$€]){_N}"), _percent_of_money),
    (re.compile(
        rf"(?:after|with) (?:a )?{_N}{_PERCENT} (?:discount|off|reduction),? (?:an? |the"
        rf" )?{_THING}costs? {_SIGN}{_N}[,.]? "
        rf"(?:{_WAS})"
    ), lambda p, s, a: _before(p, s, a, up=False)),
    (re.compile(
        rf"(?:if )?{_N} {_THING}costs? {_SIGN}{_N} ?(pounds?|dollars?|euros?|pence|cents|p)?,? (?:how much|"
        rf"what) (?:do|does|will|would|are|is)(?: the cost of)? {_N}(?: [a-z]+){{0,3}}?(?: cost)?"
    ), _price),
    (re.compile(
        rf"(?:the )?(?:average )?speed (?:of|if) (?:an? |the )?{_THING}(?:that |which |it )?{_MOVES}"
        rf" {_N} ?{_DISTANCES} "
        rf"in {_N} ?{_TIMES}"
    ), _speed),
    (re.compile(
        rf"(?:if )?(?:an? |the |i )?{_THING}{_MOVES} {_N} ?{_DISTANCES} in {_N} ?{_TIMES}[,.]? (?:what is|"
        rf"what's|how fast is|find|calculate) (?:its|the|their|my|it)(?: average)?(?: speed| going)?"
    ), _speed),
    (re.compile(
        rf"how far (?:do|does|will|would|can) (?:i|it|you|we|an? [a-z]+|the [a-z]+) {_MOVES} (?:at {_SPEED})"
        rf" (?:for|in) {_N} ?{_TIMES}"
    ), _distance),
    (re.compile(
        rf"how far (?:do|does|will|would|can) (?:i|it|you|we|an? [a-z]+|the [a-z]+) {_MOVES} in {_N} ?{_TIMES} "
        rf"at {_SPEED}"
    ), lambda t, g, v, u, p: _distance(v, u, p, t, g)),
    (re.compile(
        rf"how long (?:does it take|will it take|would it take|to|does it) ?(?:to )?(?:{_MOVES}"
        rf" )?{_N} ?{_DISTANCES} "
        rf"at {_SPEED}"
    ), _time),
)  # fmt: skip

_CHINESE: tuple[Rule, ...] = (
    (re.compile(
        rf"(?:把)?{_ZH_RATIO}(?:化简|化成最简比|的最简比|的最简整数比|化成最简整数比)"
    ), lambda r: _simplify(r, "。")),
    (re.compile(rf"化简(?:比)?{_ZH_RATIO}"),
     lambda r: _simplify(r, "。")),
    (re.compile(rf"(?:把)?(\d+(?:\.\d+)?)[^\d按]*按(?:照)?{_ZH_RATIO}(?:的比例?)?(?:分配?|分开|分成.*)"), _zh_share),
    (
        re.compile(rf"打(\d)(\d)?折[,，]{_N}(?:元|块钱?)(?:的.{{0,8}})?(?:要|是)?(?:多少钱?)?"),
        lambda a, b, price: _zh_discount(price, a, b),
    ),
    (re.compile(rf"{_N}打(\d)(\d)?折"),
     lambda price, a, b: _zh_discount(price, a, b)),
    (re.compile(
        rf"(?:原价)?{_N}(?:元|块钱?)?的?[^\d]{{0,8}}打(\d)(\d)?折(?:后|以后)?"
    ), lambda price, a, b: _zh_discount(price, a, b)),
    (re.compile(rf"(?:[一1]个数|什么数|哪个数)的{_N}%是{_N},?(?:这个数)?"),
     lambda p, a: _zh_whole(a, p)),
    (re.compile(rf"{_N}是(?:哪个数|什么数|[一1]个数|几|多少)的{_N}%"),
     lambda a, p: _zh_whole(a, p)),
    (re.compile(rf"{_N}(?:增加|提高|增长|上涨|涨价?){_N}%(?:后|以后|之后)?"),
     lambda a, p: _zh_changed(a, p, 1)),
    (re.compile(rf"{_N}(?:减少|降低|下降|降价?){_N}%(?:后|以后|之后)?"),
     lambda a, p: _zh_changed(a, p, -1)),
)  # fmt: skip


def _zh_discount(price: str, tens: str, ones: str | None) -> str:
    percent = int(tens) * 10 + int(ones or 0)
    return f"{price} × {percent}% = {_number(Fraction(price) * percent / 100)}。"


def _zh_whole(part: str, percent: str) -> str:
    return f"{part} ÷ {percent}% = {_number(Fraction(part) / Fraction(percent) * 100)}。"


def _zh_changed(amount: str, percent: str, sign: int) -> str:
    result = Fraction(amount) * (1 + sign * Fraction(percent) / 100)
    return f"{amount} × (1 {'+' if sign > 0 else '−'} {percent}%) = {_number(result)}。"
