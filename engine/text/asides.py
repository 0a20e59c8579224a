"""What models write and nobody says: stage directions, emoticons, role labels. And code's brackets in words. Pure."""

from __future__ import annotations

import re
from collections.abc import Callable

_ACTIONS = (
    "smil(?:es|ing)|laugh(?:s|ing|ter)|chuckl(?:es|ing)|giggl(?:es|ing)|grin(?:s|ning)|nod(?:s|ding)|sigh(?:s|ing)"
    "|wink(?:s|ing)|shrug(?:s|ging)|blink(?:s|ing)|gasp(?:s|ing)|whisper(?:s|ing)|cough(?:s|ing)|yawn(?:s|ing)"
    "|frown(?:s|ing)|clap(?:s|ping)|beams?|beaming|gestur(?:es|ing)|giggle|smile|laugh|chuckle|nod|sigh|wink|shrug"
    "|gasp|grin|applause|clears? (?:my|his|her|their|its)? ?throat|clearing (?:my|his|her|their )?throat"
    "|takes? a (?:deep )?breath|scratches (?:my|his|her|their)? ?head|raises an? eyebrow|high[- ]fives?"
    "|(?:wav|point|lean|look|paus|think)(?:es|e?s|e?ing)? (?:at|to|in|over|back|forward|towards?|up|down|away|hello"
    "|goodbye|thoughtfully|for)"
    "|(?:softly|warmly|gently|cheerfully|excitedly|thoughtfully|happily) (?:smiles|laughs|nods|says|speaks)"
    "|in an? [a-z]{2,12} (?:voice|tone)"
)
_CHINESE_ACTIONS = "微笑|笑|大笑|点头|点点头|眨眼|鼓掌|叹气|挥手|耸肩|思考|停顿|清嗓子|轻笑|笑着|咳嗽"
_ACTION = re.compile(
    rf"\*{{1,3}}(?:{_ACTIONS})\b[^*\n]{{0,60}}\*{{1,3}}|(?<!\w)_(?:{_ACTIONS})\b[^_\n]{{0,60}}_(?!\w)"
    rf"|\((?:{_ACTIONS})\b[^()\n]{{0,40}}\)|\[(?:{_ACTIONS})\b[^\[\]\n]{{0,40}}\](?!\()"
    rf"|[*（(【\[](?:{_CHINESE_ACTIONS})[^*（）()【】\[\]\n]{{0,12}}[*）)】\]]",
    re.IGNORECASE,
)
_EMOTICON = re.compile(
    r"(?<![^\s(*_\"'。，！？!?.,])"
    r"(?:[:;=]['’]?[-^o]?[)(DPpOo3/\\|*\]\[]{1,3}|[xX]D{1,3}|<3{1,3}|\^[_.-]?\^|[Tt]_[Tt]|-_-|>[_.]<|\\o/|[oO]_[oO])"
    r"(?=$|[\s.,!?*_\"'。，！？])"
)
_ROLE = re.compile(
    r"^\s*(?:\*\*|__)?(?:assistant|tutor|ai|ai tutor|bot|chatbot|model|助手|助教|导师|老师)(?:\*\*|__)?"
    r"\s*[:：](?!//)\s*(?:\*\*|__)?\s*",
    re.IGNORECASE,
)
_COMPARED_BEFORE = re.compile(r"(?:^|[\s(])(?:[A-HJ-Za-z]|\d+)\s*$")
_INDEXED = re.compile(r"(?<![A-Za-z0-9_\]])([A-Za-z_]\w{0,30})((?:\[(?:-?\d{1,4}|[A-Za-z]\w{0,15})\]){1,4})(?!\()")
_INDEX = re.compile(r"\[([^\]]*)\]")
_ARRAY_NAMES = frozenset(
    str.split("arr array list lst nums numbers data matrix grid table items values words letters dp args argv row col")
)
_NESTED = re.compile(r"\[\s*(\[[^\[\]]{0,200}\](?:\s*,?\s*\[[^\[\]]{0,200}\]){0,20})\s*,?\s*\]")
_ROW = re.compile(r"\[([^\[\]]*)\]")
_BRACKETS = re.compile(r"\[{2,}|\]{2,}")


def without_asides(text: str) -> str:
    """``text`` without ``*smiles*``, ``(laughs)``, ``:D`` and a leading "Assistant:"."""
    text = _ACTION.sub(" ", _ROLE.sub("", text))
    return _EMOTICON.sub(_unless_compared, text)


def _unless_compared(match: re.Match[str]) -> str:
    """``x <3`` compares; ``love <3`` does not."""
    if match.group().startswith("<") and _COMPARED_BEFORE.search(
        match.string[max(0, match.start() - 12) : match.start()]
    ):
        return match.group()
    return ""


def indexing_in_words(text: str, chinese: bool) -> str:
    """``array[0][1]`` as "array index 0 index 1"; ``word[1]`` stays, since that is a footnote."""

    def said(match: re.Match[str]) -> str:
        name, indexes = match.group(1), _INDEX.findall(match.group(2))
        plain = name.isalpha() and len(name) > 1 and name.lower() not in _ARRAY_NAMES
        if len(indexes) == 1 and plain and indexes[0] != "0" and not indexes[0].startswith("-"):
            return match.group()
        word = "下标" if chinese else " index "
        return name + "".join(word + index for index in indexes)

    return _INDEXED.sub(said, text)


def nested_lists_in_words(text: str, read: Callable[[str], str]) -> str:
    """``[[1, 2], [3, 4]]`` as the matrix it is, through ``read`` (which takes LaTeX)."""

    def said(match: re.Match[str]) -> str:
        rows = [row.split(",") for row in _ROW.findall(match.group(1))]
        cells = [cell.strip() for row in rows for cell in row]
        rectangular = len({len(row) for row in rows}) == 1
        if rectangular and all(re.fullmatch(r"[-+]?\d{1,9}(?:\.\d{1,6})?|[A-Za-z]", cell) for cell in cells):
            body = r" \\ ".join(" & ".join(cell.strip() for cell in row) for row in rows)
            return " " + read(r"\begin{bmatrix} " + body + r" \end{bmatrix}") + " "
        return "; ".join(", ".join(cell.strip() for cell in row) for row in rows)

    return _NESTED.sub(said, text)


def without_double_brackets(text: str) -> str:
    """No two square brackets side by side: Piper takes what is between for phonemes."""
    return _BRACKETS.sub(lambda m: m.group()[0], text)
