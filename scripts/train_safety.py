"""Fits the safety classifier (``engine/safety/data/classifier.npz``) to the sentences in ``safety_training/``.

    PYTHONPATH=. python scripts/train_safety.py

Softmax regression over the hashed features of ``engine.safety.classifier``, by full-batch gradient descent with Adam
and an L2 penalty. The seed is fixed; the same sentences give the same weights.
"""

from __future__ import annotations

import itertools
import re
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from engine.safety.classifier import CATEGORIES, FEATURES, WEIGHTS, features, word_hashes
from engine.safety.words import fold

SENTENCES = Path(__file__).parent / "safety_training"
COURSE = Path(__file__).parents[1] / "engine/knowledge/course"
ENGLISH_QUESTIONS = ("Tell me about {}", "What is {}?", "Can you explain {} to me?")
CHINESE_QUESTIONS = ("什么是{}？", "给我讲讲{}", "{}是怎么回事？")
COMBINATIONS = 16
"""Of one template's alternatives, at most."""

STEPS, RATE, PENALTY = 300, 0.08, 3e-5
SEED = 7


def sentences() -> list[tuple[int, str]]:
    """(class, sentence), with every template written out; class 0 is ordinary."""
    random = np.random.default_rng(SEED)
    found = []
    for file in sorted(SENTENCES.glob("*.txt")):
        for line in file.read_text("utf-8").splitlines():
            if not line or line.startswith("#"):
                continue
            category, _, template = line.partition(": ")
            parts = [part.split("|") for part in re.split(r"\{([^}]*)\}", template)]
            every = ["".join(choice) for choice in itertools.product(*parts)]
            picked = random.permutation(len(every))[:COMBINATIONS]
            label = 0 if category == "ordinary" else CATEGORIES.index(category) + 1
            found += [(label, every[index]) for index in picked]
    return found + [(0, sentence) for sentence in _lessons()]


def _lessons() -> list[str]:
    """The starter course, in sentences and in clauses, and questions about its topics."""
    pieces: dict[str, None] = {}
    for file in sorted(COURSE.glob("*.md")):
        text = file.read_text("utf-8")
        for topic in re.findall(r"^#+ +(.+)$", text, re.MULTILINE):
            asked = CHINESE_QUESTIONS if file.name.startswith("zh") else ENGLISH_QUESTIONS
            pieces |= dict.fromkeys(question.format(topic) for question in asked)
        for sentence in re.split(r"(?<=[.?!。？！])\s*|\n+[#\s]*", text):
            pieces |= dict.fromkeys(filter(None, (sentence, *re.split("[，；：、]", sentence))))
    return [piece for piece in pieces if len(piece) >= 6]


def fit(rows: list[NDArray[np.int64]], labels: NDArray[np.int64]) -> NDArray[np.float32]:
    """(classes, FEATURES) weights; the last feature is the bias."""
    owner = np.concatenate([np.full(len(row), index) for index, row in enumerate(rows)])
    column = np.concatenate(rows)
    value = np.concatenate([np.full(len(row), 1 / np.sqrt(len(row))) for row in rows])
    classes = len(CATEGORIES) + 1
    target = np.eye(classes)[labels]
    weight = np.where(labels == 0, 1.5, 1.0)
    weights: NDArray[np.float64] = np.zeros((classes, FEATURES))
    first, second = np.zeros_like(weights), np.zeros_like(weights)
    for step in range(1, STEPS + 1):
        scores = np.stack([np.bincount(owner, w[column] * value, len(rows)) for w in weights], axis=1)
        scores -= scores.max(axis=1, keepdims=True)
        chance = np.exp(scores)
        chance /= chance.sum(axis=1, keepdims=True)
        error = (chance - target) * weight[:, None] / len(rows)
        slope: NDArray[np.float64] = np.stack([np.bincount(column, e[owner] * value, FEATURES) for e in error.T])
        slope = np.asarray(slope + PENALTY * weights, np.float64)
        first = 0.9 * first + 0.1 * slope
        second = 0.999 * second + 0.001 * slope**2
        weights = weights - RATE * (first / (1 - 0.9**step)) / (np.sqrt(second / (1 - 0.999**step)) + 1e-8)
    return weights.astype(np.float32)


def main() -> None:
    """Fit, and write the weights as 8-bit numbers with one scale for each class."""
    found = sentences()
    labels = np.array([label for label, _ in found])
    weights = fit([features(fold(text)) for _, text in found], labels)
    scale = np.abs(weights).max(axis=1) / 127
    words = sorted({word for _, text in found for word in word_hashes(fold(text))})
    small = np.round(weights / scale[:, None]).astype(np.int8)
    np.savez_compressed(WEIGHTS, weights=small, scale=scale, words=np.array(words, np.uint32))
    print(f"{len(found)} sentences, {(labels > 0).sum()} of them harmful; {WEIGHTS.stat().st_size} bytes")


if __name__ == "__main__":
    main()
