"""Equations in one unknown, linear or quadratic: ``3x + 5 = 20``, ``x^2 - 5x + 6 = 0``."""

from __future__ import annotations

import re
from fractions import Fraction

from engine.calculation.number import NotComputable, Number, as_decimal, as_fraction

_EQUATION = re.compile(
    r"(?:for (?P<named>[a-z])[,:]? )?(?P<equation>[-+*/^().\da-z ]{1,80}?=[-+*/^().\da-z ]{1,80}?)(?: for "
    r"(?P<asked>[a-z]))?"
)

_WORDS = {"plus": "+", "minus": "-", "times": "*", "equals": "=", "is equal to": "=", "divided by": "/", "over": "/"}

_Polynomial = tuple[Fraction, Fraction, Fraction]
"""Coefficients of 1, x and x²."""


class NoEquation(ValueError):
    """The text is no equation we solve."""


def solve(text: str, *, chinese: bool = False) -> str:
    """The solution as a sentence: ``x = 5.``

    Args:
        text: lower case, as ``words`` prepares it.
        chinese: the language of the sentence.

    Raises:
        NoEquation: it is none in one unknown of at most the second degree.
        NotComputable: its numbers are too large.
        ZeroDivisionError: it divides by zero.
    """
    for word, sign in _WORDS.items():
        text = re.sub(rf"\b{word}\b", sign, text)
    text = re.sub(r"\bsquared\b", "^2", text)
    text = re.sub(r"\b(\d+)\s*\*?\s*x\b", r"\1x", text)
    match = _EQUATION.fullmatch(text.strip())
    if match is None:
        raise NoEquation(text)
    if re.search(r"\d \d", match["equation"]):
        raise NoEquation("two numbers and nothing between them")
    equation = match["equation"].replace(" ", "")
    unknowns = set(re.findall(r"[a-z]", equation))
    asked = match["named"] or match["asked"]
    if len(unknowns) != 1 or (asked and asked not in unknowns):
        raise NoEquation("one unknown, please")
    left, right = (_polynomial(side) for side in equation.split("="))
    c, b, a = (x - y for x, y in zip(left, right, strict=True))
    return _sentence(unknowns.pop(), a, b, c, chinese)


def _sentence(unknown: str, a: Fraction, b: Fraction, c: Fraction, chinese: bool) -> str:
    stop = "。" if chinese else "."
    if a == 0:
        if b == 0:
            if c == 0:
                return "任何数都是它的解。" if chinese else "Every number solves it: both sides are always equal."
            return "这个方程没有解。" if chinese else "It has no solution: the two sides are never equal."
        return f"{unknown} = {_shown(Number(-c / b))}{stop}"
    inside = Number(b * b - 4 * a * c)
    if inside.value < 0:
        return "这个方程没有实数解。" if chinese else "It has no real solution."
    root = inside.root(2)
    low, high = sorted((-b + sign * root.value) / (2 * a) for sign in (-1, 1))
    join = " 或 " if chinese else " or "
    equal = "=" if root.exact else "≈"
    solutions = [_shown(Number(value, root.exact)) for value in dict.fromkeys((low, high))]
    return f"{join.join(f'{unknown} {equal} {solution}' for solution in solutions)}{stop}"


def _shown(number: Number) -> str:
    decimal, exact = as_decimal(number.value)
    return decimal if exact or not number.exact else as_fraction(number.value)


def _polynomial(side: str) -> _Polynomial:
    value, end = _sum(side, 0, 0)
    if end != len(side):
        raise NoEquation(side)
    return value


def _sum(text: str, at: int, depth: int) -> tuple[_Polynomial, int]:
    total: _Polynomial = (Fraction(0), Fraction(0), Fraction(0))
    first = True
    while at < len(text) and text[at] != ")":
        if not first and text[at] not in "+-":
            raise NoEquation(text)
        sign = 1
        while at < len(text) and text[at] in "+-":
            sign, at = (-sign if text[at] == "-" else sign), at + 1
        term, at = _product(text, at, depth)
        total = _add(total, _scaled(term, Fraction(sign)))
        first = False
    if first:
        raise NoEquation("nothing")
    return total, at


def _product(text: str, at: int, depth: int) -> tuple[_Polynomial, int]:
    value, at = _factor(text, at, depth)
    while at < len(text) and text[at] not in "+-)":
        divide = text[at] == "/"
        at += text[at] in "*/"
        factor, at = _factor(text, at, depth)
        if not divide:
            value = _times(value, factor)
        elif factor[1] or factor[2]:
            raise NoEquation("the unknown is in a denominator")
        else:
            value = _scaled(value, 1 / factor[0])
    return value, at


def _factor(text: str, at: int, depth: int) -> tuple[_Polynomial, int]:
    if at >= len(text):
        raise NoEquation("something is missing")
    zero = Fraction(0)
    if text[at] == "(":
        if depth > 8:
            raise NotComputable("brackets go 8 deep")
        value, at = _sum(text, at + 1, depth + 1)
        if at >= len(text):
            raise NoEquation("a bracket is open")
        at += 1
    elif text[at].isalpha():
        value, at = (zero, Fraction(1), zero), at + 1
    elif number := re.match(r"\d+(?:\.\d+)?", text[at:]):
        value, at = (Fraction(number.group()), zero, zero), at + number.end()
    else:
        raise NoEquation(text)
    if text[at : at + 1] == "^":
        if text[at + 1 : at + 2] != "2":
            raise NoEquation("squares only")
        value, at = _times(value, value), at + 2
    return value, at


def _add(x: _Polynomial, y: _Polynomial) -> _Polynomial:
    return x[0] + y[0], x[1] + y[1], x[2] + y[2]


def _scaled(x: _Polynomial, factor: Fraction) -> _Polynomial:
    return x[0] * factor, x[1] * factor, x[2] * factor


def _times(x: _Polynomial, y: _Polynomial) -> _Polynomial:
    if (x[1] and y[2]) or (x[2] and y[1]) or (x[2] and y[2]):
        raise NoEquation("a third power")
    product = x[0] * y[0], x[0] * y[1] + x[1] * y[0], x[0] * y[2] + x[1] * y[1] + x[2] * y[0]
    for coefficient in product:
        Number(coefficient)  # bounds its size
    return product
