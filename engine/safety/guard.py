"""Judges what a student asks, by rules and a classifier, and what a language model answers, by rules. Pure."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from functools import cache
from typing import Literal

from engine.protocol.outgoing import SafetyCategory
from engine.safety.classifier import CATEGORIES, chances
from engine.safety.rules import Places, RuleBook
from engine.safety.words import ReadWord, fold, tokens
from engine.tutors.profile import Strictness

LANGUAGES = ("en", "zh")
"""There are rules for these; each is applied to every text, since students mix them."""


@dataclass(frozen=True, slots=True)
class StrictnessLevel:
    """What a strictness means."""

    categories: frozenset[SafetyCategory]
    sure: float
    """The classifier's chance, over all of ``categories``, from which an English question is held back."""

    parts: tuple[str, ...]
    """Tables of the rules' data files that apply beside those of the stage."""


MIN_WORDS = 3
"""Of fewer words (or Chinese characters) the classifier knows nothing, and the rules decide alone."""

_ALL: frozenset[SafetyCategory] = frozenset(CATEGORIES)

LEVELS: Mapping[Strictness, StrictnessLevel] = {
    "young": StrictnessLevel(_ALL, 0.3, ("both", "young")),
    "teen": StrictnessLevel(_ALL, 0.35, ("both", "teen")),
    "adult": StrictnessLevel(_ALL - {"personal_data", "profanity"}, 0.6, ("both",)),
}
"""The thresholds were chosen on sentences not trained on (docs/safety.md). ``off`` has no level: nothing is judged."""

CHINESE_MARGIN = 0.1
"""What is written in Chinese needs so much more certainty: its sentences are shorter, and chances less extreme."""

ORDINARY = 0.05
"""Below this chance the classifier overrules a rule: the words are those of a rule, the sentence is not. It decides so
only on what it has read as it is written (no disguises) and as a whole (at most ``READ_CHARS``)."""

READ_CHARS = 200


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
    words = tokens(folded)
    places = _places(folded, words)
    found = _by_rules(places, level, "question")
    likely = chances(folded, places[0]) if len(words) >= MIN_WORDS else {}
    likely = {category: chance for category, chance in likely.items() if category in level.categories}
    sure = sum(likely.values())
    if found is not None:
        plain = len(folded) <= READ_CHARS and all(len(word.forms) == 1 for word in words)
        return None if plain and likely and sure < ORDINARY else found
    if sure < level.sure + (CHINESE_MARGIN if any("\u3400" <= c <= "\u9fff" for c in folded) else 0.0):
        return None
    # Mild profanity is let pass but to the young, and only the rules tell mild from strong.
    mild = 0.0 if "young" in level.parts else likely.pop("profanity", 0.0)
    if sum(likely.values()) < mild:
        return None
    return max(likely, key=likely.__getitem__)


def judge_answer(text: str, strictness: Strictness) -> SafetyCategory | None:
    """The same for a piece of a model's answer, by the rules alone: ordinary answers name what questions must not."""
    level = LEVELS.get(strictness)
    if level is None:
        return None
    folded = fold(text)
    return _by_rules(_places(folded, tokens(folded)), level, "answer")


def english_concepts(folded: str) -> Places:
    """Where the concepts of the English rules are in a folded text; the classifier reads them too."""
    return _rule_books()[0].places(folded, tokens(folded))


def _places(folded: str, words: Sequence[ReadWord]) -> list[Places]:
    """Where each language's concepts are, in the order of ``LANGUAGES``."""
    return [book.places(folded, words) for book in _rule_books()]


def _by_rules(
    places: Sequence[Places], level: StrictnessLevel, stage: Literal["question", "answer"]
) -> SafetyCategory | None:
    found: set[SafetyCategory] = set()
    for book, here in zip(_rule_books(), places, strict=True):
        found |= book.finds(here, (stage, *level.parts))
    found &= level.categories
    return next((category for category in CATEGORIES if category in found), None)
