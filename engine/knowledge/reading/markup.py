"""Text of HTML, in blocks under their headings. Pure.

Walks the document once, in its order. Every piece of text that is not hidden ends up in exactly one block, whatever the
elements around it are called: a block begins and ends where an element of ``BLOCKS`` does.
"""

from __future__ import annotations

from collections.abc import Iterator

from bs4 import BeautifulSoup, Tag
from bs4.element import NavigableString, PreformattedString

from engine.knowledge.items import Block
from engine.knowledge.reading.hidden import remove_hidden
from engine.knowledge.reading.mathml import write_out_formulas
from engine.knowledge.reading.nesting import ancestors
from engine.knowledge.reading.small_marks import write_out_small_marks
from engine.knowledge.reading.spans import repeat_spanning_cells

LEFT_OUT = (
    "title", "meta", "link", "base", "script", "style", "noscript", "template", "nav", "iframe", "object", "canvas",
    "defs", "desc", "metadata", "del",
)  # fmt: skip
"""Of a page's head all that is defined. Elements that the parser does not know end up there too, but are read."""

HEADINGS = {"h1": 1, "h2": 2, "h3": 3, "h4": 4, "h5": 5, "h6": 6}
BLOCKS = frozenset(
    """address article aside blockquote body caption center dd details dialog dir div dl dt fieldset figcaption figure
    footer form h1 h2 h3 h4 h5 h6 header hr html legend li main menu ol option p pre search section summary table tbody
    tfoot thead tr ul""".split()  # noqa: SIM905
)
CELLS = frozenset({"td", "th"})
CELL_MARK = " | "


def html_blocks(markup: str) -> Iterator[Block]:
    """The blocks of a page, those of a table row by row with ``|`` between its cells."""
    soup = BeautifulSoup(markup, "lxml")
    write_out_formulas(soup)
    remove_hidden(soup)
    for tag in soup(LEFT_OUT):
        tag.decompose()
    write_out_small_marks(soup)
    layout = _layout_tables(soup)
    repeat_spanning_cells([table for table in soup.find_all("table") if id(table) not in layout])
    yield from _Walk(layout).blocks(soup)


class _Walk:
    """What is open while the walk goes through the document."""

    def __init__(self, layout: set[int]) -> None:
        self._layout = layout
        """Identities of the tables that arrange the page."""
        self._text: list[str] = []
        self._headings: list[str] = []
        self._heading_alone = False
        """The last heading has no block under it yet."""
        self._tables: list[bool] = []
        """The tables that are open, and whether each holds data rather than arranging the page."""
        self._cells: list[int] = []
        """Cells begun in each open row of data; while there is one, only its cells part the text."""
        self._open_rows: list[int] = []

    def blocks(self, soup: BeautifulSoup) -> Iterator[Block]:
        """All blocks, in order."""
        open_tags: list[tuple[Tag, Iterator[object]]] = [(soup, iter(soup.children))]
        while open_tags:
            tag, children = open_tags[-1]
            child = next(children, None)
            if child is None:
                open_tags.pop()
                yield from self._leave(tag)
            elif isinstance(child, Tag):
                yield from self._enter(child)
                open_tags.append((child, iter(child.children)))
            elif isinstance(child, NavigableString) and not isinstance(child, PreformattedString):
                self._text.append(str(child))
        yield from self._flush()
        yield from self._lone_heading()

    def _enter(self, tag: Tag) -> Iterator[Block]:
        name = tag.name
        if name == "br":
            self._text.append(" ")
        elif name == "img":
            self._text.append(f" {str(tag.get('alt') or '').strip()} ")
        elif name == "table":
            self._tables.append(id(tag) not in self._layout)
            yield from self._edge()
        elif name in CELLS and self._cells:
            if self._cells[-1]:
                self._text.append(CELL_MARK)
            self._cells[-1] += 1
        elif name in BLOCKS or name in CELLS:
            yield from self._edge()
        if name == "tr" and self._tables and self._tables[-1]:
            self._cells.append(0)
            self._open_rows.append(id(tag))

    def _leave(self, tag: Tag) -> Iterator[Block]:
        name = tag.name
        if name == "table":
            self._tables.pop()
        if self._open_rows and self._open_rows[-1] == id(tag):
            self._open_rows.pop()
            self._cells.pop()
        if name in HEADINGS and not self._cells:
            title = _joined(self._text)
            self._text = []
            if title:
                yield from self._lone_heading(below=HEADINGS[name])
                self._headings[HEADINGS[name] - 1 :] = [title]
                self._heading_alone = True
        elif name in BLOCKS or name in CELLS:
            yield from self._edge()

    def _edge(self) -> Iterator[Block]:
        """A block begins or ends; inside a row only a space does."""
        if self._cells:
            self._text.append(" ")
        else:
            yield from self._flush()

    def _flush(self) -> Iterator[Block]:
        text = _joined(self._text)
        self._text = []
        if text.strip(" |"):
            self._heading_alone = False
            yield Block(text, " > ".join(self._headings))

    def _lone_heading(self, below: int = 0) -> Iterator[Block]:
        """A heading that gets no text of its own, because the document ends or one of the same rank follows."""
        if self._heading_alone and len(self._headings) >= below:
            self._heading_alone = False
            yield Block(self._headings[-1], " > ".join(self._headings[:-1]))


def _layout_tables(soup: BeautifulSoup) -> set[int]:
    """Identities of the tables that arrange a page, which is those that hold headings."""
    return {id(parent) for parent in ancestors(soup.find_all(list(HEADINGS))) if parent.name == "table"}


def _joined(pieces: list[str]) -> str:
    return " ".join("".join(pieces).split())
