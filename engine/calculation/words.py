"""The student's words brought into one form: numbers as digits, politeness and the question's frame taken off.

Number words are read by ``text2num`` (English) and ``cn2an`` (Chinese).
"""

from __future__ import annotations

import contextlib
import re
import unicodedata
import warnings

import cn2an
from text_to_num import alpha2digit

from engine.calculation.spoken_chinese import as_said, in_figures

# It warns of every numeral that is not well formed, and leaves it as it is.
warnings.filterwarnings("ignore", category=UserWarning, module="cn2an")

MAX_CHARS = 200
"""Longer questions are not calculations anybody would read out."""

MAX_LIST = 40
"""Numbers in one question at most."""

_SIGNS = str.maketrans(
    {"×": "*", "✕": "*", "⋅": "*", "·": "*", "∙": "*", "−": "-", "–": "-", "—": "-", "∶": ":", "√": " sqrt "}
    | {"²": "^2", "³": "^3", "?": " ? ", "’": "'", "π": " pi "}
)
_VULGAR = re.compile("[¼-¾⅐-⅞]")
_PARTS = (
    r"(?:half|halves|quarters?|thirds?|3rds?|fourths?|4ths?|fifths?|sixths?|sevenths?|eighths?|ninths?|"
    r"tenths?|[5-9]ths?|10ths?)"
)
_SIZES = {"half": 2, "halves": 2, "quarter": 4, "third": 3, "3rd": 3, "fourth": 4, "4th": 4, "fifth": 5, "sixth": 6}
_SIZES |= {"seventh": 7, "eighth": 8, "ninth": 9, "tenth": 10, **{f"{n}th": n for n in range(5, 11)}}

# "three hundred and fifty and two hundred": only an "and" before less than a hundred is within a number.
_JOINT = re.compile(
    r"\band (?!(?:[a-z]+teen|ten|eleven|twelve|one|two|three|four|five|six|seven|eight|nine|(?:twen|thir|"
    r"for|fif|six|seven"
    r"|eigh|nine)ty)(?:[- ][a-z]+)?\b(?! (?:hundred|thousand)))|(?<!hundred )(?<!thousand )(?<!million )\band "
    r"|\band (?=[a-z]+(?:[- ](?!and\b)[a-z]+)? (?:hundred|thousand))"
)

_OPENERS = re.compile(
    r"(?:(?:hey|hi|hello|ok|okay|so|and|now|then|well|um|uh|er|please|tutor|miss|sir|maya|mei|owen|quick question|"
    r"can|could|would|will|you|u|do|me|i|we|help|with|need to|want to|have to|know|tell|say|show|give|"
    r"get (?:if|when) (?:i|you|we)|what is|what's|whats|what are|what does|what do|what would|what will|"
    r"what|how much is|how much are|how much|"
    r"how many is|how many are|is|the (?:answer|result|value)(?: of| to| for)?|"
    r"calculate|compute|evaluate|work out|figure out|find|solve|add up)\b[\s,:]*)++"
)

_CLOSERS = re.compile(
    r"(?:[\s?.!,;:]|=\s*(?=\?|$)|\b(?:equals?|equal to|is|are|makes?|please|thanks|thank you|for me|to me|"
    r"be|do you know|come to|comes to|altogether|in total)(?=[\s?.!,;:]*$))++$"
)

_CHINESE_OPENERS = re.compile(
    r"^(?:请问|请|麻烦|老师|你好|您好|嗨|那么|那|帮我|帮忙|你|能|可以|告诉我|知道|我想知道|计算一下|计算|算一算|算一下|算|"
    r"求|解一下|是多少|多少是|[，,。：:\s])+"
)

_CHINESE_CLOSERS = re.compile(
    r"(?:[\s?？。.！!，,]|=(?=\s*[?？]|\s*$)|(?:要|是)?多少(?:钱|元|块钱)|等于(?:多少|几|什么)?|"
    r"一共|是(?:多少|几|什么)|得(?:多少|几)|等(?:多少|几)|(?:结果|和|差|(?<![面体])积|商|答案)?是?多少"
    r"|是$|呢|吗|啊|呀)++$"
)


def plain_english(text: str) -> str:
    """Lower case, digits for number words, one kind of sign for each operation."""
    text = _plain_signs(text)
    text = _heard_numbers(text)
    text = re.sub(rf"(\d)-({_PARTS})\b", r"\1 \2", text)
    # A hyphen inside a number word joins it; between digits it subtracts.
    text = re.sub(r"(?<=[a-z])-(?=[a-z])", " ", text)
    text = re.sub(r"\ba (hundred|thousand|million|billion)\b", r"one \1", text)
    text = text.replace("half a dozen", "6")
    text = re.sub(r"(?<=\d),(?=\d{3}\b)", "", text)
    text = re.sub(r"\b(a|one) (half|third|quarter|fifth|sixth|seventh|eighth|ninth|tenth)\b", r"1 \2", text)
    text = alpha2digit(_JOINT.sub("\uff0band ", text), "en", threshold=0).replace("\uff0b", "")
    text = re.sub(rf"(?<![\d./])(\d+) and (?:an?|(\d+)) ({_PARTS})\b", _mixed, text)
    return re.sub(r"\s+", " ", text).strip()


def _plain_signs(text: str) -> str:
    text = _VULGAR.sub(lambda match: f" {unicodedata.normalize('NFKC', match[0])}", text)
    return unicodedata.normalize("NFKC", text.translate(_SIGNS)).translate(_SIGNS).lower().replace("⁄", "/")


def _heard_numbers(text: str) -> str:
    """Numbers a recognizer broke up, as it does with those said slowly: ``20? 1.`` for 21, ``4, 156`` for 456."""
    text = re.sub(r"\b([2-9]0)\s*[?.]\s+([1-9])(?=[\s?.!]*$)", lambda match: str(int(match[1]) + int(match[2])), text)
    text = re.sub(
        r"\b(minus|plus|times|root of|divided by|\d+ and) ([1-9])\s*[,?.]\s+1(\d\d)(?=[\s?.!]*$)", r"\1 \2\3", text
    )
    text = re.sub(r"(\d)\s*\?? +time (?=\d)", r"\1 times ", text)
    return re.sub(r"(?<=\d) is it(?=[\s?.!]*$)", "", text)


def _mixed(match: re.Match[str]) -> str:
    size = _SIZES.get(match[3]) or _SIZES[match[3].removesuffix("s")]
    return f"{match[1]} {match[2] or 1}/{size}"


def bare_english(text: str) -> str:
    """``plain_english`` text without the question around the calculation."""
    return _CLOSERS.sub("", _OPENERS.sub("", text, count=1) if _OPENERS.match(text) else text).strip()


def plain_chinese(text: str) -> str:
    """Digits for number words, ASCII signs, no spaces but between ASCII words."""
    text = re.sub(r"(?<![\d/.])(\d+) +(\d+/\d+)", r"\1又\2", _plain_signs(text))
    text = re.sub(r"([\d一二两三四五六七八九十]+)个半", r"\1点五个", text)
    text = as_said(re.sub(r"\s+", "", text)).replace("百分之几", "几%").replace("百分之多少", "多少%")
    with contextlib.suppress(ValueError):  # what looks like a number is none
        text = str(cn2an.transform(text, "cn2an"))
    return re.sub(r"(\d+)又(?=\d+/\d)", r"\1 ", in_figures(text))


def bare_chinese(text: str) -> str:
    """``plain_chinese`` text without the question around the calculation."""
    return _CHINESE_CLOSERS.sub("", _CHINESE_OPENERS.sub("", text, count=1)).strip()
