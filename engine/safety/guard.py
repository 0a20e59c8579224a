"""Judges what a student asks, by rules and a classifier, and what a language model answers, by rules. Pure."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from functools import cache
from typing import Literal

from engine.protocol.outgoing import SafetyCategory
from engine.safety.classifier import CATEGORIES, chances
from engine.safety.rules import RuleBook
from engine.safety.words import fold, tokens
from engine.tutors.profile import Strictness

LANGUAGES = ("en", "zh")
"""There are rules for these; each is applied to every text, since students mix them."""


@dataclass(frozen=True, slots=True)
class StrictnessLevel:
    """What a strictness means."""

    categories: frozenset[SafetyCategory]
    sure: float
    """The classifier's chance, over all of ``categories``, from which a question is held back."""

    parts: tuple[str, ...]
    """Tables of the rules' data files that apply beside those of the stage."""


MIN_WORDS = 4
"""Of fewer words (or Chinese characters) the classifier knows nothing, and the rules decide alone."""

_ALL: frozenset[SafetyCategory] = frozenset(CATEGORIES)

LEVELS: Mapping[Strictness, StrictnessLevel] = {
    "young": StrictnessLevel(_ALL, 0.45, ("both", "young")),
    "teen": StrictnessLevel(_ALL, 0.45, ("both", "teen")),
    "adult": StrictnessLevel(_ALL - {"personal_data", "profanity"}, 0.65, ("both",)),
}
"""The thresholds were chosen on the known test sets, see docs/safety.md. ``off`` has no level: nothing is judged."""


@cache
def _rule_books() -> tuple[RuleBook, ...]:
    return tuple(RuleBook(language) for language in LANGUAGES)


def warm_up() -> None:
    """Load the rules and the weights, about 0.1 s."""
    judge_question("Hello.", "teen")


def judge_question(text: str, strictness: Strictness) -> SafetyCategory | None:
    """The category for which what a student said is held back; None lets it pass."""
    level = LEVELS.get(strictness)
    if level is None:
        return None
    folded = fold(text)
    found = _by_rules(folded, level, "question")
    if found is not None:
        return found
    if len(tokens(folded)) < MIN_WORDS:
        return None
    likely = {category: chance for category, chance in chances(folded).items() if category in level.categories}
    if not likely or sum(likely.values()) < level.sure:
        return None
    # Mild profanity is let pass but to the young, and only the rules tell mild from strong.
    mild = 0.0 if "young" in level.parts else likely.pop("profanity", 0.0)
    if sum(likely.values()) < mild:
        return None
    return max(likely, key=likely.__getitem__)


def judge_answer(text: str, strictness: Strictness) -> SafetyCategory | None:
    """The same for a piece of a model's answer, by the rules alone: ordinary answers name what questions must not."""
    level = LEVELS.get(strictness)
    return None if level is None else _by_rules(fold(text), level, "answer")


def _by_rules(folded: str, level: StrictnessLevel, stage: Literal["question", "answer"]) -> SafetyCategory | None:
    words = tokens(folded)
    found: set[SafetyCategory] = set()
    for book in _rule_books():
        found |= book.finds(folded, words, (stage, *level.parts))
    found &= level.categories
    return next((category for category in CATEGORIES if category in found), None)
