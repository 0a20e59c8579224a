"""Areas, perimeters and volumes of the shapes of a school book."""

from __future__ import annotations

import re
from collections.abc import Callable
from dataclasses import dataclass
from fractions import Fraction

from engine.calculation.expression import read_expression

_N = r"(\d+(?:\.\d+)?)"
_U = r"(?: ?(cm|mm|m|km|inches|inch|feet|foot|meters|metres|centimeters|centimetres|units?))?"


@dataclass(frozen=True, slots=True)
class _Shape:
    quantity: str
    shape: str
    sizes: str
    """What follows "with": a pattern with a group for each size and its unit."""
    formula: Callable[..., str]
    dimension: int


_SQUARE_SIDE = rf"(?:a )?(?:sides? (?:length )?(?:of )?)?(?:length )?{_N}{_U}(?: sides?)?"
_RADIUS = rf"(?:a )?radius (?:of )?{_N}{_U}"
_DIAMETER = rf"(?:a )?diameter (?:of )?{_N}{_U}"
_SIZE = rf"(?:(?:length|width|base|height)(?: of)? )?{_N}{_U}"
_BASE_HEIGHT = rf"(?:a )?base (?:of )?{_N}{_U} and (?:a )?height (?:of )?{_N}{_U}"
_TWO = rf"(?:sides? |a |the )*{_SIZE}(?: by | x | \* | and |, )(?:a )?{_SIZE}"
_RADIUS_HEIGHT = rf"(?:a )?radius (?:of )?{_N}{_U} and (?:a )?height (?:of )?{_N}{_U}"

_SHAPES = (
    _Shape("area", "circle", _RADIUS, lambda r: f"pi * {r}^2", 2),
    _Shape("area", "circle", _DIAMETER, lambda d: f"pi * {_half(d)}^2", 2),
    _Shape("circumference", "circle", _RADIUS, lambda r: f"2 * pi * {r}", 1),
    _Shape("circumference", "circle", _DIAMETER, lambda d: f"pi * {d}", 1),
    _Shape("area", "square", _SQUARE_SIDE, lambda a: f"{a}^2", 2),
    _Shape("perimeter", "square", _SQUARE_SIDE, lambda a: f"4 * {a}", 1),
    _Shape("area", "rectangle", _TWO, lambda a, b: f"{a} * {b}", 2),
    _Shape("perimeter", "rectangle", _TWO, lambda a, b: f"2 * ({a} + {b})", 1),
    _Shape("area", "triangle", _BASE_HEIGHT, lambda a, b: f"{a} * {b} ÷ 2", 2),
    _Shape("volume", "cube", _SQUARE_SIDE, lambda a: f"{a}^3", 3),
    _Shape("volume", "sphere", _RADIUS, lambda r: f"4 ÷ 3 * pi * {r}^3", 3),
    _Shape("volume", "cylinder", _RADIUS_HEIGHT, lambda r, h: f"pi * {r}^2 * {h}", 3),
    _Shape("volume", "cone", _RADIUS_HEIGHT, lambda r, h: f"pi * {r}^2 * {h} ÷ 3", 3),
)  # fmt: skip


def _half(number: str) -> str:
    half = Fraction(number) / 2
    return str(half.numerator) if half.denominator == 1 else f"{float(half):g}"


_WITH = r"(?:with |of |that has |whose |if )?(?:the )?"

_RULES = [
    (re.compile(rf"(?:the )?{shape.quantity} of (?:an? |the )?{shape.shape} {_WITH}{shape.sizes}"), shape)
    for shape in _SHAPES
]

_UNITS = {"meters": "m", "metres": "m", "centimeters": "cm", "centimetres": "cm", "inch": "inches", "foot": "feet"}
_POWERS = {1: "", 2: "square ", 3: "cubic "}
_NAMED = {"m": "meters", "cm": "centimeters", "mm": "millimeters", "km": "kilometers"}


def english_shape(text: str) -> str | None:
    """The answer to ``text`` (see ``words``), or None when it is no such question.

    Raises:
        NotComputable: its numbers are too large.
    """
    for pattern, shape in _RULES:
        if match := pattern.fullmatch(text):
            sizes, units = match.groups()[::2], {u for u in match.groups()[1::2] if u}
            if len(units) > 1:
                return None
            sentence = read_expression(shape.formula(*sizes)).sentence()
            unit = _UNITS.get(units.pop(), "") or match.groups()[1] if units else ""
            if unit and not unit.startswith("unit"):
                sentence = f"{sentence[:-1]} {_POWERS[shape.dimension]}{_NAMED.get(unit, unit)}."
            return sentence
    return None
