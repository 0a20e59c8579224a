"""Paragraphs of plain text. Pure."""

from __future__ import annotations

import re
from collections.abc import Iterator

from engine.knowledge.items import Block
from engine.knowledge.reading.encoding import decode_text

_HYPHENATED = re.compile(r"(?<=[a-z])-\n(?=[a-z])")
_BLANK_LINES = re.compile(r"\n[^\S\n]*\n\s*")


def text_blocks(data: bytes) -> Iterator[Block]:
    """The paragraphs of a text file.

    Raises:
        Unreadable: not text in a known encoding.
    """
    for paragraph in paragraphs(decode_text(data)):
        yield Block(paragraph)


def paragraphs(text: str) -> list[str]:
    """Pieces between blank lines; a word that is hyphenated at the end of a line is joined."""
    lines = text.replace("\r\n", "\n").replace("\r", "\n")
    return _BLANK_LINES.split(_HYPHENATED.sub("", lines))
