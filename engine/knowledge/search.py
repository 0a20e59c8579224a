"""Finds passages by BM25 over their words and by similarity of meaning. Pure, except for the queries.

Runs in a worker thread, on a connection of its own. Two rankings of up to ``CANDIDATES`` passages each
are joined by reciprocal rank fusion (Cormack et al., SIGIR 2009), which needs no common scale. The best are
then sorted by relevance: their similarity, plus how much of the question's rare words they contain. Relevance
also decides whether a passage answers at all. (Ranks alone would put a passage that is in the middle of both
rankings before the first of one.)
"""

from __future__ import annotations

import math
import re
import sqlite3
from collections.abc import Mapping, Sequence
from dataclasses import dataclass

import numpy as np

from engine.items import FloatArray
from engine.knowledge.terms import Term, question_terms
from engine.text.scripts import count_unspaced

CANDIDATES = 40
FUSION_K = 60
"""The constant of reciprocal rank fusion, as in the paper."""

MAX_TERMS = 12
"""Words of a question that are looked up, the rarest first."""

COMMON = 0.3
"""A word that more than this share of the passages contain is left out if there are rarer ones."""

COVERAGE_WEIGHT = 0.25
RELEVANT = 0.27
"""Least relevance of a passage that is about the question. Measured with all-MiniLM-L6-v2: small talk reaches 0.22
against a school's material, the hardest paraphrased questions of the test set 0.27."""

COVERAGE_RELEVANT = 0.25
"""Least coverage where words alone decide, because the embedding model does not know the script."""

RELATIVE = 0.6
"""Further passages need at least this share of the first one's relevance. A judgement."""

SAME = 0.97
"""Passages this similar that have the same numbers say the same; only the better one is returned. A judgement."""

_NUMBER = re.compile(r"\d+")


@dataclass(frozen=True, slots=True)
class Hit:
    """A passage that was found, and its scores."""

    passage: int
    fused: float
    """Score of the fusion, 0..1; 1 when it is first in every ranking."""

    similarity: float
    """Cosine similarity to the question, -1..1."""

    coverage: float
    """The share of the question's words it contains, weighted by rarity: 0..1."""

    def relevance(self, trust_similarity: bool) -> float:
        """How much it is about the question, at most 1.25; -1 when it is not about it."""
        if not trust_similarity:
            return self.coverage if self.coverage >= COVERAGE_RELEVANT else -1.0
        relevance = self.similarity + COVERAGE_WEIGHT * self.coverage
        return relevance if relevance >= RELEVANT else -1.0

    def score(self, trust_similarity: bool) -> float:
        """Its relevance as 0..1."""
        highest = 1 + COVERAGE_WEIGHT if trust_similarity else 1.0
        return min(1.0, max(0.0, self.relevance(trust_similarity) / highest))


def fuse(rankings: Sequence[tuple[float, Sequence[int]]]) -> dict[int, float]:
    """Reciprocal-rank fusion of (weight, ids best first); 1 for an id that is first in all."""
    scores: dict[int, float] = {}
    for weight, ranking in rankings:
        for rank, passage in enumerate(ranking):
            scores[passage] = scores.get(passage, 0.0) + weight / (FUSION_K + rank)
    top = sum(weight for weight, _ in rankings) / FUSION_K
    return {passage: score / top for passage, score in scores.items()} if top else {}


def nearest(vectors: FloatArray, query: FloatArray, count: int) -> tuple[list[int], FloatArray]:
    """The rows of ``vectors`` most similar to ``query``, best first, and the similarity of every row.

    Args:
        vectors: (n, dimension) float32 unit vectors.
        query: (dimension,) float32 unit vector.
        count: how many rows at most.

    Returns:
        Up to ``count`` row numbers, and (n,) float32 cosines.
    """
    similarity: FloatArray = vectors @ query
    best = np.argpartition(similarity, -count)[-count:] if len(similarity) > count else np.arange(len(similarity))
    return [int(row) for row in best[np.argsort(-similarity[best])]], similarity


def rarity(documents_with: int, documents: int) -> float:
    """Inverse document frequency as in BM25; never negative."""
    return math.log(1 + (documents - documents_with + 0.5) / (documents_with + 0.5))


def match_words(
    connection: sqlite3.Connection, question: str, documents: int
) -> tuple[list[int], Mapping[Term, float]]:
    """The ids of passages by BM25, best first, and the rarity of each of the question's terms."""
    counts = _document_counts(connection, question_terms(question))
    weights = {term: rarity(count, documents) for term, count in counts.items()}
    known = sorted((term for term, count in counts.items() if count), key=lambda term: counts[term])
    rare = [term for term in known if counts[term] <= COMMON * documents]
    chosen = (rare or known)[:MAX_TERMS]
    if not chosen:
        return [], weights
    # Terms are letters and digits only, so quoting makes them literal.
    query = " OR ".join(f'"{form}"' for term in chosen for form in term)
    rows = connection.execute(
        "SELECT rowid FROM words WHERE words MATCH ? ORDER BY rank LIMIT ?", (query, CANDIDATES)
    ).fetchall()
    return [row[0] for row in rows], weights


def covered(terms: Sequence[str], weights: Mapping[Term, float]) -> float:
    """The share of the question's terms, by weight, that a passage with these index terms contains: 0..1."""
    total = sum(weights.values())
    present = set(terms)
    return sum(weight for term, weight in weights.items() if not present.isdisjoint(term)) / total if total else 0.0


def says_the_same(similarity: float, text: str, other: str) -> bool:
    """Whether two passages of this similarity say the same; ``room 12`` and ``room 13`` do not."""
    return similarity >= SAME and _NUMBER.findall(text) == _NUMBER.findall(other)


def mostly_unspaced(text: str) -> bool:
    """Whether most of a question is Chinese or Japanese, which an English embedding model does not know."""
    return 2 * count_unspaced(text) > len(text)


def _document_counts(connection: sqlite3.Connection, terms: Sequence[Term]) -> dict[Term, int]:
    """How many passages contain each term. Of several forms the most frequent counts: documents hold one of them."""
    counts: dict[Term, int] = {}
    for term in terms:
        marks = ", ".join("?" * len(term))
        row = connection.execute(f"SELECT max(doc) FROM words_terms WHERE term IN ({marks})", term).fetchone()
        counts[term] = row[0] or 0
    return counts
