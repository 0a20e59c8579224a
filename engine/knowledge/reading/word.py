"""Text of DOCX files: ``mammoth`` turns them into HTML, with accepted insertions, nested tables, notes and text boxes.

What it would drop, such as equations and fields, is put in a form that it reads first.
"""

from __future__ import annotations

import io
import zlib
from collections.abc import Iterator
from xml.parsers.expat import ExpatError
from zipfile import BadZipFile, ZipFile

from engine.knowledge.items import Block, Unreadable
from engine.knowledge.reading.markup import html_blocks
from engine.knowledge.reading.word_xml import readable_part

MAX_UNZIPPED = 100_000_000
"""Bytes a DOCX may unpack to."""

OLD_WORD = b"\xd0\xcf\x11\xe0\xa1\xb1\x1a\xe1"
"""OLE2: a .doc of before 2007, or an encrypted .docx."""

DOCUMENT = "word/document.xml"
WITH_TEXT = (DOCUMENT, "word/footnotes.xml", "word/endnotes.xml")
STYLES = """
p[style-name='Title'] => h1:fresh
p[style-name='Subtitle'] => p:fresh
"""


def docx_blocks(data: bytes) -> Iterator[Block]:
    """Paragraphs and table rows under their headings.

    Raises:
        Unreadable: encrypted, not a DOCX, damaged, or too large when unpacked.
    """
    import mammoth
    from lxml.etree import LxmlError

    if data.startswith(OLD_WORD):
        raise Unreadable("the file is encrypted or an old .doc: save it as .docx without a password")
    try:
        prepared = _readable(data)
        markup = mammoth.convert_to_html(
            prepared, style_map=STYLES, convert_image=mammoth.images.img_element(lambda image: {"src": ""})
        ).value
    except Unreadable:
        raise
    # zipfile: RuntimeError for an encrypted entry or an unknown compression.
    except (
        BadZipFile,
        zlib.error,
        RuntimeError,
        LxmlError,
        ExpatError,
        ValueError,
        LookupError,
        AttributeError,
        TypeError,
        OSError,
        EOFError,
    ) as error:
        raise Unreadable(f"the file is not a readable DOCX ({type(error).__name__})") from None
    yield from html_blocks(markup)


def _readable(data: bytes) -> io.BytesIO:
    """The same file with those of its parts that hold text prepared for mammoth."""
    out = io.BytesIO()
    with ZipFile(io.BytesIO(data)) as source:
        if sum(entry.file_size for entry in source.infolist()) > MAX_UNZIPPED:
            raise Unreadable(f"the file unpacks to more than {MAX_UNZIPPED // 1_000_000} MB")
        source.getinfo(DOCUMENT)
        with ZipFile(out, "w") as target:
            for entry in source.infolist():
                content = source.read(entry)
                target.writestr(entry, readable_part(content) if entry.filename in WITH_TEXT else content)
    out.seek(0)
    return out
