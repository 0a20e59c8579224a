"""Finds passages: BM25 over words joined with likeness of meaning. Pure parts and one query.

Runs in a worker thread, on a connection of its own. Two rankings of up to ``CANDIDATES`` each
are fused by reciprocal rank, which needs no common scale; the best of them are then put in order, and
judged whether they answer at all, by their likeness and by how much of the question's rare words
they have. (Ranks alone put what is in the middle of both rankings before the first of one.)
"""

from __future__ import annotations

import math
import re
import sqlite3
from collections.abc import Mapping, Sequence
from dataclasses import dataclass

import numpy as np

from engine.items import FloatArray
from engine.knowledge.terms import question_terms, terms_of
from engine.text.scripts import is_unspaced

CANDIDATES = 40
FUSION_K = 60
"""The usual constant of reciprocal-rank fusion."""

MOST_TERMS = 12
COMMON = 0.3
"""A word in more of the passages than this is left out while rarer ones remain."""

COVERAGE_WEIGHT = 0.25
RELEVANT = 0.27
"""A passage is about a question from this relevance on. Small talk reaches 0.22 against a school's material,
the hardest paraphrased questions of the test set 0.27."""

COVERAGE_RELEVANT = 0.25
"""The same where only words can tell, because the embedding model does not know the script."""

RELATIVE = 0.6
"""A further passage has at least this part of the first one's relevance."""

SAME = 0.97
"""Passages that are this much alike and have the same numbers say the same; only the better one is given."""

_NUMBER = re.compile(r"\d+")


@dataclass(frozen=True, slots=True)
class Hit:
    """A passage and why it was found."""

    passage: int
    fused: float
    """Score of the fusion, 1 when first in every ranking."""

    likeness: float
    """Cosine, -1..1."""

    coverage: float
    """How much of the question's words, weighed by rarity, it has: 0..1."""

    def relevance(self, trust_likeness: bool) -> float:
        """How much it is about the question, at most 1.25; below 0 when it is not at all."""
        if not trust_likeness:
            return self.coverage if self.coverage >= COVERAGE_RELEVANT else -1.0
        relevance = self.likeness + COVERAGE_WEIGHT * self.coverage
        return relevance if relevance >= RELEVANT else -1.0

    def score(self, trust_likeness: bool) -> float:
        """Its relevance as 0..1."""
        most = 1 + COVERAGE_WEIGHT if trust_likeness else 1.0
        return min(1.0, max(0.0, self.relevance(trust_likeness) / most))


def fuse(rankings: Sequence[tuple[float, Sequence[int]]]) -> dict[int, float]:
    """Reciprocal-rank fusion of (weight, ids best first); 1 for an id that is first in all."""
    scores: dict[int, float] = {}
    for weight, ranking in rankings:
        for rank, passage in enumerate(ranking):
            scores[passage] = scores.get(passage, 0.0) + weight / (FUSION_K + rank)
    top = sum(weight for weight, _ in rankings) / FUSION_K
    return {passage: score / top for passage, score in scores.items()} if top else {}


def nearest(vectors: FloatArray, query: FloatArray, count: int) -> tuple[list[int], FloatArray]:
    """Rows of ``vectors`` most like ``query``, best first, and the likeness of every row."""
    likeness: FloatArray = vectors @ query
    best = np.argpartition(likeness, -count)[-count:] if len(likeness) > count else np.arange(len(likeness))
    return [int(row) for row in best[np.argsort(-likeness[best])]], likeness


def rarity(documents_with: int, documents: int) -> float:
    """Inverse document frequency as BM25 has it; never negative."""
    return math.log(1 + (documents - documents_with + 0.5) / (documents_with + 0.5))


def match_words(connection: sqlite3.Connection, question: str, documents: int) -> tuple[list[int], Mapping[str, float]]:
    """Passages by BM25, best first, and the rarity of each of the question's terms."""
    counts = _document_counts(connection, question_terms(question))
    weights = {term: rarity(count, documents) for term, count in counts.items()}
    known = sorted((term for term, count in counts.items() if count), key=lambda term: counts[term])
    rare = [term for term in known if counts[term] <= COMMON * documents]
    chosen = (rare or known)[:MOST_TERMS]
    if not chosen:
        return [], weights
    # Terms are letters and digits only, so quoting makes them literal.
    query = " OR ".join(f'"{term}"' for term in chosen)
    rows = connection.execute(
        "SELECT rowid FROM words WHERE words MATCH ? ORDER BY rank LIMIT ?", (query, CANDIDATES)
    ).fetchall()
    return [row[0] for row in rows], weights


def covered(text: str, weights: Mapping[str, float]) -> float:
    """The share of the question's terms, by weight, that ``text`` has in any inflection."""
    total = sum(weights.values())
    present = set(terms_of(text))
    return sum(weight for term, weight in weights.items() if term in present) / total if total else 0.0


def says_the_same(likeness: float, text: str, other: str) -> bool:
    """Whether two passages, so much alike, tell one thing; ``room 12`` and ``room 13`` do not."""
    return likeness >= SAME and _NUMBER.findall(text) == _NUMBER.findall(other)


def mostly_unspaced(text: str) -> bool:
    """Whether a question is in a script that an English embedding model does not know."""
    signs = sum(map(is_unspaced, text))
    return signs * 2 > len(text)


def _document_counts(connection: sqlite3.Connection, terms: Sequence[str]) -> dict[str, int]:
    """In how many passages each term is."""
    counts: dict[str, int] = {}
    for term in terms:
        row = connection.execute("SELECT doc FROM words_terms WHERE term = ?", (term,)).fetchone()
        counts[term] = row[0] if row is not None else 0
    return counts
