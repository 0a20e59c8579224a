"""Cutting documents and words: the pure parts."""

from __future__ import annotations

import itertools
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor

import pytest
from hypothesis import given
from hypothesis import strategies as st

from engine.knowledge.items import Block, Passage
from engine.knowledge.passages import LARGEST, MAX_CHARS, TARGET, cut_passages, size_of
from engine.knowledge.prompt import harmless, knowledge_prompt
from engine.knowledge.search import fuse
from engine.knowledge.terms import asks_something, index_language, question_terms, stem, terms_of
from tests.growth import assert_linear


def test_neighbours_are_joined_up_to_the_target() -> None:
    pieces = cut_passages([Block("ten words " * 5, "H")] * 20)
    assert all(TARGET - 10 <= size_of(p.text) <= TARGET for p in pieces[:-1])
    assert sum(size_of(p.text) for p in pieces) == 200


def test_headings_and_pages_part_passages() -> None:
    pieces = cut_passages([Block("a", "X", 1), Block("b", "Y", 1), Block("c", "Y", 2)])
    assert [(p.text, p.heading, p.page) for p in pieces] == [("a", "X", 1), ("b", "Y", 1), ("c", "Y", 2)]


def test_a_long_block_is_cut_at_sentences_with_one_repeated() -> None:
    sentences = [f"Sentence number {i} has exactly these nine words here." for i in range(60)]
    pieces = cut_passages([Block(" ".join(sentences))])
    assert len(pieces) > 5
    for before, after in itertools.pairwise(pieces):
        assert before.text.endswith(".") and after.text.split(". ")[0].rstrip(".") in before.text
    assert all(any(s in p.text for p in pieces) for s in sentences)


@given(st.lists(st.text(alphabet="ab .!?。字，", max_size=1500), max_size=6))
def test_nothing_is_lost_or_too_long(texts: list[str]) -> None:
    pieces = cut_passages([Block(t) for t in texts if t.strip()])
    joined = "".join(p.text for p in pieces)
    for text in texts:
        assert sum(joined.count(c) for c in "ab字") >= sum(text.count(c) for c in "ab字")
    assert all(p.text.strip() and size_of(p.text) <= LARGEST + TARGET for p in pieces)
    assert all(len(p.text) <= MAX_CHARS for p in pieces)


@pytest.mark.parametrize(
    ("text", "terms"),
    [
        ("Crystals, crystal!", ["crystal", "crystal"]),
        ("running runs RUN", ["run", "run", "run"]),
        ("Café Zürich", ["cafe", "zurich"]),
        ("光合作用", ["光合", "合作", "作用"]),
        ("H2O在100度", ["h2o", "在", "100", "度"]),
        ("studies study studied", ["studi", "studi", "studi"]),
        ("", []),
    ],
)
def test_terms(text: str, terms: list[str]) -> None:
    assert terms_of(text) == terms


def test_questions_drop_function_words_unless_they_are_all_there_is() -> None:
    assert question_terms("What is the crystal of quartz?") == [("crystal",), ("quartz",)]
    assert question_terms("To be or not to be") == [("to",), ("be",), ("or",), ("not",)]


@pytest.mark.parametrize(
    ("document", "language", "question"),
    [
        ("Die Zellen der Häuser sind klein und sehr alt.", "de", "Zelle haus"),
        ("Las células hacen la educación de las plantas.", "es", "célula educaciones"),
        ("Les cellules et les animaux vivent dans la forêt.", "fr", "cellule animal"),
        ("Cells are dividing in all animals and plants.", "en", "cell divides"),
    ],
)
def test_a_question_finds_other_inflections_whatever_the_language(document: str, language: str, question: str) -> None:
    assert index_language(document) == language
    terms = set(terms_of(document, language))
    assert [term for term in question_terms(question) if terms.isdisjoint(term)] == []


def test_stemming_in_several_threads_at_once_mixes_no_words_up() -> None:
    words = [f"{root}{ending}" for root in ("walk", "jump", "paint") for ending in ("ing", "ed", "s")] * 300
    wanted = [word.removesuffix("ing").removesuffix("ed").removesuffix("s") for word in words]
    with ThreadPoolExecutor(4) as pool:
        for got in pool.map(lambda _: [stem.__wrapped__(word) for word in words], range(4)):
            assert got == wanted


@pytest.mark.parametrize(
    ("text", "asks"),
    [
        ("Hello, how are you today?", False),
        ("Thanks!", False),
        ("你好！", False),
        ("What is your name?", False),
        ("Hello, what is granite?", True),
        ("granite", True),
        ("重力是什么", True),
    ],
)
def test_small_talk_asks_for_nothing(text: str, asks: bool) -> None:
    assert asks_something(text) is asks


def test_fusion_prefers_what_both_rankings_have() -> None:
    fused = fuse([(1.0, [1, 2, 3]), (1.0, [3, 4, 1])])
    assert sorted(fused, key=lambda p: -fused[p])[:2] == [1, 3]
    assert fuse([(1.0, [5]), (0.5, [5])])[5] == pytest.approx(1)
    assert fuse([(1.0, []), (1.0, [])]) == {}


WORDS = "word " * 140
HOSTILE: dict[str, Callable[[int], str]] = {
    "dots": lambda n: WORDS + "." * n + "a",
    "dots and letters": lambda n: WORDS + ("." * 200 + "a") * (n // 201),
    "no full stop": lambda n: "word " * (n // 5),
    "one word": lambda n: "a" * n,
    "Chinese without a full stop": lambda n: "你" * n,
    "dots and quotes": lambda n: WORDS + '."' * (n // 2) + "a",
    "quotes": lambda n: WORDS + "." + '"' * n + "a",
    "Chinese quotes": lambda n: WORDS + "。" + "」" * n + "a",
    "marks": lambda n: "[INST]" * (n // 6),
    "nested marks": lambda n: "<|a" * (n // 4) + "|>" * (n // 4),
    "roles": lambda n: "system: " * (n // 8),
    "hashes": lambda n: "#" * n,
    "spaces": lambda n: "a" + " " * n + "b",
}


@pytest.mark.parametrize("kind", HOSTILE)
@pytest.mark.parametrize("work", ["cut", "quote"])
def test_work_grows_with_the_text_whatever_it_is(kind: str, work: str) -> None:
    def process(size: int) -> None:
        text = HOSTILE[kind](size)
        if work == "cut":
            assert all(len(piece.text) <= MAX_CHARS for piece in cut_passages([Block(text)]))
        else:
            assert "[INST]" not in harmless(text)
            knowledge_prompt([Passage("d", text, 1.0)], 300)

    assert_linear(process, 10_000, slack_s=0.01)
