"""The starter course's texts: short, plain and fit to be said as they stand."""

from __future__ import annotations

import re
from pathlib import Path

import pytest

from engine.knowledge.items import Piece
from engine.knowledge.passages import size_of
from engine.knowledge.search import mostly_unspaced
from engine.knowledge.starter import COURSE, read_course
from tests.knowledge.school import COMMON_CHINESE, COMMON_ENGLISH, NOT_TAUGHT, SUGGESTED

PASSAGES = [(document, piece) for document, pieces in read_course().items() for piece in pieces]
WEB = Path(__file__).parents[2] / "engine" / "web"


def test_every_section_is_read() -> None:
    sections = sum(file.read_text().count("\n## ") + file.read_text().startswith("## ") for file in COURSE.glob("*.md"))
    assert sections == len(PASSAGES)
    assert sum(document.startswith("en-") for document, _ in PASSAGES) >= 300
    assert sum(document.startswith("zh-") for document, _ in PASSAGES) >= 150


def test_topics_and_texts_are_there_once() -> None:
    for values in ([piece.heading for _, piece in PASSAGES], [piece.text for _, piece in PASSAGES]):
        assert len(values) == len(set(values))


@pytest.mark.parametrize(("document", "piece"), PASSAGES, ids=lambda value: getattr(value, "heading", ""))
def test_a_passage_can_be_said(document: str, piece: Piece) -> None:
    assert 10 <= size_of(piece.text) <= 52
    assert not re.search(r"[*_#`()（）\[\]<>|]|\d%|\be\.g\.|\betc\b|https?:", piece.text)
    assert piece.text[-1] in ".。！"
    assert mostly_unspaced(piece.text) == document.startswith("zh-")


SUMS = {"What is 12 times 15?", "12乘以15等于多少？"}
"""Suggestions that the calculator answers."""


def test_the_course_is_tried_with_every_suggestion_of_the_page() -> None:
    lists = re.findall(r"questions: \[(.+)\]", (WEB / "texts.js").read_text())
    suggested = {question for found in lists for question in re.findall(r'"(.+?)"', found)}
    assert len(suggested) >= 6
    assert suggested - SUMS <= {question for question, _ in (*COMMON_ENGLISH, *COMMON_CHINESE, *SUGGESTED)}


def test_the_questions_have_topics_of_the_course() -> None:
    topics = {piece.heading for _, piece in PASSAGES}
    assert {topic for _, topic in (*COMMON_ENGLISH, *COMMON_CHINESE, *SUGGESTED)} <= topics
    assert (len(COMMON_ENGLISH), len(COMMON_CHINESE), len(NOT_TAUGHT)) == (100, 40, 60)
