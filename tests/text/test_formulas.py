"""Formulas as a teacher reads them out; see formulas.tsv: LaTeX, English, Chinese."""

from __future__ import annotations

from pathlib import Path

import pytest

from engine.text.formulas import formula_in_words
from engine.text.math_words import UNREADABLE
from engine.text.speakable import speakable

CORPUS = [line.split("\t") for line in Path(__file__).with_name("formulas.tsv").read_text("utf-8").splitlines()]

TRUE_IN_OTHER_WORDS = {("$A \\setminus B$", "zh"): "A减去集合B"}


def test_the_corpus_is_that_of_a_school() -> None:
    assert len(CORPUS) >= 150
    assert len({source for source, _, _ in CORPUS}) == len(CORPUS)


@pytest.mark.parametrize(("source", "english", "chinese"), CORPUS)
def test_school_formulas_have_a_teachers_words(source: str, english: str, chinese: str) -> None:
    assert formula_in_words(source.strip("$"), "en") == english
    wanted = TRUE_IN_OTHER_WORDS.get((source, "zh"), chinese)
    assert formula_in_words(source.strip("$"), "zh") == wanted


@pytest.mark.parametrize("source", [source for source, _, _ in CORPUS])
def test_a_formula_reads_the_same_inside_a_sentence(source: str) -> None:
    alone = formula_in_words(source.strip("$"), "en")
    body = source.strip("$")
    for written in (f"\\({body}\\)", f"\\[{body}\\]", f"$${body}$$", source):
        assert speakable(f"We see {written} here.", "en").startswith(f"We see {alone} here")


@pytest.mark.parametrize(
    ("one", "other"),
    [
        (r"\frac{a}{b}c", r"\frac{a}{bc}"),
        (r"\frac{x+1}{y}", r"x+\frac{1}{y}"),
        (r"\sqrt{x+1}", r"\sqrt{x}+1"),
        (r"\sqrt{x}y", r"\sqrt{xy}"),
        (r"x^{n+1}", r"x^n+1"),
        (r"2^{xy}", r"2^{x}y"),
        (r"(-2)^2", r"-2^2"),
        (r"(ab)^2", r"ab^2"),
        (r"a_{n+1}", r"a_n+1"),
        (r"\sin\frac{x}{2}", r"\frac{\sin x}{2}"),
        (r"\sqrt{\frac{a}{b}}", r"\frac{\sqrt{a}}{b}"),
        (r"|x|^2", r"|x^2|"),
        (r"f(x)^2", r"f(x^2)"),
        (r"2(x+1)", r"2x+1"),
        (r"\frac{n!}{k!(n-k)!}", r"\frac{n!}{k!}(n-k)!"),
        (r"\frac{\frac{a}{b}}{c}", r"\frac{a}{\frac{b}{c}}"),
        (r"\sqrt[3]{x}", r"3\sqrt{x}"),
        (r"x_1^2", r"x_{12}"),
        (r"A^{-1}", r"A-1"),
        (r"\int_0^1 x\,dx", r"\int x\,dx"),
    ],
)
def test_different_formulas_never_sound_the_same(one: str, other: str) -> None:
    for language in ("en", "zh"):
        assert formula_in_words(one, language) != formula_in_words(other, language)


@pytest.mark.parametrize(
    ("source", "words"),
    [
        (r"\foo{x} + 1", "foo x plus one"),
        (r"x \not= y", "x is not equal to y"),
        (r"a\equiv b\pmod{n}", "a is congruent to b, mod n"),
        (r"2H_2 + O_2 \rightarrow 2H_2O", "two H two plus O two yields two H two O"),
        (r"\mathrm{SO_4^{2-}}", "S O four two minus"),
        (r"\lim_{x\to0^+} \frac1x", "the limit as x approaches zero from the right of one over x"),
        (r"x\in(0,1)", "x is an element of the open interval from zero to one"),
        (r"\left.\frac{dy}{dx}\right|_{x=0}", "d y over d x, at x equals zero"),
        (r"\mathbf{a}\cdot\mathbf{b}", "a dot b"),
        (r"1\,\mathrm{m}", "one meter"),
        (r"6.67\times10^{-11}\,\mathrm{N\,m^2/kg^2}",
         "six point six seven times ten to the power of minus eleven newton square meters per kilogram squared"),
        (r"\begin{bmatrix}1&0\\0&1\end{bmatrix}^{-1}",
         "the two by two matrix with first row one, zero, second row zero, one, inverse"),
        (r"\log_{10} 100 = 2", "log base ten of one hundred equals two"),
        (r"\binom52", "five choose two"),
        (r"^{14}\mathrm{C}", "mass number fourteen, C"),
        (r"\{x : |x|<2\}", "the set of x such that the absolute value of x is less than two"),
        (r"a ⊛ b", "a circled asterisk operator b"),
    ],
)  # fmt: skip
def test_more_formulas(source: str, words: str) -> None:
    assert formula_in_words(source, "en") == words


@pytest.mark.parametrize("broken", [r"\frac{1}", r"\sqrt[", "{" * 40 + "x" + "}" * 40, "x+" * 2000, r"\left("])
def test_what_cannot_be_read_is_said_to_be_on_the_screen_or_nothing(broken: str) -> None:
    for language, words in zip(("en", "zh"), UNREADABLE, strict=True):
        assert formula_in_words(broken, language) in (words, "")


@pytest.mark.parametrize(("source", "words"), [("x^", "x"), ("{x + 1", "x plus one"), ("x} + 1", "x plus one")])
def test_small_slips_are_repaired(source: str, words: str) -> None:
    assert formula_in_words(source, "en") == words
