"""What a silence means for the user turn, from what is known of it."""

from __future__ import annotations

import pytest

from engine.items import Transcript
from engine.settings import ListeningOptions
from engine.turn_taking.ending import EMPTY_MS, WHOLE_LOG_ODDS, Ending, Outcome, ending
from engine.turn_taking.turn_state import RecognizedWords, UserTurn

OPTIONS = ListeningOptions()
END_MS = 2000.0
WAIT_MS = 600.0


def turn(*, preview: str | None = None, partial: str | None = None, asked_ms: float | None = None) -> UserTurn:
    """A turn whose speech ended at ``END_MS``, and what the recognizer has said so far."""
    it = UserTurn(1, 1000.0, END_MS)
    if partial is not None:
        it.words.partial = RecognizedWords(Transcript(partial), END_MS - 500, END_MS)
    if preview is not None:
        it.words.preview = RecognizedWords(Transcript(preview), END_MS + 64, END_MS + 200)
    if asked_ms is not None:
        it.words.ask("preview", asked_ms, 1000.0)
    return it


def after(silence_ms: float, of: UserTurn, log_odds: float = 0.0) -> Ending:
    return ending(of, END_MS + silence_ms, WAIT_MS, log_odds, OPTIONS)


def test_a_turn_is_committed_when_the_wait_is_over() -> None:
    asked = turn(preview="What is a star?")
    assert after(WAIT_MS - 1, asked).outcome is Outcome.WAIT
    end = after(WAIT_MS, asked)
    assert end.outcome is Outcome.COMMIT and end.complete and end.words is asked.words.preview


@pytest.mark.parametrize(("before_end_ms", "likely"), [(1, False), (0, True)])
def test_a_preemptive_reply_may_begin_a_given_time_before_the_end(before_end_ms: float, likely: bool) -> None:
    asked = turn(preview="What is a star?")
    wait_ms = OPTIONS.preemptive_lead_ms + 200
    end = ending(asked, END_MS + wait_ms - OPTIONS.preemptive_lead_ms - before_end_ms, wait_ms, 0.0, OPTIONS)
    assert (end.likely, end.whole) == (likely, True)


def test_words_that_are_hardly_all_are_whole_only_when_the_client_ended_it() -> None:
    broken_off = turn(preview="because the")
    assert after(100, broken_off, WHOLE_LOG_ODDS).whole
    assert not after(100, broken_off, WHOLE_LOG_ODDS - 0.1).whole
    broken_off.forced_ms = END_MS + 100
    assert after(100, broken_off, WHOLE_LOG_ODDS - 0.1).whole


def test_a_turn_without_words_is_dropped_after_the_wait() -> None:
    wordless = turn(preview="")
    late_ms = max(WAIT_MS, EMPTY_MS)
    assert after(late_ms - 1, wordless).outcome is Outcome.WAIT
    assert after(late_ms, wordless).outcome is Outcome.NO_SPEECH
    wordless.forced_ms = END_MS
    assert after(0, wordless).outcome is Outcome.NO_SPEECH


def test_what_adds_nothing_to_the_turn_before_has_no_words() -> None:
    repeated = turn(preview="What is a star?")
    repeated.continuation.before = "What is a star?"
    assert after(2000, repeated).outcome is Outcome.NO_SPEECH


def test_late_words_are_replaced_by_the_ones_before_after_a_while() -> None:
    late = turn(partial="What is a", asked_ms=END_MS + 64)
    assert after(WAIT_MS + OPTIONS.late_ms - 1, late).outcome is Outcome.WAIT
    end = after(WAIT_MS + OPTIONS.late_ms, late)
    assert end.outcome is Outcome.COMMIT and end.words is late.words.partial and not end.complete


def test_a_turn_whose_words_never_come_is_given_up() -> None:
    never = turn(asked_ms=END_MS + 64)
    assert after(WAIT_MS + OPTIONS.give_up_ms - 1, never).outcome is Outcome.WAIT
    assert after(WAIT_MS + OPTIONS.give_up_ms, never).outcome is Outcome.NO_ANSWER
