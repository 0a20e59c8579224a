"""Answers in the material's own words: which sentences of a passage to say as they stand. Pure.

A quote is always a piece of a passage, to the letter.
"""

from __future__ import annotations

import re
from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np

from engine.items import FloatArray
from engine.knowledge import chinese
from engine.knowledge.items import Passage
from engine.knowledge.kinds_asked import has_kind_asked
from engine.knowledge.passages import sentences, size_of
from engine.knowledge.search import COVERAGE_WEIGHT, covered, mostly_unspaced
from engine.knowledge.terms import question_terms, terms_of

GOOD_MATCH = 0.58
"""Least score of a further sentence of a quote, and of the first where a question is Chinese."""

GOOD_COSINE = 0.59
GOOD_COSINE_COVERED = 0.48
"""Least similarity of the first sentence; the second where it has every word of the question. Fitted on three bases: a
school course, a manual of 200 pages, and notes. Of 168 questions that they do not answer 6 are given a sentence near by
(for the strings of a harp, those of a violin), and of 97 that they answer 90 are quoted. A least score of 0.58
alone gave 38 and 94."""

_NAME = re.compile(r"(?<=[a-z,'’] )[A-Z][\w'’-]+")
"""A name, or what is written as one: a capital letter after a word in lower case."""

_ORDINAL = re.compile(r"\b(?:second|third|fourth|fifth|sixth|seventh|eighth|ninth|tenth|last|\d{2,})\b", re.IGNORECASE)

LONGEST = 45
"""Words of several sentences together: about 18 s of speech. A judgement."""

_ASKS_FACT = re.compile(
    r"(?:when (?:did|was|were)|(?:what|which) (?:year|date|century)"
    r"|how (?:many|much|tall|high|far|old|fast|big|deep|hot|heavy|long)) ",
    re.IGNORECASE,
)
"""Questions whose answer is looked at for what they ask for."""

SHORTEST = 8
"""A sentence of fewer words is followed by the next one."""


@dataclass(frozen=True, slots=True)
class Quote:
    """What the material says on a question."""

    text: str
    passage: Passage


def sentences_of(passage: Passage) -> list[str]:
    """The sentences of ``passage``, as they stand in it."""
    return [sentence for sentence in sentences(passage.text) if sentence.strip()]


def covered_sentences(question: str, passage: Passage) -> FloatArray:
    """What stands for the similarity of a Chinese question to each sentence, (n,) float32: see ``chinese.covered``."""
    shares = [chinese.covered(question, f"{passage.heading} {sentence}") for sentence in sentences_of(passage)]
    return np.array(shares, np.float32)


def best_quote(question: str, found: Sequence[Passage], similarity: Sequence[FloatArray]) -> Quote | None:
    """The sentences that answer ``question`` best, with those after them that answer it well too.

    Args:
        question: as the student asked it.
        found: passages about it, the best first.
        similarity: for each, (n,) float32 cosines of its sentences (``sentences_of``) to the question, or
            what stands for them.
    """
    asked = dict.fromkeys(question_terms(question), 1.0)
    best: tuple[float, Passage, int, list[float]] | None = None
    for passage, similar in zip(found, similarity, strict=True):
        texts = [f"{passage.heading} {sentence}" for sentence in sentences_of(passage)]
        shares = [covered(terms_of(text), asked) for text in texts]
        scores = [float(cosine) + COVERAGE_WEIGHT * share for cosine, share in zip(similar, shares, strict=True)]
        for index, text in enumerate(texts):
            is_better = best is None or scores[index] > best[0]
            if is_better and _answers(question, text, float(similar[index]), shares[index]):
                best = scores[index], passage, index, scores
    if best is None:
        return None
    _, passage, first, scores = best
    return Quote(_from(sentences_of(passage)[first:], scores[first:]), passage)


def _answers(question: str, sentence: str, cosine: float, share: float) -> bool:
    """Whether a sentence is near enough, and has the names, ordinals and kinds of facts that are asked for."""
    if mostly_unspaced(question):
        return cosine + COVERAGE_WEIGHT * share >= GOOD_MATCH
    if cosine < (GOOD_COSINE_COVERED if share == 1 else GOOD_COSINE):
        return False
    said = set(terms_of(sentence))
    telling = {*_NAME.findall(question), *_ORDINAL.findall(question)}
    if not all(said.issuperset(terms_of(word)) for word in telling):
        return False
    return _ASKS_FACT.match(question) is None or has_kind_asked(question, sentence)


def _from(texts: Sequence[str], scores: Sequence[float]) -> str:
    said, size = texts[0], size_of(texts[0])
    for text, score in zip(texts[1:], scores[1:], strict=True):
        if size + size_of(text) > LONGEST or (size >= SHORTEST and score < GOOD_MATCH):
            break
        said, size = said + text, size + size_of(text)
    return said.strip()
