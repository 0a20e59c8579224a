"""The source of ``engine/``, read and parsed once for all tests that look into it."""

from __future__ import annotations

import ast
from functools import cache
from pathlib import Path

ENGINE = Path(__file__).parents[1] / "engine"


@cache
def sources() -> dict[str, str]:
    """Text of each Python file, by its path below ``engine/``."""
    return {str(path.relative_to(ENGINE)): path.read_text() for path in sorted(ENGINE.rglob("*.py"))}


@cache
def nodes(source: str) -> tuple[ast.AST, ...]:
    """All nodes of a file's syntax tree."""
    return tuple(ast.walk(ast.parse(source)))
