"""What flows through a knowledge base, and its limits. All immutable."""

from __future__ import annotations

import re
from dataclasses import dataclass

KB_ID = re.compile(r"[A-Za-z0-9][A-Za-z0-9_-]{0,63}")
"""What a knowledge base's id looks like; it becomes a file name, so nothing else will do."""


@dataclass(frozen=True, slots=True)
class Block:
    """A paragraph, list item or table row of a document."""

    text: str
    heading: str = ""
    """The headings above it, outermost first, joined with `` > ``."""

    page: int | None = None
    """From 1; None where a format has no pages."""


@dataclass(frozen=True, slots=True)
class Piece:
    """A passage before it is stored: one or more blocks, or a part of one."""

    text: str
    heading: str = ""
    page: int | None = None


@dataclass(frozen=True, slots=True)
class Passage:
    """A passage that was found."""

    document: str
    text: str
    score: float
    """How well it answers the question: 0 not at all, 1 as well as can be."""

    heading: str = ""
    page: int | None = None

    def source(self) -> dict[str, object]:
        """As it stands in the ``sources`` of a ``text`` message."""
        source: dict[str, object] = {"document": self.document, "passage": self.text, "score": round(self.score, 3)}
        if self.page is not None:
            source["page"] = self.page
        return source


@dataclass(frozen=True, slots=True)
class DocumentInfo:
    """A document in a knowledge base."""

    name: str
    bytes: int
    passages: int
    sha256: str
    added_at: str
    """ISO 8601, UTC."""


@dataclass(slots=True)
class Adding:
    """A document on its way in. Written by the thread that adds it, read by whoever asks how far it is."""

    name: str
    stage: str = "waiting"
    """``waiting`` for others, ``read``, ``embed``, ``store``."""

    done: int = 0
    total: int = 0
    """Passages, while they are embedded."""

    stopped: bool = False
    """Nobody wants it any more: it ends at its next passages, and the base stays as it was."""

    def to_wire(self) -> dict[str, object]:
        """As the API tells it."""
        return {"name": self.name, "status": "adding", "stage": self.stage, "done": self.done, "total": self.total}


@dataclass(frozen=True, slots=True)
class Limits:
    """How much may go in."""

    document_bytes: int = 32_000_000
    documents: int = 2_000
    """Of one knowledge base."""

    passages: int = 100_000
    """Of one knowledge base."""

    parse_s: float = 60.0
    """Time for reading one document."""

    parse_bytes: int = 1_500_000_000
    """Memory for reading one document."""

    name_chars: int = 200
