"""Fits the safety classifiers (``engine/safety/data/*_classifier.npz``) to the sentences in ``safety_training/``.

    PYTHONPATH=. python scripts/train_safety.py

Softmax regression over the features of ``engine.safety.classifier``, by stochastic gradient descent with AdaGrad
(Duchi et al. 2011), one step size for each feature. The seed is fixed; the same sentences give the same weights.
"""

from __future__ import annotations

import random
import re
from pathlib import Path
from zlib import crc32

import numpy as np
from numpy.typing import NDArray

from engine.protocol.outgoing import SafetyStage
from engine.safety.classifier import CATEGORIES, FEATURES, features, weights_file, word_hashes
from engine.safety.guard import english_concepts
from engine.safety.words import fold

SENTENCES = Path(__file__).parent / "safety_training"
COURSE = Path(__file__).parents[1] / "engine/knowledge/course"
ENGLISH_QUESTIONS = ("Tell me about {}", "What is {}?", "Can you explain {} to me?")
CHINESE_QUESTIONS = ("什么是{}？", "给我讲讲{}", "{}是怎么回事？")

COMBINATIONS = 40
"""Of one template's alternatives, at most."""

EPOCHS, RATE, FIRST_SLOPE = 6, 0.5, 0.01
ORDINARY_WEIGHT = 1.5
"""Of an ordinary sentence's error, since there is one ordinary class and nine others share the rest."""

SEED = 7

CJK = "\u3000"
"""Chinese texts begin with a character after this one."""

_CHOICE = re.compile(r"\{([^{}]*)\}")
_LIST = re.compile(r"\$([a-z]+)")


def questions() -> list[tuple[int, str]]:
    """(class, sentence) of what students say, with the templates written out; class 0 is ordinary."""
    return [row for file in sorted(SENTENCES.glob("*.txt")) for row in _sentences(file)] + _lessons()


def answers() -> list[tuple[int, str]]:
    """The same of what a model answers: alone, and after an ordinary sentence, since the guard reads what precedes.

    Half of what students say is among it: they use the same words, and without it twice as many answers are missed.
    """
    lessons = _lessons() + _sentences(SENTENCES / "background.txt")
    said = [row for file in sorted((SENTENCES / "answers").glob("*.txt")) for row in _sentences(file)]
    draw = random.Random(SEED)
    before = {
        chinese: [text for _, text in lessons if (text[0] > CJK) == chinese and len(text) < 100]
        for chinese in (False, True)
    }
    after = [(label, f"{draw.choice(before[text[0] > CJK])} {text}") for label, text in said + lessons]
    asked = questions()
    return said + lessons + draw.sample(after, len(after) // 2) + draw.sample(asked, len(asked) // 2)


def _sentences(file: Path) -> list[tuple[int, str]]:
    found: list[tuple[int, str]] = []
    lists: dict[str, list[str]] = {}
    for line in file.read_text("utf-8").splitlines():
        if line.startswith("$"):
            name, _, parts = line[1:].partition(" = ")
            lists[name] = parts.split("|")
        elif line and not line.startswith("#"):
            category, _, template = line.partition(": ")
            label = 0 if category == "ordinary" else CATEGORIES.index(category) + 1
            found += [(label, sentence) for sentence in written_out(template, lists)]
    return found


def written_out(template: str, lists: dict[str, list[str]]) -> list[str]:
    """Up to ``COMBINATIONS`` sentences of a template, drawn at random; the same ones each time."""
    draw = random.Random(crc32(template.encode()) + SEED)
    return sorted({_one(template, lists, draw) for _ in range(COMBINATIONS)})


def _one(template: str, lists: dict[str, list[str]], draw: random.Random) -> str:
    while True:
        if match := _CHOICE.search(template):
            part = draw.choice(match.group(1).split("|"))
        elif match := next((each for each in _LIST.finditer(template) if each.group(1) in lists), None):
            part = draw.choice(lists[match.group(1)])
        else:
            return " ".join(template.split())
        template = template[: match.start()] + part + template[match.end() :]


def _lessons() -> list[tuple[int, str]]:
    """The starter course, in sentences and in clauses, and questions about its topics."""
    pieces: dict[str, None] = {}
    for file in sorted(COURSE.glob("*.md")):
        text = file.read_text("utf-8")
        for topic in re.findall(r"^#+ +(.+)$", text, re.MULTILINE):
            asked = CHINESE_QUESTIONS if file.name.startswith("zh") else ENGLISH_QUESTIONS
            pieces |= dict.fromkeys(question.format(topic) for question in asked)
        for sentence in re.split(r"(?<=[.?!。？！])\s*|\n+[#\s]*", text):
            pieces |= dict.fromkeys(filter(None, (sentence, *re.split("[，；：、]", sentence))))
    return [(0, piece) for piece in pieces if len(piece) >= 6]


def read(text: str) -> NDArray[np.int64]:
    """The features of a sentence as it is typed."""
    folded = fold(text)
    return features(folded, english_concepts(folded))


def fit(rows: list[NDArray[np.int64]], labels: NDArray[np.int64]) -> NDArray[np.float32]:
    """(classes, FEATURES) weights of sentences by their features and classes; the last feature is the bias."""
    weights: NDArray[np.float32] = np.zeros((FEATURES, len(CATEGORIES) + 1), np.float32)
    slopes: NDArray[np.float32] = np.full(FEATURES, FIRST_SLOPE, np.float32)
    shuffle = np.random.default_rng(SEED)
    for _ in range(EPOCHS):
        for index in shuffle.permutation(len(rows)):
            row, label = rows[index], labels[index]
            value = np.float32(1 / np.sqrt(len(row)))
            scores = weights[row].sum(axis=0) * value
            error = np.exp(scores - scores.max())
            error /= error.sum()
            error[label] -= 1
            error *= value * np.float32(ORDINARY_WEIGHT if label == 0 else 1)
            slopes[row] += error @ error
            weights[row] -= (RATE / np.sqrt(slopes[row]))[:, None] * error
    return np.ascontiguousarray(weights.T)


def store(stage: SafetyStage, found: list[tuple[int, str]]) -> None:
    """Fit to (class, sentence) pairs, and write the weights as 8-bit numbers with one scale for each class."""
    labels = np.array([label for label, _ in found])
    weights = fit([read(text) for _, text in found], labels)
    scale = np.abs(weights).max(axis=1) / 127
    words = sorted({word for _, text in found for word in word_hashes(fold(text))})
    small = np.round(weights / scale[:, None]).astype(np.int8)
    file = weights_file(stage)
    np.savez_compressed(file, weights=small, scale=scale, words=np.array(words, np.uint32))
    print(f"{stage}: {len(found)} sentences, {(labels > 0).sum()} of them harmful; {file.stat().st_size} bytes")


if __name__ == "__main__":
    store("question", questions())
    store("answer", answers())
