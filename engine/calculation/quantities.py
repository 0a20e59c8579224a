"""Units: ``convert 5 miles to km``, ``how many seconds are in a day``. The units are those of ``pint``."""

from __future__ import annotations

import re
from fractions import Fraction
from functools import cache
from typing import Any

from engine.calculation.number import as_decimal

_NAMES = {
    "metre": "meter", "metres": "meter", "kilometre": "kilometer", "kilometres": "kilometer",
    "centimetre": "centimeter", "centimetres": "centimeter", "millimetre": "millimeter", "millimetres": "millimeter",
    "litre": "liter", "litres": "liter", "millilitre": "milliliter", "millilitres": "milliliter", "feet": "foot",
    "foot": "foot", "ft": "foot", "inches": "inch", "in": "inch", "yd": "yard", "mi": "mile", "km": "kilometer",
    "m": "meter", "cm": "centimeter", "mm": "millimeter", "kg": "kilogram", "kilo": "kilogram", "kilos": "kilogram",
    "g": "gram", "gramme": "gram", "mg": "milligram", "lb": "pound", "lbs": "pound", "oz": "ounce",
    "tonne": "metric_ton", "tonnes": "metric_ton", "ton": "ton", "l": "liter", "ml": "milliliter",
    "cl": "centiliter", "s": "second", "sec": "second", "secs": "second", "min": "minute", "mins": "minute",
    "h": "hour", "hr": "hour", "hrs": "hour", "decade": "decade", "century": "century", "centuries": "century",
    "celsius": "degC", "degrees celsius": "degC", "°c": "degC", "c": "degC", "fahrenheit": "degF",
    "degrees fahrenheit": "degF", "°f": "degF", "f": "degF", "kelvin": "kelvin", "k": "kelvin",
    "km/h": "kilometer/hour", "kph": "kilometer/hour", "mph": "mile/hour", "m/s": "meter/second",
    "kilometers per hour": "kilometer/hour", "kilometres per hour": "kilometer/hour", "miles per hour": "mile/hour",
    "meters per second": "meter/second", "metres per second": "meter/second", "square meters": "meter**2",
    "square metres": "meter**2", "square meter": "meter**2", "square metre": "meter**2",
    "square centimeters": "centimeter**2", "square centimetres": "centimeter**2", "square feet": "foot**2",
    "square kilometers": "kilometer**2", "square kilometres": "kilometer**2", "m^2": "meter**2",
    "cm^2": "centimeter**2", "cubic meters": "meter**3", "cubic metres": "meter**3",
    "cubic centimeters": "centimeter**3", "m^3": "meter**3", "cubic centimetres": "centimeter**3",
    "cm^3": "centimeter**3", "cubic meter": "meter**3", "cubic metre": "meter**3", "dozen": "dozen",
    "dozens": "dozen", "kb": "kilobyte", "mb": "megabyte", "gb": "gigabyte", "tb": "terabyte", "byte": "byte",
    "bytes": "byte", "bit": "bit", "bits": "bit", "公里": "kilometer", "千米": "kilometer", "米": "meter",
    "分米": "decimeter", "厘米": "centimeter", "毫米": "millimeter", "千克": "kilogram", "公斤": "kilogram",
    "克": "gram", "毫克": "milligram", "吨": "metric_ton", "斤": "jin", "升": "liter", "毫升": "milliliter",
    "年": "common_year", "天": "day", "日": "day", "周": "week", "星期": "week", "小时": "hour", "分钟": "minute",
    "分": "minute", "秒": "second", "秒钟": "second", "平方米": "meter**2", "平方厘米": "centimeter**2",
    "平方千米": "kilometer**2", "立方米": "meter**3", "立方厘米": "centimeter**3", "英里": "mile", "英尺": "foot",
    "英寸": "inch", "摄氏度": "degC", "华氏度": "degF", "世纪": "century",
}  # fmt: skip

_ENGLISH_WORDS = (
    "meter kilometer centimeter millimeter decimeter inch yard mile pound ounce gram kilogram milligram "
    "liter milliliter "
    "centiliter second minute hour day week gallon quart pint cup tablespoon teaspoon kilobyte megabyte "
    "gigabyte terabyte "
    "joule kilojoule calorie kilocalorie newton watt kilowatt pascal radian degree"
)

_NAMES |= {form: unit for unit in _ENGLISH_WORDS.split() for form in (unit, f"{unit}s")}
_NAMES |= {"year": "common_year", "years": "common_year", "leap year": "leap_year", "leap years": "leap_year"}

for _power, _words in ((2, ("square", "sq")), (3, ("cubic", "cu"))):
    for _unit in ("meter", "kilometer", "centimeter", "millimeter", "inch", "foot", "yard", "mile"):
        _forms = [form for form, unit in _NAMES.items() if unit == _unit and form.isascii()]
        _NAMES |= {f"{word} {form}": f"{_unit}**{_power}" for word in _words for form in _forms}
        _NAMES |= {f"{form}^{_power}": f"{_unit}**{_power}" for form in _forms if len(form) == 2 or form == "m"}

_NAMES |= {
    f"{length}每{time}": f"{_NAMES[length]}/{_NAMES[time]}"
    for length in ("千米", "公里", "米", "厘米") for time in ("小时", "分钟", "秒")
}  # fmt: skip
_NAMES |= {"平方公里": "kilometer**2", "平方分米": "decimeter**2", "立方分米": "decimeter**3", "公顷": "hectare"}
_NAMES |= {"度": "degC", "两": "liang", "刻钟": "quarter_hour", "打": "dozen"}
_NAMES |= {"hectare": "hectare", "hectares": "hectare", "stone": "stone", "stones": "stone"}
_NAMES |= {"fortnight": "fortnight", "fortnights": "fortnight", "century": "century", "millennium": "millennium"}

_UNIT = "|".join(re.escape(name) for name in sorted(_NAMES, key=len, reverse=True))
_AMOUNT = (
    r"(?P<amount>-?\d+(?: \d+/\d+|(?:\.\d+)?(?:/\d+)?)|an?|one|half an?|1/2 an?|(?:1 |a )?quarter of an?"
    r"|1/4 of an?|3 quarters of an?|3/4 of an?)"
)

_ENGLISH = (
    re.compile(
        rf"(?:convert |change |turn |express )?{_AMOUNT} ?(?:degrees? )?(?P<unit>{_UNIT}) (?:in|into|to|as) "
        rf"(?:degrees? )?"
        rf"(?P<target>{_UNIT})"
    ),
    re.compile(
        rf"(?:how many |how much )?(?P<target>{_UNIT})(?: are| is)?(?: there)? (?:in|is|are|make up|make|equal) "
        rf"(?:the )?{_AMOUNT} ?(?P<unit>{_UNIT})(?: have| has)?"
    ),
    re.compile(
        rf"(?:how many )(?P<target>{_UNIT}) (?:does|do|has|have) {_AMOUNT} ?(?P<unit>{_UNIT}) (?:have|make|equal)"
    ),
    re.compile(rf"{_AMOUNT} ?(?P<unit>{_UNIT})(?: is| equals| =| are) (?:how many|what in) (?P<target>{_UNIT})"),
)

_CHINESE = (
    re.compile(
        rf"把?(?P<amount>\d+(?:\.\d+)?)个?(?P<unit>{_UNIT})(?:等于|有|是|换算成|转换成|合|=)(?:多少|几)?个?(?P<target>{_UNIT})"
    ),
    re.compile(rf"(?P<amount>\d+(?:\.\d+)?)个?(?P<unit>{_UNIT})里?有(?:多少|几)个?(?P<target>{_UNIT})"),
)

_LABELS = {
    "common_year": "year", "leap_year": "leap year", "degC": "°C", "degF": "°F", "metric_ton": "tonne",
    "meter**2": "square meter", "centimeter**2": "square centimeter", "kilometer**2": "square kilometer",
    "foot**2": "square foot", "meter**3": "cubic meter", "centimeter**3": "cubic centimeter",
    **{f"{unit}**2": f"square {unit}" for unit in ("decimeter", "millimeter", "inch", "yard", "mile")},
    **{f"{unit}**3": f"cubic {unit}" for unit in ("centimeter", "decimeter", "millimeter", "inch", "foot", "yard")},
    "kilometer/hour": "kilometer per hour", "mile/hour": "mile per hour", "meter/second": "meter per second",
}  # fmt: skip

_PLURALS = {
    "foot": "feet", "inch": "inches", "century": "centuries", "square foot": "square feet", "cubic foot": "cubic feet",
    "square inch": "square inches", "cubic inch": "cubic inches", "stone": "stone", "kelvin": "kelvin",
    "°C": "°C", "°F": "°F", "kilometer per hour": "kilometers per hour", "mile per hour": "miles per hour",
    "meter per second": "meters per second", "dozen": "dozen",
}  # fmt: skip


class NoQuantity(ValueError):
    """The text is no question about units."""


@cache
def _registry() -> Any:
    import pint  # not at the top: it takes a third of a second

    registry: Any = pint.UnitRegistry(non_int_type=Fraction)
    registry.define("jin = 0.5 * kilogram")
    registry.define("dozen = 12 * count")
    registry.define("liang = 0.05 * kilogram")
    registry.define("quarter_hour = 15 * minute")
    return registry


def warm_up() -> None:
    """Read the tables of units, which takes a third of a second. Any thread."""
    _registry()


def convert(text: str, *, chinese: bool = False) -> str:
    """The conversion as a sentence: ``5 miles is about 8.04672 kilometers.``

    Args:
        text: as ``words`` prepares it, with the question's frame.
        chinese: the language of text and sentence.

    Raises:
        NoQuantity: it is none, or the units do not fit.
    """
    for pattern in _CHINESE if chinese else _ENGLISH:
        if match := pattern.fullmatch(text):
            return _converted(match, chinese)
    raise NoQuantity(text)


def _converted(match: re.Match[str], chinese: bool) -> str:
    spelled = match["amount"]
    words = {"a": "1", "an": "1", "one": "1", "half a": "1/2", "half an": "1/2", "1/2 a": "1/2", "1/2 an": "1/2"}
    spelled = re.sub(
        r"^(?:3 quarters|3/4) of an?$", "3/4", re.sub(r"^(?:(?:1 |a )?quarter|1/4) of an?$", "1/4", spelled)
    )
    amount = sum((Fraction(part) for part in words.get(spelled, spelled).split()), Fraction(0))
    unit, target = _NAMES[match["unit"]], _NAMES[match["target"]]
    registry = _registry()
    try:
        result = Fraction(registry.Quantity(amount, unit).to(target).magnitude)
    except Exception as error:
        raise NoQuantity("the units do not fit") from error
    given, given_exact = as_decimal(amount)
    decimal, exact = as_decimal(result)
    if chinese:
        names = match["unit"], match["target"]
        return f"{given}{names[0]}{'等于' if exact else '约等于'}{decimal}{names[1]}。"
    shown = spelled if not given_exact else given
    return f"{shown} {_label(unit, amount)} {'is' if exact else 'is about'} {decimal} {_label(target, result)}."


def _label(unit: str, amount: Fraction) -> str:
    label = _LABELS.get(unit, unit)
    return label if abs(amount) == 1 else _PLURALS.get(label, f"{label}s")
