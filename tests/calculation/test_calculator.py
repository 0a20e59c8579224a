"""Questions with the sentence that answers them, and questions that are none of ours."""

from __future__ import annotations

import re
import time
from datetime import date
from fractions import Fraction
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from engine.calculation import quantities
from engine.calculation.calculator import calculated
from engine.calculation.expression import read_expression
from engine.calculation.number import NotComputable, as_decimal
from engine.calculation.words import MAX_CHARS

HERE = Path(__file__).parent
TODAY = date(2026, 11, 29)
QUESTIONS = [line.split("\t") for line in (HERE / "questions.tsv").read_text().splitlines()]
PUPILS = [line.split("\t") for line in (HERE / "pupils.tsv").read_text().splitlines()]
SPOKEN_CHINESE = [line.split("\t") for line in (HERE / "spoken_chinese.tsv").read_text().splitlines()]
"""Questions as they are said or recognised, with the result: the last number of the answer."""
OTHERS = (HERE / "other_questions.txt").read_text().splitlines()


@pytest.mark.parametrize(("question", "answer"), QUESTIONS)
def test_a_calculation_is_answered_exactly(question: str, answer: str) -> None:
    assert calculated(question, "en", TODAY) == answer


def test_what_pupils_type_and_say_is_computed() -> None:
    wrong = [(question, answer) for question, answer in PUPILS if calculated(question, "en", TODAY) != answer]
    assert wrong == []


@pytest.mark.parametrize(
    ("heard", "answer"),
    [
        ("What is 3x equals 20? 1.", "x = 7."),
        ("What is 1000 minus 4? 156.", "1000 − 456 = 544."),
        ("144出于12等于多少?", "144 ÷ 12 = 12。"),
        ("酒的平方是多少?", "9^2 = 81。"),
    ],
)
def test_a_sum_is_computed_as_recognizers_spell_it(heard: str, answer: str) -> None:
    assert calculated(heard, "en", TODAY) == answer


def test_chinese_sums_are_computed_as_they_are_said() -> None:
    answers = [(question, result, calculated(question, "zh", TODAY)) for question, result in SPOKEN_CHINESE]
    assert [case for case in answers if _result(case[2]) != case[1]] == []


def _result(answer: str | None) -> str | None:
    """The last number of ``answer``, as a decimal or as a fraction; ``3 × 4 = 12。`` gives ``12``."""
    if answer is None:
        return None
    result = re.split(r"[=≈等]", answer)[1 if "≈" in answer and "=" in answer else -1]
    return re.sub(r"[^\d./,− ]|。", "", result).strip()


@pytest.mark.parametrize("question", OTHERS)
def test_any_other_question_is_left_to_the_language_model(question: str) -> None:
    assert calculated(question, "en", TODAY) is None


def test_a_tutor_of_another_language_does_not_compute() -> None:
    assert calculated("3 + 4", "fr", TODAY) is None


_numbers = st.integers(0, 999)


@st.composite
def _sums(draw: st.DrawFn, depth: int = 0) -> tuple[str, Fraction]:
    if depth > 3 or draw(st.booleans()):
        number = draw(_numbers)
        return str(number), Fraction(number)
    (a, x), (b, y) = draw(_sums(depth + 1)), draw(_sums(depth + 1))
    sign = draw(st.sampled_from("+-*"))
    value = {"+": x + y, "-": x - y, "*": x * y}[sign]
    return f"({a} {sign} {b})", value


@given(_sums())
def test_brackets_and_signs_give_what_they_mean(case: tuple[str, Fraction]) -> None:
    text, value = case
    assert read_expression(text).number.value == value


@given(st.fractions(max_denominator=10**6))
def test_a_decimal_said_to_be_exact_is(value: Fraction) -> None:
    text, exact = as_decimal(value)
    assert exact == (Fraction(text.replace("−", "-").replace(",", "")) == value)


@given(st.text(alphabet="0123456789+-*/^!%() ,.=x?abcdefinopqrsuvwyzf百分之加减乘除多少等于", max_size=MAX_CHARS))
def test_no_text_breaks_it_or_takes_long(text: str) -> None:
    began = time.thread_time()
    calculated(text, "en", TODAY)
    assert time.thread_time() - began < 0.5


@pytest.mark.parametrize(
    "text",
    ["9^9^9^9", "99999999!", "2^100000", "(" * 100 + "1" + ")" * 100 + "+1", "等于多少" * 50, "1 is " * 40, "9" * 200],
)
def test_what_would_take_for_ever_is_refused_at_once(text: str) -> None:
    quantities.warm_up()
    began = time.thread_time()
    calculated(text[:MAX_CHARS], "en", TODAY)
    assert time.thread_time() - began < 0.2


def test_numbers_are_bounded() -> None:
    with pytest.raises(NotComputable, match="40 digits"):
        read_expression("10^41")
