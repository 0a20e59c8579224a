"""Readings that the lexicon does not know: the letter a, and names."""

from __future__ import annotations

import re

import pytest

from engine.speaking.english_readings import _NAMES, LETTER_A, reading
from engine.speaking.hibari_text import english_phonemes, plain


@pytest.mark.parametrize(
    "text",
    [
        "a squared plus b squared",
        "at three A M today",
        "at seven oh five A M.",
        "N a H C O three",
        "let a be five",
        "plan A or plan B",
        "from A to Z",
        "you got an A",
        "the side a, and the side b",
        "is it a or b?",
        "b times a",
        "grade A",
        "A.",
        "a sub one",
        "the quantity a minus b",
    ],
)
def test_the_letter_a_is_read_as_a_letter(text: str) -> None:
    letter = re.search(r"\b[aA]\b", text)
    assert letter
    said = "".join(code.symbol for code in english_phonemes().codes(plain(text)) if code.start == letter.start())
    assert said.startswith(LETTER_A)


@pytest.mark.parametrize(
    "text",
    [
        "once upon a time",
        "three times a day",
        "over a hill",
        "it is a C major chord",
        "you got a B",
        "I have a to-do list",
        "what a times table",
        "write a plus sign",
        "it is a plus",
        'a "good" idea',
        "A (large) tree",
        "THIS IS A TEST",
        "Answer: A triangle has three sides",
        "a squared number",
        "and then a",
    ],
)
def test_the_article_is_not_read_as_a_letter(text: str) -> None:
    found = [code for code in english_phonemes().codes(plain(text)) if code.symbol == "ɐ"]
    assert [text[code.start : code.end].lower() for code in found] == ["a"]


def test_names_are_read_as_dictionaries_give_them() -> None:
    def read(text: str) -> str:
        return "".join(code.symbol for code in english_phonemes().codes(plain(text)))

    assert read("Euler's formula") == "ˈYləɹz fˈɔɹmjələ"
    assert read("García") == read("Garcia") == "ɡɑɹsˈiə"
    assert read("Fermat and Descartes") == "fɛɹmˈɑ ænd dAkˈɑɹt"
    assert read("Łódź.") == "wˈuʤ."
    assert reading(["the", "koch"], 1) is None
    assert {symbol for name in _NAMES.values() for symbol in name} <= set(english_phonemes().alphabet)
