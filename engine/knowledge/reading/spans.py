"""Cells that span several rows, repeated in each: a row of a table is a passage by itself. Pure."""

from __future__ import annotations

from collections.abc import Sequence

from bs4 import Tag

MAX_CHARS, MAX_ROWS, MAX_COPIES = 100, 200, 5_000
"""Longer cells are not repeated, nor into more rows, nor more often in one document: a page must stay of its size."""


def repeat_spanning_cells(tables: Sequence[Tag]) -> None:
    """Writes a cell with ``rowspan`` into the following rows of its table, at its column."""
    left = MAX_COPIES
    for table in tables:
        waiting: dict[int, tuple[int, str]] = {}
        """Column to rows left and text."""
        for row in (row for row in table.find_all("tr") if row.find_parent("table") is table):
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
                rows, text = _number(cell, "rowspan"), " ".join(cell.get_text().split())
                if rows > 1 and text and len(text) <= MAX_CHARS:
                    following[column] = (min(rows, MAX_ROWS) - 1, text)
                column += _number(cell, "colspan")
            waiting = following


def _number(cell: Tag, name: str) -> int:
    value = str(cell.get(name) or "")
    return max(1, min(int(value), MAX_ROWS)) if value.isascii() and value.isdecimal() and len(value) < 5 else 1
