"""Which passages of the starter course answer a question as they stand, whatever the vectors say."""

from __future__ import annotations

import pytest

from engine.knowledge.items import Passage
from engine.knowledge.whole_answers import queries, spelled_alike, whole_answer

PRESIDENT = (
    "The first president of the United States",
    "The first president of the United States was George Washington. He took office in 1789.",
)
FRACTIONS = ("Fractions", "A fraction is a part of a whole.")
OCEAN = ("The largest ocean", "The largest ocean is the Pacific Ocean.")
NEW_YORK = ("The capital of the United States", "It is Washington. The largest city is New York.")


def found(topic: tuple[str, str], score: float = 0.9, document: str = "en-a.md") -> Passage:
    return Passage(document, topic[1], score, topic[0])


@pytest.mark.parametrize(
    ("question", "topic", "answered"),
    [
        ("Who was the first president of the United States?", PRESIDENT, True),
        ("When did the first president take office?", PRESIDENT, True),
        ("Who was the third president of the United States?", PRESIDENT, False),
        ("Who was president of the United States?", PRESIDENT, False),
        ("When was the first president born?", PRESIDENT, False),
        ("Who is the president of the United States?", PRESIDENT, False),
        ("Who is the first president today?", PRESIDENT, False),
        ("What is a fraction?", FRACTIONS, True),
        ("How many kinds of fractions are there?", FRACTIONS, False),
        ("When were fractions invented?", FRACTIONS, False),
        ("What is the biggest ocean?", OCEAN, True),
        ("What is the smallest ocean?", OCEAN, False),
        ("What is the capital of the United States?", NEW_YORK, True),
        ("What is the capital of New York?", NEW_YORK, False),
        ("Was ist ein Bruch in der Mathematik genau?", FRACTIONS, False),
    ],
)
def test_similar_is_not_enough(question: str, topic: tuple[str, str], answered: bool) -> None:
    assert (whole_answer(question, [found(topic)]) is not None) == answered


def test_a_passage_that_is_only_near_is_not_said() -> None:
    assert whole_answer("What is a fraction?", [found(FRACTIONS, 0.6)]) is None


def test_the_passage_is_said_whole() -> None:
    quote = whole_answer("What is a fraction?", [found(OCEAN, 0.7), found(FRACTIONS)])
    assert quote is not None
    assert quote.text == FRACTIONS[1]


LARGEST = ("世界上最大的海洋", "世界上最大的海洋是太平洋。")
CELL = ("细胞", "细胞是生命的基本单位。")
NUCLEUS = ("细胞核", "细胞核是细胞的控制中心。")


@pytest.mark.parametrize(
    ("question", "topics", "answer"),
    [
        ("世界上最大的海洋是什么？", [LARGEST], LARGEST),
        ("世界上最小的海洋是什么？", [LARGEST], None),
        ("世界上最大的湖是什么？", [LARGEST], None),
        ("什么是细胞？", [NUCLEUS, CELL], CELL),
        ("什么是细胞核？", [CELL, NUCLEUS], NUCLEUS),
        ("请解释一下细胞", [CELL], CELL),
        ("细胞有多大？", [CELL], None),
    ],
)
def test_chinese_is_matched_by_its_characters(
    question: str, topics: list[tuple[str, str]], answer: tuple[str, str] | None
) -> None:
    quote = whole_answer(question, [found(topic, 0.5, "zh-a.md") for topic in topics])
    assert (quote.text if quote is not None else None) == (answer[1] if answer is not None else None)


def test_questions_get_no_answer_in_another_language() -> None:
    assert whole_answer("什么是细胞？", [found(CELL, 1.0, "en-a.md")]) is None
    assert whole_answer("What is a fraction?", [found(FRACTIONS, 1.0, "zh-a.md")]) is None


def test_names_are_spelled_as_in_the_course() -> None:
    assert spelled_alike("when did ww2 start") == "when did World War II start"
    assert spelled_alike("Who won the First World War?") == "Who won the World War I?"
    assert spelled_alike("the capital of the USA") == "the capital of the United States"
    assert spelled_alike("Why do leaves change color?") == "Why do leaves change colour?"


@pytest.mark.parametrize(
    "question",
    ["Hey Maya, what is a cell?", "Um, so, what is a cell, please?", "Maya, what is a cell?", "Hi! what is a cell"],
)
def test_an_address_is_no_part_of_a_question(question: str) -> None:
    assert spelled_alike(question).rstrip("?") == "what is a cell"
    assert spelled_alike("老师，什么是细胞？") == "什么是细胞？"
    assert spelled_alike("Hello") == "Hello"


def test_chinese_is_also_searched_without_the_words_that_only_ask() -> None:
    assert queries("什么是细胞？") == ["什么是细胞？", "细胞"]
    assert queries("What is a cell?") == ["What is a cell?"]
