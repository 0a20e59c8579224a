"""Reads documents: bytes in, blocks of text out. Pure functions over maintained parsers.

Documents are not trusted, so this runs in a process of its own (see ``extract``) with limits on
time and memory. A document that cannot be read raises ``Unreadable`` with a sentence for the
person who added it.
"""

from __future__ import annotations

import io
import re
from collections.abc import Callable, Iterator
from pathlib import PurePath
from zipfile import BadZipFile, ZipFile

from engine.knowledge.items import Block

MAX_PAGES = 5_000
MAX_CHARS = 20_000_000
MAX_UNZIPPED = 100_000_000
"""How large a DOCX may be when unpacked, bytes."""


class Unreadable(Exception):
    """The document cannot be read; the message says why."""


def read_document(name: str, data: bytes) -> list[Block]:
    """The text of a document, read as the extension of its name says.

    Raises:
        Unreadable: the format is unknown, or the file is damaged, encrypted, too large or without text.
    """
    reader = READERS.get(PurePath(name).suffix.lower())
    if reader is None:
        raise Unreadable(f"the file's format is not supported; supported are {', '.join(sorted(READERS))}")
    blocks, chars = [], 0
    for block in reader(data):
        text = _tidy(block.text)
        chars += len(text)
        if chars > MAX_CHARS:
            raise Unreadable(f"the document has more than {MAX_CHARS} characters")
        if text:
            blocks.append(Block(text, _tidy(block.heading), block.page))
    if not blocks:
        raise Unreadable("the document contains no text (scanned pages need OCR first)")
    return blocks


def _pdf(data: bytes) -> Iterator[Block]:
    from pypdf import PdfReader
    from pypdf.errors import PyPdfError

    try:
        reader = PdfReader(io.BytesIO(data))
        if reader.is_encrypted and not reader.decrypt(""):
            raise Unreadable("the file is encrypted")
        if len(reader.pages) > MAX_PAGES:
            raise Unreadable(f"the document has more than {MAX_PAGES} pages")
        for number, page in enumerate(reader.pages, 1):
            for paragraph in _paragraphs(page.extract_text()):
                yield Block(paragraph, page=number)
    except Unreadable:
        raise
    except (PyPdfError, ValueError, KeyError, IndexError, TypeError, AttributeError, RecursionError, OSError) as error:
        raise Unreadable(f"the file is not a readable PDF ({type(error).__name__})") from None


def _docx(data: bytes) -> Iterator[Block]:
    import docx
    from docx.opc.exceptions import PackageNotFoundError
    from docx.table import Table
    from lxml.etree import LxmlError

    if data[:8] == b"\xd0\xcf\x11\xe0\xa1\xb1\x1a\xe1":
        raise Unreadable("the file is encrypted or in the old .doc format")
    try:
        with ZipFile(io.BytesIO(data)) as archive:
            if sum(entry.file_size for entry in archive.infolist()) > MAX_UNZIPPED:
                raise Unreadable(f"the file unpacks to more than {MAX_UNZIPPED} bytes")
        headings: list[str] = []
        for item in docx.Document(io.BytesIO(data)).iter_inner_content():
            if isinstance(item, Table):
                for row in item.rows:
                    yield Block(" | ".join(dict.fromkeys(cell.text for cell in row.cells)), " > ".join(headings))
                continue
            level = re.fullmatch(r"Heading (\d)|Title", (item.style.name or "") if item.style is not None else "")
            if level:
                depth = int(level.group(1) or 1)
                headings[depth - 1 :] = [item.text]
            else:
                yield Block(item.text, " > ".join(headings))
    except (BadZipFile, PackageNotFoundError, LxmlError, ValueError, KeyError, AttributeError, OSError) as error:
        raise Unreadable(f"the file is not a readable DOCX ({type(error).__name__})") from None


def _markdown(data: bytes) -> Iterator[Block]:
    from markdown_it import MarkdownIt

    text = re.sub(r"\A---\n.*?\n---\n", "", _decode(data), flags=re.DOTALL)
    yield from _html_blocks(MarkdownIt("commonmark").enable("table").render(text))


def _html(data: bytes) -> Iterator[Block]:
    yield from _html_blocks(_decode(data))


def _html_blocks(markup: str) -> Iterator[Block]:
    from bs4 import BeautifulSoup, Tag

    soup = BeautifulSoup(markup, "lxml")
    for hidden in soup(["script", "style", "noscript", "template", "svg", "nav", "footer", "iframe"]):
        hidden.decompose()
    headings: list[str] = []
    for item in soup.find_all(["h1", "h2", "h3", "h4", "h5", "h6", "p", "li", "pre", "tr", "blockquote", "dd", "dt"]):
        assert isinstance(item, Tag)
        if item.find(["p", "li", "pre", "tr", "blockquote"]) is not None:
            own = " ".join(str(child) for child in item.find_all(string=True, recursive=False))
            if own.strip():
                yield Block(own, " > ".join(headings))
        elif item.name[0] == "h" and item.name[1:].isdigit():
            headings[int(item.name[1:]) - 1 :] = [item.get_text(" ")]
        else:
            yield Block(item.get_text(" " if item.name != "tr" else " | "), " > ".join(headings))
    if soup.find(["p", "li", "pre", "tr"]) is None:
        for paragraph in _paragraphs(soup.get_text("\n")):
            yield Block(paragraph)


def _text(data: bytes) -> Iterator[Block]:
    for paragraph in _paragraphs(_decode(data)):
        yield Block(paragraph)


def _paragraphs(text: str) -> list[str]:
    """Paragraphs are separated by blank lines; words hyphenated across lines are joined."""
    joined = re.sub(r"(?<=[a-z])-\n(?=[a-z])", "", text.replace("\r\n", "\n").replace("\r", "\n"))
    return re.split(r"\n\s*\n", joined)


def _decode(data: bytes) -> str:
    if b"\0" in data[:4096] and not data.startswith((b"\xff\xfe", b"\xfe\xff")):
        raise Unreadable("the file is not text")
    for encoding in ("utf-16",) if data.startswith((b"\xff\xfe", b"\xfe\xff")) else ("utf-8-sig", "gb18030"):
        try:
            return data.decode(encoding)
        except UnicodeDecodeError:
            continue
    return data.decode("cp1252", errors="replace")


_CONTROL = re.compile(
    r"[\x00-\x08\x0b-\x1f\x7f-\x9f\u200b-\u200f\u202a-\u202e\u2060-\u2069\ufeff\U000e0000-\U000e007f]"
)
"""Control characters, and what a reader does not see but a model does: zero-width characters, tags, direction marks."""


def _tidy(text: str) -> str:
    text = _CONTROL.sub("", text.replace("\n", " ").replace("\t", " ")).encode("utf-8", "replace").decode()
    return re.sub(r"(?<=[\u3000-\u9fff]) (?=[\u3000-\u9fff])", "", re.sub(r"\s+", " ", text)).strip()


READERS: dict[str, Callable[[bytes], Iterator[Block]]] = {
    ".pdf": _pdf,
    ".docx": _docx,
    ".md": _markdown,
    ".markdown": _markdown,
    ".html": _html,
    ".htm": _html,
    ".txt": _text,
    ".text": _text,
}
