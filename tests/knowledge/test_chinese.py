"""Chinese questions, of which the embedding model knows nothing: what a text answers, by its characters."""

from __future__ import annotations

from pathlib import Path

import pytest

from engine.knowledge.chinese import content, covered, share
from engine.knowledge.items import KnowledgeLimits
from engine.knowledge.store import KnowledgeStore
from tests.knowledge.test_built_in_base import CountingEmbedder


def test_function_words_are_left_out() -> None:
    assert content("什么是细胞？") == ["细胞"]
    assert content("《西游记》的作者是谁？") == ["西游记", "作者"]


def test_words_that_mean_the_same_and_words_that_only_ask_are_alike() -> None:
    assert content("火山喷发") == content("火山爆发")
    assert content("地震是怎么形成的") == ["地震"]
    assert covered("光速是多少？", "光的速度大约是每秒三十万公里。") == 1


def test_a_share_is_of_pairs() -> None:
    assert share("细胞核", "细胞") == 0.5
    assert share("细胞", "细胞核") == 1
    assert share("", "细胞") == 0


def test_a_missing_character_asks_for_something_else() -> None:
    assert covered("世界上最大的海洋是什么？", "世界上最大的海洋是太平洋。") == 1
    assert covered("世界上最小的海洋是什么？", "世界上最大的海洋是太平洋。") == 0


@pytest.mark.parametrize(
    ("question", "answer"),
    [
        ("法国的首都是哪里？", "法国的首都是巴黎。"),
        ("德国的首都是哪里？", None),
        ("谁写了《红楼梦》？", "《红楼梦》是曹雪芹写的。"),
        ("谁写了《三国演义》？", None),
    ],
)
def test_material_is_quoted_only_where_it_answers(tmp_path: Path, question: str, answer: str | None) -> None:
    with KnowledgeStore(tmp_path, CountingEmbedder, "letters", KnowledgeLimits()) as store:
        store.put("kb", "a.md", "# 国家\n\n法国的首都是巴黎。\n\n# 书\n\n《红楼梦》是曹雪芹写的。\n".encode())
        quote = store.quote("kb", question)
    assert (quote.text if quote is not None else None) == answer
