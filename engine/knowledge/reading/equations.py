"""Office equations (OMML, ECMA-376 part 1, section 22.1) as one line of text: ``a/b``, ``x^2``, ``√(x+1)``. Pure."""

from __future__ import annotations

from lxml import etree

MATH = "{http://schemas.openxmlformats.org/officeDocument/2006/math}"
WORD = "{http://schemas.openxmlformats.org/wordprocessingml/2006/main}"
MAX_DEPTH = 100
"""Nesting of an equation; what is deeper is left out."""


def write_out_equations(document: bytes) -> bytes:
    """``document.xml`` with every equation replaced by a run of text.

    Raises:
        lxml.etree.LxmlError: not XML.
    """
    parser = etree.XMLParser(resolve_entities=False, no_network=True, huge_tree=False)
    root = etree.fromstring(document, parser)
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
    return bytes(etree.tostring(root, xml_declaration=True, encoding="UTF-8", standalone=True))


def _linear(node: etree._Element, depth: int = 0) -> str:
    if depth > MAX_DEPTH:
        return ""

    def part(name: str) -> str:
        child = node.find(f"{MATH}{name}")
        return "" if child is None else _linear(child, depth + 1)

    def character(properties: str, default: str) -> str:
        found = node.find(f"{MATH}{properties}/{MATH}chr")
        return default if found is None else found.get(f"{MATH}val", default)

    match node.tag.removeprefix(MATH) if isinstance(node.tag, str) else "":
        case "t":
            return node.text or ""
        case "f":
            return f"{_grouped(part('num'))}/{_grouped(part('den'))}"
        case "sSup":
            return f"{_grouped(part('e'))}^{_grouped(part('sup'))}"
        case "sSub":
            return f"{_grouped(part('e'))}_{_grouped(part('sub'))}"
        case "sSubSup":
            return f"{_grouped(part('e'))}_{_grouped(part('sub'))}^{_grouped(part('sup'))}"
        case "rad":
            degree = part("deg")
            return f"{'' if degree in ('', '2') else degree + ' '}√{_grouped(part('e'))}"
        case "nary":
            lower, upper = part("sub"), part("sup")
            bounds = (f"_{_grouped(lower)}" if lower else "") + (f"^{_grouped(upper)}" if upper else "")
            return f"{character('naryPr', '∫')}{bounds} {part('e')}"
        case "d":
            return f"({_listed(node, depth)})"
        case "m":
            return "[" + "; ".join(_listed(row, depth) for row in node.findall(f"{MATH}mr")) + "]"
        case "func":
            return f"{part('fName')} {part('e')}"
        case _:
            return "".join(_linear(child, depth + 1) for child in node)


def _listed(node: etree._Element, depth: int) -> str:
    return ", ".join(_linear(element, depth + 1) for element in node.findall(f"{MATH}e"))


def _grouped(text: str) -> str:
    """In brackets unless it is a single number, letter or bracketed already."""
    text = text.strip()
    bracketed = text.startswith("(") and text.find(")") == len(text) - 1
    return text if len(text) <= 1 or text.isalnum() or bracketed else f"({text})"
