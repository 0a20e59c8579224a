"""Rules of style that a reader cannot check at a glance: unique names, short files and functions, log events."""

from __future__ import annotations

import ast
import re
from collections import defaultdict
from collections.abc import Iterator

from tests.engine_source import nodes, sources

MAX_FILE_LINES = 400
MAX_FUNCTION_LINES = 60

FORMER_WORDS = {
    r"\bcan not\b": "cannot",
    r"\b[Rr]ead_?[Aa]head\b|\bReadAhead": "prefill",
    r"[Rr]eply_?[Aa]head|[Hh]eld_?[Rr]eply|\b[Oo]n_trial\b": "preemptive reply, ducked",
    r"\bThinning\b|\bthinning\b": "frame dropping",
    r"\b[Cc]oder\b": "encoder",
    r"\b(MOST|LEAST|most|least)_[a-zA-Z]+": "MAX_, MIN_",
    r"\blikeness\b": "similarity",
    r"\bTurnAnimator\b|\bTurnOptions\b": "ReplyAnimator, ReplyOptions",
}
"""What things were once called, and their names in the glossary of ``docs/architecture.md``."""

Sources = dict[str, str]
"""As ``engine_source.sources`` gives them."""


def shared_class_names(files: Sources) -> dict[str, list[str]]:
    """Names of public classes that are declared more than once, with their files."""
    declared = defaultdict(list)
    for file, source in files.items():
        for node in nodes(source):
            if isinstance(node, ast.ClassDef) and not node.name.startswith("_"):
                declared[node.name].append(file)
    return {name: where for name, where in declared.items() if len(where) > 1}


def long_files(files: Sources) -> set[str]:
    return {file for file, source in files.items() if source.count("\n") > MAX_FILE_LINES}


def long_functions(files: Sources) -> Iterator[str]:
    for file, source in files.items():
        for node in nodes(source):
            if isinstance(node, ast.FunctionDef | ast.AsyncFunctionDef):
                lines = (node.end_lineno or 0) - node.lineno + 1
                if lines > MAX_FUNCTION_LINES:
                    yield f"{file}: {node.name} ({lines} lines)"


LOGGERS = {"log", "_log"}
LOG_METHODS = {"debug", "info", "warning", "error", "exception"}
CALLED = {*LOG_METHODS, "_warn", "RareWarning"}
EVENT = re.compile(r"[a-z][a-z0-9]*(_[a-z0-9]+)*")


def log_events(files: Sources) -> Iterator[tuple[str, str]]:
    """File and event of each log call; also of the two helpers that are handed an event's name."""
    for file, source in files.items():
        for node in nodes(source):
            if not isinstance(node, ast.Call) or not node.args or not CALLED.intersection(_last_name(node.func)):
                continue
            event, called = node.args[0], ast.unparse(node.func)
            owner, _, method = called.rpartition(".")
            logs = (owner in LOGGERS and method in LOG_METHODS) or called in ("self._warn", "RareWarning")
            if logs and isinstance(event, ast.Constant | ast.JoinedStr):
                yield file, ast.literal_eval(event) if isinstance(event, ast.Constant) else ast.unparse(event)


def _last_name(called: ast.expr) -> set[str]:
    """``c`` of a call ``a.b.c(…)``; nothing of ``a[0](…)``."""
    return (
        {called.attr} if isinstance(called, ast.Attribute) else {called.id} if isinstance(called, ast.Name) else set()
    )


def misnamed_events(files: Sources) -> set[tuple[str, str]]:
    return {(file, event) for file, event in log_events(files) if not EVENT.fullmatch(event)}


def former_words(files: Sources) -> set[tuple[str, str, str]]:
    """File, former word and today's."""
    return {
        (file, found.group(), now)
        for file, source in files.items()
        for pattern, now in FORMER_WORDS.items()
        for found in re.finditer(pattern, source)
    }


def test_things_have_the_names_of_the_glossary() -> None:
    assert former_words(sources()) == set()


def test_a_former_word_is_noticed() -> None:
    files = {"a.py": "coder = 1  # it can not be\nMOST_SIGNS = 3\nencoder = decoder"}
    assert {word for _, word, _ in former_words(files)} == {"coder", "can not", "MOST_SIGNS"}


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


def test_log_events_are_short_names() -> None:
    assert len(set(log_events(sources()))) > 40, "the search finds what the engine logs"
    assert misnamed_events(sources()) == set()


def test_a_log_event_that_is_a_phrase_or_formatted_is_noticed() -> None:
    files = {"a.py": 'log.info("peer closed")\n_log.warning(f"peer {x}")\nlog.info("peer_closed", reason="no way")'}
    assert misnamed_events(files) == {("a.py", "peer closed"), ("a.py", "f'peer {x}'")}
