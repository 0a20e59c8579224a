"""Text from strangers costs time in proportion to its length, whatever is in it."""

from __future__ import annotations

import time
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

HOSTILE = [
    "-", ".", "=", "!", "?!", " ", "\n", "*", "_", "`", "$", "$a", "$$", "\\", "\\[", "\\(", "[", "[[", "(", "{", "<",
    "1", "1.", "1,", "1,111", "1/", "1-", "1e", "a1", "Mr. ", "a. ", "x ", "= ", "x=", "a^", "a_", "²", "H2", "√(", "~",
    "1 + ", "A ∪ ", "中", "中1", "你 b ", "😀", "\u200b", "é", "http://a.b/", "![", "](", "\\frac", "\\begin{", "a[1]",
    "(laughs", "$1 ", "\t \n", "#", "|",
]  # fmt: skip

SLACK_S = 0.1
"""Below this a measurement says nothing about growth."""


def seconds(work: Callable[[str], object], text: str) -> float:
    start = time.thread_time()
    work(text)
    return time.thread_time() - start


def assert_linear(work: Callable[[str], object], sign: str, length: int) -> None:
    """Four times as much text takes about four times as long; measured again before it is believed not to."""
    short, long = (("Hello " + sign * length * times)[: length * times] + " é" for times in (1, 4))
    for _ in range(3):
        once, four = seconds(work, short), seconds(work, long)
        if four < SLACK_S or four < 4 * 2.2 * max(once, SLACK_S / 8):
            return
    raise AssertionError(f"{sign!r}: {once:.3f} s, four times as long {four:.3f} s")


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
        assert_linear(partial(speakable, language=language), sign, 600)


@pytest.mark.parametrize("sign", HOSTILE)
def test_formulas(sign: str) -> None:
    assert_linear(lambda text: formula_in_words(text, "en"), sign, 370)


@pytest.mark.parametrize("sign", HOSTILE)
def test_languages_and_captions(sign: str) -> None:
    assert_linear(detect_language, sign, 1200)
    assert_linear(lambda text: language_runs(text, "en"), sign, 1200)
    assert_linear(tokens, sign, 5000)


@pytest.mark.parametrize("sign", HOSTILE)
def test_clauses_while_they_stream(sign: str) -> None:
    assert_linear(stream, sign, 4000)


@pytest.mark.parametrize("language", ["en", "zh"])
@pytest.mark.parametrize("sign", HOSTILE)
def test_a_clause_of_anything_is_spoken_within_a_second(sign: str, language: str) -> None:
    text = ("Hello " + sign * 1200)[:1200]
    assert min(seconds(lambda said: speakable(said, language), text) for _ in range(2)) < 1.0
