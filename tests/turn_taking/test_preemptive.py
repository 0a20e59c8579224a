"""The reply begun ahead: one at a time, to these words, and not too often."""

from __future__ import annotations

from engine.items import Transcript
from engine.turn_taking.events import BeginPreemptiveReply, PreemptiveReplyDropped
from engine.turn_taking.preemptive import PreemptivePolicy

QUESTION, OTHER = Transcript("What is a cell?"), Transcript("What is a cell made of?")


def test_the_same_words_keep_it_and_release_it() -> None:
    ahead = PreemptivePolicy(4, 160)
    assert ahead.words(QUESTION, 900, whole=True) == [BeginPreemptiveReply(QUESTION, 1)]
    assert ahead.words(Transcript("what is a cell"), 900, whole=True) == []
    assert ahead.settle("Um, what is a cell?") == ([], 1)
    assert ahead.settle("what is a cell") == ([], None), "it is released once"


def test_other_words_drop_it() -> None:
    ahead = PreemptivePolicy(4, 160)
    ahead.words(QUESTION, 900, whole=True)
    assert ahead.words(OTHER, 900, whole=True) == [PreemptiveReplyDropped(1), BeginPreemptiveReply(OTHER, 2)]
    assert ahead.words(Transcript("What is a"), 900, whole=False) == [PreemptiveReplyDropped(2)]
    ahead.words(QUESTION, 900, whole=True)
    assert ahead.settle(OTHER.text) == ([PreemptiveReplyDropped(3)], None)


def test_speech_drops_it_and_a_click_does_not() -> None:
    ahead = PreemptivePolicy(4, 160)
    ahead.words(QUESTION, 900, whole=True)
    assert ahead.went_on(1059) == []
    assert ahead.went_on(1060) == [PreemptiveReplyDropped(1)]
    assert ahead.went_on(2000) == ahead.drop() == []


def test_only_so_many_a_turn() -> None:
    ahead = PreemptivePolicy(2, 160)
    for number, said in ((1, QUESTION), (2, OTHER)):
        assert ahead.words(said, 900, whole=True)[-1] == BeginPreemptiveReply(said, number)
        ahead.drop()
    assert ahead.words(QUESTION, 900, whole=True) == []
    ahead.new_turn()
    assert ahead.words(QUESTION, 900, whole=True) == [BeginPreemptiveReply(QUESTION, 3)]


def test_none_at_all() -> None:
    ahead = PreemptivePolicy(0, 160)
    assert ahead.words(QUESTION, 900, whole=True) == []
    assert ahead.settle(QUESTION.text) == ([], None)
