"""Raised text, readings over characters and ticked boxes of a page as plain text. Pure.

A page that shows 10³ has ``10<sup>3</sup>``, which without its mark-up would be 103.
"""

from __future__ import annotations

import re

from bs4 import BeautifulSoup, Tag
from bs4.element import NavigableString

from engine.knowledge.reading.nesting import outermost

_POWER = re.compile(r"[+\-\u2212\u2013]?\d{1,4}")
_SUPERSCRIPTS = str.maketrans("0123456789+-\u2212\u2013", "⁰¹²³⁴⁵⁶⁷⁸⁹⁺⁻⁻⁻")
_EXPONENT = re.compile(r"[A-Za-z]|[\w+\-\u2212\u00d7/.() ]{2,30}")
_ORDINAL = re.compile(r"(?:st|nd|rd|th|er|re|ème|e|o|a|os|as|TM|SM)\.?", re.IGNORECASE)
_NOTED = re.compile(r"[A-Za-z\u00c0-\u024f]{4,}$|[.,;:!?\u201d\u2019]$")
"""After a whole word or a full stop a raised number is a note's."""


def write_out_small_marks(soup: BeautifulSoup) -> None:
    """``10<sup>3</sup>`` becomes 10³, a note's number [3], ``<ruby>光<rt>ひかり</rt></ruby>`` 光(ひかり).

    The elements stay and get other text: taking one out of its parent takes time in proportion to its siblings.
    """
    for raised in outermost(soup, "sup"):
        if (text := _raised(raised)) is not None:
            raised.string = text
    for reading in outermost(soup, "rt"):
        before = reading.find_previous_sibling()
        if not (isinstance(before, Tag) and before.name == "rp") and reading.get_text().strip():
            reading.string = f"({reading.get_text().strip()})"
    for box in soup.find_all("input", type=re.compile("^(?:checkbox|radio)$", re.IGNORECASE)):
        box.string = "☒ " if box.has_attr("checked") else "☐ "


def _raised(tag: Tag) -> str | None:
    """What is written for raised text; None leaves it as it is."""
    text = tag.get_text().strip()
    previous = tag.previous_element
    before = previous.rstrip("\n") if isinstance(previous, NavigableString) else ""
    if not before or before[-1].isspace() or (_ORDINAL.fullmatch(text) and not before[-1].isalpha()):
        return None
    if _POWER.fullmatch(text):
        return f" [{text}]" if text.isdecimal() and _NOTED.search(before[-40:]) else text.translate(_SUPERSCRIPTS)
    if before[-1].isalnum() or before[-1] in ")]":
        one = len(text) == 1
        return f"^{text}" if one and text.isalpha() else f"^({text})" if _EXPONENT.fullmatch(text) and not one else None
    return None
