"""What is spoken for what is shown."""

from __future__ import annotations

import re

import pytest
from hypothesis import given
from hypothesis import strategies as st

from engine.text.speakable import caption_word, speakable


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
        ("snake_case parts", "snake case parts"),
        ("<b>hi</b> &amp; bye", "hi and bye"),
        ("It costs $3.50.", "It costs three dollars and fifty cents."),
        ("It costs $5 or $7.", "It costs five dollars or seven dollars."),
        ("About 25% of 70 kg.", "About twenty five percent of seventy kilograms."),
        ("Water is H₂O, so E = mc².", "Water is H two O, so E equals m c squared."),
        ("3 × 4 = 12", "three times four equals twelve"),
        ("e.g. this, etc.", "for example, this, et cetera"),
        ("Dr. Smith lives at No. 5.", "doctor Smith lives at number five."),
        (
            "Light does 299,792 km/s, sound 343 m/s.",
            "Light does two hundred ninety nine thousand seven hundred and ninety two kilometers per second,"
            " sound three hundred and forty three meters per second.",
        ),
        ("He ran 100 m in the 1990s.", "He ran one hundred meters in the nineteen nineties."),
        ("The war of 1939-1945", "The war of nineteen thirty nine to nineteen forty five"),
        ("5 m² and 3 cm³", "five square meters and three cubic centimeters"),
        ("f(x) = 2x + 1", "f of x equals two x plus one"),
        ("-7 + 3 = -4", "minus seven plus three equals minus four"),
        ("½ a cup, 1½ cups", "one half a cup, one and one half cups"),
        ("It is 1,200 m high.", "It is one thousand two hundred meters high."),
        ("Call 555-1234.", "Call five five five , one two three four."),
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
        ("面积是25m²，约1/3。", "面积是二十五平方米，约三分之一。"),
        ("光速约3×10^8 m/s。", "光速约三乘十的八次方米每秒。"),
        ("x² + y² = 25", "x的平方加y的平方等于二十五"),
        ("```\nx\n```", "代码我写在屏幕上了。"),
    ],
)
def test_chinese(shown: str, spoken: str) -> None:
    assert speakable(shown, "zh") == spoken


def test_the_words_around_numbers_are_what_whole_sentences_give() -> None:
    far = "and then nothing at all happened for a very long time until"
    for number in ("$3.50", "3 May 2024", "3:15 pm", "25%", "12.5 kg", "Dec 28, 2025", "3/4", "the 21st century"):
        alone = speakable(number, "en")
        assert speakable(f"{far} {number} {far}", "en") == f"{far} {alone} {far}"


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


@pytest.mark.parametrize(
    ("word", "shown"),
    [
        ("**sun**,", "sun,"), ("*sun*", "sun"), ("_sun_.", "sun."), ("`print(x)`", "print(x)"), ("**the", "the"),
        ("sun**.", "sun."), ("[sun](https://sun.org).", "sun."), ("[the", "the"), ("sun](https://sun.org)", "sun"),
        ("2*3", "2*3"), ("*", "*"), ("2**3", "2^3"), ("snake_case", "snake_case"), ("[0,", "[0,"), ("**", ""),
        ("光**合", "光合"), ("don't", "don't"),
    ],
)  # fmt: skip
def test_captions_show_words_without_marks(word: str, shown: str) -> None:
    assert caption_word(word) == shown
