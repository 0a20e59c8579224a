"""Loops are noticed soon, and nothing that people say is taken for one."""

from __future__ import annotations

from functools import partial

import pytest

from engine.llm.repetition import Repetition
from tests.growth import assert_linear


def said_until_noticed(text: str, *, earlier: tuple[str, ...] = (), size: int = 3) -> int | None:
    """Characters read when the loop is noticed; None when it never is."""
    repetition = Repetition(earlier)
    for at in range(0, len(text), size):
        if repetition.push(text[at : at + size]):
            return at + size
    return None


@pytest.mark.parametrize(
    ("loop", "most"),
    [
        ("I am a tutor. ", 80),
        ("the ", 80),
        ("Yes! ", 100),
        ("hahaha", 240),
        ("我是老师。", 40),
        ("好", 40),
        ("Leaves drink light. Roots drink water. ", 130),
        ("- I am a tutor.\n", 90),
        ("Thank you for asking such a good question about the water cycle, dear student. ", 250),
        ("สวัสดีครับ ", 200),
        ("0 ", 140),
        ("1, 2, 3, ", 230),
        ("😀 ", 140),
        ("👍", 90),
    ],
)
def test_a_loop_is_noticed_within_a_few_rounds(loop: str, most: int) -> None:
    before = "Plants make sugar from light. "
    noticed = said_until_noticed(before + loop * 400)
    assert noticed is not None and noticed - len(before) <= most


def test_a_numbered_list_of_the_same_is_a_loop() -> None:
    assert said_until_noticed("".join(f"\n{n}. Water the plants." for n in range(100)))


def test_a_long_passage_is_not_told_twice_however_far_apart() -> None:
    passage = " ".join(f"word{chr(97 + n % 26)}{chr(97 + n // 26)}" for n in range(60))
    between = " ".join(f"other{chr(97 + n % 26)}{chr(97 + n // 26)}" for n in range(300))
    assert said_until_noticed(f"{passage}. {between}. {passage}.")
    assert said_until_noticed(f"Well. {passage}.", earlier=(passage,))
    assert said_until_noticed(f"{passage}. {between}.", earlier=("something else",)) is None


SPOKEN_BY_PEOPLE = {
    "a song": 2
    * "Row, row, row your boat, gently down the stream. Merrily, merrily, merrily, merrily, life is but a dream. ",
    "another song": 2 * "If you're happy and you know it, clap your hands. "
    + "If you're happy and you know it and you really want to show it, clap your hands.",
    "the wheels": "The wheels on the bus go round and round, round and round, round and round. "
    "The wheels on the bus go round and round, all through the town.",
    "a birthday": "Happy birthday to you! Happy birthday to you! Happy birthday, dear Ann! Happy birthday to you!",
    "a chorus": 2
    * "Jingle bells, jingle bells, jingle all the way. Oh what fun it is to ride in a one-horse open sleigh. ",
    "a drill": "Say after me: I am, you are, he is, she is. I was, you were, he was, she was.",
    "a times table": " ".join(f"3 times {n} is {3 * n}." for n in range(1, 13)),
    "a times table in signs": " ".join(f"3 × {n} = {3 * n}." for n in range(1, 13)),
    "an identity matrix": "The matrix is\n1 0 0 0 0\n0 1 0 0 0\n0 0 1 0 0\n0 0 0 1 0\n0 0 0 0 1",
    "noughts": "0 " * 49,
    "a table": "| a | b |\n|---|---|\n" + "".join(f"| {n} | {n * n} |\n" for n in range(30)),
    "a long decimal": "One third is 0.333333333333333333333333333333333333333333.",
    "laughing": "Ha ha ha ha ha ha! That was funny.",
    "a series": r"It is $\frac{1}{2} + \frac{1}{4} + \frac{1}{8} + \frac{1}{16} + \frac{1}{32} = \frac{31}{32}$",
    "counting": " ".join(f"{n} little ducks went swimming one day." for n in range(5, 0, -1)),
    "Chinese verse": "两只老虎，两只老虎，跑得快，跑得快。一只没有眼睛，一只没有尾巴，真奇怪，真奇怪。",
    "code": "```\n" + "".join(f"x{n} = input()\nprint(x{n})\n" for n in range(8)) + "```",
    "steps": "".join(f"\n{n}. Multiply by {n} and write down {n * 7}." for n in range(1, 9)),
}


@pytest.mark.parametrize("name", SPOKEN_BY_PEOPLE)
@pytest.mark.parametrize("size", [1, 7, 1000])
def test_what_people_say_is_not_a_loop(name: str, size: int) -> None:
    assert said_until_noticed(SPOKEN_BY_PEOPLE[name], size=size) is None


def test_time_grows_with_the_length() -> None:
    def read(unit: str, size: int) -> None:
        repetition, text = Repetition(), unit * (size // len(unit))
        for at in range(0, len(text), 5):
            repetition.push(text[at : at + 5])

    for unit in ("I am a tutor. ", "a", "1. \n", "\n", "好", "- ", "\u200b"):
        assert_linear(partial(read, unit), 10_000)
