"""Cells that span several rows, repeated in each: a row of a table is a passage by itself. Pure."""

from __future__ import annotations

from collections.abc import Iterator, Sequence

from bs4 import Tag

from engine.knowledge.reading.nesting import ancestors

MAX_CHARS, MAX_ROWS, MAX_COPIES = 100, 200, 5_000
"""Longer cells are not repeated, nor those that hold a table, nor into more rows, nor more often in one document: a
page must stay of its size."""


def repeat_spanning_cells(tables: Sequence[Tag]) -> None:
    """Writes a cell with ``rowspan`` into the following rows of its table, at its column."""
    left = MAX_COPIES
    holding = {id(parent) for parent in ancestors(tables)}
    for table in tables:
        waiting: dict[int, tuple[int, str]] = {}
        """Column to rows left and text."""
        for row in _rows(table):
            column = 0
            cells = row.find_all(("td", "th"), recursive=False)
            following: dict[int, tuple[int, str]] = {}
            for cell in [*cells, None]:
                while (kept := waiting.pop(column, None)) is not None and left > 0:
                    left -= 1
                    copy = Tag(name="td")
                    copy.string = kept[1]
                    if cell is None:
                        row.append(copy)
                    else:
                        cell.insert_before(copy)
                    if kept[0] > 1:
                        following[column] = (kept[0] - 1, kept[1])
                    column += 1
                if cell is None:
                    break
                rows = _number(cell, "rowspan")
                text = " ".join(cell.get_text().split()) if rows > 1 and id(cell) not in holding else ""
                if text and len(text) <= MAX_CHARS:
                    following[column] = (min(rows, MAX_ROWS) - 1, text)
                column += _number(cell, "colspan")
            waiting = following


def _rows(table: Tag) -> Iterator[Tag]:
    """Its own rows, not those of tables in its cells."""
    for part in table.find_all(("tr", "thead", "tbody", "tfoot"), recursive=False):
        yield from [part] if part.name == "tr" else part.find_all("tr", recursive=False)


def _number(cell: Tag, name: str) -> int:
    value = str(cell.get(name) or "")
    return max(1, min(int(value), MAX_ROWS)) if value.isascii() and value.isdecimal() and len(value) < 5 else 1
