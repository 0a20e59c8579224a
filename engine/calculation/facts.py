"""Questions about numbers that are no expressions: comparing, rounding, primes, percentages, other forms."""

from __future__ import annotations

import re
from dataclasses import replace
from decimal import ROUND_HALF_UP, Decimal
from fractions import Fraction
from itertools import pairwise

from engine.calculation.expression import Expression, read_expression
from engine.calculation.number import NotComputable, as_decimal, as_fraction
from engine.calculation.rules import Rule, first_answer

MAX_FACTORED = 10**9
"""Numbers up to this are taken apart; trial division then takes some milliseconds at most."""

_N = r"(-?\d+(?:\.\d+)?(?:/\d+)?)"


def english_fact(text: str) -> str | None:
    """The answer to ``text`` (see ``words``), or None when it is no such question.

    Raises:
        NotComputable: it is one, with numbers that are too large.
        NoExpression: what should be a number is none.
        ZeroDivisionError: it divides by zero.
    """
    return first_answer(_ENGLISH, text)


def chinese_fact(text: str) -> str | None:
    """As ``english_fact``, in Chinese."""
    return first_answer(_CHINESE, text)


def _value(text: str) -> Expression:
    expression = read_expression(text)
    # A fraction stays one: it is not to be divided out.
    return replace(expression, shown=text.strip()) if re.fullmatch(r"\d+/\d+", text.strip()) else expression


def _percent_of(part: str, base: str) -> str:
    a, b = _value(part), _value(base)
    share, exact = as_decimal(a.number.over(b.number).value * 100)
    return f"{a.shown} is {'' if exact else 'about '}{share}% of {b.shown}."


def _changed(verb: str, amount: str, percent: str) -> str:
    sign = "+" if verb in ("increase", "raise") else "-"
    return read_expression(f"{amount} {sign} {percent} %").sentence()


def _discount(percent: str, price: str) -> str:
    return read_expression(f"{price} - {percent} %").sentence()


def _remainder(a: str, b: str) -> str:
    top, bottom = int(a), int(b)
    quotient, rest = divmod(top, bottom)
    return f"{top} ÷ {bottom} = {quotient} remainder {rest}."


def _compare(_which: str, word: str, a: str, b: str) -> str:
    first, second = _value(a), _value(b)
    x, y = first.number.value, second.number.value
    if x == y:
        return f"They are equal: {first.shown} = {second.shown}."
    larger = word in ("bigger", "larger", "greater", "more", "higher")
    chosen, other = (first, second) if (x > y) == larger else (second, first)
    return f"{chosen.shown} is {word} than {other.shown}."


def _is_more(a: str, word: str, b: str) -> str:
    first, second = _value(a), _value(b)
    x, y = first.number.value, second.number.value
    larger = word in ("bigger", "larger", "greater", "more", "higher")
    if x == y:
        return f"No, they are equal: {first.shown} = {second.shown}."
    yes = (x > y) == larger
    return (
        f"Yes, {first.shown} is {word} than {second.shown}."
        if yes
        else f"No, {second.shown} is {word} than {first.shown}."
    )


def _factors(number: int) -> dict[int, int]:
    if not 1 <= number <= MAX_FACTORED:
        raise NotComputable(f"numbers from 1 to {MAX_FACTORED} are taken apart")
    found: dict[int, int] = {}
    prime = 2
    while prime * prime <= number:
        while number % prime == 0:
            found[prime] = found.get(prime, 0) + 1
            number //= prime
        prime += 1 if prime == 2 else 2
    if number > 1:
        found[number] = found.get(number, 0) + 1
    return found


def _product(factors: dict[int, int]) -> str:
    return " × ".join(f"{prime}^{count}" if count > 1 else str(prime) for prime, count in factors.items())


def _is_prime(text: str) -> str:
    number = int(text)
    if number < 2:
        return f"No, {number} is not a prime number: primes begin with 2."
    factors = _factors(number)
    if factors == {number: 1}:
        return f"Yes, {number} is a prime number."
    return f"No, {number} is not a prime number: {number} = {_product(factors)}."


def _prime_factors(text: str) -> str:
    number = int(text)
    factors = _factors(number)
    if not factors or factors == {number: 1}:
        return f"{number} has no smaller prime factors."
    return f"{number} = {_product(factors)}."


def _divisors(text: str) -> str:
    number = int(text)
    divisors = [1]
    for prime, count in _factors(number).items():
        divisors = [d * prime**power for d in divisors for power in range(count + 1)]
    if len(divisors) > 24:
        return f"{number} has {len(divisors)} factors; {number} = {_product(_factors(number))}."
    listed = [str(d) for d in sorted(divisors)]
    return f"The factors of {number} are {', '.join(listed[:-1])} and {listed[-1]}." if len(listed) > 1 else "Only 1."


def _parity(text: str, word: str, _other: str | None) -> str:
    number = int(text)
    name = "even" if number % 2 == 0 else "odd"
    if _other:
        return f"{number} is {name}."
    return f"{'Yes' if name == word else 'No'}, {number} is {name}."


def _divisible(a: str, b: str) -> str:
    quotient, rest = divmod(int(a), int(b))
    if rest == 0:
        return f"Yes, {a} ÷ {b} = {quotient}."
    return f"No, {a} ÷ {b} = {quotient} remainder {rest}."


_PLACES = {
    "whole number": 0, "integer": 0, "one": 0, "unit": 0, "ten": -1, "10": -1, "hundred": -2, "100": -2, "thousand": -3,
    "1000": -3, "tenth": 1, "10th": 1, "hundredth": 2, "100th": 2, "thousandth": 3, "1000th": 3,
}  # fmt: skip


def _rounded_to(text: str, place: str) -> str:
    return _rounded(text, _PLACES[place])


def _rounded(text: str, digits: int | str) -> str:
    step = Decimal(1).scaleb(-int(digits))
    rounded = (Decimal(text) / step).quantize(Decimal(1), rounding=ROUND_HALF_UP) * step
    shown = f"{rounded:.{max(0, int(digits))}f}"
    return f"{text} ≈ {shown}."


def _as(text: str, form: str) -> str:
    expression = _value(text)
    value = expression.number.value
    if form == "decimal":
        decimal, exact = as_decimal(value)
        return f"{expression.shown} {'=' if exact else '≈'} {decimal}."
    if form in ("percent", "percentage", "%"):
        decimal, exact = as_decimal(value * 100)
        return f"{expression.shown} {'=' if exact else '≈'} {decimal}%."
    if form == "mixed number":
        return f"{expression.shown} = {as_fraction(value)}."
    if value.denominator > 100000:
        raise NotComputable("the fraction is too long to say")
    fraction = f"{value.numerator}/{value.denominator}" if value.denominator > 1 else str(value.numerator)
    return f"{expression.shown} = {fraction}."


def _simplified(a: str, b: str) -> str:
    value = Fraction(int(a), int(b))
    if value.denominator == int(b):
        return f"{a}/{b} is already in lowest terms."
    return f"{a}/{b} = {as_fraction(value) if value.denominator == 1 else f'{value.numerator}/{value.denominator}'}."


_ROMAN = (
    (1000, "m"), (900, "cm"), (500, "d"), (400, "cd"), (100, "c"), (90, "xc"), (50, "l"), (40, "xl"), (10, "x"),
    (9, "ix"), (5, "v"), (4, "iv"), (1, "i"),
)  # fmt: skip


def _to_roman(text: str) -> str:
    rest = int(text)
    if not 1 <= rest <= 3999:
        raise NotComputable("Roman numerals go from 1 to 3999")
    numeral = ""
    for value, letters in _ROMAN:
        count, rest = divmod(rest, value)
        numeral += letters * count
    return f"{text} = {numeral.upper()}."


def _from_roman(numeral: str) -> str:
    at, total = 0, 0
    for value, letters in _ROMAN:
        while numeral.startswith(letters, at):
            at, total = at + len(letters), total + value
    if at < len(numeral):
        raise NotComputable("not a Roman numeral")
    return f"{numeral.upper()} = {total}."


def _to_binary(text: str) -> str:
    return f"{text} = {int(text):b} in binary."


def _from_binary(text: str) -> str:
    return f"{text} = {int(text, 2)} in decimal."


def _next(text: str) -> str:
    values = [Fraction(part) for part in re.split(r"[, ]+|and", text.strip(", ")) if part]
    if len(values) < 3:
        raise NotComputable("three numbers at least")
    steps = {b - a for a, b in pairwise(values)}
    if len(steps) == 1:
        step = steps.pop()
        return f"{as_decimal(values[-1] + step)[0]}: each number is {as_decimal(step)[0]} more than the one before."
    if 0 not in values:
        ratios = {b / a for a, b in pairwise(values)}
        if len(ratios) == 1:
            ratio = ratios.pop()
            return f"{as_decimal(values[-1] * ratio)[0]}: each number is {as_fraction(ratio)} times the one before."
    raise NotComputable("no simple rule")


def _more(a: str, word: str, b: str) -> str:
    return read_expression(f"{b} {'+' if word in ('more', 'bigger', 'greater', 'larger') else '-'} {a}").sentence()


def _contained(a: str, b: str) -> str:
    return read_expression(f"{b} ÷ {a}").sentence()


_BIGGER = "bigger|larger|greater|smaller|less|more|higher|lower"
_E = r"([-\d./ ]+?(?:percent|%)?|[-\d./ ]+ and [\d/ ]+|\d+ [a-z0-9]+s?)"

_ENGLISH: tuple[Rule, ...] = (
    (
        re.compile(
            rf"(?:(?:what is|what's|whats|what number is|find|calculate) )?{_N} (more|less|fewer|bigger|greater|larger)"
            rf" than {_N}"
        ),
        _more,
    ),
    (re.compile(rf"(?:how many times does |how often does ){_N} (?:go|fit) into {_N}"), _contained),
    (re.compile(
        rf"how many (?:lots of )?{_N}(?:'?s)? (?:are|go|are there|fit)?(?: there)? ?(?:in|into|make) {_N}"
    ), _contained),
    (re.compile(rf"(?:percent(?:age)?|%) (?:of {_N} is {_N})"), lambda base, part: _percent_of(part, base)),
    (re.compile(rf"{_N} (?:is|as) (?:what|a|which) (?:percent(?:age)?|%) of {_N}"), _percent_of),
    (re.compile(rf"(?:percent(?:age)?|%) (?:is )?{_N} (?:out )?of {_N}"), _percent_of),
    (re.compile(rf"(increase|raise|decrease|reduce|lower) {_N} by {_N} ?(?:%|percent|per cent)"), _changed),
    (re.compile(rf"\$?{_N} ?(?:%|percent|per cent) off (?:of )?[$€£]?{_N}(?: dollars| euros| pounds)?"), _discount),
    (re.compile(r"(?:the )?remainder (?:when |of |if )?(\d{1,18}) (?:is )?(?:÷|/|divided? by) (\d{1,18})"), _remainder),
    (re.compile(r"(\d{1,18}) (?:divided by|÷) (\d{1,18}) with (?:a )?remainder"), _remainder),
    (
        re.compile(
            rf"(which(?: number| fraction| one)? (?:is|are)(?: the)?|what is|) ?({_BIGGER})(?: number| "
                rf"fraction)?[,:]? {_E},? or {_E}"
        ),
        _compare,
    ),
    (re.compile(rf"is {_E} ({_BIGGER}) than {_E}"), _is_more),
    (re.compile(r"(?:is )?(\d{1,12}) (?:a )?prime(?: number)?"), _is_prime),
    (re.compile(r"(?:the )?prime factors of (\d{1,12})"), _prime_factors),
    (re.compile(r"(?:the )?prime factori[sz]ation of (\d{1,12})"), _prime_factors),
    (re.compile(r"factori[sz]e (\d{1,12})(?: into primes)?"), _prime_factors),
    (re.compile(r"(?:all )?(?:the )?(?:factors|divisors) of (\d{1,12})"), _divisors),
    (
        re.compile(r"(?:is )?(?:the number )?(\d{1,18}) (?:an )?(even|odd)(?: number)?( or (?:an )?(?:even"
            r"|odd))?(?: number)?"),
        _parity,
    ),
    (re.compile(r"(?:is )?(\d{1,18}) divisible by (\d{1,18})"), _divisible),
    (re.compile(rf"round {_N} (?:off )?to (?:the )?(?:nearest )?({'|'.join(_PLACES)})"), _rounded_to),
    (re.compile(rf"{_N} rounded (?:off )?to (?:the )?(?:nearest )?({'|'.join(_PLACES)})"), _rounded_to),
    (re.compile(rf"(?:round )?{_N} (?:rounded )?(?:off )?to ([0-6]) decimal (?:places?|points?)"), _rounded),
    (
        re.compile(
            rf"(?:convert |write |change |turn |express )?{_E} (?:as|to|into|in) (?:an? )?"
            r"(decimal|percent(?:age)?|%|fraction|mixed number)(?: form| number)?"
        ),
        _as,
    ),
    (re.compile(r"(?:simplify |reduce )(\d{1,12})/(\d{1,12})(?: to lowest terms)?"), _simplified),
    (re.compile(r"(\d{1,12})/(\d{1,12}) (?:simplified|in (?:its )?(?:lowest|simplest) (?:terms|form))"), _simplified),
    (re.compile(r"(?:write |convert )?(\d{1,4}) (?:in|to|into|as) (?:a )?roman (?:numerals?|numbers?)"), _to_roman),
    (re.compile(r"(?:the )?roman numeral ([ivxlcdm]{1,15})(?: in numbers)?"), _from_roman),
    (re.compile(r"(?:write |convert )?(\d{1,15}) (?:in|to|into) binary"), _to_binary),
    (re.compile(r"(?:convert )?(?:binary )([01]{1,48}) (?:in|to|into) decimal"), _from_binary),
    (
        re.compile(
            r"(?:comes |number comes )?next(?: in the sequence| number)?[:,]? "
            r"((?:-?\d+(?:\.\d+)?[, ]+(?:and )?){2,12}-?\d+(?:\.\d+)?)"
        ),
        _next,
    ),
)  # fmt: skip

_ZH_N = r"(-?\d+(?:\.\d+)?(?:/\d+)?)"


def _zh_remainder(a: str, b: str) -> str:
    quotient, rest = divmod(int(a), int(b))
    return f"{a} ÷ {b} = {quotient}，余{rest}。"


def _zh_percent(part: str, base: str) -> str:
    a, b = _value(part), _value(base)
    share, exact = as_decimal(a.number.over(b.number).value * 100)
    return f"{a.shown}{'是' if exact else '大约是'}{b.shown}的{share}%。"


def _zh_prime(text: str) -> str:
    number = int(text)
    if number >= 2 and (factors := _factors(number)) == {number: 1}:
        return f"是的，{number}是质数。"
    return f"{number}不是质数" + (f"：{number} = {_product(factors)}。" if number > 3 else "。")


def _zh_prime_factors(a: str | None, b: str | None) -> str:
    number = int(a or b or 0)
    factors = _factors(number)
    if not factors or factors == {number: 1}:
        return f"{number}不能再分解质因数。"
    return f"{number} = {_product(factors)}。"


def _zh_compare(a: str, b: str, word: str) -> str:
    first, second = _value(a), _value(b)
    x, y = first.number.value, second.number.value
    if x == y:
        return f"{first.shown}和{second.shown}一样大。"
    chosen, other = (first, second) if (x > y) == (word == "大") else (second, first)
    return f"{chosen.shown}比{other.shown}{word}。"


def _zh_rounded(text: str, digits: str) -> str:
    return f"{_rounded(text, digits)[:-1]}。"


def _simplified_zh(a: str, b: str) -> str:
    value = Fraction(int(a), int(b))
    if value.denominator == int(b):
        return f"{a}/{b}已经是最简分数。"
    return _simplified(a, b)[:-1] + "。"


_CHINESE: tuple[Rule, ...] = (
    (re.compile(r"(\d{1,18})除以(\d{1,18})(?:的)?(?:余数|余)(?:是)?(?:多少|几)?"), _zh_remainder),
    (re.compile(rf"{_ZH_N}(?:是|占){_ZH_N}的(?:百分之几|百分之多少|几%|多少%)"), _zh_percent),
    (re.compile(r"(\d{1,12})是(?:不是)?质数"), _zh_prime),
    (re.compile(r"(\d{1,12})分解质因数|分解质因数(\d{1,12})"), _zh_prime_factors),
    (re.compile(rf"{_ZH_N}(?:和|与|还是){_ZH_N}(?:哪个|谁)(?:更)?(大|小)"), _zh_compare),
    (re.compile(r"(-?\d+(?:\.\d+)?)(?:四舍五入)?保留([0-6])位小数"), _zh_rounded),
    (
        re.compile(r"(?:把)?(\d{1,12})/(\d{1,12})(?:化简|约分|的最简分数|化成最简分数)"),
        lambda a, b: _simplified_zh(a, b),
    ),
    (re.compile(r"(?:化简|约分)(\d{1,12})/(\d{1,12})"), lambda a, b: _simplified_zh(a, b)),
    (re.compile(r"(-?[\d./]+%?)化?成小数"), lambda a: _as(a, "decimal").rstrip(".") + "。"),
    (re.compile(r"(-?[\d./]+%?)化?成(?:分数|最简分数)"), lambda a: _as(a, "fraction").rstrip(".") + "。"),
    (re.compile(rf"{_ZH_N}化?成百分数"), lambda a: _as(a, "%").rstrip(".") + "。"),
)
