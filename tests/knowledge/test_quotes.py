"""Which sentences of a school's own material are said as the answer to a question."""

from __future__ import annotations

import numpy as np
import pytest

from engine.knowledge.items import Passage
from engine.knowledge.quotes import best_quote


@pytest.mark.parametrize(
    ("question", "cosine", "quoted"),
    [
        ("What are the strings of a violin?", 0.55, True),
        ("What are the strings of a violin?", 0.4, False),
        ("How many keys does a harmonium have?", 0.55, False),
        ("What has strings?", 0.65, True),
        ("Why did Paganini change his strings?", 0.65, False),
        ("What was the third string made of?", 0.65, False),
        ("When was the violin given strings?", 0.65, False),
    ],
)
def test_a_sentence_near_by_is_not_said_to_answer(question: str, cosine: float, quoted: bool) -> None:
    passage = Passage("music.md", "A violin has four strings.", 0.7, "Violins")
    quote = best_quote(question, [passage], [np.array([cosine], np.float32)])
    assert (quote is not None) == quoted
