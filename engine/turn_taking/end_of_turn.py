"""Has the student finished? A small fitted model over what the words, the voice and the language model say. Pure.

A logistic regression: log odds = bias + the sum of weight times feature. There are three sets of weights: for when
the completion score is known, for one or two words after a question of the tutor, and for when there is no score
(another language, no small language model, a late answer).
``scripts/endpoint_training/fit.py`` writes ``end_of_turn.json``; ``docs/endpointing.md`` says how good it is.
"""

from __future__ import annotations

import json
import math
from collections.abc import Mapping
from dataclasses import dataclass
from functools import cache
from pathlib import Path

from engine.items import Transcript
from engine.turn_taking.transcript_cues import asks, breaks_off, tokens, trails_off

WEIGHTS = Path(__file__).with_name("end_of_turn.json")

SCORED_LANGUAGES = frozenset({"en"})
"""Languages whose completion score is used; the small model reads the others badly."""

SMALLEST = 0.001
"""Probabilities this far from 0 and 1 are as good as 0 and 1."""

FEW_WORDS = 2
"""So few words are the beginning of a sentence, or an answer if the tutor has just asked: *twelve*."""

Weights = Mapping[str, float]


@dataclass(frozen=True, slots=True)
class Clues:
    """What is known in a silence."""

    transcript: Transcript | None = None
    """All words of the user turn; None while they are not known."""

    completion: float | None = None
    """P(a sentence ends with these words), of the small language model; None while or where it is not known."""

    turn_model: float | None = None
    """P(finished) by the sound; None while or where it is not known."""

    answering: bool = False
    """The tutor has just asked."""


def log_odds(clues: Clues) -> float:
    """ln(P / (1 - P)) of the student having finished, when the silence begins."""
    known = features(clues)
    weights = _weights()[weights_for(known)]
    return weights["bias"] + sum(weights.get(name, 0.0) * value for name, value in known.items())


def weights_for(known: Weights) -> str:
    """The name of the weights for these features."""
    if "completion" not in known:
        return "unscored"
    return "answer" if "answer" in known else "scored"


def probability(log_odds: float) -> float:
    """P for log odds."""
    return 1 / (1 + math.exp(-log_odds)) if log_odds > -700 else 0.0


def features(clues: Clues) -> dict[str, float]:
    """What the model reads, by name. A feature that is not known is left out, which counts as 0."""
    found = {}
    if clues.turn_model is not None:
        found["turn_model"] = _logit(clues.turn_model)
    heard = clues.transcript
    if heard is None or not heard.text:
        return found
    few_words = len(tokens(heard.text)) <= FEW_WORDS
    if clues.completion is not None and heard.language in SCORED_LANGUAGES:
        found["completion"] = _logit(clues.completion)
    if few_words and clues.answering:
        found["answer"] = 1.0
    if "answer" in found or "completion" not in found:
        found["full_stop"] = float(heard.text.rstrip("\"'”’) ").endswith((".", "!", "。", "！")))
    found["few_words"] = float(few_words)
    found["breaks_off"] = float(breaks_off(heard.text, heard.language))
    found["question"] = float(asks(heard.text))
    found["trails_off"] = float(trails_off(heard.text))
    return found


def _logit(share: float) -> float:
    clipped = min(1 - SMALLEST, max(SMALLEST, share))
    return math.log(clipped / (1 - clipped))


@cache
def _weights() -> dict[str, dict[str, float]]:
    loaded: dict[str, dict[str, float]] = json.loads(WEIGHTS.read_text())["weights"]
    return loaded
