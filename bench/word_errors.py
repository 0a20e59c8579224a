"""Word errors by jiwer, in one place for all benches."""

from __future__ import annotations

import re
from collections.abc import Sequence

import jiwer


def distance(reference: Sequence[str], recognised: Sequence[str]) -> int:
    """Fewest insertions, deletions and substitutions of words from ``reference`` to ``recognised``."""
    if not reference or not recognised:
        return max(len(reference), len(recognised))
    found = jiwer.process_words(" ".join(reference), " ".join(recognised))
    return int(found.substitutions + found.insertions + found.deletions)


def word_error_rate(reference: str, recognised: str) -> float:
    """``distance`` over the number of reference words; case and punctuation do not count."""
    a, b = (re.sub(r"[^\w\s']", " ", text.lower()).split() for text in (reference, recognised))
    return distance(a, b) / max(1, len(a))
