"""Formulas and mathematical symbols in words, English and Chinese. Pure."""

from __future__ import annotations

import re

GREEK = (
    "alpha beta gamma delta epsilon zeta eta theta iota kappa lambda mu nu xi omicron pi rho sigma tau upsilon phi chi"
    " psi omega"
)
_GREEK_SIGNS = dict(zip("αβγδεζηθικλμνξοπρστυφχψω", GREEK.split(" "), strict=True)) | {
    "Δ": "delta",
    "Σ": "sigma",
    "Ω": "omega",
}

_COMMANDS: dict[str, tuple[str, str]] = {
    "times": ("times", "乘"),
    "cdot": ("times", "乘"),
    "div": ("divided by", "除以"),
    "pm": ("plus or minus", "正负"),
    "approx": ("is about", "约等于"),
    "neq": ("is not", "不等于"),
    "ne": ("is not", "不等于"),
    "leq": ("is at most", "小于等于"),
    "le": ("is at most", "小于等于"),
    "geq": ("is at least", "大于等于"),
    "ge": ("is at least", "大于等于"),
    "infty": ("infinity", "无穷"),
    "to": ("to", "趋于"),
    "rightarrow": ("gives", "得到"),
    "Rightarrow": ("so", "所以"),
    "sum": ("the sum of", "求和"),
    "int": ("the integral of", "积分"),
    "partial": ("partial", "偏"),
    "circ": ("degrees", "度"),
    "degree": ("degrees", "度"),
    "in": ("in", "属于"),
    "sin": ("sine", "正弦"),
    "cos": ("cosine", "余弦"),
    "tan": ("tangent", "正切"),
    "log": ("log", "对数"),
    "ln": ("natural log", "自然对数"),
}
"""LaTeX commands as (English, Chinese)."""

_SYMBOLS: dict[str, tuple[str, str]] = {
    "×": ("times", "乘"),
    "÷": ("divided by", "除以"),
    "±": ("plus or minus", "正负"),
    "≈": ("is about", "约等于"),
    "≠": ("is not", "不等于"),
    "≤": ("is at most", "小于等于"),
    "≥": ("is at least", "大于等于"),
    "√": ("the square root of", "根号"),
    "∞": ("infinity", "无穷"),
    "∑": ("the sum of", "求和"),
    "∫": ("the integral of", "积分"),
    "→": ("to", "到"),
    "⇒": ("so", "所以"),
    "²": ("squared", "的平方"),
    "³": ("cubed", "的立方"),
    "∆": ("delta", "德尔塔"),
    "⁻": ("minus", "负"),
}

_FRACTION_SIGNS: dict[str, tuple[str, str]] = {
    "½": ("a half", "二分之一"),
    "⅓": ("a third", "三分之一"),
    "⅔": ("two thirds", "三分之二"),
    "¼": ("a quarter", "四分之一"),
    "¾": ("three quarters", "四分之三"),
}
_FRACTION_SIGN = re.compile(r"(\d)?([½⅓⅔¼¾])")
_AREA = re.compile(r"(?<=\d)\s?([kcmd]?)m(?:([²³])|\^([23]))")
_SIZES = {"": ("", ""), "k": ("kilo", "千"), "c": ("centi", "厘"), "m": ("milli", "毫"), "d": ("deci", "分")}
_RANGE = re.compile(r"(?<=[\d%])\s?[–~～]\s?(?=\d)")
_MINUS = re.compile(r"(?:^|(?<=[\s(=（，]))[-−](?=\d)")
_MANY_TIMES = re.compile(r"(?<=\d)[xyzn]\b")
_PLUS = re.compile(r"(?<=\S) \+ (?=\S)")
_PRODUCT = re.compile(r"(\b[A-Za-z]\s*=\s*)([A-Za-z]{2,3})(?=\s*(?:[²³^.,]|$))")
_EQUAL = re.compile(r"(?<=\S)\s?=\s?(?=\S)")
_SUBSCRIPTS = str.maketrans("₀₁₂₃₄₅₆₇₈₉⁰¹⁴⁵⁶⁷⁸⁹", "012345678901456789")
_GROUP = r"\{((?:[^{}]|\{[^{}]*\})*)\}"
_FRACTION = re.compile(rf"\\[dt]?frac\s*{_GROUP}\s*{_GROUP}")
_ROOT = re.compile(rf"\\sqrt\s*{_GROUP}")
_POWER = re.compile(rf"\s*\^\s*(?:{_GROUP}|(-?\w))")
_INDEX = re.compile(rf"_\s*(?:{_GROUP}|(\w))")
_STYLE = re.compile(rf"\\(?:text|mathrm|mathbf|mathit|boldsymbol|operatorname|vec|hat|bar|overline)\s*{_GROUP}")
_COMMAND = re.compile(r"\\([A-Za-z]+)\s*")
_PLAIN_POWER = re.compile(r"(?<=[\w)])\^\(?(-?\w+)\)?")
_COMPARED = re.compile(r"(?<=\s)([<>&])(?=\s)")
_COMPARISONS = {"<": ("is less than", "小于"), ">": ("is greater than", "大于"), "&": ("and", "和")}
_PLAIN_TIMES = re.compile(r"(?<=[\d)])\s*\*\s*(?=[\d(a-z])")
_SIGNS = re.compile("[" + "".join(_SYMBOLS) + "".join(_GREEK_SIGNS) + "]")
_LETTERS = re.compile(r"\b([A-Za-z])\s*=\s*")


def formula_in_words(formula: str, language: str) -> str:
    """LaTeX (without its dollars) as one would read it; symbols only where no words are known."""
    chinese = language == "zh"
    for _ in range(4):
        # Innermost groups first: each round opens one level of braces.
        before = formula
        formula = _STYLE.sub(r" \1 ", formula)
        formula = _FRACTION.sub(r" \2 分之 \1 " if chinese else r" \1 over \2 ", formula)
        formula = _ROOT.sub(r" 根号 \1 " if chinese else r" the square root of \1 ", formula)
        formula = _POWER.sub(lambda m: _power(m.group(1) or m.group(2) or "", chinese), formula)
        formula = _INDEX.sub(r" \1\2 ", formula)
        if formula == before:
            break
    formula = _COMMAND.sub(lambda m: f" {_command(m.group(1), chinese)} ", formula)
    return re.sub(r"[{}$\\&~]", " ", formula)


def symbols_in_words(text: str, language: str) -> str:
    """Signs that voices skip or misread, outside LaTeX: x², 2*3, ≤, π, H₂O."""
    text = text.translate(_SUBSCRIPTS) if not text.isascii() else text
    if language not in ("en", "zh"):
        return text
    chinese = language == "zh"
    text = _AREA.sub(lambda m: _area(m.group(1), m.group(2) or m.group(3), chinese), text)
    text = _RANGE.sub("到" if chinese else " to ", text)
    text = _MINUS.sub("负" if chinese else "minus ", text)
    # A small x after a number is read as a sign of multiplication.
    text = _MANY_TIMES.sub(lambda m: f" {m.group().upper()}", text)
    if chinese:
        text = _EQUAL.sub("等于", _PLUS.sub("加", text))
    text = _PLAIN_POWER.sub(lambda m: _power(m.group(1), chinese), text)
    text = _PLAIN_TIMES.sub("乘" if chinese else " times ", text)
    text = _COMPARED.sub(lambda m: _COMPARISONS[m.group()][chinese], text)
    text = _PRODUCT.sub(lambda m: m.group(1) + " ".join(m.group(2)), text)
    text = _LETTERS.sub(r"\1 等于 " if chinese else r"\1 equals ", text)
    if text.isascii():
        return text
    text = _FRACTION_SIGN.sub(lambda m: _mixed(m.group(1) or "", _FRACTION_SIGNS[m.group(2)][chinese], chinese), text)
    return _SIGNS.sub(lambda m: f" {_sign(m.group(), chinese)} ", text)


def _power(exponent: str, chinese: bool) -> str:
    if exponent in ("2", "3"):
        word = _SYMBOLS["²" if exponent == "2" else "³"][chinese]
        return f" {word} "
    return f"的{exponent}次方" if chinese else f" to the power of {exponent.replace('-', 'minus ')} "


def _area(size: str, power: str, chinese: bool) -> str:
    """``m²`` and its like."""
    if chinese:
        return f"{'平方' if power in '²2' else '立方'}{_SIZES[size][1]}米"
    return f" {'square' if power in '²2' else 'cubic'} {_SIZES[size][0]}meters"


def _mixed(whole: str, part: str, chinese: bool) -> str:
    if not whole:
        return part
    return f"{whole}又{part}" if chinese else f"{whole} and {part}"


def _command(name: str, chinese: bool) -> str:
    if name in _COMMANDS:
        return _COMMANDS[name][chinese]
    return name.lower() if name.lower() in GREEK.split(" ") else ""


def _sign(sign: str, chinese: bool) -> str:
    return _SYMBOLS[sign][chinese] if sign in _SYMBOLS else _GREEK_SIGNS[sign]
