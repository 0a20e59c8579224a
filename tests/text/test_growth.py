"""Text from strangers costs time in proportion to its length, whatever is in it."""

from __future__ import annotations

from collections.abc import Callable
from functools import partial

import pytest

from engine.speaking.timeline import tokens
from engine.text.clauses import ClauseSplitter
from engine.text.formulas import formula_in_words
from engine.text.language import detect_language
from engine.text.language_runs import language_runs
from engine.text.numbers import warm_up
from engine.text.speakable import speakable
from tests.growth import assert_linear, seconds

HOSTILE = [
    "-", ".", "=", "!", "?!", " ", "\n", "*", "_", "`", "$", "$a", "$$", "\\", "\\[", "\\(", "[", "[[", "(", "{", "<",
    "1", "1.", "1,", "1,111", "1/", "1-", "1e", "a1", "Mr. ", "a. ", "x ", "= ", "x=", "a^", "a_", "²", "H2", "√(", "~",
    "1 + ", "A ∪ ", "中", "中1", "你 b ", "😀", "\u200b", "é", "http://a.b/", "![", "](", "\\frac", "\\begin{", "a[1]",
    "(laughs", "$1 ", "\t \n", "#", "|", "3 1/4 ", "x – ", "1 % ", "1∶", "¬", "\\mu", "\\dot1", "] ,[", "f: ",
]  # fmt: skip


def assert_grows_linearly(work: Callable[[str], object], sign: str, length: int) -> None:
    """``work`` on ``sign`` again and again, after an ordinary word and before an accent."""
    assert_linear(lambda size: work(("Hello " + sign * size)[:size] + " é"), length, slack_s=0.1)


def stream(text: str) -> None:
    splitter = ClauseSplitter()
    for start in range(0, len(text), 32):
        splitter.push(text[start : start + 32])
    splitter.flush()


@pytest.fixture(scope="module", autouse=True)
def _grammars() -> None:
    warm_up()


@pytest.mark.parametrize("sign", HOSTILE)
def test_what_is_spoken(sign: str) -> None:
    for language in ("en", "zh"):
        assert_grows_linearly(partial(speakable, language=language), sign, 600)


@pytest.mark.parametrize("sign", HOSTILE)
def test_formulas(sign: str) -> None:
    assert_grows_linearly(lambda text: formula_in_words(text, "en"), sign, 370)


@pytest.mark.parametrize("sign", HOSTILE)
def test_languages_and_captions(sign: str) -> None:
    assert_grows_linearly(detect_language, sign, 1200)
    assert_grows_linearly(lambda text: language_runs(text, "en"), sign, 1200)
    assert_grows_linearly(tokens, sign, 5000)


@pytest.mark.parametrize("sign", HOSTILE)
def test_clauses_while_they_stream(sign: str) -> None:
    assert_grows_linearly(stream, sign, 4000)


@pytest.mark.parametrize("language", ["en", "zh"])
@pytest.mark.parametrize("sign", HOSTILE)
def test_a_clause_of_anything_is_spoken_within_a_second(sign: str, language: str) -> None:
    text = ("Hello " + sign * 1200)[:1200]
    assert min(seconds(lambda: speakable(text, language)) for _ in range(3)) < 1.0
