"""The data of a knowledge base, and its limits. All but ``Adding`` are immutable."""

from __future__ import annotations

import re
from dataclasses import dataclass

KB_ID = re.compile(r"[A-Za-z0-9][A-Za-z0-9_-]{0,63}")
"""The form of a knowledge base's id. It becomes a file name, so no other characters are allowed."""


class Unreadable(Exception):
    """A document cannot be read; the message is a sentence for the person who added it."""


@dataclass(frozen=True, slots=True)
class Block:
    """A paragraph, list item or table row of a document."""

    text: str
    heading: str = ""
    """The headings above it, outermost first, joined by `` > ``."""

    page: int | None = None
    """Page number from 1; None for formats without pages."""


@dataclass(frozen=True, slots=True)
class Piece:
    """A passage before it is stored: one or more blocks, or part of one."""

    text: str
    heading: str = ""
    page: int | None = None


@dataclass(frozen=True, slots=True)
class Passage:
    """A passage that was found."""

    document: str
    text: str
    score: float
    """How well it answers the question, 0..1."""

    heading: str = ""
    page: int | None = None

    def source(self) -> dict[str, object]:
        """Its entry in the ``sources`` of a ``text`` message."""
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
    """A document that is being added. The adding thread writes it; the event loop reads it to report progress."""

    name: str
    stage: str = "waiting"
    """``waiting`` (for other documents), ``read``, ``embed`` or ``store``."""

    done: int = 0
    total: int = 0
    """Passages embedded so far and in all, while the stage is ``embed``."""

    stopped: bool = False
    """Set to cancel it: it ends before its next batch of passages, and the base stays as it was."""

    def to_wire(self) -> dict[str, object]:
        """Its form in the HTTP API."""
        return {"name": self.name, "status": "adding", "stage": self.stage, "done": self.done, "total": self.total}


@dataclass(frozen=True, slots=True)
class KnowledgeLimits:
    """How much may be added."""

    document_bytes: int = 32_000_000
    """Size of one file."""

    documents: int = 2_000
    """In one knowledge base."""

    passages: int = 100_000
    """In one knowledge base."""

    parse_s: float = 60.0
    """Seconds for reading one document."""

    parse_bytes: int = 1_500_000_000
    """Memory for reading one document, bytes."""

    name_chars: int = 200
    """Length of a document's name."""
