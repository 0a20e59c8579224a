"""A small classifier beside the rules: softmax regression over hashed pieces of words.

``scripts/train_safety.py`` fits it.

It catches what is worded as no rule foresaw, and is unsure of long texts, which are mostly ordinary.
"""

from __future__ import annotations

import re
from functools import cache
from pathlib import Path
from typing import get_args
from zlib import crc32

import numpy as np
from numpy.typing import NDArray

from engine.protocol.outgoing import SafetyCategory

CATEGORIES: tuple[SafetyCategory, ...] = get_args(SafetyCategory)
FEATURES = 1 << 17
WEIGHTS = Path(__file__).parent / "data" / "classifier.npz"

MAX_CHARS = 600
"""Of a longer text, only the beginning is read."""

MIN_KNOWN = 0.6
"""Share of a text's words (Chinese characters) that occur in the training sentences; with less it is another language,
or gibberish, and nothing is said about it. A judgement."""

_WORD = re.compile(r"[a-z']+|[\u3400-\u9fff]+|\d+")


def features(folded: str) -> NDArray[np.int64]:
    """The features of a folded text: indexes below ``FEATURES``, each once; the last is always there.

    English: words, pairs of words and pieces of three to five letters. Chinese: one to three characters.
    """
    pieces: list[str] = []
    before = "^"
    for word in _WORD.findall(folded[:MAX_CHARS]):
        if word[0] >= "\u3400":
            pieces += [word[at : at + size] for size in (1, 2, 3) for at in range(len(word) - size + 1)]
            continue
        if word[0].isdigit():
            word = "0" * min(len(word), 6)
        pieces += (f"={word}", f"{before} {word}")
        before = word
        edged = f"<{word}>"
        pieces += [edged[at : at + size] for size in (3, 4, 5) for at in range(len(edged) - size + 1)]
    hashed = {crc32(piece.encode()) % (FEATURES - 1) for piece in pieces}
    return np.fromiter((*sorted(hashed), FEATURES - 1), np.int64)


def word_hashes(folded: str) -> list[int]:
    """A 32-bit hash of each word that is not a number, and of each Chinese character, in order."""
    words: list[str] = []
    for word in _WORD.findall(folded[:MAX_CHARS]):
        if word[0] >= "\u3400":
            words += word
        elif not word[0].isdigit():
            words.append(word)
    return [crc32(word.encode()) for word in words]


@cache
def _fitted() -> tuple[NDArray[np.float32], frozenset[int]]:
    """(FEATURES, classes) weights, and the hashes of the words that were trained on."""
    with np.load(WEIGHTS) as stored:
        weights: NDArray[np.float32] = stored["weights"].astype(np.float32).T * stored["scale"].astype(np.float32)
        known = frozenset(map(int, stored["words"]))
    return np.ascontiguousarray(weights), known


def chances(folded: str) -> dict[SafetyCategory, float]:
    """How likely a folded text is of each category, 0 to 1; what is left to 1 is the chance that it is ordinary.

    Empty when too few of its words are known.
    """
    weights, known = _fitted()
    words = word_hashes(folded)
    if sum(word in known for word in words) < MIN_KNOWN * len(words):
        return {}
    present = features(folded)
    scores = weights[present].sum(axis=0) / np.sqrt(len(present))
    odds = np.exp(scores - scores.max())
    odds /= odds.sum()
    return dict(zip(CATEGORIES, map(float, odds[1:]), strict=True))
