"""What ``mammoth`` leaves out of a DOCX, put in a form that it reads (ECMA-376 part 1, section 17). Pure.

It drops the text of simple fields, of elements that only set a direction or a custom meaning, and the characters
under a reading (ruby); it keeps text that Word does not show.
"""

from __future__ import annotations

from lxml import etree

from engine.knowledge.reading.equations import WORD, write_out_equations

_WRAPPERS = tuple(f"{WORD}{name}" for name in ("fldSimple", "customXml", "smartTag", "bdo", "dir"))
_PROPERTIES = tuple(f"{WORD}{name}Pr" for name in ("customXml", "smartTag", "fldSimple"))
_OFF = ("0", "false", "off")


def readable_part(part: bytes) -> bytes:
    """A part of a DOCX (``document.xml``, notes) that mammoth reads whole.

    Raises:
        lxml.etree.LxmlError: not XML.
    """
    parser = etree.XMLParser(resolve_entities=False, no_network=True, huge_tree=False)
    root = etree.fromstring(part, parser)
    write_out_equations(root)
    for hidden in list(root.iter(f"{WORD}vanish")):
        properties = hidden.getparent()
        run = None if properties is None else properties.getparent()
        if hidden.get(f"{WORD}val") not in _OFF and run is not None and run.tag == f"{WORD}r":
            _remove(run)
    for ruby in list(root.iter(f"{WORD}ruby")):
        _write_out_ruby(ruby)
    for line_end in root.iter(f"{WORD}cr"):
        line_end.tag = f"{WORD}br"
    etree.strip_elements(root, *_PROPERTIES, with_tail=False)
    etree.strip_tags(root, *_WRAPPERS)
    return bytes(etree.tostring(root, xml_declaration=True, encoding="UTF-8", standalone=True))


def _write_out_ruby(ruby: etree._Element) -> None:
    """``光`` with ``ひかり`` over it becomes 光(ひかり)."""
    base, reading = (
        "".join(text for part in ruby.iterfind(f"{WORD}{name}") for text in part.itertext())
        for name in ("rubyBase", "rt")
    )
    text = etree.Element(f"{WORD}t")
    text.text = f"{base}({reading})" if reading else base
    text.tail = ruby.tail
    parent = ruby.getparent()
    if parent is not None:
        parent.replace(ruby, text)


def _remove(node: etree._Element) -> None:
    parent = node.getparent()
    if parent is not None:
        parent.remove(node)
