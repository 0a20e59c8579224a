"""Chinese sums as they are said and as recognizers write them, brought into the spelling that ``words`` reads.

Traditional characters, numbers half in digits (``3百25``, ``10万``), brackets said aloud, and wordings without a sign
(``七八五十几``, ``比八多五的数``).
"""

from __future__ import annotations

import re
from decimal import Decimal

_SIMPLIFIED = str.maketrans(
    "兩減負點於幾萬億個數開積請問師幫題這時鐘圓邊長寬體餘陸貳參號記剩還約變",
    "两减负点于几万亿个数开积请问师帮题这时钟圆边长宽体余六二三号记剩还约变",
)
_DIGITS = {**{digit: value for value, digit in enumerate("零一二三四五六七八九")}, "〇": 0, "两": 2}
_UNITS = {"十": 10, "百": 100, "千": 1000, "万": 10**4, "亿": 10**8}
_MIXED = re.compile(r"[\d零〇一二两三四五六七八九十百千万亿.]{2,}(?![米克瓦帕焦卡])")
_PIECE = re.compile(r"\d+(?:\.\d+)?|[零〇一二两三四五六七八九十百千万亿]")

_N = r"(\d+(?:\.\d+)?(?:/\d+)?)"
_NP = r"(\d+(?:\.\d+)?(?:/\d+|%)?)"
_NUMERAL = "[零一二两三四五六七八九十百千万\\d]"

_SAID: tuple[tuple[re.Pattern[str], str], ...] = tuple(
    (re.compile(pattern), written)
    for pattern, written in (
        (r"(?<=[算问讲答解求说])一下", ""),
        (r"除于", "除以"),
        (rf"(?<={_NUMERAL})开(?:平方根?|根号|方)", "的平方根"),
        (rf"(?<={_NUMERAL})开立方根?", "的立方根"),
        (rf"负的(?={_NUMERAL})", "负"),
        (rf"根号({_NUMERAL}+)", r"\1的平方根"),
        (r"左括号", "("),
        (r"(?:右|反)括号|括号(?:结束|完)", ")"),
        (r"半个?(小时|钟头|公里|千米|公斤|千克|吨|升|米|分钟)(?!半)", r"0.5\1"),
        # The multiplication table: "七八等于多少", "七八五十几".
        (r"^([一二三四五六七八九])([一二三四五六七八九])(?:(?:等于|得|是)(?:多少|几)|[二三四五六七八]?十几)[?？。]*$",
         r"\1乘\2"),
    )
)  # fmt: skip

_IN_FIGURES: tuple[tuple[re.Pattern[str], str], ...] = tuple(
    (re.compile(pattern), written)
    for pattern, written in (
        (r"百分之(\d+(?:\.\d+)?)", r"\1%"),
        (r"(?<![\d.])(\d+)分之(\d+)(?![\d.])", r"\2/\1"),
        (r"(\d+)/-(\d+)", r"-\1/\2"),
        (rf"^(\D*){_N}的(\d+(?:\.\d+)?)倍", r"\1\2*\3"),
        (rf"比{_N}[多大]{_N}(?:的数)?(?=$|是|等于|[?？。])", r"\1+\2"),
        (rf"比{_N}[少小]{_N}(?:的数)?(?=$|是|等于|[?？。])", r"\1-\2"),
        (rf"(?<![\d、,.]){_N}[和与跟加]{_N}的和", r"\1+\2"),
        (rf"(?<![\d、,.]){_N}[和与跟减]{_N}的差", r"\1-\2"),
        (rf"(?<![\d、,.]){_N}[和与跟乘]{_N}的(?:乘?积)", r"\1*\2"),
        (rf"(?<![\d、,.]){_N}[和与跟除]{_N}的商", r"\1÷\2"),
        (rf"^(\D*){_NP}(?:等于|是)几分之几", r"\1\2化成分数"),
        (rf"^(\D*){_N}(?:等于|是|用|写成)(?:几%|多少%|百分数)(?:表示|是多少)?", r"\1\2化成百分数"),
        (rf"^(\D*){_NP}(?:用|写成|等于)小数(?:表示|是多少)?", r"\1\2化成小数"),
        (rf"^(\D*){_NP}(?:用|写成)分数(?:表示|是多少)?", r"\1\2化成分数"),
        # "十五加二十七再乘以二": what was said so far is taken together.
        (r"^(?:请问|老师|[,，])*([\d.+\-*/÷()加减乘除以上去]+)[,，]?(?:然后)?再(?=[乘除])", r"(\1)"),
        (r"再(?=[加减])", ""),
    )
)  # fmt: skip


def as_said(text: str) -> str:
    """``text`` in simplified characters, with spoken signs as written ones. Before numerals become digits."""
    text = text.translate(_SIMPLIFIED)
    for pattern, written in _SAID:
        text = pattern.sub(written, text)
    text = _MIXED.sub(_in_digits, text)
    opening = True
    while "括号" in text:
        text = text.replace("括号", "(" if opening else ")", 1)
        opening = not opening
    if text.count("(") == text.count(")") + 1:  # its end is not always said
        text = re.sub(r"(?=等于|是多少|得多少|[?？。]|$)", ")", text, count=1)
    return text


def in_figures(text: str) -> str:
    """``text``, whose numerals are digits already, with the signs that the wording stands for."""
    for pattern, written in _IN_FIGURES:
        text = pattern.sub(written, text)
    return text


def _in_digits(match: re.Match[str]) -> str:
    """A numeral half in digits; one that is all digits or all characters, or is none, stays as it is."""
    run = match[0]
    pieces = _PIECE.findall(run)
    if "".join(pieces) != run or not any(p[0].isdigit() for p in pieces) or all(p[0].isdigit() for p in pieces):
        return run
    value = _value(pieces)
    return run if value is None else f"{value.normalize():f}"


def _value(pieces: list[str]) -> Decimal | None:
    total, section, pending = Decimal(0), Decimal(0), Decimal(0)
    last_unit, after_zero = 1, False
    for piece in pieces:
        if unit := _UNITS.get(piece):
            if unit >= 10**4:
                total = (total + section + pending) * unit if unit == 10**8 else total + (section + pending) * unit
                section = Decimal(0)
            else:
                section += (pending or 1) * unit
            pending, last_unit, after_zero = Decimal(0), unit, False
            continue
        number = Decimal(piece if piece[0].isdigit() else _DIGITS[piece])
        if number == 0:
            after_zero = True
            continue
        if pending:  # "300二十五": only what ends in zeros goes on
            if pending % (10 ** len(str(int(number)))):
                return None
            section += pending
            last_unit, after_zero = 1, True
        pending = number
    if pending < 10 and last_unit > 10 and not after_zero:  # "3百5" is 350
        pending *= last_unit // 10
    return total + section + pending
