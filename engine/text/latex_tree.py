"""LaTeX as a tree, through ``latex2mathml``: what stands under which root, over which line, between which brackets.

Pure. A formula that the parser refuses is repaired as far as braces go and tried once more.
"""

from __future__ import annotations

import html
import re
import unicodedata
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from xml.etree.ElementTree import Element

from latex2mathml.converter import convert_to_element

MAX_CHARS = 1500
"""Longer formulas are not read: nobody could follow them."""

MAX_DEPTH = 30
"""Braces and environments deeper than this are not read; the parser is recursive."""

OPENING = {"(": ")", "[": "]", "{": "}", "⟨": "⟩", "⌊": "⌋", "⌈": "⌉", "‖": "‖"}
CLOSING = frozenset(OPENING.values())

_LINES = re.compile(r"\\(begin|end)\s*\{\s*(?:aligned|align|split|gathered|gather|eqnarray|alignat|multline)\*?\s*\}")
_BARE = re.compile(r"\\(?:begin|end)\s*\{\s*(?:equation|displaymath|math)\*?\s*\}")
_DCASES = re.compile(r"\\(begin|end)\s*\{\s*(?:dcases|rcases)\*?\s*\}")
_IGNORED = re.compile(
    r"\\(?:label|tag\*?|require|hspace\*?|vspace\*?|phantom|hphantom|vphantom|color)\s*\{[^{}]*\}"
    r"|\\(?:displaystyle|textstyle|limits|nolimits|nonumber|notag|hline|centering|allowbreak|newline|left\s*\.|right\s*\.)(?![A-Za-z])"
)
_SIZES = re.compile(r"\\(?:left|right|middle|[bB]igg?[lrm]?)(?![A-Za-z])\s*")
_ALIASES = {
    r"\lvert": "|",
    r"\rvert": "|",
    r"\vert": "|",
    r"\lVert": "‖",
    r"\rVert": "‖",
    r"\Vert": "‖",
    r"\|": "‖",
    r"\cdotp": r"\cdot",
    r"\degree": r"^\circ",
    r"\R": r"\mathbb{R}",
    r"\N": r"\mathbb{N}",
    r"\Z": r"\mathbb{Z}",
    r"\Q": r"\mathbb{Q}",
    r"\C": r"\mathbb{C}",
    r"\tg": r"\operatorname{tg}",
    r"\ctg": r"\operatorname{ctg}",
    r"\Longrightarrow": r"\implies",
    r"\coloneqq": r"\mathrel{≔}",
    r"\widehat": r"\hat",
    r"\widetilde": r"\tilde",
    r"\overparen": r"\overset{⌢}",
    r"\wideparen": r"\overset{⌢}",
    r"\overarc": r"\overset{⌢}",
    r"\dfrac": r"\frac",
    r"\tfrac": r"\frac",
    r"\cfrac": r"\frac",
    r"\bm": r"\mathbf",
    r"\boldsymbol": r"\mathbf",
    r"\pmb": r"\mathbf",
    r"\mathop": r"\operatorname",
    r"\textnormal": r"\text",
    r"\textup": r"\text",
    r"\mbox": r"\text",
    r"\hbox": r"\text",
    r"\textsf": r"\text",
    r"\nexists": "∄",
}
_ALIAS = re.compile(r"\\(?:\||[A-Za-z]+)")
_TRIANGLE = re.compile(r"(?:\\Delta(?![A-Za-z])|Δ|∆)\s*(?=[A-Z]\s?[A-Z]\s?[A-Z](?![A-Za-z]))")
_THOUSANDS = re.compile(r"(?<=\d)(?:\{,\}|\\,|\{\\,\})(?=\d{3}(?!\d))")
_COMMA_THOUSANDS = re.compile(r"(?<![\d,.])\d{1,3}(?:,\d{3})+(?![\d,])")


@dataclass(frozen=True, slots=True)
class Node:
    """A piece of a formula.

    Kinds, with their text and children:
        num, id, op, text: the text; unknown: the name of a command nobody knows.
        row: any children. fence: text is the two brackets.
        frac, binom: above, below. root: body, or body and degree.
        script: base, below, above (an empty row where one is missing).
        accent: text is the mark over the one child; under the same below; struck: crossed out.
        table: a row for each line, each of which has one row for each cell; text is "align" for aligned lines.
    """

    kind: str
    text: str = ""
    children: tuple[Node, ...] = ()


EMPTY = Node("row")


def parse(latex: str) -> Node | None:
    """The formula as one row, or None when it cannot be read."""
    if len(latex) > MAX_CHARS:
        return None
    latex = _prepared(latex)
    for candidate in (latex, _repaired(latex)):
        if _depth(candidate) > MAX_DEPTH:
            return None
        try:
            return _row(_tree(convert_to_element(candidate)))
        except (RecursionError, MemoryError):
            return None
        except Exception:  # noqa: BLE001 - the parser's errors share no base; what it refuses is not read
            continue
    return None


def children(node: Node) -> tuple[Node, ...]:
    """What a row holds, or the node alone."""
    return node.children if node.kind == "row" else (node,)


def _prepared(latex: str) -> str:
    latex = _LINES.sub(r"\\\1{align*}", _BARE.sub(" ", _DCASES.sub(r"\\\1{cases}", latex)))
    latex = _IGNORED.sub(" ", latex)
    latex = _SIZES.sub("", latex)
    latex = _ALIAS.sub(lambda m: _ALIASES.get(m.group(), m.group()) + (" " if m.group() in _ALIASES else ""), latex)
    latex = _TRIANGLE.sub(r"\\triangle ", latex)
    latex = _THOUSANDS.sub("", latex)
    if not re.search(r"[\[({]\s*\d[^)\]]*,", latex):
        # In "(100, 200)" or "{1,234}" a comma may stand between numbers.
        latex = _COMMA_THOUSANDS.sub(lambda m: m.group().replace(",", ""), latex)
    return latex.strip()


def _depth(latex: str) -> int:
    depth = deepest = 0
    for mark in re.findall(r"\\.|[{}]|\\begin", latex):
        depth += (mark == "{") - (mark == "}")
        deepest = max(deepest, depth)
    return deepest + latex.count(r"\begin")


def _repaired(latex: str) -> str:
    """Unbalanced braces dropped or closed, scripts without content dropped."""
    kept: list[str] = []
    depth = 0
    for mark in re.findall(r"\\.|[{}]|[^\\{}]+", latex, re.DOTALL):
        if mark == "}" and not depth:
            continue
        depth += (mark == "{") - (mark == "}")
        kept.append(mark)
    return re.sub(r"[\^_]\s*(?=[\^_}]|$)", "", "".join(kept).rstrip("\\") + "}" * depth)


def _tree(element: Element) -> list[Node]:
    """Nodes for one MathML element: none for space, several for a bare row."""
    tag = element.tag
    text = html.unescape(element.text or "").replace("\u00a0", " ")
    inside = list(element)
    if tag in ("mspace", "mphantom", "none"):
        return []
    if tag in ("mi", "mn", "mo", "mtext"):
        return _leaf(tag, text)
    if tag in ("math", "mrow", "mstyle", "mpadded", "mtd"):
        found = [node for child in inside for node in _tree(child)]
        return found if tag != "mrow" else [_row(found)] if found else []
    if tag == "menclose":
        body = _row([node for child in inside for node in _tree(child)])
        return [Node("struck", "", (body,))] if "strike" in element.get("notation", "") else [body]
    parts = [_row(_tree(child)) for child in inside]
    if tag in ("msup", "msub", "msubsup"):
        # The base of a raised matrix comes in three parts: bracket, table, bracket.
        scripts = 2 if tag == "msubsup" else 1
        parts = [_row(parts[:-scripts]), *parts[-scripts:]]
    if tag == "mfrac":
        if len(parts) != 2 or EMPTY in parts:
            raise ValueError("half a fraction")
        return [Node("binom" if element.get("linethickness") == "0" else "frac", "", tuple(parts))]
    if tag in ("msqrt", "mroot"):
        return [Node("root", "", tuple(parts))]
    if tag == "mtable":
        rows = tuple(Node("row", "", tuple(_row(_tree(cell)) for cell in line)) for line in inside)
        return [Node("table", "align" if element.get("displaystyle") == "true" else "", rows)]
    if tag in ("mover", "munder") and _is_mark(parts):
        return [Node("accent" if tag == "mover" else "under", parts[1].text, (parts[0],))]
    return [_script(tag, parts)]


def _leaf(tag: str, text: str) -> list[Node]:
    if tag == "mtext" and text != "⧸":
        return [Node("text", text.strip())] if text.strip() else []
    if text.startswith("⧸"):
        return [Node("op", "¬")]
    if not text.strip() or text in "\u2061\u2062\u2063\u2064":
        return []
    if text.startswith("\\") and len(text) > 1:
        return [Node("unknown", text[1:])]
    # Bold and italic letters as letters; blackboard ones have names of their own.
    plain = unicodedata.normalize("NFKC", text) if "\U0001d400" <= text[0] <= "\U0001d7ff" else text
    if tag == "mn" or plain.isdecimal():
        return [Node("num", plain)]
    if len(plain) == 1 and not plain.isalpha():
        return [
            Node(
                "op",
                {"∣": "|", "-": "−", "⟂": "⊥", "⧵": "∖", "\\": "∖", "‐": "−", "–": "−", "⧸": "¬"}.get(plain, plain),
            )
        ]
    # Bold ones are vectors, which a mark in place of children tells.
    return [Node("id", plain, (EMPTY,) if "BOLD" in unicodedata.name(text[0], "") else ())]


def _row(nodes: Iterable[Node]) -> Node:
    found = _fenced(list(nodes))
    return found[0] if len(found) == 1 else Node("row", "", tuple(found))


def _is_mark(parts: Sequence[Node]) -> bool:
    return len(parts) == 2 and parts[1].kind == "op" and (parts[1].text in "¯^ˆ˜~˙¨→⃗⌢⏜↔⏞⏟―‾_")


def _script(tag: str, parts: list[Node]) -> Node:
    parts = (parts + [EMPTY] * 3)[:3]
    base, first, second = parts
    if tag in ("msub", "munder"):
        return Node("script", "", (base, first, EMPTY))
    if tag in ("msup", "mover"):
        return Node("script", "", (base, EMPTY, first))
    return Node("script", "", (base, first, second))


def _fenced(nodes: list[Node]) -> list[Node]:
    """Brackets and what is between them as one node each; a power on the closing one belongs to the whole."""
    levels: list[tuple[str, list[Node]]] = [("", [])]
    for at, node in enumerate(nodes):
        sign = node.children[0] if node.kind == "script" else node
        char = sign.text if sign.kind == "op" or (sign.kind == "id" and sign.text in "⌈⌉⌊⌋⟨⟩") else ""
        opened, content = levels[-1]
        if char in ("|", "‖") and _closes_bar(char, levels):
            levels.pop()
            levels[-1][1].append(_closed(node, sign, opened, content))
        elif char in ("|", "‖") and node is sign and _opens_bar(nodes, at, content, levels):
            levels.append((char, []))
        elif char in CLOSING and any(level[0] in OPENING for level in levels):
            while levels[-1][0] not in OPENING:
                _flatten(levels)
            opened, content = levels.pop()
            levels[-1][1].append(_closed(node, sign, opened, content))
        elif char in OPENING and node is sign:
            levels.append((char, []))
        else:
            content.append(node)
    while len(levels) > 1:
        _flatten(levels)
    return levels[0][1]


def _closes_bar(char: str, levels: list[tuple[str, list[Node]]]) -> bool:
    opened, content = levels[-1]
    return opened == char and bool(content) and not (content[-1].kind == "op" and content[-1].text in "+−=<>≤≥×·±,")


def _opens_bar(nodes: list[Node], at: int, content: list[Node], levels: list[tuple[str, list[Node]]]) -> bool:
    """Whether a bar here opens: a lone one after an operand inside brackets means "given" or "such that"."""
    before = content[-1] if content else None
    operand = before is not None and not (before.kind == "op" and before.text not in "!%°…")
    if not operand or levels[-1][0] not in OPENING:
        return True
    bars = depth = 0
    for node in nodes[at : at + 60]:
        sign = node.children[0] if node.kind == "script" else node
        if sign.kind != "op":
            continue
        depth += (sign.text in OPENING) - (sign.text in CLOSING)
        if depth < 0:
            break
        bars += sign.text == "|" and depth == 0
    return bars % 2 == 0


def _closed(node: Node, sign: Node, opened: str, content: list[Node]) -> Node:
    body = Node("row", "", tuple(content))
    if len(content) == 1 and content[0].kind == "binom":
        return content[0]
    fence = Node("fence", opened + sign.text, (body,))
    if node is sign:
        return fence
    return Node("script", "", (fence, *node.children[1:]))


def _flatten(levels: list[tuple[str, list[Node]]]) -> None:
    """An opening bracket without a partner: an ordinary symbol."""
    opened, content = levels.pop()
    if opened == "{" and content and content[0].kind == "table":
        levels[-1][1].extend([Node("fence", "{}", (content[0],)), *content[1:]])
    else:
        levels[-1][1].extend([Node("op", opened), *content])
