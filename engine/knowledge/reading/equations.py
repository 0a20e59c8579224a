"""Office equations (OMML, ECMA-376 part 1, section 22.1) as one line of text: ``a/b``, ``x^2``, ``√(x+1)``. Pure."""

from __future__ import annotations

from lxml import etree

MATH = "{http://schemas.openxmlformats.org/officeDocument/2006/math}"
WORD = "{http://schemas.openxmlformats.org/wordprocessingml/2006/main}"
MAX_DEPTH = 100
"""Nesting of an equation; what is deeper is left out."""


def write_out_equations(root: etree._Element) -> None:
    """Every equation below ``root`` becomes a run of text."""
    for equation in list(root.iter(f"{MATH}oMath")):
        parent = equation.getparent()
        if parent is None:
            continue
        run = etree.Element(f"{WORD}r")
        text = etree.SubElement(run, f"{WORD}t")
        text.text = f" {_linear(equation)} "
        run.tail = equation.tail
        if parent.tag == f"{MATH}oMathPara":
            paragraph = parent.getparent()
            if paragraph is None:
                continue
            paragraph.insert(paragraph.index(parent), run)
            parent.remove(equation)
        else:
            parent.replace(equation, run)


def _linear(node: etree._Element, depth: int = 0) -> str:
    if depth > MAX_DEPTH:
        return ""

    def part(name: str) -> str:
        child = node.find(f"{MATH}{name}")
        return "" if child is None else _linear(child, depth + 1)

    def character(properties: str, default: str, name: str = "chr") -> str:
        found = node.find(f"{MATH}{properties}/{MATH}{name}")
        return default if found is None else found.get(f"{MATH}val", default)

    match node.tag.removeprefix(MATH) if isinstance(node.tag, str) else "":
        case "t":
            return node.text or ""
        case "f" if character("fPr", "", "type") == "noBar":
            return f"({part('num')} choose {part('den')})"
        case "f":
            return f"{grouped(part('num'))}/{grouped(part('den'))}"
        case "sSup":
            return f"{grouped(part('e'))}^{grouped(part('sup'))}"
        case "sSub":
            return f"{grouped(part('e'))}_{grouped(part('sub'))}"
        case "sSubSup":
            return f"{grouped(part('e'))}_{grouped(part('sub'))}^{grouped(part('sup'))}"
        case "rad":
            degree = part("deg")
            return f"{'' if degree in ('', '2') else degree + ' '}√{grouped(part('e'))}"
        case "nary":
            lower, upper = part("sub"), part("sup")
            bounds = (f"_{grouped(lower)}" if lower else "") + (f"^{grouped(upper)}" if upper else "")
            return f"{character('naryPr', '∫')}{bounds} {part('e')}"
        case "d":
            begin, end = character("dPr", "(", "begChr"), character("dPr", ")", "endChr")
            return f"{begin}{_listed(node, depth)}{end}"
        case "limLow":
            return f"{part('e')}_{grouped(part('lim'))} "
        case "limUpp":
            return f"{part('e')}^{grouped(part('lim'))} "
        case "acc" if len(part("e")) == 1:
            return part("e") + character("accPr", "\u0302")
        case "m":
            return "[" + "; ".join(_listed(row, depth) for row in node.findall(f"{MATH}mr")) + "]"
        case "func":
            return f"{part('fName')} {part('e')}"
        case _:
            return "".join(_linear(child, depth + 1) for child in node)


def _listed(node: etree._Element, depth: int) -> str:
    return ", ".join(_linear(element, depth + 1) for element in node.findall(f"{MATH}e"))


def grouped(text: str) -> str:
    """``text`` in brackets unless it is a single number, letter or bracketed already."""
    text = text.strip()
    bracketed = text.startswith("(") and text.find(")") == len(text) - 1
    return text if len(text) <= 1 or text.isalnum() or bracketed else f"({text})"
