"""Clauses: exactness under any chunking, an early first one, no false sentence ends."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from engine.text.clauses import (
    LONG_SENTENCE_WORDS,
    LONGEST_CHARS,
    LONGEST_WORDS,
    MAX_FIRST_WORDS,
    ClauseSplitter,
)

SAMPLES = st.text(alphabet=st.sampled_from(list("aB1 .,!?:;-—…\n\"'()[]`*/$你好吗。，！の")), max_size=200)


def cut(text: str, size: int = 3, language: str = "en") -> list[str]:
    splitter = ClauseSplitter(language)
    pieces: list[str] = []
    for start in range(0, len(text), size):
        pieces += splitter.push(text[start : start + size])
    return pieces + splitter.flush()


def stripped(text: str, size: int = 3) -> list[str]:
    return [piece.strip() for piece in cut(text, size)]


@given(SAMPLES, st.lists(st.integers(1, 12), max_size=40), st.integers(0, 30))
def test_pieces_join_to_the_text_under_any_chunking(text: str, sizes: list[int], due_at: int) -> None:
    splitter, pieces, start = ClauseSplitter(), [], 0
    for step, size in enumerate([*sizes, len(text)]):
        pieces += splitter.push(text[start : start + size])
        start += size
        if step == due_at:
            pieces += splitter.due()
    pieces += splitter.flush()
    assert "".join(pieces) == text.rstrip()
    assert all(piece.strip() for piece in pieces)


@given(st.text(max_size=300), st.integers(1, 7))
def test_pieces_join_to_any_unicode_text(text: str, size: int) -> None:
    assert "".join(cut(text, size)) == text.rstrip()


@pytest.mark.parametrize(
    ("text", "pieces"),
    [
        ("Well then, how are you? I am fine.", ["Well then,", "how are you?", "I am fine."]),
        ("Yes, of course it is. Good.", ["Yes, of course it is.", "Good."]),
        ("Dr. Smith met Mrs. Jones. They spoke.", ["Dr. Smith met Mrs. Jones.", "They spoke."]),
        ("It is 3.14, not 1,000. Right.", ["It is 3.14,", "not 1,000.", "Right."]),
        ("He came from the U.S. He left.", ["He came from the U.S.", "He left."]),
        ("The U.S. army is here. Yes.", ["The U.S. army is here.", "Yes."]),
        ("Eat fruit, e.g. apples or pears. Good.", ["Eat fruit,", "e.g. apples or pears.", "Good."]),
        ("Read a.b.c at example.com/x.y now. Fine.", ["Read a.b.c at example.com/x.y now.", "Fine."]),
        ("Hmm... let me think. Now.", ["Hmm... let me think.", "Now."]),
        ('She said "Stop!" and left. Then.', ['She said "Stop!"', "and left.", "Then."]),
        ("So (p. 3. b) yes. Good.", ["So (p. 3. b) yes.", "Good."]),
        ("No. That is wrong.", ["No.", "That is wrong."]),
        ("See No. 5 there. Good.", ["See No. 5 there.", "Good."]),
        ("1. Wash it.\n2. Dry it.", ["1. Wash it.", "2. Dry it."]),
        ("First line\nSecond line", ["First line", "Second line"]),
        ("Really?! Yes.", ["Really?!", "Yes."]),
        ("你好，我是老师。今天学什么？好！", ["你好，我是老师。", "今天学什么？", "好！"]),
        ("好的。「重力」是一种力。", ["好的。", "「重力」是一种力。"]),
        ("我是你的老师，今天我们学习重力。", ["我是你的老师，", "今天我们学习重力。"]),
    ],
)
def test_cuts(text: str, pieces: list[str]) -> None:
    for size in (1, 3, 1000):
        assert stripped(text, size) == pieces


def test_first_clause_does_not_wait_for_punctuation() -> None:
    first = stripped("Gravity is a force that pulls all things towards each other and it never ends")[0]
    assert first == "Gravity is a force that pulls"


def test_first_clause_does_not_end_with_an_article() -> None:
    first = stripped("Think about one apple on the big table near the old door")[0]
    assert first.split()[-1] not in {"the", "on"}
    assert len(first.split()) <= MAX_FIRST_WORDS


def test_comma_after_a_letter_needs_no_look_ahead() -> None:
    assert ClauseSplitter().push("Well, now then,") == ["Well, now then,"]


def test_due_cuts_at_the_last_whole_word() -> None:
    splitter = ClauseSplitter()
    assert splitter.push("Plants make their fo") == []
    assert splitter.due() == ["Plants make"]
    assert splitter.push("od from light, water and air. ") == [" their food from light, water and air."]


def test_due_before_there_is_enough_cuts_as_soon_as_there_is() -> None:
    splitter = ClauseSplitter()
    assert splitter.push("Plants") == []
    assert splitter.due() == []
    assert splitter.push(" make") == []
    assert splitter.push(" food") == ["Plants make"]
    assert splitter.due() == []


def test_due_takes_a_sentence_whose_stop_has_no_look_ahead_yet() -> None:
    splitter = ClauseSplitter()
    assert splitter.push("Is it so?") == []
    assert splitter.due() == ["Is it so?"]


def test_later_sentences_stay_whole_unless_long() -> None:
    middle = "this one has a comma, and another, and ends here."
    assert stripped(f"Start here, friend. Now {middle}")[-1] == f"Now {middle}"
    long = " ".join(["word"] * 15) + ", " + " ".join(["word"] * 15) + " end."
    pieces = stripped(f"Go on. {long}")
    assert len(pieces) == 3 and all(len(p.split()) <= LONG_SENTENCE_WORDS for p in pieces)


def test_nothing_is_endless() -> None:
    assert max(len(p) for p in cut("x" * 2000)) <= 2 * LONGEST_CHARS
    assert max(len(p.split()) for p in cut("word " * 500)) <= LONGEST_WORDS
    assert max(len(p) for p in cut("字" * 500)) <= 2 * LONGEST_WORDS


def test_code_stays_in_one_piece() -> None:
    code = "```python\nx = 1. \nprint(x, y)\n```"
    assert code in stripped(f"Look here:\n{code}\nNice.")


def test_blank_reply_gives_nothing() -> None:
    assert cut("  \n ") == []


@pytest.mark.parametrize(
    ("text", "pieces"),
    [
        (r"So \[x = 1, y = 2. Z = 3\] holds. Fine.", [r"So \[x = 1, y = 2. Z = 3\] holds.", "Fine."]),
        (r"Let \(a, b, c. D\) be so, and go on.", [r"Let \(a, b, c. D\) be so,", "and go on."]),
        ("The formula $f(x) = 3. 5, y$ is fine, I say.", ["The formula $f(x) = 3. 5, y$ is fine,", "I say."]),
        ("$$a = 1.\n\nb = 2$$ and. Then.", ["$$a = 1.\n\nb = 2$$ and.", "Then."]),
        ("Matrix [[1, 2],\n [3, 4]] here, my friend.", ["Matrix [[1, 2],\n [3, 4]] here,", "my friend."]),
        ("Use `a, b. C` now, please.", ["Use `a, b. C` now,", "please."]),
        (r"\begin{cases} a, b. \\ c \end{cases} now. Yes.", [r"\begin{cases} a, b. \\ c \end{cases} now.", "Yes."]),
        ("It costs $5 and $6. Then more.", ["It costs $5 and $6.", "Then more."]),
        ("It is $1,500, which is much.", ["It is $1,500,", "which is much."]),
        ("Pay $5. Then $x = 2$ holds.", ["Pay $5.", "Then $x = 2$ holds."]),
        ("An open $x + y never closes, does it.", ["An open $x + y never closes,", "does it."]),
    ],
)
def test_formulas_code_and_lists_stay_whole_however_they_arrive(text: str, pieces: list[str]) -> None:
    for size in (1, 2, 3, 1000):
        assert stripped(text, size) == pieces


def test_due_does_not_cut_into_a_formula() -> None:
    splitter = ClauseSplitter()
    assert splitter.push("Look at \\[ n!") == []
    assert all("\\[" not in piece or "\\]" in piece for piece in splitter.due())
