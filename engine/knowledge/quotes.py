"""Answers in the material's own words: which sentences of a passage to say as they stand. Pure.

A quote is always a piece of a passage, to the letter.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np

from engine.items import FloatArray
from engine.knowledge import chinese
from engine.knowledge.items import Passage
from engine.knowledge.passages import sentences, size_of
from engine.knowledge.search import COVERAGE_WEIGHT, covered
from engine.knowledge.terms import question_terms, terms_of

GOOD_MATCH = 0.58
"""Least score of a sentence that answers a question by itself. Of the 30 questions in ``tests/knowledge/corpus.py`` 26
reach it with the right sentence; of 19 questions the material does not answer, three are given a sentence near by
(for the strings of a guitar, those of a violin)."""

LONGEST = 45
"""Words of several sentences together: about 18 s of speech. A judgement."""

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
        scores = [
            float(cosine) + COVERAGE_WEIGHT * covered(terms_of(f"{passage.heading} {sentence}"), asked)
            for cosine, sentence in zip(similar, sentences_of(passage), strict=True)
        ]
        first = max(range(len(scores)), key=lambda index: scores[index])
        if best is None or scores[first] > best[0]:
            best = scores[first], passage, first, scores
    if best is None or best[0] < GOOD_MATCH:
        return None
    _, passage, first, scores = best
    return Quote(_from(sentences_of(passage)[first:], scores[first:]), passage)


def _from(texts: Sequence[str], scores: Sequence[float]) -> str:
    said, size = texts[0], size_of(texts[0])
    for text, score in zip(texts[1:], scores[1:], strict=True):
        if size + size_of(text) > LONGEST or (size >= SHORTEST and score < GOOD_MATCH):
            break
        said, size = said + text, size + size_of(text)
    return said.strip()
