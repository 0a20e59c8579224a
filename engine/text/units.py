"""Units of measurement in words: ``m/s^2``, ``kg·m``, ``km/h``. Pure."""

from __future__ import annotations

import re

from engine.text.number_words import number_in_words

_UNITS: dict[str, tuple[str, str]] = {
    "m": ("meter", "米"),
    "g": ("gram", "克"),
    "t": ("tonne", "吨"),
    "s": ("second", "秒"),
    "sec": ("second", "秒"),
    "min": ("minute", "分钟"),
    "h": ("hour", "小时"),
    "hr": ("hour", "小时"),
    "L": ("liter", "升"),
    "l": ("liter", "升"),
    "N": ("newton", "牛"),
    "J": ("joule", "焦"),
    "W": ("watt", "瓦"),
    "V": ("volt", "伏"),
    "A": ("ampere", "安"),
    "C": ("coulomb", "库"),
    "K": ("kelvin", "开"),
    "Hz": ("hertz", "赫"),
    "Pa": ("pascal", "帕"),
    "mol": ("mole", "摩尔"),
    "Ω": ("ohm", "欧"),
    "F": ("farad", "法"),
    "T": ("tesla", "特"),
    "Wb": ("weber", "韦"),
    "H": ("henry", "亨"),
    "eV": ("electronvolt", "电子伏"),
    "cd": ("candela", "坎"),
    "rad": ("radian", "弧度"),
    "cal": ("calorie", "卡"),
    "atm": ("atmosphere", "标准大气压"),
    "ft": ("foot", "英尺"),
    "in": ("inch", "英寸"),
    "mi": ("mile", "英里"),
    "mph": ("mile per hour", "英里每小时"),
    "lb": ("pound", "磅"),
    "B": ("byte", "字节"),
    "dB": ("decibel", "分贝"),
    "Wh": ("watt hour", "瓦时"),
    "Ah": ("ampere hour", "安时"),
    "Å": ("angstrom", "埃"),
    "oz": ("ounce", "盎司"),
    "yd": ("yard", "码"),
    "gal": ("gallon", "加仑"),
    "pt": ("pint", "品脱"),
    "ha": ("hectare", "公顷"),
}
_PREFIXES: dict[str, tuple[str, str]] = {
    "k": ("kilo", "千"),
    "c": ("centi", "厘"),
    "m": ("milli", "毫"),
    "d": ("deci", "分"),
    "M": ("mega", "兆"),
    "G": ("giga", "吉"),
    "μ": ("micro", "微"),
    "µ": ("micro", "微"),
    "n": ("nano", "纳"),
    "p": ("pico", "皮"),
}
_PLURALS = {"foot": "feet", "inch": "inches", "mile per hour": "miles per hour", "henry": "henries"}
_POWERS = {"2": ("square", "平方"), "3": ("cubic", "立方")}
_UNIT = re.compile(r"^([A-Za-zΩμµÅ]+)(?:\^?\{?(-?\d)\}?|([²³]))?$")


def unit_in_words(unit: str, chinese: bool, *, one: bool = False) -> str | None:
    """Words for ``m/s^2``, ``kg·m``, ``km/h``; None when it is not a unit.

    Args:
        unit: with ``^`` for powers; LaTeX's dots and spaces are allowed.
        chinese: give Chinese words, else English.
        one: the singular.
    """
    unit = re.sub(r"\\cdot(?:p)?(?![A-Za-z])|\\times(?![A-Za-z])|[·⋅]", " ", unit)
    unit = re.sub(r"\\Omega(?![A-Za-z])", "Ω", re.sub(r"\\mu(?![A-Za-z])\s*", "μ", re.sub(r"\\[,;: ]|~", " ", unit)))
    above, slash, below = unit.strip().partition("/")
    parts: list[tuple[str, int]] = []
    for side, sign in ((above, 1), (below, -1)):
        for piece in side.replace("(", " ").replace(")", " ").split():
            match = _UNIT.match(piece)
            power = int(match.group(2) or {"²": "2", "³": "3"}.get(match.group(3) or "", "1")) if match else 0
            if match is None or _unit_name(match.group(1)) is None or not 1 <= abs(power) <= 4:
                return None
            parts.append((match.group(1), power * sign))
    if not parts or (slash and not below.strip()):
        return None
    return _unit_chinese(parts) if chinese else _unit_english(parts, one)


def _unit_name(symbol: str) -> tuple[str, str] | None:
    if symbol in _UNITS:
        return _UNITS[symbol]
    prefix, base = _PREFIXES.get(symbol[0]), _UNITS.get(symbol[1:])
    if prefix is None or base is None or symbol[1:] in ("min", "h", "hr", "sec", "ft", "in", "mi", "mph", "lb"):
        return None
    # Two vowels are not said: kilohm, megohm.
    start = prefix[0][:-1] if symbol[1:] == "Ω" and prefix[0] in ("kilo", "mega") else prefix[0]
    return start + base[0], prefix[1] + base[1]


def _unit_english(parts: list[tuple[str, int]], one: bool) -> str:
    words: list[str] = []
    above = [part for part in parts if part[1] > 0]
    for at, (symbol, power) in enumerate(above):
        name = (_unit_name(symbol) or ("", ""))[0]
        if at == len(above) - 1 and not one:
            name = _PLURALS.get(name, name if name.endswith("hertz") else f"{name}s")
        words.append(f"{_POWERS[str(power)][0]} {name}" if str(power) in _POWERS else name + _to_the(power))
    for at, (symbol, power) in enumerate(part for part in parts if part[1] < 0):
        name = (_unit_name(symbol) or ("", ""))[0]
        if name.endswith("meter") and str(-power) in _POWERS:
            name, power = f"{_POWERS[str(-power)][0]} {name}", -1
        words.append(("per " if at == 0 else "") + name + _to_the(-power))
    return " ".join(words)


def _to_the(power: int) -> str:
    return {1: "", 2: " squared", 3: " cubed"}.get(power, f" to the power of {number_in_words(str(power), False)}")


def _unit_chinese(parts: list[tuple[str, int]]) -> str:
    words = ""
    for symbol, power in parts:
        name = (_unit_name(symbol) or ("", ""))[1]
        if power > 0:
            words += (
                _POWERS[str(power)][1] + name
                if str(power) in _POWERS
                else name + ("" if power == 1 else f"的{number_in_words(str(power), True)}次方")
            )
        else:
            words += ("每" if power == -1 else f"每{number_in_words(str(-power), True)}次方") + name
    return words
