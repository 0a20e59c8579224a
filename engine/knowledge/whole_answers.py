"""Answers from the starter course: whether a passage that was found answers the question as it stands. Pure.

Passages that are made to be said need no choice of sentences. Their own vectors decide, so nothing is embedded but the
question. Similar words are not enough: a passage about the first president does not answer a question about the third.
"""

from __future__ import annotations

import re
from collections.abc import Sequence

from engine.knowledge import chinese
from engine.knowledge.items import Passage
from engine.knowledge.kinds_asked import has_kind_asked
from engine.knowledge.quotes import Quote
from engine.knowledge.search import COVERAGE_WEIGHT, covered, mostly_unspaced
from engine.knowledge.terms import question_terms, terms_of
from engine.text.language import detect_language

CANDIDATES = 4
"""Passages to choose from."""

GOOD_PASSAGE = 0.77
"""Least relevance of a passage that answers an English question, at most ``1 + COVERAGE_WEIGHT``."""

GOOD_CHINESE = 0.8
"""The same for a Chinese question: the mean of two shares, of the question's characters that the passage contains and
of the topic's that the question contains. Vectors say nothing about Chinese."""

TOPIC_WEIGHT = 0.15
"""How much the share of the question's words in a passage's topic counts beside its relevance. A judgement."""

_TOPICS = re.compile("[和与、：]")
"""Between the topics of a Chinese heading."""

_ORDINAL = "first|second|third|fourth|fifth|sixth|seventh|eighth|ninth|tenth|last"
_TELLING = re.compile(rf"\b(?:{_ORDINAL}|[a-z]+est|least|not|without|(?<=war )i{{1,2}}|\d[\d.,]*\d|\d)\b")
"""Words that change what is asked: an answer must have them too."""

_SAME = (("biggest", "largest", "greatest"), ("highest", "tallest"), ("fastest", "quickest"))
_SPELLED_OUT = ("zero", "one", "two", "three", "four", "five", "six", "seven", "eight", "nine", "ten")
_PASSING = re.compile(
    r"\b(?:today|now|current|currently|tomorrow|yesterday|this year|last year|latest|newest)\b"
    r"|\bwho(?: is|'s) the (?:[a-z]+ ){0,3}(?:king|queen|president|minister|pope|chancellor|leader|mayor)\b"
)
"""What changes is not in a course."""

_SPELLED = (
    (re.compile(r"\b(?:ww|world war) ?(?:1|i|one)\b", re.IGNORECASE), "World War I"),
    (re.compile(r"\b(?:ww|world war) ?(?:2|ii|two)\b|\bsecond world war\b", re.IGNORECASE), "World War II"),
    (re.compile(r"\bfirst world war\b", re.IGNORECASE), "World War I"),
    (re.compile(r"\b(?:the )?(?:USA|U\.S\.A?\.?)(?!\w)|\bthe US\b"), "the United States"),
    (re.compile(r"\b(colo|favo|neighbo|behavio|flavo)r(?=s|ed|ful|ite|\b)", re.IGNORECASE), r"\1ur"),
)
"""Other spellings, and the course's."""

_ADDRESS = re.compile(
    r"^(?:(?:(?:hey|hi|hello)(?: [^\W\d_]+)?|um+|uh+|er+m?|so|well|okay|ok|please|[^\W\d_]+(?=,))[,.!]? +)+"
    r"|^[^\W\d_]{1,4}[，！]"
    r"|,? (?:please|thanks|thank you)(?=\W*$)",
    re.IGNORECASE,
)
"""Whom or how a question addresses: "Hey Maya," and "老师，"."""


def spelled_alike(question: str) -> str:
    """``question`` without its address, with names and words spelled as the course spells them."""
    question = _ADDRESS.sub("", question) or question
    for spelling, ours in _SPELLED:
        question = spelling.sub(ours, question)
    return question


def queries(question: str) -> list[str]:
    """What to search the course for: the question, and for Chinese also its words without those that only ask.

    Chinese is indexed in pairs of characters. Pairs that span two words count as much as words.
    """
    if not mostly_unspaced(question):
        return [question]
    return list(dict.fromkeys((question, " ".join(chinese.content(question)))))


def whole_answer(question: str, found: Sequence[Passage]) -> Quote | None:
    """The passage that answers ``question`` by itself; None when none does.

    Args:
        question: as ``spelled_alike`` gives it.
        found: passages of the course; their documents' names begin with their language.
    """
    unspaced = mostly_unspaced(question)
    language = detect_language(question, "zh" if unspaced else "en")
    good = GOOD_CHINESE if unspaced else GOOD_PASSAGE
    fitting = [
        passage
        for passage in found
        if passage.document.startswith(f"{language}-")
        and _fits(question, passage)
        and _score(question, passage, unspaced) >= good
    ]
    best = max(
        fitting, key=lambda passage: _score(question, passage, unspaced) + _on_topic(question, passage), default=None
    )
    return Quote(best.text, best) if best is not None else None


def _on_topic(question: str, passage: Passage) -> float:
    """What prefers, of several passages that answer, the one whose topic is what is asked."""
    return TOPIC_WEIGHT * covered(terms_of(passage.heading), dict.fromkeys(question_terms(question), 1.0))


def _score(question: str, passage: Passage, unspaced: bool) -> float:
    if not unspaced:
        return passage.score * (1 + COVERAGE_WEIGHT)
    said = chinese.covered(question, f"{passage.heading} {passage.text}")
    topics = _TOPICS.split(passage.heading)
    return (said + max(chinese.share(topic, question) for topic in topics)) / 2 if said else 0.0


def _fits(question: str, passage: Passage) -> bool:
    asked, said = question.lower(), f"{passage.heading} {passage.text}".lower()
    if not has_kind_asked(asked, said):
        return False
    if _PASSING.search(asked) or (passage.heading.startswith("The first ") and "first" not in asked):
        return False
    capital = re.search(r"\bcapital (?:city )?of (?:the )?(.+?)\W*$", asked)
    if capital is not None and capital.group(1) not in passage.heading.lower():
        return False
    words = set(re.findall(r"[\w.,]*\w", said))
    for word in _TELLING.findall(asked):
        alike = next((group for group in _SAME if word in group), (word,))
        if word.isdecimal() and int(word) < len(_SPELLED_OUT):
            alike = (word, _SPELLED_OUT[int(word)])
        if words.isdisjoint(alike):
            return False
    return True
