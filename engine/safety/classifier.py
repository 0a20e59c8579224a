"""Small classifiers beside the rules: softmax regression over hashed pieces of a text.

One for what a student says, one for what a language model answers; ``scripts/train_safety.py`` fits them. They catch
what is worded as no rule foresaw.
"""

from __future__ import annotations

import re
from collections.abc import Iterator
from functools import cache
from pathlib import Path
from typing import get_args
from zlib import crc32

import numpy as np
from numpy.typing import NDArray

from engine.protocol.outgoing import SafetyCategory, SafetyStage
from engine.safety.rules import Places

CATEGORIES: tuple[SafetyCategory, ...] = get_args(SafetyCategory)
FEATURES = 1 << 18
DATA = Path(__file__).parent / "data"

MAX_CHARS = 600
"""Of a longer text, only the beginning is read."""

MIN_KNOWN = 0.6
"""Share of a text's words (Chinese characters) that occur in the training sentences; with less it is another language,
or gibberish, and nothing is said about it. A judgement."""

REACH = 6
"""Words between which pairs are formed: the word itself and so many after it. A judgement."""

MAX_CONCEPTS = 24
"""Concepts of which pairs are formed; the work grows with the square. A text with more is a list."""

_WORD = re.compile(r"[a-z]+|[\u3400-\u9fff]+|\d+")
_HAN = "\u3400"
"""The first Chinese character; words of letters and digits sort before it."""


def features(folded: str, concepts: Places) -> NDArray[np.int64]:
    """The features of a text: indexes below ``FEATURES``, each once; the last is always there.

    English: words, pairs of words up to ``REACH`` apart, pieces of three to five letters, concepts of the rules and
    pairs of them in order. Chinese: one to three characters, and pairs of characters up to five apart.

    Args:
        folded: the text, as ``words.fold`` gives it.
        concepts: where the concepts of the English rules are in it.
    """
    pieces = [*_ngrams(_words(folded)), *_pairs(concepts)]
    hashed = {crc32(piece.encode()) % (FEATURES - 1) for piece in pieces}
    return np.fromiter((*sorted(hashed), FEATURES - 1), np.int64)


def _words(folded: str) -> list[str]:
    return _WORD.findall(folded[:MAX_CHARS].replace("'", ""))


def _ngrams(words: list[str]) -> Iterator[str]:
    plain: list[str] = []
    for word in words:
        if word[0] < _HAN:
            plain.append("0" * min(len(word), 6) if word[0].isdigit() else word)
            continue
        for size in (1, 2, 3):
            yield from (word[at : at + size] for at in range(len(word) - size + 1))
        yield from (f"{a}~{b}" for at, a in enumerate(word) for b in word[at + 2 : at + REACH])
    for at, word in enumerate(plain):
        yield f"={word}"
        yield f"{plain[at - 1] if at else '^'} {word}"
        yield from (f"{word}~{later}" for later in plain[at + 2 : at + 1 + REACH])
        edged = f"<{word}>"
        for size in (3, 4, 5):
            yield from (edged[start : start + size] for start in range(len(edged) - size + 1))


def _pairs(concepts: Places) -> Iterator[str]:
    found = [(*spans[0], name) for name, spans in concepts.items()][:MAX_CONCEPTS]
    for _, end, name in found:
        yield f"#{name}"
        yield from (f"#{name}>{later}" for begin, _, later in found if end <= begin <= end + REACH)


def word_hashes(folded: str) -> list[int]:
    """A 32-bit hash of each word that is not a number, and of each Chinese character, in order."""
    words: list[str] = []
    for word in _words(folded):
        if word[0] >= _HAN:
            words += word
        elif not word[0].isdigit():
            words.append(word)
    return [crc32(word.encode()) for word in words]


def weights_file(stage: SafetyStage) -> Path:
    """Where the classifier for a stage is kept: 8-bit weights, their scale by class, and hashes of the words known."""
    return DATA / f"{stage}_classifier.npz"


@cache
def _fitted(stage: SafetyStage) -> tuple[NDArray[np.float32], frozenset[int]]:
    """(FEATURES, classes) weights, and the hashes of the words that were trained on."""
    with np.load(weights_file(stage)) as stored:
        weights: NDArray[np.float32] = stored["weights"].astype(np.float32).T * stored["scale"].astype(np.float32)
        known = frozenset(map(int, stored["words"]))
    return np.ascontiguousarray(weights), known


def chances(stage: SafetyStage, folded: str, concepts: Places) -> dict[SafetyCategory, float]:
    """How likely a text is of each category, 0 to 1; what is left to 1 is the chance that it is ordinary.

    Empty when too few of its words are known.

    Args:
        stage: who says the text.
        folded: as for ``features``.
        concepts: as for ``features``.
    """
    weights, known = _fitted(stage)
    words = word_hashes(folded)
    if sum(word in known for word in words) < MIN_KNOWN * len(words):
        return {}
    present = features(folded, concepts)
    scores = weights[present].sum(axis=0) / np.sqrt(len(present))
    odds = np.exp(scores - scores.max())
    odds /= odds.sum()
    return dict(zip(CATEGORIES, map(float, odds[1:]), strict=True))
