"""What is spoken for what is shown."""

from __future__ import annotations

import re

import pytest
from hypothesis import given
from hypothesis import strategies as st

from engine.pipelines.thinking.speakable import speakable


@pytest.mark.parametrize(
    ("shown", "spoken"),
    [
        ("Hello there, friend.", "Hello there, friend."),
        (" **Bold, and", "Bold, and"),
        (" still bold** text.", "still bold text."),
        ("# Heading\n- one thing\n- another", "Heading. one thing. another"),
        ("See [the docs](https://x.org/a_b) now.", "See the docs now."),
        ("It is at https://www.example.org/wiki/Foo.", "It is at example dot org"),
        ("Great job! 🎉👍🏽👩‍🔬 :smile:", "Great job!"),
        ("| cat | dog |\n|---|---|\n| red | blue |", "cat, dog. red, blue."),
        (r"The area is $\pi r^2$.", "The area is pi r squared."),
        (r"Take \(\frac{a}{b}\) of it.", "Take a over b of it."),
        ("Use `print` now", "Use print now"),
        ("```python\nx = 1\n```", "I have written the code for you."),
        ("snake_case stays", "snake_case stays"),
        ("<b>hi</b> &amp; bye", "hi and bye"),
        ("It costs $3.50.", "It costs three point five dollars."),
        ("It costs $5 or $7.", "It costs five dollars or seven dollars."),
        ("About 25% of 70 kg.", "About twenty five percent of seventy kilograms."),
        ("Water is H₂O, so E = mc².", "Water is H two O, so E equals mc squared."),
        ("3 × 4 = 12", "three times four equals twelve"),
        ("e.g. this, etc.", "for example, this, et cetera"),
        ("Dr. Smith lives at No. 5.", "doctor Smith lives at number five."),
        ("---", ""),
        ("🎉", ""),
        ("*", ""),
        ("...", ""),
    ],
)
def test_english(shown: str, spoken: str) -> None:
    assert speakable(shown, "en") == spoken


@pytest.mark.parametrize(
    ("shown", "spoken"),
    [
        ("**你好**，我是老师。", "你好，我是老师。"),
        ("今天是2025年12月28日。", "今天是二零二五年十二月二十八日。"),
        ("占50%。", "占百分之五十。"),
        ("气温25°C。", "气温二十五摄氏度。"),
        ("```\nx\n```", "代码我写在屏幕上了。"),
    ],
)
def test_chinese(shown: str, spoken: str) -> None:
    assert speakable(shown, "zh") == spoken


def test_other_languages_keep_their_digits() -> None:
    assert speakable("Das kostet **3,50** €.", "de") == "Das kostet 3,50 €."


@given(st.text(max_size=120), st.sampled_from(["en", "zh", "fr"]))
def test_never_fails_and_leaves_no_markup(text: str, language: str) -> None:
    said = speakable(text, language)
    assert "```" not in said and "**" not in said and "\n" not in said
    assert said == said.strip()


MARKUP = ["**", "`", "[a](http://b.c)", "$x^2$", "\n", "- ", "| a |", "word ", "1. ", "<i>", "😀"]


@given(st.lists(st.sampled_from(MARKUP)))
def test_markup_in_any_order(parts: list[str]) -> None:
    said = speakable("".join(parts), "en")
    assert not re.search(r"http|[😀`]", said)
