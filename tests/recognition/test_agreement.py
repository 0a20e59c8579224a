"""LocalAgreement-2: what two hypotheses in a row agree on never changes."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from engine.recognition.agreement import LocalAgreement, join_words, normal, split_words

WORDS = st.lists(st.sampled_from(["the", "cat", "sat", "on", "a", "Mat.", "why?"]), max_size=8)


def test_one_hypothesis_settles_nothing() -> None:
    agreement = LocalAgreement()
    assert agreement.update(["why", "is"]) == ["why", "is"]
    assert agreement.settled == []


def test_what_two_in_a_row_begin_with_is_settled() -> None:
    agreement = LocalAgreement()
    agreement.update(["why", "is", "this"])
    assert agreement.update(["why", "is", "the", "sky"]) == ["the", "sky"]
    assert agreement.settled == ["why", "is"]
    assert agreement.update(["why", "is", "the", "sky", "blue?"]) == ["blue?"]
    assert agreement.settled == ["why", "is", "the", "sky"]


def test_case_and_punctuation_do_not_count_and_the_later_spelling_is_kept() -> None:
    agreement = LocalAgreement()
    agreement.update(["What", "is", "photosynthesis."])
    assert agreement.update(["what", "is", "photosynthesis,", "and"]) == ["and"]
    assert agreement.settled == ["what", "is", "photosynthesis,"]


def test_two_that_agree_with_another_in_between_settle_nothing() -> None:
    agreement = LocalAgreement()
    for words in (["a", "b"], ["x"], ["a", "b"]):
        agreement.update(words)
    assert agreement.settled == []


def test_a_settled_word_spelled_otherwise_later_stays() -> None:
    agreement = LocalAgreement()
    for words in (["their", "mat"], ["their", "mat", "is"]):
        agreement.update(words)
    assert agreement.update(["there", "mat", "is", "red"]) == ["red"]
    assert agreement.settled == ["their", "mat", "is"]


def test_a_word_heard_in_two_pieces_later_is_not_said_twice() -> None:
    agreement = LocalAgreement()
    for words in (["photosynthesis", "is"], ["photosynthesis", "is", "what"]):
        agreement.update(words)
    assert agreement.update(["photo", "synthesis", "is", "what", "plants"]) == ["plants"]
    assert join_words(list(agreement.settled), "en") == "photosynthesis is what"


def test_a_shorter_hypothesis_takes_nothing_back() -> None:
    agreement = LocalAgreement()
    for words in (["one", "two", "three"], ["one", "two", "three"]):
        agreement.update(words)
    assert agreement.update(["one"]) == []
    assert agreement.update([]) == []
    assert agreement.settled == ["one", "two", "three"]


def test_after_sliding_the_window_goes_on_where_it_was() -> None:
    agreement = LocalAgreement()
    for words in (["It", "rains.", "Why", "now"], ["It", "rains.", "Why", "now", "of"]):
        agreement.update(words)
    agreement.forget(2)
    assert agreement.settled == ["Why", "now"]
    assert agreement.update(["Why", "now", "of", "all"]) == ["all"]
    assert agreement.settled == ["Why", "now", "of"]


def test_only_settled_words_can_be_forgotten() -> None:
    agreement = LocalAgreement()
    agreement.update(["one", "two"])
    with pytest.raises(ValueError, match="0 are settled"):
        agreement.forget(1)


@given(st.lists(WORDS, max_size=8))
def test_settled_only_ever_grows(hypotheses: list[list[str]]) -> None:
    agreement = LocalAgreement()
    before: list[str] = []
    for words in hypotheses:
        tail = agreement.update(words)
        settled = list(agreement.settled)
        assert settled[: len(before)] == before
        assert len(tail) <= len(words)
        assert words[len(words) - len(tail) :] == tail
        before = settled


@given(WORDS, st.integers(1, 5))
def test_the_same_twice_settles_all_of_it(words: list[str], times: int) -> None:
    agreement = LocalAgreement()
    for _ in range(times + 1):
        tail = agreement.update(words)
    assert tail == [] and list(agreement.settled) == words


@pytest.mark.parametrize(
    ("text", "language", "words"),
    [
        ("Why is it so?  Tell me.", "en", ["Why", "is", "it", "so?", "Tell", "me."]),
        ("你好，请问。", "zh", ["你", "好，", "请", "问。"]),
        ("用Python 3写", "zh", ["用", "Python", "3", "写"]),
        ("", "en", []),
        ("，好", "zh", ["，", "好"]),
    ],
)
def test_words_of_a_text(text: str, language: str, words: list[str]) -> None:
    assert split_words(text, language) == words


def test_chinese_joins_without_spaces_and_latin_with() -> None:
    assert join_words(["用", "Python", "3", "写"], "zh") == "用Python 3写"
    assert join_words(["a", "b"], "en") == "a b"


@given(st.text(alphabet="你好，。请问abc 12", max_size=20))
def test_splitting_loses_no_letter(text: str) -> None:
    assert "".join(split_words(text, "zh")) == "".join(text.split())


def test_normal_form() -> None:
    assert normal("“Mat,”") == "mat" and normal("it's") == "its" and normal("...") == ""
