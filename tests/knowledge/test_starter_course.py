"""The starter course with the real embedding model: what children ask is answered, and nothing else is."""

from __future__ import annotations

from collections.abc import Iterator

import pytest

from engine.knowledge.service import open_store, prepare_built_in
from engine.knowledge.starter import STARTER
from engine.knowledge.store import KnowledgeStore
from engine.settings import Settings
from tests.knowledge.school import COMMON_CHINESE, COMMON_ENGLISH, NOT_TAUGHT, SUGGESTED


@pytest.fixture(scope="module")
def course() -> Iterator[KnowledgeStore]:
    """The prepared course; computed only if no start and no test on this machine has done it."""
    settings = Settings()
    assert prepare_built_in(settings) is not None
    with open_store(settings) as store:
        yield store


@pytest.mark.parametrize(
    ("questions", "answered"),
    [(COMMON_ENGLISH, 95), (COMMON_CHINESE, 38), (SUGGESTED, 12)],
    ids=["English", "Chinese", "suggested"],
)
def test_common_questions_are_answered_and_none_wrongly(
    course: KnowledgeStore, questions: list[tuple[str, str]], answered: int
) -> None:
    wrong, left = [], []
    for question, topic in questions:
        quote = course.quote(STARTER, question)
        if quote is None:
            left.append(question)
        elif quote.passage.heading != topic:
            wrong.append((question, quote.passage.heading))
    assert not wrong
    assert len(questions) - len(left) >= answered, left


def test_other_questions_are_left_to_the_model(course: KnowledgeStore) -> None:
    quoted = {question: course.quote(STARTER, question) for question in NOT_TAUGHT}
    assert not {question: quote.passage.heading for question, quote in quoted.items() if quote is not None}


@pytest.mark.parametrize(
    ("question", "topic"),
    [
        ("can you please explain what photosynthesis is", "Photosynthesis: how plants make food"),
        ("whats gravity", "Gravity"),
        ("Tell me about Napoleon.", "Napoleon"),
        ("I don't understand fractions", "Fractions"),
        ("what planet is closest to the sun", "Mercury, the smallest planet"),
        ("when did ww2 start", "The start of World War II"),
        ("What are the 3 states of matter?", "The states of matter"),
        ("How many states are there in the USA?", "The states of the United States"),
        ("请解释一下光合作用", "光合作用、植物怎样制造食物"),
        ("恐龙是怎么灭绝的？", "恐龙为什么会灭绝"),
    ],
)
def test_questions_may_be_asked_in_other_words(course: KnowledgeStore, question: str, topic: str) -> None:
    quote = course.quote(STARTER, question)
    assert quote is not None
    assert quote.passage.heading == topic
    assert quote.text == quote.passage.text
