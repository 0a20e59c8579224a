"""A light sentiment: whether words are glad, sad, pondering or astonished. A small lexicon, English and Chinese.

For a face that goes with what is said, not for judging anybody: what it misses looks neutral. Pure; safe from any
thread.
"""

from __future__ import annotations

import re
from typing import Literal

Tone = Literal["glad", "sad", "pondering", "astonished"]

_SAD = (
    r"sad(?:ly|ness|der)?|sorry|unhappy|unfortunate(?:ly)?|died|dies|die|dying|dead|death|deaths"
    r"|kill(?:ed|s|ing)?|murder(?:ed)?|suffer(?:ed|s|ing)?|pain(?:ful)?|grief|griev\w+|mourn\w*|lonely"
    r"|loneliness|alone|lost (?:his|her|their|your|my)|miss (?:him|her|them|you)|hurts?|hurting|afraid|scared"
    r"|worried|worry|fear|cry(?:ing)?|cried|tears|upset|tragic|tragedy|terrible|awful|horrible|funeral"
    r"|passed away|war|wars|slavery|slaves?|victims?|starv\w+|famine|plague|hard time|difficult time"
    r"|tough time|heartbroken|disappoint\w+|fail(?:ed|ing|ure)|hopeless|hate(?:s|d)?|bull(?:y|ied|ying)|divorced?"
    r"|cancer|depress\w+|exhausted|ashamed|stupid"
)
_GLAD = (
    r"great|well done|good (?:job|work|question|thinking|idea|luck|morning|evening|afternoon)|excellent"
    r"|perfect(?:ly)?|wonderful|fantastic|brilliant|awesome|nice (?:work|try|one|to)|happy|happily|glad"
    r"|congratulations|congrats|bravo|hooray|yay|love(?:s|ly)?|enjoy\w*|fun|funny|delight\w*|proud|exactly"
    r"|correct|that's right|you(?:'re| are) right|you got it|you did it|welcome|hello|hi|hey|thank(?:s| you)"
    r"|my pleasure|beautiful(?:ly)?|cheers|keep (?:it up|going)|exciting|excited|laugh\w*|smil\w+|celebrat\w+"
    r"|joy\w*"
)
_PONDERING = (
    r"h+mm+|let me (?:think|see)|let's (?:think|see)|i(?:'m| am) not sure|i don't know|perhaps|maybe"
    r"|it depends|hard to say|difficult to say|tricky|nobody knows|no one knows"
    r"|scientists (?:still )?(?:do not|don't|wonder)|i wonder|imagine|suppose|think about|consider"
)
_ASTONISHED = (
    r"wow|whoa|oh|really\?|guess what|did you know|believe it or not|surpris\w+|amazing(?:ly)?|astonish\w+"
    r"|incredibl[ey]|unbelievabl[ey]|no way|goodness|imagine that|as many as"
)
_WARNING = re.compile(
    r"\b(?:careful|stop|watch out|danger(?:ous)?|never|don't|do not|no|wait|warning)\b|小心|停|危险|不要|别",
    re.IGNORECASE,
)
_NEGATED = re.compile(
    r"\b(?:not|no|never|isn't|aren't|wasn't|don't|doesn't|didn't|can't|cannot|couldn't|hardly|nothing)\b(?:\W+\w+){0,2}\W+$",
    re.IGNORECASE,
)
_CHINESE: tuple[tuple[Tone, str], ...] = (
    (
        "sad",
        "难过|伤心|悲|死|去世|逝世|可怕|抱歉|对不起|遗憾|害怕|孤单|孤独|痛苦|疼|战争|哭|担心|不幸|失败|失望|生病|离婚|欺负",
    ),
    ("astonished", "哇|居然|竟然|没想到|你知道吗|真的吗|惊人|天哪|不可思议"),
    ("pondering", "让我想想|我想想|也许|或许|可能|不一定|不确定|很难说|想一想|想象|嗯"),
    (
        "glad",
        "太好了|太棒|真棒|很棒|很好|做得好|恭喜|祝贺|开心|高兴|快乐|喜欢|欢迎|你好|谢谢|没错|对了|答对|正确|完全正确|有趣|好问题|加油|精彩|漂亮",
    ),
)
_PATTERNS: tuple[tuple[Tone, re.Pattern[str]], ...] = tuple(
    (tone, re.compile(rf"\b(?:{english})(?!\w)|{chinese}", re.IGNORECASE))
    for (tone, chinese) in _CHINESE
    for english in ({"sad": _SAD, "astonished": _ASTONISHED, "pondering": _PONDERING, "glad": _GLAD}[tone],)
)


def tone(text: str) -> Tone | None:
    """The tone of a clause, or None.

    Sadness goes before all else, even negated ("You are not alone"); other negated words do not count.
    """
    text = text.replace("’", "'")
    for found, pattern in _PATTERNS:
        for match in pattern.finditer(text):
            before = text[: match.start()]
            if found == "sad" or not (_NEGATED.search(before) or before.endswith("不")):
                return found
    return None


def warns(text: str) -> bool:
    """Whether an exclamation is no joyful one."""
    return _WARNING.search(text) is not None
