"""Questions that lean on the one before are looked up with it."""

from __future__ import annotations

import pytest

from engine.knowledge.follow_up import follows_up, search_query

FOLLOWING = [
    "And why is that?",
    "Why?",
    "why is that",
    "How does it work?",
    "What about plants?",
    "Where do they live?",
    "Who discovered it?",
    "Can you explain that?",
    "Is that possible?",
    "And in winter?",
    "What are these made of?",
    "Tell me more.",
    "How many of them are there?",
    "Why does that happen?",
    "And then?",
    "为什么？",
    "那为什么呢？",
    "它有多大？",
    "植物呢？",
    "这是怎么回事？",
    "它们住在哪里？",
    "还有什么？",
    "举个例子。",
]
STANDING = [
    "Why is the sky blue?",
    "How do bees tell where the flowers are?",
    "What is a fraction?",
    "How do airplanes fly?",
    "Do you think that fish sleep at night in cold water?",
    "Hello!",
    "Thanks!",
    "How are you?",
    "Who are you?",
    "That is nice.",
    "Really?",
    "What can you do?",
    "My name is Robin.",
    "Okay, great.",
    "Is it true that the Earth moves around the sun?",
    "",
    "?",
    "天空为什么是蓝色的？",
    "光合作用是什么？",
    "你好！",
    "谢谢。",
    "你叫什么名字？",
    "什么是分数？",
]


@pytest.mark.parametrize("question", FOLLOWING)
def test_what_leans_on_the_question_before_is_told(question: str) -> None:
    assert follows_up(question)


@pytest.mark.parametrize("question", STANDING)
def test_what_stands_for_itself_is_told(question: str) -> None:
    assert not follows_up(question)


def test_the_subject_goes_before_the_words_that_lean_on_it() -> None:
    earlier = ["Hello!", "How do volcanoes erupt?"]
    assert search_query("And why is that?", earlier) == "How do volcanoes erupt?"
    assert search_query("What about under water?", earlier) == "How do volcanoes erupt? What about under water?"
    assert search_query("它有多大？", ["太阳是什么？"]) == "太阳是什么？ 它有多大？"


def test_the_subject_is_found_behind_other_follow_ups_and_small_talk() -> None:
    earlier = ["What is a comet?", "How do planets move?", "Why?", "What about their moons?", "Thanks!"]
    assert search_query("And why is that?", earlier) == "How do planets move?"


def test_without_a_subject_only_its_own_words_are_looked_up() -> None:
    assert search_query("Why?", []) == ""
    assert search_query("Why?", ["Hello!", "Thanks!"]) == ""
    assert search_query("Who discovered it?", []) == "Who discovered it?"


def test_what_stands_for_itself_is_looked_up_alone() -> None:
    assert search_query("What is a fraction?", ["How do planets move?"]) == "What is a fraction?"
    assert search_query("Thanks!", ["How do planets move?"]) == ""
