"""Chinese sums as a recognizer may spell them: ``酒的平方`` for ``九的平方``, ``144出于12`` for ``144除以12``.

A text is read by its sound only if all of it then is a sum, which no ordinary sentence is.
"""

from __future__ import annotations

import re

MAX_SOUNDED = 30
"""Characters of a text that is read by its sound; longer ones are no sums."""

_ASKS = re.compile(r"等于?(?:多少|[几解接级])|是?(?:多少|几)[?？。]*$")

_NUMERALS = {
    "ling": "零", "yi": "一", "er": "二", "liang": "两", "san": "三", "si": "四", "wu": "五", "liu": "六", "qi": "七",
    "ba": "八", "jiu": "九", "shi": "十", "bai": "百", "qian": "千", "dian": "点",
}  # fmt: skip
_SOUNDS = {
    "ling": "零灵铃林另", "yi": "一以已依医衣意易亿义医伊", "er": "二而儿耳尔", "liang": "两亮凉量良",
    "san": "三山散伞",
    "si": "四死思丝司似", "wu": "五吴无武午舞物", "liu": "六留刘流柳牛", "qi": "七期其起气奇骑妻", "ba": "八把吧爸霸巴",
    "jiu": "九就酒久救旧", "shi": "十时是石食实事师式", "bai": "百白摆败", "qian": "千前钱签浅", "dian": "点店典电",
    "cheng": "乘成城程承称", "chu": "除出初处触厨", "yu": "于与余", "jia": "加家价佳嘉", "jian": "减建见捡简间件",
    "shang": "上商尚", "qu": "去区取曲", "fen": "分份粉", "zhi": "之支只知枝", "de": "的得地", "ping": "平评瓶苹凭",
    "fang": "方访房放", "ci": "次此词", "li": "立力例历", "gen": "根跟", "geng": "更",
}  # fmt: skip
"""Characters that are easily taken for one another, by the syllable they sound like."""

_SYLLABLES = {character: sound for sound, characters in _SOUNDS.items() for character in characters}
_WORDS = (
    ("bai fen zhi", "百分之"), ("fen zhi", "分之"), ("cheng yi", "乘以"), ("chu yi", "除以"), ("chu yu", "除以"),
    ("jia shang", "加上"), ("jian qu", "减去"), ("ping fang gen", "平方根"), ("ping fang geng", "平方根"),
    ("ping fang", "平方"),
    ("li fang", "立方"), ("ci fang", "次方"), ("cheng", "乘"), ("jia", "加"), ("jian", "减"), ("de", "的"),
)  # fmt: skip
_TOKEN = re.compile(
    "|".join([r"\d[\d.]*%?", *(rf"{sound}(?![a-z])" for sound, _ in _WORDS), *(rf"{s}(?![a-z])" for s in _NUMERALS)])
)
_WRITTEN = dict(_WORDS) | _NUMERALS


def as_it_sounds(text: str) -> str | None:
    """``text`` with the characters its sounds mean in a sum; None if it does not sound like one.

    Args:
        text: as it was typed or recognised, without spaces.
    """
    asks = _ASKS.search(text) if len(text) <= MAX_SOUNDED else None
    if asks is None:
        return None
    asked = re.findall(r"\d[\d.]*%?|\S", text[: asks.start()])
    sounds = " ".join(_SYLLABLES.get(part, part) for part in asked)
    written: list[str] = []
    for sound in _tokens(sounds):
        if sound is None:
            return None
        written.append(_WRITTEN.get(sound, sound))
    counted = "".join("n" if w[0].isdigit() or w in _NUMERALS.values() else w for w in written)
    # Numbers on both sides of what is done with them, or a power or root of one.
    is_sum = re.fullmatch(
        r"n+(?:(?:乘以?|除以|加上?|减去?|分之|的(?:百分之)?)n+)+|n+的(?:平方根?|立方)|n+的n+次方", counted
    )
    return "".join(written) if is_sum else None


def _tokens(sounds: str) -> list[str | None]:
    found: list[str | None] = []
    at = 0
    while at < len(sounds):
        if sounds[at] in " 。?？,，":
            at += 1
            continue
        match = _TOKEN.match(sounds, at)
        if match is None:
            return [None]
        found.append(match.group())
        at = match.end()
    return found
