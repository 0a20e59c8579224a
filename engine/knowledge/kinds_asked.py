"""The kind of fact a question asks for, and whether a text has it: a date, a number, a place. Pure."""

from __future__ import annotations

import re

_NUMBER = re.compile(
    r"\d|\b(?:one|two|three|four|five|six|seven|eight|nine|ten|eleven|twelve|half|hundred|thousand|million|billion)\b"
)
_NEEDED = (
    (re.compile(r"\b(?:when|(?:what|which) (?:year|date|century))\b"), re.compile(r"\d")),
    (re.compile(r"\bhow (?:many|much|tall|high|far|old|fast|big|deep|hot|heavy|long)\b"), _NUMBER),
    (re.compile(r"多少|几(?!何|乎)|多[长高远大深重快热久]"), re.compile(r"[一二三四五六七八九十百千万亿\d]")),
    (re.compile(r"哪里|哪儿"), re.compile(r"在|位于|首都")),
    (re.compile(r"什么时候|哪一?年"), re.compile(r"\d")),
    (re.compile(r"\bborn\b"), re.compile(r"\b(?:born|lived from)\b")),
    (re.compile(r"\b(?:die|died|death)\b"), re.compile(r"\b(?:die[ds]?|death|killed|murder\w*|shot|lived from)\b")),
)
"""Questions that ask for a date, a number, a birth or a death, and what their answer has."""


def has_kind_asked(question: str, text: str) -> bool:
    """Whether ``text`` has what an answer to ``question`` must have; true for questions of no such kind."""
    asked, said = question.lower(), text.lower()
    return all(needed.search(said) for asking, needed in _NEEDED if asking.search(asked))
