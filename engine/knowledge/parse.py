"""Reads documents: bytes in, blocks of text out.

Documents come from strangers, so this runs in a process of its own (see ``extract``) with its time and memory limited.
The libraries of a format are imported when its first document comes: together they take several times as long to import
as what plain text needs.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Iterator
from pathlib import PurePath

from engine.knowledge.items import Block, Unreadable
from engine.knowledge.reading.encoding import decode_html, decode_text
from engine.knowledge.reading.plain import text_blocks

MAX_CHARS = 20_000_000
"""Text of one document."""


def read_document(name: str, data: bytes) -> list[Block]:
    """The text of a document, by the ending of its name.

    Raises:
        Unreadable: unknown kind, damaged, encrypted, too large, or without text.
    """
    reader = READERS.get(PurePath(name).suffix.lower())
    if reader is None:
        raise Unreadable(f"the file's format is not supported; supported are {', '.join(sorted(READERS))}")
    blocks, chars = [], 0
    for block in reader(data):
        text = tidy(block.text)
        chars += len(text)
        if chars > MAX_CHARS:
            raise Unreadable(f"the document has more than {MAX_CHARS} characters")
        if text:
            blocks.append(Block(text, tidy(block.heading), block.page))
    if not blocks:
        raise Unreadable("the document contains no text (scanned pages need OCR first)")
    return blocks


def _pdf(data: bytes) -> Iterator[Block]:
    from engine.knowledge.reading.pdf import pdf_blocks

    yield from pdf_blocks(data)


def _docx(data: bytes) -> Iterator[Block]:
    from engine.knowledge.reading.word import docx_blocks

    yield from docx_blocks(data)


def _html(data: bytes) -> Iterator[Block]:
    from engine.knowledge.reading.markup import html_blocks

    yield from html_blocks(decode_html(data))


_FRONT_MATTER = re.compile(r"\A---\n.*?\n---\n", re.DOTALL)


def _markdown(data: bytes) -> Iterator[Block]:
    from markdown_it import MarkdownIt

    from engine.knowledge.reading.markup import html_blocks

    text = _FRONT_MATTER.sub("", decode_text(data).replace("\r\n", "\n"))
    yield from html_blocks(MarkdownIt("commonmark").enable(["table", "strikethrough"]).render(text))


_INVISIBLE = re.compile(
    r"[\x00-\x08\x0b-\x1f\x7f-\x9f\xad\u200b-\u200f\u202a-\u202e\u2060-\u2069\ufeff\U000e0000-\U000e007f]"
)
"""Control characters, and what hides text from a reader's eyes but not from a language model: zero-width characters,
soft hyphens, tags, direction marks."""

_LIGATURES = str.maketrans({"ﬀ": "ff", "ﬁ": "fi", "ﬂ": "fl", "ﬃ": "ffi", "ﬄ": "ffl", "ﬅ": "st", "ﬆ": "st"})
_SPACES = re.compile(r"\s+")
_SPACE_IN_CJK = re.compile(r"(?<=[\u3000-\u9fff]) (?=[\u3000-\u9fff])")


def tidy(text: str) -> str:
    """One line: white space folded, invisible characters removed, ligatures spelt out."""
    spaced = _SPACES.sub(" ", text)
    visible = _INVISIBLE.sub("", spaced).translate(_LIGATURES).encode("utf-8", "replace").decode()
    return _SPACE_IN_CJK.sub("", visible).strip()


READERS: dict[str, Callable[[bytes], Iterator[Block]]] = {
    ".pdf": _pdf,
    ".docx": _docx,
    ".md": _markdown,
    ".markdown": _markdown,
    ".html": _html,
    ".htm": _html,
    ".txt": text_blocks,
    ".text": text_blocks,
}
