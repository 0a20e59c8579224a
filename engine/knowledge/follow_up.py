"""What to look up for a follow-up question: "And why is that?", "那为什么呢？". Pure.

Such words alone find nothing, or the wrong thing, so they are looked up together with the question they follow.
"""

from __future__ import annotations

import re
from collections.abc import Sequence

from engine.knowledge.terms import asks_something, fold, topic_terms
from engine.text.scripts import count_unspaced

MAX_TERMS = 3
"""A question with more content words than this stands by itself. A judgement."""

MAX_CHARACTERS = 14
"""The same for Chinese, in characters."""

LOOKED_BACK = 6
"""How many of the student's last messages are searched for the subject."""

_POINTING = re.compile(
    r"\b(?:it|its|this|these|those|they|them|their|he|she|him|his|her|such|same)\b"
    # Not the "that" that opens a clause: "do you think that fish sleep?"
    r"|\bthat\b(?=\W*$|[,.?!]|\s+(?:is|was|does|did|happens?|works?|means?|one|called|so|possible|true|important)\b)"
)
_OPENING = re.compile(r"\W*(?:and|but|or|so|then|what about|how about|what if)\b")
_ASKING = re.compile(r"\b(?:why|how|when|where|who|which|what|explain|describe|example|examples|more|else)\b")
_ADDRESSED = re.compile(r"\b(?:you|your)\b")

_POINTING_CHINESE = re.compile(r"[它他她这那其该]")
_OPENING_CHINESE = re.compile(r"\W*(?:还有|然后|接着|再|也)")
_ASKING_CHINESE = re.compile(
    r"为什么|怎么样?|什么时候|什么|哪里|哪儿|哪个|谁|多[少大高长远久重快深]|几|如何|举(?:个|一个)?例子?|详细|解释"
    r"|呢|吗|吧|啊|呀|说|讲|再|更|一下|点|请|\W"
)
_ADDRESSED_CHINESE = re.compile(r"[你您]")


def follows_up(question: str) -> bool:
    """Whether ``question`` can only be understood with the one before it."""
    text = fold(question)
    characters = count_unspaced(text)
    if characters * 2 > len(text):
        own = _ASKING_CHINESE.sub("", text)
        if characters > MAX_CHARACTERS or _ADDRESSED_CHINESE.search(text):
            return False
        asks = own != re.sub(r"\W", "", text)
        points = _POINTING_CHINESE.search(text) or _OPENING_CHINESE.match(text) or re.search(r"呢\W*$", text)
        return asks and (points is not None or not own)
    own_terms = topic_terms(text)
    points = _POINTING.search(text) or (_OPENING.match(text) if "?" in text or _ASKING.search(text) else None)
    if not own_terms:
        asks = _ASKING.search(text) is not None or "?" in text
        return asks and (points is not None or (_ASKING.search(text) is not None and not _ADDRESSED.search(text)))
    return len(own_terms) <= MAX_TERMS and points is not None


def search_query(question: str, earlier: Sequence[str]) -> str:
    """What to look up; empty when there is nothing to look up.

    Args:
        question: the student's question.
        earlier: the student's messages before it, oldest first.
    """
    if not follows_up(question):
        return question if asks_something(question) else ""
    recent = reversed(earlier[-LOOKED_BACK:])
    subject = next((text for text in recent if asks_something(text) and not follows_up(text)), "")
    if not topic_terms(question):
        return subject
    return f"{subject} {question}".strip()
