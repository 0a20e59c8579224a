"""``make fast-light`` runs where there is no torch; test files that import it, however indirectly, are left out."""

from __future__ import annotations

import re
from collections.abc import Iterator
from functools import cache
from pathlib import Path

from tests.conftest import SLOW_PLACES

ROOT = Path(__file__).parents[1]
PLACES = (ROOT, ROOT / "bench", ROOT / "web" / "app_backend")
"""Where modules are looked for."""


IMPORT = re.compile(r"^(?:import ([\w., ]+)|from ([\w.]+) import (?:\(([^)]*)\)|([\w, ]+)))", re.MULTILINE)
"""At the beginning of a line, so neither in a function nor for type checkers only."""


def imported_names(source: str) -> Iterator[str]:
    """What is imported when a module is."""
    for whole, module, in_brackets, in_line in IMPORT.findall(source):
        for name in re.findall(r"[\w.]+(?=\s*(?:,|$|as ))", whole or in_brackets or in_line):
            yield f"{module}.{name}" if module else name


@cache
def files_of(name: str) -> frozenset[Path]:
    """The files that importing ``name`` runs: its packages and itself, where they are ours."""
    package, _, last = name.rpartition(".")
    paths = [place.joinpath(*package.split("."), last) for place in PLACES]
    own = frozenset(f for path in paths for f in (path / "__init__.py", path.with_suffix(".py")) if f.is_file())
    return own | files_of(package) if package else own


@cache
def imports(file: Path) -> tuple[bool, frozenset[Path]]:
    """Whether a file imports torch itself, and the files of ours that it imports."""
    names = set(imported_names(file.read_text()))
    return any(name.split(".")[0] == "torch" for name in names), frozenset(f for name in names for f in files_of(name))


def needs_torch(file: Path) -> bool:
    """Whether ``file`` or anything that it imports imports torch; so may the ``conftest.py`` beside or above it."""
    waiting = [file, *(folder / "conftest.py" for folder in file.parents if (folder / "conftest.py").is_file())]
    seen: set[Path] = set()
    while waiting:
        each = waiting.pop()
        if each not in seen:
            seen.add(each)
            itself, others = imports(each)
            if itself:
                return True
            waiting.extend(others)
    return False


def test_what_needs_torch_is_left_out_where_there_is_none() -> None:
    found = re.search(r"^NOT_LIGHT := (.*)$", (ROOT / "Makefile").read_text(), re.MULTILINE)
    assert found is not None
    left_out = tuple(found[1].split())
    fast = [f for f in (ROOT / "tests").rglob("test_*.py") if not _place(f).startswith(SLOW_PLACES)]
    forgotten = [_place(f) for f in fast if needs_torch(f) and not _place(f).startswith(left_out)]
    assert forgotten == [], "add them to NOT_LIGHT in the Makefile, or import less"


def test_an_import_of_torch_is_found_behind_other_modules() -> None:
    assert needs_torch(ROOT / "tests" / "rendering" / "puppet" / "test_puppet_pictures.py")
    assert needs_torch(ROOT / "engine" / "app.py")
    assert not needs_torch(ROOT / "engine" / "errors.py")


def _place(file: Path) -> str:
    return file.relative_to(ROOT / "tests").as_posix()
