"""Characters that voices skip or misread between words: 25 m², 3–5, ``a & b``, Ω. Formulas have been read by then."""

from __future__ import annotations

import re

from engine.text.math_words import ADDITIVE, GREEK, PREFIXES, PRODUCTS, RELATIONS, SIGNS

_WORDS = {**SIGNS, **GREEK, **PREFIXES, **PRODUCTS, **ADDITIVE, **RELATIONS, "√": ("the square root of", "根号")}
_WORDS |= {"∑": ("the sum of", "求和"), "∫": ("the integral of", "积分"), "∏": ("the product of", "求积")}
_KEPT = frozenset("%$€£°/*+=<>&#?@~:|…'\"·,.!-")
"""Read by the grammars, or plain punctuation, or in need of a look at what is around."""

_SIGN = re.compile("[" + "".join(re.escape(sign) for sign in _WORDS if len(sign) == 1 and sign not in _KEPT) + "]")
_RAISED = str.maketrans("₀₁₂₃₄₅₆₇₈₉⁰¹²³⁴⁵⁶⁷⁸⁹⁻", "01234567890123456789-")
_AREA = re.compile(r"(?<=\d)\s?([kcmd]?)m(?:([²³])|\^([23]))")
_SIZES = {"": ("", ""), "k": ("kilo", "千"), "c": ("centi", "厘"), "m": ("milli", "毫"), "d": ("deci", "分")}
_RANGE = re.compile(r"(?<=[\d%])\s?[–~～—]\s?(?=\d)")
_CHINESE_RANGE = re.compile(r"(?<![\d-])(\d{1,3})\s?-\s?(\d{1,3})(?![\d-])")
_MINUS = re.compile(r"(?:^|(?<=[\s(=（，]))[-−](?=\d)")
_BETWEEN = re.compile(r"(?<=\S) ([<>&=+]) (?=\S)|(?<=\w)(=)(?=\w)")
_TIMES = re.compile(r"(?<=\d)\s?[*xX×]\s?(?=\d)")
_BETWEEN_WORDS = {
    "<": ("is less than", "小于"),
    ">": ("is greater than", "大于"),
    "&": ("and", "和"),
    "=": ("equals", "等于"),
    "+": ("plus", "加"),
}
_DOUBLE_PLUS = re.compile(r"(?<=\w)\+\+(?!\+)")
_ABOUT = re.compile(r"(?<![\w~])(?:(about|around|roughly|approximately|大约|约) ?)?~\s?(?=\d)")
_SIGNED = re.compile(r"(?<![\w+])\+(?=\d)")
_AND_MORE = re.compile(r"(?<=\d)\+(?![\w+])")
_NUMBER_SIGN = re.compile(r"(?<![\w#&])#(?=\d)")


def symbols_in_words(text: str, language: str) -> str:
    """Signs in words; in other languages than English and Chinese only raised and lowered digits as plain ones."""
    if language not in ("en", "zh"):
        return text.translate(_RAISED) if not text.isascii() else text
    chinese = language == "zh"
    text = _AREA.sub(lambda m: _area(m.group(1), m.group(2) or m.group(3), chinese), text)
    text = _RANGE.sub("到" if chinese else " to ", text)
    if chinese:
        text = _CHINESE_RANGE.sub(r"\1到\2", text)
    text = _MINUS.sub("负" if chinese else "minus ", text)
    text = _TIMES.sub("乘" if chinese else " times ", text)
    text = _BETWEEN.sub(lambda m: _spaced(_BETWEEN_WORDS[m.group(1) or m.group(2)][chinese], chinese), text)
    text = _DOUBLE_PLUS.sub("加加" if chinese else " plus plus", text)
    text = _ABOUT.sub(lambda m: (m.group(1) or ("约" if chinese else "about")) + ("" if chinese else " "), text)
    text = _SIGNED.sub("正" if chinese else "plus ", text)
    text = _AND_MORE.sub("以上" if chinese else " plus", text)
    text = _NUMBER_SIGN.sub("第" if chinese else "number ", text)
    if text.isascii():
        return text
    return _SIGN.sub(lambda m: f" {_WORDS[m.group()][chinese]} ", text).translate(_RAISED)


def _spaced(words: str, chinese: bool) -> str:
    return words if chinese else f" {words} "


def _area(size: str, power: str, chinese: bool) -> str:
    """``m²`` and its like."""
    square = power in "²2"
    if chinese:
        return f"{'平方' if square else '立方'}{_SIZES[size][1]}米"
    return f" {'square' if square else 'cubic'} {_SIZES[size][0]}meters"
