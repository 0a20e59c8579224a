"""The student's words brought into one form: numbers as digits, politeness and the question's frame taken off.

Number words are read by ``text2num`` (English) and ``cn2an`` (Chinese).
"""

from __future__ import annotations

import re
import unicodedata
import warnings

import cn2an
from text_to_num import alpha2digit

# It warns of every numeral that is not well formed, and leaves it as it is.
warnings.filterwarnings("ignore", category=UserWarning, module="cn2an")

MAX_CHARS = 200
"""Longer questions are not calculations anybody would read out."""

MAX_LIST = 40
"""Numbers in one question at most."""

_SIGNS = str.maketrans(
    {"×": "*", "✕": "*", "⋅": "*", "·": "*", "∙": "*", "−": "-", "–": "-", "—": "-", "∶": ":", "√": " sqrt "}
    | {"²": "^2", "³": "^3", "½": " 1/2", "¼": " 1/4", "¾": " 3/4", "⅓": " 1/3", "⅔": " 2/3", "⅛": " 1/8", "?": " ? "}
    | {"’": "'", "π": " pi "}
)

_OPENERS = re.compile(
    r"(?:(?:hey|hi|hello|ok|okay|so|and|now|then|well|um|uh|er|please|tutor|miss|sir|maya|mei|owen|quick question|"
    r"can|could|would|will|you|u|do|me|i|we|help|with|need to|want to|have to|know|tell|say|show|give|"
    r"what is|what's|whats|what are|what does|what do|what would|what will|what|how much is|how much are|how much|"
    r"how many is|how many are|is|the (?:answer|result|value)(?: of| to| for)?|"
    r"calculate|compute|evaluate|work out|figure out|find|solve|add up)\b[\s,:]*)++"
)

_CLOSERS = re.compile(
    r"(?:[\s?.!,;:]|=\s*(?=\?|$)|\b(?:equals?|equal to|is|are|makes?|please|thanks|thank you|for me|to me|"
    r"be|do you know|come to|comes to|altogether|in total)(?=[\s?.!,;:]*$))++$"
)

_CHINESE_OPENERS = re.compile(
    r"^(?:请问|请|麻烦|老师|你好|您好|嗨|那么|那|帮我|帮忙|你|能|可以|告诉我|知道|我想知道|计算一下|计算|算一算|算一下|算|"
    r"求|解一下|化简|是多少|多少是|[，,。：:\s])+"
)

_CHINESE_CLOSERS = re.compile(
    r"(?:[\s?？。.！!，,]|=(?=\s*[?？]|\s*$)|等于(?:多少|几|什么)?|是(?:多少|几|什么)|得(?:多少|几)|(?:结果|和|差|积|商|答案)?是?多少"
    r"|是$|呢|吗|啊|呀)++$"
)


def plain_english(text: str) -> str:
    """Lower case, digits for number words, one kind of sign for each operation."""
    text = unicodedata.normalize("NFKC", text.translate(_SIGNS)).translate(_SIGNS).lower().replace("⁄", "/")
    # A hyphen inside a number word joins it; between digits it subtracts.
    text = re.sub(r"(?<=[a-z])-(?=[a-z])", " ", text)
    text = re.sub(r"\ba (hundred|thousand|million|billion)\b", r"one \1", text)
    text = re.sub(r"(?<=\d),(?=\d{3}\b)", "", text)
    text = re.sub(r"\b(a|one) (half|third|quarter|fifth|sixth|seventh|eighth|ninth|tenth)\b", r"1 \2", text)
    return re.sub(r"\s+", " ", alpha2digit(text, "en", threshold=0)).strip()


def bare_english(text: str) -> str:
    """``plain_english`` text without the question around the calculation."""
    return _CLOSERS.sub("", _OPENERS.sub("", text, count=1) if _OPENERS.match(text) else text).strip()


def plain_chinese(text: str) -> str:
    """Digits for number words, ASCII signs, no spaces but between ASCII words."""
    text = unicodedata.normalize("NFKC", text.translate(_SIGNS)).translate(_SIGNS).lower().replace("⁄", "/")
    text = re.sub(r"\s+", "", text).replace("百分之几", "几%").replace("百分之多少", "多少%")
    try:
        return str(cn2an.transform(text, "cn2an"))
    except ValueError:  # what looks like a number is none
        return text


def bare_chinese(text: str) -> str:
    """``plain_chinese`` text without the question around the calculation."""
    return _CHINESE_CLOSERS.sub("", _CHINESE_OPENERS.sub("", text, count=1)).strip()
