"""Judges what a student asks and what a language model answers, by rules and a classifier for each. Pure."""

from __future__ import annotations

import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from functools import cache

from engine.protocol.outgoing import SafetyCategory, SafetyStage
from engine.safety.classifier import CATEGORIES, chances
from engine.safety.rules import Places, RuleBook
from engine.safety.words import ReadWord, fold, tokens
from engine.text.scripts import is_unspaced
from engine.tutors.profile import Strictness

LANGUAGES = ("en", "zh")
"""There are rules for these; each is applied to every text, since students mix them."""


@dataclass(frozen=True, slots=True)
class StrictnessLevel:
    """What a strictness means."""

    categories: frozenset[SafetyCategory]
    sure: float
    """The classifier's chance, over all of ``categories``, from which a question is held back."""

    sure_of_answer: float
    """The same for what a model answers; higher, since a good answer names what a question need not."""

    parts: tuple[str, ...]
    """Tables of the rules' data files that apply beside those of the stage."""


MIN_WORDS = 3
"""Of fewer words (or Chinese characters) the classifier knows nothing, and the rules decide alone."""

_ALL: frozenset[SafetyCategory] = frozenset(CATEGORIES)

LEVELS: Mapping[Strictness, StrictnessLevel] = {
    "young": StrictnessLevel(_ALL, 0.35, 0.8, ("both", "young")),
    "teen": StrictnessLevel(_ALL, 0.4, 0.8, ("both", "teen")),
    "adult": StrictnessLevel(_ALL - {"personal_data", "profanity"}, 0.65, 0.85, ("both",)),
}
"""The thresholds were chosen on sentences not trained on (docs/safety.md). ``off`` has no level: nothing is judged."""

ORDINARY = 0.05
"""Below this chance the classifier overrules a rule: the words are those of a rule, the sentence is not. It decides so
only on what it has read as it is written (no disguises) and as a whole (at most ``READ_CHARS``)."""

READ_CHARS = 300

SHORT_WORDS = 6
"""Words of a message that is judged with the one before it, too; two Chinese characters are one. A judgement."""

MAX_BEFORE = 2
"""Messages before it that a short one is judged with."""

JOINED_MARGIN = 0.15
"""Messages together need so much more certainty, since most short ones begin something new. With 0.4, nine of 17
requests that were split in the middle passed, with this 2; of 843 pairs of ordinary questions, none is held back."""

_IDENTIFIER = re.compile(r"(?<![a-z0-9_])(?:[a-z]+(?:_[a-z]+)+|[a-z]:[a-z]+(?:_[a-z]+)*)(?![a-z0-9_])")
"""A name in a program or the like: ``get_user_id``, ``q:list_content``. It tells nothing about anybody."""

ENDS = " .?!…。？！"
"""Taken from the end of the message before, so that a sentence may go on."""


@cache
def _rule_books() -> tuple[RuleBook, ...]:
    return tuple(RuleBook(language) for language in LANGUAGES)


def warm_up() -> None:
    """Load the rules and the weights of both classifiers, about 0.2 s."""
    judge_question("Hello to you all.", "teen")
    judge_answer("Hello to you all.", "teen")


def judge_question(text: str, strictness: Strictness, asked: Sequence[str] = ()) -> SafetyCategory | None:
    """The category for which what the student said is held back; None lets it pass.

    Args:
        text: the student's words.
        strictness: of the tutor's profile.
        asked: what the student said before and what passed, oldest first. A short ``text`` is judged with it too:
            "how do you make", "a bomb".
    """
    level = LEVELS.get(strictness)
    if level is None:
        return None
    folded = fold(text)
    words = tokens(folded)
    found = _judged("question", folded, words, level)
    if found is not None or not _short(words):
        return found
    for whole in map(fold, _with_before(text, asked)):
        found = found or _judged("question", whole, tokens(whole), level, JOINED_MARGIN)
    return found


def _with_before(text: str, asked: Sequence[str]) -> list[str]:
    """``text`` after the message before it, and after the two before it where the nearer is short too."""
    found: list[str] = []
    for earlier in reversed(asked[-MAX_BEFORE:]):
        earlier = earlier.rstrip(ENDS)
        space = "" if earlier and is_unspaced(earlier[-1]) else " "
        text = f"{earlier}{space}{text}"
        if len(text) > READ_CHARS:
            break
        found.append(text)
        if not _short(tokens(fold(earlier))):
            break
    return found


def _short(words: Sequence[ReadWord]) -> bool:
    return sum(0.5 if is_unspaced(word.forms[0][0]) else 1 for word in words) <= SHORT_WORDS


def judge_answer(text: str, strictness: Strictness) -> SafetyCategory | None:
    """The same for a piece of a model's answer, with what precedes it."""
    level = LEVELS.get(strictness)
    if level is None:
        return None
    folded = fold(text)
    return _judged("answer", folded, tokens(folded), level)


def _judged(
    stage: SafetyStage, folded: str, words: Sequence[ReadWord], level: StrictnessLevel, margin: float = 0.0
) -> SafetyCategory | None:
    """The same for a folded text of these ``words``; ``margin`` is how much more certainty than usual it takes."""
    found = _found(stage, folded, words, level, margin)
    if found == "personal_data" and _IDENTIFIER.search(folded) is not None:
        plain = _IDENTIFIER.sub(" it ", folded)
        return _found(stage, plain, tokens(plain), level, margin)
    return found


def _found(
    stage: SafetyStage, folded: str, words: Sequence[ReadWord], level: StrictnessLevel, margin: float
) -> SafetyCategory | None:
    places = _places(folded, words)
    found = _by_rules(places, level, stage)
    likely = _likely(stage, folded, words, places, level)
    sure = sum(likely.values())
    if found is not None:
        return None if likely and _plain(folded, words) and sure < ORDINARY + margin else found
    if sure < (level.sure if stage == "question" else level.sure_of_answer) + margin:
        return None
    if stage == "question" and "young" not in level.parts:
        # Mild profanity is let pass but to the young, and only the rules tell mild from strong.
        mild = likely.pop("profanity", 0.0)
        if sum(likely.values()) < mild:
            return None
    return max(likely, key=likely.__getitem__)


def _likely(
    stage: SafetyStage, folded: str, words: Sequence[ReadWord], places: Sequence[Places], level: StrictnessLevel
) -> dict[SafetyCategory, float]:
    """The classifier's chances of the level's categories; empty where it abstains."""
    if len(words) < MIN_WORDS:
        return {}
    return {
        category: chance
        for category, chance in chances(stage, folded, places[0]).items()
        if category in level.categories
    }


def _plain(folded: str, words: Sequence[ReadWord]) -> bool:
    """Whether the classifier has read a text as it is meant, and as a whole."""
    return len(folded) <= READ_CHARS and all(len(word.forms) == 1 for word in words)


def english_concepts(folded: str) -> Places:
    """Where the concepts of the English rules are in a folded text; the classifier reads them too."""
    return _rule_books()[0].places(folded, tokens(folded))


def _places(folded: str, words: Sequence[ReadWord]) -> list[Places]:
    """Where each language's concepts are, in the order of ``LANGUAGES``."""
    return [book.places(folded, words) for book in _rule_books()]


def _by_rules(places: Sequence[Places], level: StrictnessLevel, stage: SafetyStage) -> SafetyCategory | None:
    found: set[SafetyCategory] = set()
    for book, here in zip(_rule_books(), places, strict=True):
        found |= book.finds(here, (stage, *level.parts))
    found &= level.categories
    return next((category for category in CATEGORIES if category in found), None)
