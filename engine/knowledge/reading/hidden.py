"""Leaves out what a web page hides from its readers: nobody sees it, but a language model would quote it.

Looks at ``hidden``, inline styles and the page's own ``style`` elements. Colours are not compared: text
that is white on white stays.
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
    r"|font-size\s*:\s*0[a-z%]*\s*(?:;|!|$)|color\s*:\s*transparent|content-visibility\s*:\s*hidden"
    r"|(?:text-indent|left|top|margin-left)\s*:\s*-\d{3,})",
    re.IGNORECASE,
)


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
    return tag.has_attr("hidden") or bool(_HIDING.search(str(tag.get("style") or "")))


def _hiding_selectors(soup: BeautifulSoup) -> Iterator[str]:
    left = MAX_RULES
    for style in soup.find_all("style"):
        for rule in tinycss2.parse_stylesheet(style.get_text(), skip_comments=True, skip_whitespace=True)[:left]:
            left -= 1
            if rule.type == "qualified-rule" and _HIDING.search(tinycss2.serialize(rule.content)):
                selector = tinycss2.serialize(rule.prelude).strip()
                # Such rules hide an element until something happens, or only a part of it.
                if ":" not in selector:
                    yield selector
