"""Stated questions over stated material, with the real embedding model."""

from __future__ import annotations

from collections.abc import Iterator

import pytest

from engine.cli.knowledge import main
from engine.knowledge.items import KnowledgeLimits
from engine.knowledge.service import make_embedder
from engine.knowledge.store import KnowledgeStore
from engine.settings import Settings
from tests.knowledge.corpus import (
    CHINESE,
    CHINESE_QUESTIONS,
    MARKDOWN_QUESTIONS,
    PDF_QUESTIONS,
    make_pdf,
    pdf_pages,
    write_markdown,
)


@pytest.fixture(scope="module")
def store(tmp_path_factory: pytest.TempPathFactory) -> Iterator[KnowledgeStore]:
    """A school's knowledge base, filled by the command line as an operator would."""
    folder = tmp_path_factory.mktemp("knowledge")
    material = tmp_path_factory.mktemp("material")
    (material / "textbook.pdf").write_bytes(make_pdf(pdf_pages()))
    write_markdown(material / "notes")
    assert main(["--dir", str(folder), "add", "school", str(material / "textbook.pdf"), str(material / "notes")]) == 0
    settings = Settings()
    with KnowledgeStore(
        folder, lambda: make_embedder(settings), settings.knowledge.embeddings, KnowledgeLimits()
    ) as store:
        for name, text in CHINESE.items():
            store.put("chinese", name, text.encode())
        yield store


def test_english_questions_find_their_source(store: KnowledgeStore) -> None:
    missed = []
    for question, page in PDF_QUESTIONS:
        found = store.search("school", question, 3)
        if ("textbook.pdf", page) not in [(p.document, p.page) for p in found]:
            missed.append(question)
    for question, document in MARKDOWN_QUESTIONS:
        if document not in [p.document for p in store.search("school", question, 3)]:
            missed.append(question)
    assert len(missed) <= 2, missed


def test_a_quote_is_said_to_the_letter_and_answers(store: KnowledgeStore) -> None:
    quoted = 0
    for question, page in PDF_QUESTIONS:
        quote = store.quote("school", question)
        if quote is not None:
            assert quote.text in quote.passage.text
            quoted += quote.passage.page == page
    assert quoted >= 8
    war = store.quote("school", "When did the Thirty Years' War end?")
    assert war is not None
    assert war.text.startswith("The Treaty of Westphalia, signed in 1648")
    heart = store.quote("chinese", "心脏有几个腔室？")
    assert heart is not None
    assert heart.text == "人的心脏有四个腔室，左心室把含氧的血液送到全身。"


@pytest.mark.parametrize("question", ["Who wrote Hamlet?", "What is the boiling point of water?", "谁发明了电话？"])
def test_what_the_material_does_not_say_is_not_quoted(store: KnowledgeStore, question: str) -> None:
    assert store.quote("school", question) is None
    assert store.quote("chinese", question) is None


def test_what_is_said_twenty_times_in_the_book_does_not_crowd_answers_out(store: KnowledgeStore) -> None:
    store.put("crowded", "textbook.pdf", make_pdf(pdf_pages(repeated=4, every=1)))
    found = {question: [p.page for p in store.search("crowded", question, 3)] for question, _ in PDF_QUESTIONS}
    missed = [question for question, page in PDF_QUESTIONS if page not in found[question]]
    assert len(missed) <= 1, missed


def test_chinese_questions_find_their_source(store: KnowledgeStore) -> None:
    missed = [
        question
        for question, document in CHINESE_QUESTIONS
        if document not in [p.document for p in store.search("chinese", question, 3)]
    ]
    assert len(missed) <= 2, missed


@pytest.mark.parametrize("question", ["What is your favourite colour?", "How are you today?", "嗯"])
def test_questions_about_something_else_find_nothing(store: KnowledgeStore, question: str) -> None:
    assert store.search("school", question, 3) == []


def test_scores_fall_and_stay_in_range(store: KnowledgeStore) -> None:
    scores = [p.score for p in store.search("school", "How do planets move around the sun?", 3)]
    assert scores == sorted(scores, reverse=True)
    assert scores and all(0 < score <= 1 for score in scores)


def test_a_question_is_no_query_language(store: KnowledgeStore) -> None:
    for question in ['"', "NEAR(a b)", "a OR", "words:*", "'; DROP TABLE passages; --", "", " ", "\x00", "()"]:
        store.search("school", question, 3)
    assert len(store.documents("school")) == 7
