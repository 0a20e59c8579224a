"""Text of PDF files, by PDFium."""

from __future__ import annotations

import unicodedata
from collections.abc import Iterator

import pypdfium2 as pdfium
from pypdfium2 import PdfiumError

from engine.knowledge.items import Block, Unreadable
from engine.knowledge.reading.likelihood import likelihood
from engine.knowledge.reading.plain import paragraphs

MAX_PAGES = 5_000

LINE_BREAK_HYPHEN = "\ufffe"
"""What PDFium gives for a hyphen that only parts a word at the end of a line."""

MAX_MEANINGLESS = 0.1
"""Share of characters without meaning (private use, unassigned, control) from which on a file's fonts
have no usable map to Unicode. A judgement: readable files with symbol fonts stay below 0.02."""

MIN_LIKELIHOOD, MIN_JUDGED = 0.45, 100
"""Text of so many characters that looks less like any language than this is what a font without a map to Unicode gives:
another letter for every letter. A judgement: shifted English stays below 0.4, pages of lessons are above 0.8."""


def pdf_blocks(data: bytes) -> Iterator[Block]:
    """Paragraphs, with the numbers of their pages.

    Raises:
        Unreadable: encrypted, damaged, too many pages, or fonts that cannot be mapped to characters.
    """
    try:
        with pdfium.PdfDocument(data) as document:
            if len(document) > MAX_PAGES:
                raise Unreadable(f"the document has {len(document)} pages; the limit is {MAX_PAGES}")
            pages = [_text_of(document, number) for number in range(len(document))]
    except PdfiumError as error:
        if "password" in str(error).lower():
            raise Unreadable("the file is encrypted: save it without a password") from None
        raise Unreadable(f"the file is not a readable PDF ({error})") from None
    _refuse_meaningless("".join(pages))
    for number, text in enumerate(pages, 1):
        for paragraph in paragraphs(text):
            yield Block(paragraph, page=number)


def _text_of(document: pdfium.PdfDocument, number: int) -> str:
    page = document[number]
    text_page = page.get_textpage()
    try:
        text = str(text_page.get_text_range(errors="replace"))
    finally:
        text_page.close()
        page.close()
    return text.replace(LINE_BREAK_HYPHEN + "\r\n", "").replace(LINE_BREAK_HYPHEN, "")


def _refuse_meaningless(text: str) -> None:
    characters = [c for c in text if not c.isspace()]
    meaningless = sum(c == "\ufffd" or unicodedata.category(c) in ("Co", "Cn", "Cc", "Cs") for c in characters)
    rubbish = len(characters) >= MIN_JUDGED and likelihood(text) < MIN_LIKELIHOOD
    if characters and (rubbish or meaningless / len(characters) > MAX_MEANINGLESS):
        raise Unreadable(
            "the fonts of the file do not say which characters they show (the text cannot even be copied out of it): "
            "export it again, or add it as Word, HTML or text"
        )
