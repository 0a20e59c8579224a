"""How much of a Chinese question a text answers, by characters alone: for embedding models that know no Chinese. Pure.

There is no list of words. Function words are cut out of both texts, also where they are part of other words, and what
is left is compared in pairs of neighbouring characters.
"""

from __future__ import annotations

import re
from itertools import pairwise

_FUNCTION_WORDS = re.compile(
    r"为什么|什么时候|哪一?年|是什么|什么|怎么(?:计?算|求)|公式是|(?:形成|产生|发生|来)的(?=\W*$)|怎么样?|怎样|如何|哪里|哪儿|哪[个条座些位种]|谁|有?多少|有?多(?=[长高远大深重快热久])|有?几(?!何|乎)"
    r"|能?告诉|解释|介绍|说说|讲讲|一下|进行|请问?|[吗呢的是会能有要在我你和与]|了(?!解)|\W"
)

_SAME = (
    ("喷发", "爆发"),
    ("光速", "光的速度"),
    ("音速", "声音的速度"),
    ("山峰", "山"),
    ("世界上", "世界"),
    ("修建", "建"),
)
"""Words that mean the same in a question."""


def content(text: str) -> list[str]:
    """The runs of characters between function words."""
    text = text.lower()
    for word, same in _SAME:
        text = text.replace(word, same)
    return [run for run in _FUNCTION_WORDS.split(text) if run]


def share(asked: str, said: str) -> float:
    """The share of the pairs of ``asked`` that ``said`` has, function words left out: 0..1."""
    text = "".join(content(said))
    pairs = [pair for run in content(asked) for pair in ([run] if len(run) == 1 else map("".join, pairwise(run)))]
    return sum(pair in text for pair in pairs) / max(1, len(pairs))


def covered(question: str, said: str) -> float:
    """The same for a question; 0 if a character of it is missing, because then something else is asked."""
    return share(question, said) if set("".join(content(question))) <= set("".join(content(said))) else 0.0
