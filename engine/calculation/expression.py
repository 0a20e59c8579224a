"""Arithmetic as it is typed and said: ``3/4 + 1/8``, ``15 percent of 80``, ``the square root of 144``.

A recursive-descent parser over at most ``words.MAX_CHARS`` characters. It accepts a text only as a whole, so that a
sentence with numbers in it is not taken for a calculation.
"""

from __future__ import annotations

import math
import re
from collections.abc import Callable
from dataclasses import dataclass, replace
from fractions import Fraction
from functools import reduce

from engine.calculation.lexicon import PARTS, NoExpression, tokens
from engine.calculation.number import NotComputable, Number, median, mode, whole, written
from engine.calculation.words import MAX_LIST

_LISTS: dict[str, Callable[[list[Fraction]], Fraction]] = {
    "mean": lambda values: sum(values, Fraction(0)) / len(values),
    "median": median,
    "mode": mode,
    "range": lambda values: max(values) - min(values),
    "sum": lambda values: sum(values, Fraction(0)),
    "product": lambda values: reduce(lambda a, b: a * b, values, Fraction(1)),
    "difference": lambda values: _two(values)[0] - _two(values)[1],
    "quotient": lambda values: _two(values)[0] / _two(values)[1],
    "lcm": lambda values: Fraction(math.lcm(*_wholes(values))),
    "gcd": lambda values: Fraction(math.gcd(*_wholes(values))),
}

_COMMANDS = {
    "add": (("and", "to", "+"), "+"),
    "subtract": (("from",), "−"),
    "take": (("from",), "−"),
    "multiply": (("by", "and", "*"), "×"),
    "divide": (("by", "÷"), "÷"),
}

_LIST_SIGNS = {"sum": "+", "product": "×", "difference": "−", "quotient": "÷"}
_ENGLISH_LISTS = {name: name for name in ("mean", "median", "mode", "range")} | {
    "lcm": "least common multiple",
    "gcd": "greatest common divisor",
}
_CHINESE_LISTS = {
    "mean": "平均数",
    "median": "中位数",
    "mode": "众数",
    "range": "极差",
    "lcm": "最小公倍数",
    "gcd": "最大公约数",
}
_CONSTANTS = {"pi": Number(Fraction(math.pi), exact=False)}


@dataclass(frozen=True, slots=True)
class Expression:
    """An expression that was understood."""

    number: Number
    shown: str
    """As a teacher would write it: ``17 × 23``."""
    operations: int
    fractions: bool
    """Fractions were put in and no decimals: the answer is one, too."""

    percent: bool = False
    """A share of a share: the answer is in percent."""

    def sentence(self, *, chinese: bool = False) -> str:
        """``17 × 23 = 391.``"""
        shown = "T" + self.shown[1:] if self.shown.startswith("the ") else self.shown
        number = replace(self.number, value=self.number.value * 100) if self.percent else self.number
        result = written(number, fractions=self.fractions) + "%" * self.percent
        if chinese and any(name in shown for name in _CHINESE_LISTS.values()):
            result = result.replace("= ", "是", 1).replace("≈ ", "约是", 1)
            return f"{shown}{result}。"
        if shown.startswith("The "):
            result = result.replace("= ", "is ", 1).replace("≈ ", "is about ", 1)
        return f"{shown} {result}{'。' if chinese else '.'}"


def read_expression(text: str, *, chinese: bool = False) -> Expression:
    """Read ``text``, which ``words`` has prepared. ``chinese``: how it is shown.

    Raises:
        NoExpression: it is none, or something is left over.
        NotComputable: it has no result.
        ZeroDivisionError: it divides by zero.
    """
    return _Parser(tokens(text), chinese).whole_expression()


@dataclass(frozen=True, slots=True)
class _Value:
    number: Number
    shown: str
    binding: int = 9
    """How tightly the last operation binds: 1 sum, 2 product, 3 sign, 4 power, 9 a number."""
    percent: bool = False

    def within(self, binding: int) -> str:
        return self.shown if self.binding >= binding else f"({self.shown})"


class _Parser:
    def __init__(self, tokens: list[str], chinese: bool) -> None:
        self._tokens = tokens
        self._chinese = chinese
        self._at = 0
        self._operations = 0
        self._fractions = self._decimals = False

    def whole_expression(self) -> Expression:
        value = self._sum()
        if self._at != len(self._tokens):
            raise NoExpression(f"left over: {' '.join(self._tokens[self._at :])[:40]!r}")
        return Expression(
            value.number, value.shown, self._operations, self._fractions and not self._decimals, value.percent
        )

    # --- tokens

    def _peek(self, ahead: int = 0) -> str:
        at = self._at + ahead
        return self._tokens[at] if at < len(self._tokens) else ""

    def _take(self, *expected: str) -> str:
        token = self._peek()
        if token and token in expected:
            self._at += 1
            return token
        return ""

    # --- operations, loosest first

    def _sum(self) -> _Value:
        left = self._product()
        while sign := self._take("+", "-", "from"):
            right = self._product()
            self._operations += 1
            if sign == "from":
                left, right, sign = right, left, "-"
            if right.percent and not left.percent:  # 80 plus 15 percent: of the 80
                share = _Value(right.number.with_value(left.number.value * right.number.value, left.number), "", 9)
                amount = share.number.value if sign == "+" else -share.number.value
                number = left.number.with_value(left.number.value + amount, share.number)
            else:
                amount = right.number.value if sign == "+" else -right.number.value
                number = left.number.with_value(left.number.value + amount, right.number)
            shown = f"{left.shown} {'+' if sign == '+' else '−'} {right.within(2)}"
            left = _Value(number, shown, 1)
        return left

    def _product(self) -> _Value:
        left = self._signed()
        while sign := self._take("*", "/", "÷", "mod", "into", "of", "的"):
            right = self._signed()
            self._operations += 1
            if sign == "into":
                left, right, sign = right, left, "÷"
            if sign == "的":  # 80的15%: of
                left, right, sign = right, left, "of"
            if sign in ("*", "of"):
                number = left.number.with_value(left.number.value * right.number.value, right.number)
            elif sign == "mod":
                number = left.number.with_value(left.number.value % right.number.value, right.number)
            else:
                number = left.number.over(right.number)
            percent = sign == "of" and left.percent and right.percent
            left = _Value(number, self._shown_product(left, sign, right), 2, percent)
        return left

    def _shown_product(self, left: _Value, sign: str, right: _Value) -> str:
        if sign == "of" and self._chinese:
            return f"{right.within(3)}的{left.within(2)}"
        spelled = {"*": "×", "mod": "mod", "of": "of"}.get(sign, "÷")
        return f"{left.within(2)} {spelled} {right.within(3)}"

    def _signed(self) -> _Value:
        if self._take("-"):
            inner = self._signed()
            return _Value(inner.number.with_value(-inner.number.value), f"−{inner.within(4)}", 3)
        self._take("+")
        return self._power()

    def _power(self) -> _Value:
        base = self._postfixed()
        if self._peek() == "to" and self._peek(1) == "the" and self._peek(3) == "power":  # 2 to the 5th power
            self._tokens[self._at : self._at + 4] = ["^", self._peek(2)]
        if self._peek() == "的" and self._peek(2) == "次方":  # 2的10次方
            self._tokens[self._at : self._at + 3] = ["^", self._peek(1)]
        if self._take("^"):
            exponent = self._signed_exponent()
            self._operations += 1
            shown = f"{base.within(5)}^{exponent.within(5)}"
            return _Value(base.number.power(exponent.number), shown, 4)
        return base

    def _signed_exponent(self) -> _Value:
        ordinal = re.fullmatch(r"(\d+)(?:th|rd|nd|st)", self._peek())
        if ordinal:
            self._at += 1
            return _Value(whole(int(ordinal.group(1))), ordinal.group(1))
        if self._take("-"):
            inner = self._postfixed()
            return _Value(inner.number.with_value(-inner.number.value), f"−{inner.shown}", 3)
        return self._power()

    def _postfixed(self) -> _Value:
        value = self._atom()
        if self._take("dozen"):
            value = _Value(value.number.with_value(value.number.value * 12), f"{value.within(3)} × 12", 2)
        while mark := self._take("%", "!", "squared", "cubed", "√", "∛", "factorial", "doubled", "halved"):
            self._operations += mark != "%"
            if mark == "%":
                value = _Value(value.number.with_value(value.number.value / 100), f"{value.shown}%", 9, percent=True)
            elif mark in ("!", "factorial"):
                value = _Value(value.number.factorial(), f"{value.within(9)}!", 5)
            elif mark in ("√", "∛"):
                value = self._root(value, 2 if mark == "√" else 3)
            elif mark in ("doubled", "halved"):
                factor = Fraction(2) if mark == "doubled" else Fraction(1, 2)
                sign = "× 2" if mark == "doubled" else "÷ 2"
                number = value.number.with_value(value.number.value * factor)
                value = _Value(number, f"{value.within(2)} {sign}", 2)
            else:
                exponent = 2 if mark == "squared" else 3
                value = _Value(value.number.power(whole(exponent)), f"{value.within(5)}^{exponent}", 4)
        return value

    # --- what operations work on

    def _atom(self) -> _Value:
        token = self._peek()
        if self._take("("):
            inner = self._sum()
            if not self._take(")"):
                raise NoExpression("a bracket is open")
            return _Value(inner.number, f"({inner.shown})")
        if token and (token[0].isdigit() or token[0] == ".") and token.replace(".", "", 1).isdecimal():
            return self._numeral()
        return self._commanded() if token in _COMMANDS else self._named()

    def _commanded(self) -> _Value:
        """``add 3 and 5``, ``subtract 5 from 12``, ``multiply 3 by 4``, ``divide 12 by 4``."""
        command = self._peek()
        self._at += 1
        joints, sign = _COMMANDS[command]
        first = self._product()
        if not self._take(*joints):
            raise NoExpression(f"{command} what?")
        second = self._product()
        self._operations += 1
        if command in ("subtract", "take"):
            first, second = second, first
        a, b = first.number, second.number
        values = {"+": a.value + b.value, "−": a.value - b.value, "×": a.value * b.value}
        number = a.over(b) if sign == "÷" else a.with_value(values[sign], b)
        binding = 1 if sign in "+−" else 2
        return _Value(number, f"{first.within(binding)} {sign} {second.within(binding + 1)}", binding)

    def _numeral(self) -> _Value:
        token = self._tokens[self._at]
        self._at += 1
        self._decimals |= "." in token
        value = Fraction(token)
        if part := self._part(0):  # 3 quarters
            return self._fraction(value, part)
        if self._is_fraction():
            bottom = int(self._peek(1))
            self._at += 1
            return self._fraction(value, bottom)
        mixed = self._mixed()
        if mixed is not None:
            self._fractions = True
            return _Value(Number(value + mixed), f"{token} {mixed}", 9)
        return _Value(Number(value), token)

    def _is_fraction(self) -> bool:
        """Whether the number just read and what follows are a fraction inside a longer expression: ``1/2 + 1/3``."""
        before = self._tokens[self._at - 2] if self._at > 1 else ""
        after = self._peek(2)
        return (
            len(self._tokens) > 3
            and self._tokens[self._at - 1].isdecimal()
            and self._peek() == "/"
            and self._peek(1).isdecimal()
            and int(self._peek(1)) > 0
            and before != "/"
            and after not in ("/", "^", "!", "%", "squared", "cubed")
        )

    def _mixed(self) -> Fraction | None:
        """The fraction of a mixed number: ``1/2`` of ``2 1/2``, ``half`` of ``2 and a half``."""
        if self._peek().isdecimal() and self._peek(1) == "/" and self._peek(2).isdecimal():
            top, bottom = int(self._peek()), int(self._peek(2))
            if 0 < top < bottom:
                self._at += 3
                return Fraction(top, bottom)
        if self._peek() != "and":
            return None
        counted = self._peek(1).isdecimal()
        words = 2 if counted or self._peek(1) in ("a", "an") else 1
        if (part := self._part(words)) is None:
            return None
        numerator = int(self._peek(1)) if counted else 1
        self._at += words + 1
        return Fraction(numerator, part)

    def _part(self, ahead: int) -> int | None:
        word = self._peek(ahead)
        return PARTS.get(word) or PARTS.get(word.removesuffix("s")) if word else None

    def _fraction(self, top: Fraction, bottom: int) -> _Value:
        self._at += 1
        self._fractions = True
        return _Value(Number(top / bottom), f"{top}/{bottom}", 9)

    def _named(self) -> _Value:
        self._take("the", "a", "an")
        token = self._peek()
        if part := self._part(0):  # half of 30
            return self._fraction(Fraction(1), part)
        if self._take("dozen"):
            return _Value(whole(12), "12")
        if token in _CONSTANTS:
            self._at += 1
            return _Value(_CONSTANTS[token], "π")
        if token in ("sqrt", "cbrt"):
            self._at += 1
            self._take("of")
            self._operations += 1
            return self._root(self._postfixed(), 2 if token == "sqrt" else 3)
        if token in ("square", "cube", "double", "twice", "triple"):
            return self._multiple(token)
        if token == "factorial":
            self._at += 1
            self._take("of")
            self._operations += 1
            inner = self._atom()
            return _Value(inner.number.factorial(), f"{inner.shown}!", 5)
        if token in _LISTS:
            return self._list(token)
        raise NoExpression(f"no number: {token[:20]!r}")

    def _multiple(self, token: str) -> _Value:
        self._at += 1
        self._take("of")
        self._operations += 1
        inner = self._postfixed()
        if token in ("square", "cube"):
            exponent = 2 if token == "square" else 3
            return _Value(inner.number.power(whole(exponent)), f"{inner.within(5)}^{exponent}", 4)
        factor = 3 if token == "triple" else 2
        return _Value(inner.number.with_value(inner.number.value * factor), f"{factor} × {inner.within(3)}", 2)

    def _root(self, inner: _Value, degree: int) -> _Value:
        sign = "√" if degree == 2 else "∛"
        return _Value(inner.number.root(degree), f"{sign}{inner.within(9)}", 5)

    def _list(self, kind: str) -> _Value:
        self._at += 1
        self._take("of", "between", "from")
        self._take("the")
        self._take("numbers")
        items = [self._product()]
        while self._peek() in (",", "and") or self._peek()[:1].isdigit():
            while self._take(",", "and"):
                pass
            items.append(self._product())
            if len(items) > MAX_LIST:
                raise NotComputable(f"at most {MAX_LIST} numbers can be put together")
        if len(items) < 2:
            raise NoExpression("a list of one")
        self._operations += 1
        number = reduce(lambda a, b: a.with_value(a.value, b), [item.number for item in items])
        number = number.with_value(_LISTS[kind]([item.number.value for item in items]))
        if sign := _LIST_SIGNS.get(kind):
            return _Value(number, f" {sign} ".join(item.within(3) for item in items), 1)
        return _Value(number, self._named_list(kind, [item.shown for item in items]))

    def _named_list(self, kind: str, shown: list[str]) -> str:
        if self._chinese:
            return f"{'、'.join(shown)}的{_CHINESE_LISTS[kind]}"
        listed = f"{', '.join(shown[:-1])} and {shown[-1]}"
        return f"the {_ENGLISH_LISTS[kind]} of {listed}"


def _two(values: list[Fraction]) -> tuple[Fraction, Fraction]:
    if len(values) != 2:
        raise NoExpression("takes two numbers")
    return values[0], values[1]


def _wholes(values: list[Fraction]) -> list[int]:
    if any(value.denominator != 1 for value in values):
        raise NotComputable("takes whole numbers")
    return [value.numerator for value in values]
