"""Areas, perimeters and volumes of the shapes of a school book."""

from __future__ import annotations

import re
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from fractions import Fraction

from engine.calculation.expression import read_expression

_N = r"(\d+(?:\.\d+)?)"
_U = (
    r"(?: ?(cm|mm|m|km|inches|inch|feet|foot|meters|metres|centimeters|centimetres|millimetres|millimeters|"
    r"meter|metre|centimetre|centimeter|units?))?"
)


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
_THREE = (
    rf"(?:sides? |a |the )*{_SIZE}(?: by | x | \\* | and |, ?(?:and )?)(?:a )?{_SIZE}(?: by | x | \\* "
    rf"| and |, ?(?:and )?)(?:a )?{_SIZE}"
)
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
    _Shape("surface area", "cube", _SQUARE_SIDE, lambda a: f"6 * {a}^2", 2),
    _Shape("area", "parallelogram", _BASE_HEIGHT, lambda a, b: f"{a} * {b}", 2),
    _Shape("area", "triangle", _TWO, lambda a, b: f"{a} * {b} ÷ 2", 2),
    _Shape("perimeter", "(?:equilateral )triangle", _SQUARE_SIDE, lambda a: f"3 * {a}", 1),
    _Shape("perimeter", "triangle", _THREE, lambda a, b, c: f"{a} + {b} + {c}", 1),
    _Shape("perimeter", "(?:regular )?pentagon", _SQUARE_SIDE, lambda a: f"5 * {a}", 1),
    _Shape("perimeter", "(?:regular )?hexagon", _SQUARE_SIDE, lambda a: f"6 * {a}", 1),
    _Shape("volume", "(?:cuboid|box|rectangular prism|rectangular box)", _THREE, lambda a, b, c: f"{a} * {b} * {c}", 3),
    _Shape("hypotenuse", "(?:right|right angled)(?: angled?)? triangle", _TWO, lambda a, b: f"sqrt ({a}^2 + {b}^2)", 1),
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

_UNITS = {
    "meter": "m",
    "metre": "m",
    "centimeter": "cm",
    "centimetre": "cm",
    "meters": "m",
    "metres": "m",
    "centimeters": "cm",
    "centimetres": "cm",
    "inch": "inches",
    "foot": "feet",
}
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


_ZH_UNIT = r"(毫米|厘米|分米|米|千米|公里)?"
_ZH_SIZE = rf"(?:是|为)?(\d+(?:\.\d+)?){_ZH_UNIT}"
_ZH_SHAPES: tuple[tuple[str, str, tuple[str, ...], Callable[..., str], int], ...] = (
    ("面积", "长方形|矩形", ("长", "宽"), lambda a, b: f"{a} * {b}", 2),
    ("周长", "长方形|矩形", ("长", "宽"), lambda a, b: f"2 * ({a} + {b})", 1),
    ("面积", "正方形", ("边长",), lambda a: f"{a}^2", 2),
    ("周长", "正方形", ("边长",), lambda a: f"4 * {a}", 1),
    ("面积", "三角形", ("底(?:边)?", "高"), lambda a, b: f"{a} * {b} ÷ 2", 2),
    ("面积", "平行四边形", ("底(?:边)?", "高"), lambda a, b: f"{a} * {b}", 2),
    ("面积", "圆形?", ("半径",), lambda r: f"pi * {r}^2", 2),
    ("周长", "圆形?", ("半径",), lambda r: f"2 * pi * {r}", 1),
    ("面积", "圆形?", ("直径",), lambda d: f"pi * {_half(d)}^2", 2),
    ("周长", "圆形?", ("直径",), lambda d: f"pi * {d}", 1),
    ("体积", "正方体|立方体", ("(?:棱长|边长)",), lambda a: f"{a}^3", 3),
    ("表面积", "正方体|立方体", ("(?:棱长|边长)",), lambda a: f"6 * {a}^2", 2),
    ("体积", "长方体", ("长", "宽", "高"), lambda a, b, c: f"{a} * {b} * {c}", 3),
    ("体积", "圆柱体?", ("半径", "高"), lambda r, h: f"pi * {r}^2 * {h}", 3),
    ("体积", "圆锥体?", ("半径", "高"), lambda r, h: f"pi * {r}^2 * {h} ÷ 3", 3),
)
_ZH_POWERS = {1: "", 2: "平方", 3: "立方"}


def _zh_rules() -> Iterator[tuple[re.Pattern[str], Callable[..., str], int]]:
    for quantity, shape, names, formula, dimension in _ZH_SHAPES:
        sizes = "[,，和、]*".join(name + _ZH_SIZE for name in names)
        asks = rf"(?:(?:它|这个图形)?的?{quantity})"
        yield re.compile(rf"(?:一个)?{sizes}的(?:{shape}),?(?:求)?{asks}"), formula, dimension
        yield re.compile(rf"(?:一个|求)?(?:{shape})的?{sizes},?(?:求)?{asks}"), formula, dimension


_ZH_RULES = tuple(_zh_rules())


def chinese_shape(text: str) -> str | None:
    """As ``english_shape``, in Chinese."""
    for pattern, formula, dimension in _ZH_RULES:
        if match := pattern.fullmatch(text):
            sizes, units = match.groups()[::2], {unit for unit in match.groups()[1::2] if unit}
            if len(units) > 1:
                return None
            unit = _ZH_POWERS[dimension] + units.pop() if units else ""
            return read_expression(formula(*sizes)).sentence(chinese=True)[:-1] + f"{unit}。"
    return None
