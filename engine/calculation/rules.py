"""Kinds of questions as patterns, each with the function that answers it. Pure."""

from __future__ import annotations

import re
from collections.abc import Callable, Sequence

Rule = tuple[re.Pattern[str], Callable[..., str]]
"""A pattern of the whole question, and what makes the answer from its groups."""


def first_answer(rules: Sequence[Rule], text: str) -> str | None:
    """The answer of the first rule whose pattern is ``text``, or None. Raises what making the answer raises."""
    for pattern, answer in rules:
        if match := pattern.fullmatch(text):
            return answer(*match.groups())
    return None
