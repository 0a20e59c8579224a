"""Loops are cut, inventions dropped, and what people really say is kept."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from engine.items import Word
from engine.recognition.plausibility import Evidence, closing_echo, cut_closing_loop, is_believable, is_unspoken

CLEAR = Evidence(no_speech=0.05, avg_logprob=-0.2, speech_s=2.0, speech_peak=0.99)


@pytest.mark.parametrize(
    ("text", "kept"),
    [
        ("I see a cat", "I see a cat"),
        ("no, no, no", "no, no, no"),
        ("it is very very very good", "it is very very very good"),
        ("and then and then", "and then and then"),
        ("no no no no no", "no"),
        ("the end. I am. I am. I am. I am", "the end. I am."),
        ("so we go to the shop and we go to the shop and we go to the shop and", "so we go to the shop and"),
        ("", ""),
    ],
)
def test_closing_loops(text: str, kept: str) -> None:
    words = text.split()
    assert " ".join(words[: cut_closing_loop(words)]) == kept


def test_a_decoder_that_hit_its_limit_needs_only_two_passes_and_its_half_word_goes() -> None:
    words = ["a", "b", "c", "d", "b", "c", "d", "b"]
    assert cut_closing_loop(words) == len(words)
    assert words[: cut_closing_loop(words, was_capped=True)] == ["a", "b", "c", "d"]
    assert cut_closing_loop(["one", "two", "thr"], was_capped=True) == 2


@given(st.lists(st.sampled_from("abc"), max_size=40), st.booleans())
def test_what_is_kept_is_a_beginning(words: list[str], was_capped: bool) -> None:
    kept = cut_closing_loop(words, was_capped=was_capped)
    assert 0 <= kept <= len(words) and (kept > 0 or len(words) <= 1)


def test_clear_speech_is_believed_even_if_it_is_what_whisper_likes_to_invent() -> None:
    assert is_believable(["Thank", "you."], CLEAR)
    assert is_believable(["谢", "谢。"], CLEAR)


@pytest.mark.parametrize(
    "evidence",
    [
        Evidence(no_speech=0.85, avg_logprob=-0.5, speech_s=1.0, speech_peak=0.9),
        Evidence(no_speech=0.3, avg_logprob=-1.0, speech_s=1.0, speech_peak=0.9),
        Evidence(no_speech=0.3, avg_logprob=-0.3, speech_s=0.1, speech_peak=0.6),
    ],
)
def test_inventions_on_weak_evidence_are_not(evidence: Evidence) -> None:
    assert not is_believable(["Thanks", "for", "watching!"], evidence)


def test_no_speech_counts_only_where_the_detector_agrees() -> None:
    likely = Evidence(no_speech=0.9, avg_logprob=-0.9, speech_s=3.0, speech_peak=0.98)
    assert is_believable(["a", "sentence", "spoken", "by", "a", "machine"], likely)
    assert not is_believable(["words"], Evidence(0.9, -0.9, speech_s=0.1, speech_peak=0.98))
    assert not is_believable(["words"], Evidence(0.9, -2.0, speech_s=3.0, speech_peak=0.98))


def test_nothing_said_or_heard_is_nothing() -> None:
    assert not is_believable(["..."], CLEAR) and not is_believable([], CLEAR)
    assert not is_believable(["hello"], Evidence(0.0, 0.0, speech_s=0.0, speech_peak=0.2))


@pytest.mark.parametrize(
    ("text", "words"),
    [
        ("He is right. I think so too. I think so too", 4),
        ("Tell me a story, tell me a story.", 4),
        ("I think so too. I think so too. He is right.", 0),
        ("No, no, very, very", 0),
        ("Thank you, thank you.", 0),
        ("", 0),
    ],
)
def test_a_phrase_said_twice_at_the_end_is_found(text: str, words: int) -> None:
    assert closing_echo(text.split()) == words


def test_an_echo_is_words_heard_at_one_place() -> None:
    spoken = [Word(str(i), 1000 + 120 * i, 1120 + 120 * i) for i in range(6)]
    echo = [Word(str(i), 1000, 1000) for i in range(5)] + [Word("5", 1060, 1400)]
    assert is_unspoken(echo) and not is_unspoken(spoken)
    assert not is_unspoken(echo[:1]) and not is_unspoken([])
