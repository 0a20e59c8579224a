"""What children ask: the commonest questions with the topic that answers each, and questions the course leaves open.

The questions were written before the course.
"""

from __future__ import annotations

from pathlib import Path

_HERE = Path(__file__).parent


def _pairs(name: str) -> list[tuple[str, str]]:
    rows = (line.split("\t") for line in (_HERE / name).read_text(encoding="utf-8").splitlines())
    return [(question, topic) for question, topic in rows]


COMMON_ENGLISH = _pairs("common-en.tsv")
COMMON_CHINESE = _pairs("common-zh.tsv")
NOT_TAUGHT = (_HERE / "not-taught.txt").read_text(encoding="utf-8").splitlines()
SUGGESTED = _pairs("suggested.tsv")
"""What the page suggests beside the common questions."""
