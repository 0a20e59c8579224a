"""Makes a clause of the reply fit to be spoken: no markdown, code, links, emoji or LaTeX.

Pure functions of one clause; what is shown to the student stays as it is. Markers that a clause
boundary cut in two (``**bold,`` / ``still bold**``) disappear on both sides.
"""

from __future__ import annotations

import html
import re

from engine.text.formulas import formula_in_words, symbols_in_words
from engine.text.numbers import in_words

_FENCED = re.compile(r"```.*?(?:```|\Z)", re.DOTALL)
_IMAGE = re.compile(r"!\[([^\]]*)\]\([^)\s]*(?:\s[^)]*)?\)")
_LINK = re.compile(r"\[([^\]]+)\](?:\([^)\s]*(?:\s[^)]*)?\)|\[[^\]]*\])")
_FOOTNOTE = re.compile(r"\[\^?\d{1,3}\]")
_URL = re.compile(r"<?\b(?:https?://|www\.)([^\s/<>\"')\]]+)[^\s<>\"')\]]*>?", re.IGNORECASE)
_TAG = re.compile(r"</?[a-zA-Z][^<>]{0,200}>")
_MATH = re.compile(
    r"\$\$(.+?)\$\$|\\\[(.+?)\\\]|\\\((.+?)\\\)"
    r"|\$(?=[^\s$])([^$\n]*?[\\^_={}+*/<>-][^$\n]*?)(?<=\S)\$(?!\d)",
    re.DOTALL,
)
_TABLE_RULE = re.compile(r"^[ \t]*\|?[ \t]*:?-{2,}:?[ \t]*(?:\|[ \t]*:?-{2,}:?[ \t]*)*\|?[ \t]*$", re.MULTILINE)
_TABLE_ROW = re.compile(r"^[ \t]*\|(.+?)\|?[ \t]*$", re.MULTILINE)
_RULE = re.compile(r"^[ \t]*(?:[-*_][ \t]*){3,}$", re.MULTILINE)
_LINE_START = re.compile(r"^[ \t]*(?:#{1,6}[ \t]+|>[ \t]?|[-*+•‣·–][ \t]+(?:\[[ xX]\][ \t]+)?)+", re.MULTILINE)
_NUMBERED = re.compile(r"^([ \t]*\d{1,3})[.)](?=[ \t]+\S)", re.MULTILINE)
_EMPHASIS = re.compile(r"\*\*\*|\*\*|__|~~|`+|(?<![\w*])\*(?=\S)|(?<=\S)\*(?![\w*])|(?<!\w)_(?=\S)|(?<=\S)_(?!\w)")
_EMOJI = re.compile(
    "[\U0001f000-\U0001faff\U0001fb00-\U0001fbff\u2600-\u27bf\u2b00-\u2bff\u2300-\u23ff\u25a0-\u25ff\U000e0020-\U000e007f"
    "\u200d\u20e3\ufe0e\ufe0f]"
)
_SHORTCODE = re.compile(r"(?<!\S):[a-z][a-z0-9_+-]{1,30}:(?!\S)")
_NOTHING_TO_SAY = re.compile(r"[\W_]*")
_SPACES = re.compile(r"[ \t\u00a0]+")
_LINES = re.compile(r"([^\s.,;:!?。，；：！？…])?\s*\n\s*")
_PAUSES = re.compile(r"\s+([,.;:!?])|([,;:])(?:\s*[,;:])+")

CODE_SPOKEN = {"en": "I have written the code for you.", "zh": "代码我写在屏幕上了。"}
"""Said in place of a block of code; nothing in other languages."""

DOT_SPOKEN = {"en": " dot ", "zh": "点"}


def speakable(text: str, language: str) -> str:
    """What a voice should say for ``text``; empty when there is nothing to say.

    Args:
        text: a clause as the model wrote it.
        language: ISO 639-1; numbers and formulas become words in English and Chinese.
    """
    if text.isascii() and text.replace(" ", "").replace("'", "").replace(",", "").rstrip(".?!").isalpha():
        return text.strip()
    said = _FENCED.sub(f"\n{CODE_SPOKEN.get(language, '')}\n", text)
    said = _MATH.sub(lambda m: f" {formula_in_words(next(g for g in m.groups() if g is not None), language)} ", said)
    said = _without_markdown(said, language)
    said = _EMOJI.sub("", _SHORTCODE.sub("", said))
    said = symbols_in_words(said, language)
    said = _one_line(said, language)
    if _NOTHING_TO_SAY.fullmatch(said):
        return ""
    return _SPACES.sub(" ", in_words(said, language)).strip()


def _without_markdown(text: str, language: str) -> str:
    text = html.unescape(_TAG.sub(" ", text))
    text = _IMAGE.sub(r"\1", text)
    text = _LINK.sub(r"\1", text)
    text = _FOOTNOTE.sub("", text)
    text = _URL.sub(lambda m: _spoken_host(m.group(1), language), text)
    text = _TABLE_RULE.sub("", text)
    text = _TABLE_ROW.sub(lambda m: ", ".join(c.strip() for c in m.group(1).split("|") if c.strip()) + ".", text)
    text = _RULE.sub("", text)
    text = _LINE_START.sub("", text)
    text = _NUMBERED.sub(r"\1,", text)
    return _EMPHASIS.sub("", text)


def _spoken_host(host: str, language: str) -> str:
    host = host.rstrip(".,;:!?").removeprefix("www.").split(":")[0].split("@")[-1]
    return host.replace(".", DOT_SPOKEN.get(language, "."))


def _one_line(text: str, language: str) -> str:
    """Line ends become pauses, left-over white space and doubled commas go."""
    stop = "。" if language in ("zh", "ja") else ". "
    text = _LINES.sub(lambda m: m.group(1) + stop if m.group(1) else " ", text.strip())
    text = _SPACES.sub(" ", text)
    return _PAUSES.sub(lambda m: m.group(1) or m.group(2), text).strip()
