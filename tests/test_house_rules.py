"""Rules of style that a reader cannot check at a glance: unique names, short files and functions, log events."""

from __future__ import annotations

import ast
from collections import defaultdict
from collections.abc import Iterator
from functools import cache
from pathlib import Path

ENGINE = Path(__file__).parents[1] / "engine"

MAX_FILE_LINES = 400
MAX_FUNCTION_LINES = 60

Sources = dict[str, str]
"""Text of each Python file, by its path below ``engine/``."""


@cache
def sources() -> Sources:
    return {str(path.relative_to(ENGINE)): path.read_text() for path in sorted(ENGINE.rglob("*.py"))}


def shared_class_names(files: Sources) -> dict[str, list[str]]:
    """Names of public classes that are declared more than once, with their files."""
    declared = defaultdict(list)
    for file, source in files.items():
        for node in ast.walk(ast.parse(source)):
            if isinstance(node, ast.ClassDef) and not node.name.startswith("_"):
                declared[node.name].append(file)
    return {name: where for name, where in declared.items() if len(where) > 1}


def long_files(files: Sources) -> set[str]:
    return {file for file, source in files.items() if source.count("\n") > MAX_FILE_LINES}


def long_functions(files: Sources) -> Iterator[str]:
    for file, source in files.items():
        for node in ast.walk(ast.parse(source)):
            if isinstance(node, ast.FunctionDef | ast.AsyncFunctionDef):
                lines = (node.end_lineno or 0) - node.lineno + 1
                if lines > MAX_FUNCTION_LINES:
                    yield f"{file}: {node.name} ({lines} lines)"


def test_no_two_public_classes_share_a_name() -> None:
    assert shared_class_names(sources()) == {}


def test_a_second_class_of_the_same_name_is_noticed() -> None:
    files = {"a.py": "class Answer: ...\nclass _Own: ...", "b.py": "class Answer: ...\nclass _Own: ..."}
    assert shared_class_names(files) == {"Answer": ["a.py", "b.py"]}


def test_files_are_short() -> None:
    assert long_files(sources()) == set()


def test_functions_are_short() -> None:
    assert list(long_functions(sources())) == []


def test_a_long_function_and_a_long_file_are_noticed() -> None:
    body = "\n".join(f"    x = {i}" for i in range(MAX_FUNCTION_LINES))
    files = {"long.py": f"def work():\n{body}\n" + "\n" * MAX_FILE_LINES, "short.py": "def work(): ...\n"}
    assert long_files(files) == {"long.py"}
    assert list(long_functions(files)) == [f"long.py: work ({MAX_FUNCTION_LINES + 1} lines)"]
