"""Elements of a page that are not inside one of their kind: reading the content of each takes linear time. Pure."""

from __future__ import annotations

from collections.abc import Iterator

from bs4 import Tag


def outermost(root: Tag, name: str) -> Iterator[Tag]:
    """The elements called ``name`` in ``root`` that no other one holds, in order; each may be replaced at once."""
    inside: set[int] = set()
    for tag in root.find_all(name):
        if id(tag) not in inside:
            inside.update(id(each) for each in tag.find_all(name))
            yield tag
