"""The starter course: short passages of school knowledge that come with the engine, as a knowledge base of its own.

The texts are in ``course/``, one Markdown file a subject and language (``en-life.md``): each section is one passage,
made to be said as it stands. Their vectors are computed once and kept in the cache, in a folder named after the texts,
the embedding model and the tables' version. The base is only read from then on.
"""

from __future__ import annotations

import hashlib
import re
from collections.abc import Callable
from pathlib import Path

import numpy as np

from engine.knowledge.base import Base
from engine.knowledge.items import Piece
from engine.knowledge.schema import VERSION
from engine.knowledge.store import EMBED_BATCH, TextEmbedder
from engine.models.hashes import Progress, Stamps, hash_file, no_progress
from engine.models.prepare import build_once, intact

STARTER = "starter"
"""The course's id, for ``kb_id`` and a profile's ``knowledge``."""

COURSE = Path(__file__).with_name("course")
_SECTION = re.compile(r"^## (.+)\n(.+)$", re.MULTILINE)


def read_course(folder: Path = COURSE) -> dict[str, list[Piece]]:
    """The passages of each document, with their topic as heading."""
    return {
        file.name: [Piece(text, topic) for topic, text in _SECTION.findall(file.read_text(encoding="utf-8"))]
        for file in sorted(folder.glob("*.md"))
    }


def course_file(cache_dir: Path, model: str) -> Path:
    """Where the course's base is once it is prepared.

    Args:
        cache_dir: the folder of prepared models.
        model: the embedding model's name.
    """
    digest = hashlib.sha256(f"{VERSION} {model}".encode())
    for file in sorted(COURSE.glob("*.md")):
        digest.update(file.name.encode() + file.read_bytes())
    return cache_dir.expanduser() / "prepared" / f"{STARTER}-{digest.hexdigest()[:12]}" / f"{STARTER}.sqlite"


def prepare_course(
    cache_dir: Path, model: str, embedder: Callable[[], TextEmbedder], progress: Progress = no_progress
) -> Path:
    """Compute the course's vectors unless that has been done. Blocking; some 20 s of one core the first time.

    Args:
        cache_dir: the folder of prepared models.
        model: the embedding model's name.
        embedder: loads the embedding model; called only if there is something to compute.
        progress: told the bytes of text done and in all.

    Returns:
        The base's file.

    Raises:
        ModelMissing: the embedding model is missing, or the cache cannot be written.
    """
    file = course_file(cache_dir, model)
    stamps = Stamps(cache_dir.expanduser() / "stamps")

    def fill(work: Path) -> dict[str, str]:
        _embed_course(work / file.name, model, embedder(), progress)
        return {file.name: hash_file(work / file.name)}

    if not intact(file.parent, stamps):
        build_once(file.parent, fill, stamps, {"course": STARTER, "embeddings": model})
    return file


def _embed_course(file: Path, model: str, embedder: TextEmbedder, progress: Progress) -> None:
    course = read_course()
    total = sum(len(pieces) for pieces in course.values())
    done = 0
    with Base(file, model) as base:
        for name, pieces in course.items():
            batches = []
            for start in range(0, len(pieces), EMBED_BATCH):
                chosen = pieces[start : start + EMBED_BATCH]
                batches.append(embedder.embed([f"{piece.heading}: {piece.text}" for piece in chosen]))
                done += len(chosen)
                progress("starter course", done, total)
            text = (COURSE / name).read_bytes()
            base.put(name, len(text), hashlib.sha256(text).hexdigest(), pieces, np.concatenate(batches))
