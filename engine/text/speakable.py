"""Makes a clause of the reply fit to be spoken: no markdown, code, links, emoji or LaTeX.

Pure functions of one clause; what is shown to the student stays as it is. Markers that a clause
boundary cut in two (``**bold,`` / ``still bold**``) disappear on both sides.
"""

from __future__ import annotations

import html
import re

from engine.text.amounts import quantities_in_words
from engine.text.asides import indexing_in_words, nested_lists_in_words, without_asides, without_double_brackets
from engine.text.characters import readable, shortened
from engine.text.formula_parts import chemistry_in_words
from engine.text.formulas import formula_in_words
from engine.text.numbers import in_words
from engine.text.plain_math import chemistry, with_formulas_read
from engine.text.symbols import symbols_in_words
from engine.text.written_forms import written_forms_in_words

MAX_CHARS = 6000
"""No clause is longer; what is handed in beyond this is not read."""

_FENCED = re.compile(r"```.*?(?:```|\Z)", re.DOTALL)
_IMAGE = re.compile(r"!\[([^\]]{0,300})\]\([^)\s]{0,2000}(?:\s[^)]{0,300})?\)")
_LINK = re.compile(r"\[([^\[\]]{1,300})\](?:\([^)\s]{0,2000}(?:\s[^)]{0,300})?\)|\[[^\]]{0,100}\])")
_LINK_IN_WORD = re.compile(r"^!?\[(?=[A-Za-z][^\]]*$)|!?\[([^\[\]]*)\]\([^)\s]*\)|\]\([^)\s]*\)")
"""A link, or what a word has of one whose text is longer than the word."""

_FOOTNOTE = re.compile(r"\[\^?\d{1,3}\]")
_URL = re.compile(r"<?\b(?:https?://|www\.)([^\s/<>\"')\]]+)[^\s<>\"')\]]*>?", re.IGNORECASE)
_TAG = re.compile(r"</?[a-zA-Z][^<>]{0,200}>")
_MATH = re.compile(
    r"\$\$(?P<display>[^$]{1,1500})\$\$"
    r"|\\\[(?P<bracket>.{1,1500}?)(?:\\\]|\Z)"
    r"|\\\((?P<paren>.{1,1500}?)(?:\\\)|\Z)"
    r"|(?P<environment>\\begin\s?\{(?P<name>[a-z]{4,12}\*?)\}.{1,1500}?\\end\s?\{(?P=name)\})"
    r"|(?<![\\$A-Za-z0-9_])\$(?=[^\s$])(?P<inline>(?:\\\$|[^$\n]){0,399}[^$\s\\])\$(?![\d$])",
    re.DOTALL,
)
_AMOUNT = re.compile(r"\d[\d,.]*(?:\s+[A-Za-z]{2,}|[^A-Za-z]*[A-Za-z]{3,}|[^A-Za-z]*[.,;:!?]$)")
_STRAY = re.compile(r"\\[\[\]()]|\${2,}|\\n(?![A-Za-z])|^\s*(?:->|[→➡⇒])\s*(?=[A-Za-z]{3})")
_TABLE_RULE = re.compile(r"^[ \t|:-]*-{2,}[ \t|:-]*$", re.MULTILINE)
_TABLE_ROW = re.compile(r"^[ \t]*\|(.+?)\|?[ \t]*$", re.MULTILINE)
_RULE = re.compile(r"^[ \t]*(?:[-*_][ \t]*){3,}$", re.MULTILINE)
_NUMERAL = re.compile(
    r"[A-Z][a-z]+ [IVX]+\b|\bWWI|\bvs\b|\b(?:sin|cos|tan) [b-hj-z]\b|(?<!')\b[A-Za-z]'{1,3}(?![A-Za-z])"
    r"|[a-z] St\b|\b(?:Na|Li|K|Ca|Mg|Ba|Fe|Cu|Zn|Ag|Pb|H)(?:Cl|Br|I|F|O|S|OH)\b"
)
"""In a clause of nothing but letters: what is not said as it is written."""

_CODE_POWER = re.compile(r"(?<=[A-Za-z0-9)])(?:\*\*(?=\d)| \*\* (?=[A-Za-z0-9(]))")
_LINE_START = re.compile(r"^[ \t]*(?:#{1,6}[ \t]+|>[ \t]?|[-*+•‣·–][ \t]+(?:\[[ xX]\][ \t]+)?)+", re.MULTILINE)
_NUMBERED = re.compile(r"^([ \t]*\d{1,3})[.)](?=[ \t]+\S)", re.MULTILINE)
_EMPHASIS = re.compile(r"\*\*\*|\*\*|__|~~|`+|(?<![\w*])\*(?=\S)|(?<=\S)\*(?![\w*])|(?<!\w)_(?=\S)|(?<=\S)_(?!\w)")
_EMOJI = re.compile(
    "[\U0001f000-\U0001faff\U0001fb00-\U0001fbff\u2600-\u27bf\u2b00-\u2bff\u2300-\u23ff\u25a0-\u25ff\U000e0020-\U000e007f"
    "\u200d\u20e3\ufe0e\ufe0f]"
)
_SHAPES = re.compile("[△▵□■∎⌊⌋⌈⌉⟂]")
_SHORTCODE = re.compile(r"(?<!\S):[a-z+-][a-z0-9_+-]{1,30}:(?!\S)")
_SPACES = re.compile(r"[ \t\u00a0]+")
_AROUND_CHINESE = re.compile("(?<=[\u3001-\u9fff\uff01-\uff5e]) | (?=[\u3001-\u9fff\uff01-\uff5e])")
_BREAKS = re.compile(r"[ \t]*\n[ \t\n]*")
_PAUSED = ".,;:!?。，；：！？…"
_BEFORE_PAUSE = re.compile(r"(?<! ) +([,.;:!?])")
_PAUSES = re.compile(r"([,;:]) ?(?:[,;:] ?)+")

CODE_SPOKEN = {"en": "I have written the code for you.", "zh": "代码我写在屏幕上了。"}
"""Said in place of a block of code; nothing in other languages."""

DOT_SPOKEN = {"en": " dot ", "zh": "点"}


def speakable(text: str, language: str) -> str:
    """What a voice should say for ``text``; empty when there is nothing to say.

    Args:
        text: a clause as the model wrote it.
        language: ISO 639-1; numbers and formulas become words in English and Chinese. LaTeX becomes words in every
            language, English ones where we know no others.
    """
    plain = text.isascii() and text.replace(" ", "").replace("'", "").replace(",", "").rstrip(".?!").isalpha()
    if plain and not _NUMERAL.search(text):
        return text.strip()
    said = _FENCED.sub(f"\n{CODE_SPOKEN.get(language, '')}\n", text[:MAX_CHARS])
    said = without_asides(readable(said))
    said = _MATH.sub(lambda match: _formula(match, language), said)
    said = _without_markdown(_STRAY.sub(" ", said), language)
    said = _EMOJI.sub(lambda m: m.group() if _SHAPES.match(m.group()) else "", _SHORTCODE.sub("", said))
    if language in ("en", "zh"):
        said = _mathematics(written_forms_in_words(said, language), language)
        said = quantities_in_words(said, chinese=language == "zh")
    said = _one_line(symbols_in_words(_SPACES.sub(" ", said), language), language)
    if not any(map(str.isalnum, said)):
        return ""
    said = without_double_brackets(shortened(_SPACES.sub(" ", in_words(said, language)))).strip()
    return _AROUND_CHINESE.sub("", said) if language == "zh" else said


def caption_word(word: str) -> str:
    """A word of a text as captions show it: without the marks of emphasis, code and links. Empty if nothing is left."""
    shown = _LINK_IN_WORD.sub(r"\1", _CODE_POWER.sub("^", word))
    return _EMPHASIS.sub("", shown)


def _formula(match: re.Match[str], language: str) -> str:
    inline = match.group("inline")
    if inline is not None and not is_formula(inline):
        return match.group()
    body = (
        inline or match.group("display") or match.group("bracket") or match.group("paren") or match.group("environment")
    )
    return f" {formula_in_words(body, language)} "


def is_formula(inline: str) -> bool:
    """Whether what stands between two single dollars is mathematics and not the text between two prices."""
    return not (inline[:1].isdigit() and _AMOUNT.match(inline)) or "\\" in inline


def _mathematics(text: str, language: str) -> str:
    """Formulas, species and nested lists that stand in the text as they are."""
    chinese = language == "zh"
    text = nested_lists_in_words(text, lambda latex: formula_in_words(latex, language))
    text = chemistry(text, lambda species: chemistry_in_words(species, chinese))
    return with_formulas_read(text, lambda latex: formula_in_words(latex, language))


def _without_markdown(text: str, language: str) -> str:
    text = _CODE_POWER.sub("^", html.unescape(_TAG.sub(" ", text)))
    text = indexing_in_words(text, language == "zh")
    text = _IMAGE.sub(r"\1", text)
    text = _LINK.sub(r"\1", text)
    text = _FOOTNOTE.sub("", text)
    text = _URL.sub(lambda m: _spoken_host(m.group(1), language), text)
    text = _TABLE_RULE.sub("", text)
    text = _TABLE_ROW.sub(_table_row, text)
    text = _RULE.sub("", text)
    text = _LINE_START.sub("", text)
    text = _NUMBERED.sub(r"\1,", text)
    return _EMPHASIS.sub("", text)


def _table_row(match: re.Match[str]) -> str:
    cells = [cell.strip() for cell in match.group(1).split("|") if cell.strip()]
    if match.group().strip().count("|") == 2 and re.match(r"\s*[=<>≤≥]|$", match.string[match.end() : match.end() + 9]):
        return match.group()
    return ", ".join(cells) + "."


def _spoken_host(host: str, language: str) -> str:
    host = host.rstrip(".,;:!?").removeprefix("www.").split(":")[0].split("@")[-1]
    return host.replace(".", DOT_SPOKEN.get(language, "."))


def _one_line(text: str, language: str) -> str:
    """Line ends become pauses, left-over white space and doubled commas go."""
    stop = "。" if language in ("zh", "ja") else "."
    lines = [_SPACES.sub(" ", line).strip() for line in _BREAKS.split(text.strip())]
    lines = [line for line in lines if line]
    closed = [line if line[-1] in _PAUSED else line + stop for line in lines[:-1]] + lines[-1:]
    text = ("" if stop == "。" else " ").join(closed)
    return _PAUSES.sub(r"\1 ", _BEFORE_PAUSE.sub(r"\1", text)).strip()
