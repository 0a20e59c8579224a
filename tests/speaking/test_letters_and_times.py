"""The pure parts: phonemes from code points, words from phonemes, windows on a timeline."""

from __future__ import annotations

import itertools

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from engine.items import Clause, Phoneme, Word
from engine.speaking.ipa import assemble, is_letter, symbol_of
from engine.speaking.letters import clause_timeline, letter_durations, share_pads
from engine.speaking.pace import Pace
from engine.speaking.pieces import PiecePlan
from engine.speaking.timeline import ClauseTiming, shown_words, spread, tokens


@pytest.mark.parametrize(
    ("text", "words"),
    [
        ("Hello there, you!", ["Hello", "there,", "you!"]),
        ("a co-worker's (well-known) “joke” …", ["a", "co-worker's", "(well-known)", "“joke”"]),
        ("你好，今天有25个。", ["你", "好，", "今", "天", "有", "25", "个。"]),
        ("我说“好”。", ["我", "说", "“好”。"]),
        ("3.5 + 2 = 5.5", ["3.5", "+", "2", "=", "5.5"]),
        ("so x - 3 = 2 - well", ["so", "x", "-", "3", "=", "2", "well"]),
        ("... — !", []),
    ],
)
def test_words_as_shown(text: str, words: list[str]) -> None:
    assert [token.text for token in tokens(text)] == words
    assert all(text[token.start : token.end] == token.text for token in tokens(text))


def symbols(codes: str) -> list[tuple[str, float, float, int]]:
    return [(s.symbol, s.start, s.end, s.stress) for s in assemble(list(codes), [1.0] * len(codes))]


def test_code_points_become_phonemes() -> None:
    assert symbols("^həlˈoʊ") == [("", 0, 1, 0), ("h", 1, 2, 0), ("ə", 2, 3, 0), ("l", 3, 4, 0), ("oʊ", 4, 7, 2)]
    assert symbols("tʃˌiːz") == [("tʃ", 0, 2, 0), ("i", 2, 5, 1), ("z", 5, 6, 0)]
    assert symbols("ɔ̃, b") == [("ɔ̃", 0, 2, 0), ("", 2, 4, 0), ("b", 4, 5, 0)]
    assert symbols("a i") == [("a", 0, 1, 0), (" ", 1, 2, 0), ("i", 2, 3, 0)]


@given(st.lists(st.tuples(st.sampled_from(list("^$.,! ˈˌːaeiouɪʊtʃdʒpmsz̃ʰ2")), st.floats(0.1, 50)), max_size=40))
def test_no_time_is_lost_or_used_twice(codes: list[tuple[str, float]]) -> None:
    sounds = assemble([code for code, _ in codes], [duration for _, duration in codes])
    for before, after in itertools.pairwise(sounds):
        assert after.start >= before.end - 1e-6
    if sounds:
        assert sounds[-1].end <= sum(duration for _, duration in codes) + 1e-6


@pytest.mark.parametrize(
    ("name", "symbol", "stress"),
    [("ˈaɪ", "aɪ", 2), ("uː", "u", 0), ("(en)", "", 0), ("_:", "", 0), ("", "", 0), ("o-", "o", 0), ("tɕh", "tɕh", 0)],
)
def test_espeak_names(name: str, symbol: str, stress: int) -> None:
    assert symbol_of(name) == (symbol, stress)


def test_marks_are_not_heard() -> None:
    assert not any(map(is_letter, "^$.,!? ˈˌː"))
    assert all(map(is_letter, "aɪtʃ"))


def test_pads_are_shared_between_their_neighbours() -> None:
    assert share_pads(np.array([2, 1, 3]), np.array([4, 8])) == [3.0, 6.0, 9.0]
    letters, durations = letter_durations([None, "a", None, "b", None], np.array([4, 2, 4, 3, 8]))
    assert letters == ["^", "a", "b", "$"] and sum(durations) == 21 and durations[0] == 1.0


def test_words_that_the_voice_joins_or_says_as_several() -> None:
    alone = {"25": "twɛnti faɪv", "of": "ʌv", "the": "ðə", "men": "mɛn"}
    codes = "twɛnti faɪv ʌvðə mɛn"
    sounds = assemble(list(codes), [1.0] * len(codes))
    clause = Clause("25 of the men", "25 of the men", "en", 0)
    timeline = clause_timeline(clause, sounds, 10.0, len(codes), lambda word: list(alone[word]))
    assert [(word.text, word.start_ms, word.end_ms) for word in timeline.words] == [
        ("25", 0, 110), ("of", 120, 140), ("the", 140, 160), ("men", 170, 200),
    ]  # fmt: skip


def test_shown_words_take_the_time_of_what_was_said_for_them() -> None:
    texts = ["I", "have", "twenty", "five", "red", "apples"]
    said = [Word(text, i * 100.0, i * 100.0 + 90) for i, text in enumerate(texts)]
    words = shown_words("I have **25** red apples", said, 600.0)
    assert [word.text for word in words] == ["I", "have", "**25**", "red", "apples"]
    assert (words[2].start_ms, words[2].end_ms) == (200.0, 390.0)
    assert words[4] == Word("apples", 500.0, 590.0)


@given(
    st.lists(st.text("abc", min_size=1, max_size=8), min_size=1, max_size=12),
    st.lists(st.one_of(st.none(), st.tuples(st.floats(0, 2000), st.floats(0, 2000))), min_size=12, max_size=12),
)
def test_words_are_monotone_whatever_the_voice_claims(
    texts: list[str], known: list[tuple[float, float] | None]
) -> None:
    words = spread(texts, known[: len(texts)], 0.0, 1500.0)
    assert [word.text for word in words] == texts
    edge = 0.0
    for word in words:
        assert edge <= word.start_ms <= word.end_ms <= 1500.0
        edge = word.end_ms


def test_windows_cut_phonemes_and_keep_every_word_once() -> None:
    timeline = ClauseTiming(
        (Word("a", -5, 90), Word("b", 100, 260), Word("c", 400, 480)),
        (Phoneme("x", 0, 150), Phoneme("y", 150, 400), Phoneme("", 400, 500)),
    )
    first, last = timeline.between(20, 200, first=True), timeline.between(200, 350, last=True)
    assert [word.text for word in (*first.words, *last.words)] == ["a", "b", "c"]
    assert [(p.symbol, p.start_ms, p.end_ms) for p in first.phonemes] == [("x", 0, 130), ("y", 130, 180)]
    assert [(p.symbol, p.start_ms, p.end_ms) for p in last.phonemes] == [("y", 0, 150)]
    assert first.words[1].end_ms == 240 and last.words[0].end_ms == 150


@given(st.integers(1, 2000), st.lists(st.integers(1, 2000), max_size=60))
def test_pieces_cover_the_clause_in_order(columns: int, boundaries: list[int]) -> None:
    plan = PiecePlan(sorted({b for b in boundaries if b < columns}), columns, 86.0)
    at = 0
    while not plan.done:
        start, end = plan.next()
        assert start == at < end
        at = end
    assert at == columns


def test_a_pace_is_learnt() -> None:
    pace = Pace()
    text = "This is a sentence of some length."
    for _ in range(20):
        pace.learn(text, 5.0)
    words = pace.timeline(text).words
    assert words[0].start_ms == 0 and abs(words[-1].end_ms - 5000) < 100
