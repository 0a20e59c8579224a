"""What is inside what on a page, in linear time however deep it is nested. Pure."""

from __future__ import annotations

from collections.abc import Iterable, Iterator

from bs4 import Tag


def outermost(root: Tag, name: str) -> Iterator[Tag]:
    """The elements called ``name`` in ``root`` that no other one holds, in order; each may be replaced at once."""
    inside: set[int] = set()
    for tag in root.find_all(name):
        if id(tag) not in inside:
            inside.update(id(each) for each in tag.find_all(name))
            yield tag


def ancestors(tags: Iterable[Tag]) -> Iterator[Tag]:
    """Everything that holds one of ``tags``, each once."""
    seen: set[int] = set()
    for tag in tags:
        for parent in tag.parents:
            if id(parent) in seen:
                break
            seen.add(id(parent))
            yield parent
