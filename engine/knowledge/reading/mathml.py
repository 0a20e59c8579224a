"""MathML in pages as one line of text: ``a/b``, ``x^2``, ``√(x+1)``. Pure."""

from __future__ import annotations

from collections.abc import Iterator
from itertools import islice

from bs4 import BeautifulSoup, Tag

from engine.knowledge.reading.equations import grouped
from engine.knowledge.reading.nesting import outermost

MAX_DEPTH = 100
"""Nesting of a formula; what is deeper is left out."""

_RENDERED = ".katex-html, .MathJax, .MathJax_Display, .MathJax_Preview, .MathJax_SVG, mjx-math"
"""What KaTeX and MathJax draw beside the formula's source."""


_HOLDER_LEVELS = 3
"""How far above its MathML the element of a formula is, in the pages of all three."""


def write_out_formulas(soup: BeautifulSoup) -> None:
    """Makes a line of text the content of every formula of ``soup``: its LaTeX where the page has that."""
    for formula in list(outermost(soup, "math")):
        holders = (parent for parent in islice(formula.parents, _HOLDER_LEVELS) if _holds(parent))
        text = _text(formula)
        next(holders, formula).string = text
    for script in soup.select('script[type^="math/tex"]'):
        script.replace_with(f" ${script.get_text().strip()}$ ")
    for drawn in soup.select(_RENDERED):
        if not drawn.decomposed:
            drawn.decompose()


def _holds(tag: Tag) -> bool:
    """Whether ``tag`` holds one formula, drawn and as hidden MathML."""
    return tag.name == "mjx-container" or not {"katex", "mwe-math-element"}.isdisjoint(tag.get_attribute_list("class"))


def _text(formula: Tag) -> str:
    if formula.get("alttext"):
        return str(formula["alttext"])
    source = formula.find("annotation", encoding="application/x-tex")
    return _linear(formula) if source is None else f"${source.get_text().strip()}$"


def _linear(node: Tag, depth: int = 0) -> str:
    if depth > MAX_DEPTH:
        return ""
    parts = [_linear(child, depth + 1) for child in _elements(node)]
    whole = [grouped(part) for part in parts]
    match node.name, len(parts):
        case (("annotation" | "annotation-xml" | "mphantom"), _):
            return ""
        case "mfrac", 2:
            return f"{whole[0]}/{whole[1]}"
        case (("msup" | "mover"), 2):
            return f"{whole[0]}^{whole[1]}"
        case (("msub" | "munder"), 2):
            return f"{whole[0]}_{whole[1]}"
        case (("msubsup" | "munderover"), 3):
            return f"{whole[0]}_{whole[1]}^{whole[2]}"
        case "msqrt", _:
            return f"√{grouped(''.join(parts))}"
        case "mroot", 2:
            return f"{parts[1]} √{whole[0]}"
        case "mtable", _:
            return f"[{'; '.join(parts)}]"
        case "mtr", _:
            return ", ".join(parts)
        case _ if parts:
            return "".join(parts)
        case _:
            return " ".join(node.get_text().split())


def _elements(node: Tag) -> Iterator[Tag]:
    return (child for child in node.children if isinstance(child, Tag))
