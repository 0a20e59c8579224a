"""What a knowledge base costs: ingest rate, and search time over 10,000 passages on one thread.

``python bench/knowledge.py [--passages 10000] [--json out.json]``. Ingest embeds real passages.
For the search the base is filled with passages of realistic words and random vectors (embedding them would take longer
without changing what a search does); questions are embedded by the real model.
"""

from __future__ import annotations

import argparse
import json
import random
import tempfile
import time
from collections.abc import Callable
from pathlib import Path

import numpy as np

from engine.knowledge.base import Base
from engine.knowledge.embed import Embedder
from engine.knowledge.items import Piece
from engine.knowledge.service import make_embedder
from engine.rendering.torch_threads import use_one_thread
from engine.settings import Settings

QUESTIONS = 200
INGESTED = 96


def words(count: int, chance: random.Random) -> list[str]:
    """Invented words, most frequent first when drawn by ``zipf``."""
    parts = ["ka", "lo", "mi", "ten", "sur", "ve", "bran", "oth", "ri", "da", "pel", "nus", "qua", "zi", "hor"]
    return ["".join(chance.choices(parts, k=chance.randint(2, 4))) for _ in range(count)]


def passages(count: int, chance: random.Random) -> list[str]:
    """Texts of 80 words whose frequencies fall as in real language."""
    vocabulary = words(20_000, chance)
    weights = [1 / (rank + 3) for rank in range(len(vocabulary))]
    drawn = chance.choices(vocabulary, weights, k=count * 80)
    return [" ".join(drawn[at : at + 80]) for at in range(0, len(drawn), 80)]


def percentiles(times_ms: list[float]) -> dict[str, float]:
    return {f"p{p}_ms": round(float(np.percentile(times_ms, p)), 2) for p in (50, 95, 99)}


def timed(action: Callable[[], object]) -> float:
    began = time.perf_counter()
    action()
    return (time.perf_counter() - began) * 1000


def measure(count: int) -> dict[str, object]:
    """All figures."""
    use_one_thread()
    chance, noise = random.Random(1), np.random.default_rng(1)
    embedder = make_embedder(Settings())
    assert isinstance(embedder, Embedder)
    texts = passages(count, chance)
    embedder.embed(["warm"])
    ingest_ms = timed(lambda: embedder.embed(texts[:INGESTED]))
    vectors = noise.standard_normal((count, embedder.dimension)).astype(np.float32)
    vectors /= np.linalg.norm(vectors, axis=1, keepdims=True)
    with tempfile.TemporaryDirectory() as folder, Base(Path(folder) / "bench.sqlite", "bench") as base:
        store_ms = 0.0
        for start in range(0, count, 500):
            pieces = [Piece(text, f"Chapter {start}") for text in texts[start : start + 500]]
            store_ms += timed(
                lambda s=start, p=pieces: base.put(f"{s}.txt", 1, "0", p, vectors[s : s + len(p)])  # type: ignore[misc]
            )
        whole, embedding, finding = [], [], []
        for number in range(QUESTIONS + 5):
            asked = f"What is the {' '.join(chance.sample(chance.choice(texts).split(), 4))}?"
            began = time.perf_counter()
            vector = embedder.embed([asked])[0]
            between = time.perf_counter()
            base.search(asked, vector, 3)
            ended = time.perf_counter()
            if number >= 5:
                embedding.append((between - began) * 1000)
                finding.append((ended - between) * 1000)
                whole.append((ended - began) * 1000)
    return {
        "passages": count,
        "ingest_passages_per_s": round(INGESTED / ingest_ms * 1000, 1),
        "store_passages_per_s": round(count / store_ms * 1000),
        "search": percentiles(whole),
        "of_it_embedding": percentiles(embedding),
        "of_it_finding": percentiles(finding),
    }


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--passages", type=int, default=10_000)
    parser.add_argument("--json", type=Path)
    args = parser.parse_args()
    figures = measure(args.passages)
    for name, value in figures.items():
        print(f"{name:24} {value}")
    if args.json:
        args.json.write_text(json.dumps(figures, indent=2) + "\n")


if __name__ == "__main__":
    main()
