"""Exact numbers with the operations a pupil asks for, and how they are written."""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass
from decimal import Context, Decimal
from fractions import Fraction
from statistics import multimode

from engine.errors import EngineError

MAX_DIGITS = 40
"""Digits of the longest number that is computed with. A power or factorial beyond it is refused before it is made."""

_ROOT_CONTEXT = Context(prec=50)

SIGNIFICANT_DIGITS = 6
"""Digits an inexact result is given with."""


class NotComputable(EngineError):
    """The words are a calculation, but it has no result we would say (too large, a root of a negative number)."""

    code = "not_computable"


@dataclass(frozen=True, slots=True)
class Number:
    """A rational number; ``exact`` is False when it stands for an irrational one, to 50 digits."""

    value: Fraction
    exact: bool = True

    def __post_init__(self) -> None:
        if not self.exact:
            return
        largest = max(abs(self.value.numerator), self.value.denominator)
        if largest >= 10**MAX_DIGITS:
            raise NotComputable(f"the number has more than {MAX_DIGITS} digits")

    def with_value(self, value: Fraction, *others: Number) -> Number:
        """``value`` as the result of this and ``others``: exact when all of them are."""
        return Number(value, self.exact and all(other.exact for other in others))

    def over(self, other: Number) -> Number:
        """The quotient.

        Raises:
            ZeroDivisionError: ``other`` is zero.
        """
        return self.with_value(self.value / other.value, other)

    def power(self, exponent: Number) -> Number:
        """This to the power of ``exponent``; roots where that is a fraction.

        Raises:
            NotComputable: the result is too large, or not a real number.
            ZeroDivisionError: zero to a negative power.
        """
        whole = exponent.value
        if whole.denominator != 1:
            return self.root(whole.denominator).power(Number(Fraction(whole.numerator)))
        digits = math.log10(max(abs(self.value.numerator), self.value.denominator, 1)) * abs(whole.numerator)
        if digits > MAX_DIGITS:
            raise NotComputable(f"the number has more than {MAX_DIGITS} digits")
        return self.with_value(self.value**whole.numerator)

    def root(self, degree: int) -> Number:
        """The real root of ``degree``.

        Raises:
            NotComputable: an even root of a negative number, or a degree over 20.
        """
        if not 2 <= degree <= 20:
            raise NotComputable("roots go from the second to the twentieth")
        if self.value < 0:
            if degree % 2 == 0:
                raise NotComputable("an even root of a negative number is not a real number")
            return Number(-Number(-self.value, self.exact).root(degree).value, self.exact)
        top, bottom = (_whole_root(part, degree) for part in (self.value.numerator, self.value.denominator))
        if top is not None and bottom is not None:
            return self.with_value(Fraction(top, bottom))
        quotient = _ROOT_CONTEXT.divide(Decimal(self.value.numerator), Decimal(self.value.denominator))
        inverse = _ROOT_CONTEXT.divide(Decimal(1), Decimal(degree))
        return Number(Fraction(_ROOT_CONTEXT.power(quotient, inverse)), exact=False)

    def factorial(self) -> Number:
        """The product of the whole numbers up to this one.

        Raises:
            NotComputable: this is not a whole number from 0 to 34.
        """
        if self.value.denominator != 1 or not 0 <= self.value <= 34:
            raise NotComputable("factorials go from 0 to 34")
        return self.with_value(Fraction(math.factorial(self.value.numerator)))


def whole(number: int) -> Number:
    """``number`` as an exact ``Number``."""
    return Number(Fraction(number))


def _whole_root(number: int, degree: int) -> int | None:
    if degree == 2:
        return root if (root := math.isqrt(number)) ** 2 == number else None
    root = round(number ** (1 / degree)) if number < 10**15 else 0
    return root if root**degree == number else None


def as_decimal(value: Fraction, digits: int = SIGNIFICANT_DIGITS) -> tuple[str, bool]:
    """``value`` in decimal notation, and whether that is exact: ``("0.333333", False)`` for a third."""
    denominator = value.denominator
    for prime in (2, 5):
        while denominator % prime == 0:
            denominator //= prime
    if denominator == 1:
        exact = Context(prec=2 * MAX_DIGITS).divide(Decimal(value.numerator), Decimal(value.denominator))
        if len(exact.as_tuple().digits) <= max(digits, 12) or value.denominator == 1:
            return _plain(exact), True
    rounded = Context(prec=digits).divide(Decimal(value.numerator), Decimal(value.denominator))
    return _plain(rounded), False


def _plain(number: Decimal) -> str:
    text = f"{number:f}"
    if "." in text:
        text = text.rstrip("0").rstrip(".")
    sign, text = ("−", text[1:]) if text.startswith("-") else ("", text)
    integer, dot, decimals = text.partition(".")
    if len(integer) > 4:
        integer = f"{int(integer):,}"
    return f"{sign}{integer}{dot}{decimals}"


def as_fraction(value: Fraction) -> str:
    """``value`` as a fraction or mixed number in lowest terms: ``3/4``, ``2 1/2``."""
    sign = "−" if value < 0 else ""
    value = abs(value)
    if value.denominator == 1:
        return f"{sign}{value.numerator}"
    integer, rest = divmod(value.numerator, value.denominator)
    fraction = f"{rest}/{value.denominator}"
    return f"{sign}{integer} {fraction}" if integer else f"{sign}{fraction}"


def written(number: Number, *, fractions: bool = False) -> str:
    """A result with its sign of equality: ``= 391``, ``= 7/8``, ``≈ 1.41421``.

    Args:
        number: the result.
        fractions: the question was in fractions, and so is the answer.
    """
    decimal, exact = as_decimal(number.value)
    if number.exact and number.value.denominator > 1 and fractions:
        return f"= {as_fraction(number.value)}"
    if exact and number.exact:
        return f"= {decimal}"
    if number.exact and number.value.denominator <= 1000 and abs(number.value) < 1000:
        return f"= {as_fraction(number.value)} ≈ {decimal}"
    return f"≈ {decimal}"


def median(values: Sequence[Fraction]) -> Fraction:
    """The middle of ``values``, which must not be empty; the mean of the two middle ones for an even number."""
    ordered = sorted(values)
    middle = len(ordered) // 2
    return ordered[middle] if len(ordered) % 2 else (ordered[middle - 1] + ordered[middle]) / 2


def mode(values: Sequence[Fraction]) -> Fraction:
    """The most frequent of ``values``.

    Raises:
        NotComputable: several are equally frequent.
    """
    modes = multimode(values)
    if len(modes) != 1:
        raise NotComputable("there is not one mode")
    return modes[0]
