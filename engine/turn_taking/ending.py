"""Whether a silence ends the user turn. Pure."""

from __future__ import annotations

from dataclasses import dataclass
from enum import Enum

from engine.settings import ListeningOptions
from engine.turn_taking.turn_state import RecognizedWords, UserTurn


class Outcome(Enum):
    """What to do with a user turn in a silence."""

    WAIT = "wait"
    COMMIT = "commit"
    NO_SPEECH = "no speech"
    """It has no words: drop it."""

    NO_ANSWER = "no answer"
    """The recognizer gave no words in all that time: give up."""


@dataclass(frozen=True, slots=True)
class Ending:
    """What a silence means so far."""

    outcome: Outcome
    words: RecognizedWords | None = None
    """The student's words, as far as they are known: with ``COMMIT``, the ones to answer."""

    complete: bool = False
    """``words`` are all the student said."""

    likely: bool = False
    """The turn is due to end soon with ``words``: a preemptive reply may be begun."""

    whole: bool = False
    """``words`` may well be all, or nothing more can follow."""


EMPTY_MS = 400.0
"""Silence after which speech in which no words were recognised is dropped, at the soonest. A judgement."""

WHOLE_LOG_ODDS = -1.0
"""No reply is begun to words that are less likely than this (27 %) to be all. A judgement."""


def ending(turn: UserTurn, now_ms: float, wait_ms: float, log_odds: float, options: ListeningOptions) -> Ending:
    """Judge the silence at ``now_ms``.

    Args:
        turn: nobody has spoken since its ``end_ms``.
        now_ms: ms of the student's stream.
        wait_ms: silence after which the policy ends the turn.
        log_odds: of the student having finished.
        options: the limits for words that come late.
    """
    silence_ms = now_ms - turn.end_ms
    forced = turn.forced_ms is not None
    preview = turn.fresh_preview()
    if preview is not None and not turn.own_words(preview).text:
        over = forced or silence_ms >= max(wait_ms, EMPTY_MS)
        return Ending(Outcome.NO_SPEECH if over else Outcome.WAIT)
    if preview is None:
        return _without_all_words(turn, now_ms, wait_ms, options)
    return Ending(
        Outcome.COMMIT if silence_ms >= wait_ms else Outcome.WAIT,
        preview,
        complete=True,
        likely=wait_ms - silence_ms <= options.preemptive_lead_ms,
        whole=forced or log_odds >= WHOLE_LOG_ODDS,
    )


def _without_all_words(turn: UserTurn, now_ms: float, wait_ms: float, options: ListeningOptions) -> Ending:
    """The last words are still being decoded: wait for them, within limits."""
    if now_ms - turn.end_ms < wait_ms:
        return Ending(Outcome.WAIT)
    late_ms = now_ms - max(turn.end_ms + wait_ms, turn.words.asked_ms if turn.words.asked else 0.0)
    if late_ms < options.late_ms:
        return Ending(Outcome.WAIT)
    latest = turn.words.latest()
    if latest is not None and latest.transcript.text:
        return Ending(Outcome.COMMIT, latest)
    return Ending(Outcome.NO_ANSWER if late_ms >= options.give_up_ms else Outcome.WAIT)
