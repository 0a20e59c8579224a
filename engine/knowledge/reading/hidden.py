"""Leaves out what a web page hides from its readers: nobody sees it, but a language model would quote it.

Looks at ``hidden``, inline styles and the page's own ``style`` elements. Colours are compared only within one rule:
white text on a ground that another rule made white stays.
"""

from __future__ import annotations

import re
from collections.abc import Iterator

import tinycss2
from bs4 import BeautifulSoup, Tag
from soupsieve import SelectorSyntaxError

MAX_RULES = 5_000
"""Style rules that are looked at; a page of a thousand is large."""

_HIDING = re.compile(
    r"(?:^|;)\s*(?:display\s*:\s*none|visibility\s*:\s*(?:hidden|collapse)|opacity\s*:\s*0*(?:\.0+)?\s*(?:;|!|$)"
    r"|font-size\s*:\s*(?:0[a-z%]*|[12](?:\.\d+)?px|0?\.\d+(?:px|pt))\s*(?:;|!|$)|color\s*:\s*transparent"
    r"|content-visibility\s*:\s*hidden|transform\s*:\s*scale\(\s*0*(?:\.0+)?\s*\)"
    r"|clip\s*:\s*rect\((?:[\s,]*[01](?:px)?\b){4}|clip-path\s*:\s*inset\(\s*(?:50|100)%"
    r"|(?:text-indent|left|top|margin-left)\s*:\s*-\d{3,})",
    re.IGNORECASE,
)


_NO_SIZE = re.compile(r"(?:^|;)\s*(?:max-)?(?:height|width)\s*:\s*[01](?:px|em|rem|%)?\s*(?:;|!|$)", re.IGNORECASE)
_CUT_OFF = re.compile(r"(?:^|;)\s*overflow(?:-[xy])?\s*:\s*(?:hidden|clip)", re.IGNORECASE)
_COLOUR = re.compile(r"(?:^|;)\s*(color|background(?:-color)?)\s*:\s*([^;!]{1,60})", re.IGNORECASE)
_WHITE = {"#fff": "white", "#ffffff": "white", "rgb(255,255,255)": "white", "#000": "black", "#000000": "black"}


def _is_hiding(style: str) -> bool:
    """Whether a rule's declarations make text invisible: gone, without a size, or in the colour of its ground."""
    if _HIDING.search(style) or (_NO_SIZE.search(style) and _CUT_OFF.search(style)):
        return True
    colours = {name.lower()[:10]: value.lower().replace(" ", "") for name, value in _COLOUR.findall(style)}
    ink, ground = (_WHITE.get(value, value) for value in (colours.get("color", "ink"), colours.get("background", "")))
    return bool(ink == ground)


def remove_hidden(soup: BeautifulSoup) -> None:
    """Take hidden elements out of ``soup``."""
    hidden = [tag for tag in soup.find_all(True) if _hides_itself(tag)]
    try:
        selectors = list(_hiding_selectors(soup))
    except RecursionError:
        selectors = []  # brackets nested hundreds deep: no page that is meant to be read has those
    for selector in selectors:
        try:
            hidden += soup.select(selector)
        except (SelectorSyntaxError, NotImplementedError, ValueError):
            continue
    for tag in hidden:
        if not tag.decomposed:
            tag.decompose()


def _hides_itself(tag: Tag) -> bool:
    return tag.has_attr("hidden") or _is_hiding(str(tag.get("style") or ""))


def _hiding_selectors(soup: BeautifulSoup) -> Iterator[str]:
    left = MAX_RULES
    for style in soup.find_all("style"):
        for rule in tinycss2.parse_stylesheet(style.get_text(), skip_comments=True, skip_whitespace=True)[:left]:
            left -= 1
            if rule.type == "qualified-rule" and _is_hiding(tinycss2.serialize(rule.content)):
                selector = tinycss2.serialize(rule.prelude).strip()
                # Such rules hide an element until something happens, or only a part of it.
                if ":" not in selector:
                    yield selector
