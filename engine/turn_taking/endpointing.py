"""How long to wait before a silence ends the user turn. Pure.

Two things can go wrong in a silence. Answering cuts the student off if they are only pausing; waiting is time in which
nobody speaks. ``patience`` is the exchange rate: how many of the student's usual pauses, spent in silence, are as bad
as one cut-off. The student has finished with odds ``exp(log_odds)`` when the silence begins (``end_of_turn.py``).
The lengths of pauses within a turn are about exponential, so after ``silence`` the odds are
``exp(log_odds + silence / pause)`` and the student goes on in the next moment with a probability of 1 / pause.
Answering is cheaper than waiting once

    exp(log_odds + silence / pause) = patience,   which is   silence = pause * (ln(patience) - log_odds)

After a question the silence is the tutor's fault, and costs ``QUESTION_COST`` times as much.
"""

from __future__ import annotations

import math

from engine.settings import EndpointOptions

QUESTION_COST = 2.0
"""A judgement; ``docs/endpointing.md`` has the figures without it."""


class PauseHabit:
    """How long this student pauses inside a user turn: an exponential moving average. All constants are judgements."""

    USUAL_MS = 400.0
    SHORTEST_MS = 200.0
    """Shorter gaps are part of articulation and are ignored."""

    LONGEST_MS = 1500.0
    """Longer pauses count as this."""

    WEIGHT = 0.15

    def __init__(self) -> None:
        self.average_ms = self.USUAL_MS

    def learn(self, pause_ms: float) -> None:
        """The student paused for ``pause_ms`` and went on with the same user turn."""
        if pause_ms >= self.SHORTEST_MS:
            self.average_ms += self.WEIGHT * (min(pause_ms, self.LONGEST_MS) - self.average_ms)

    @property
    def mean_ms(self) -> float:
        """Mean pause to reckon with, between 0.8 and 2 times the usual one."""
        return min(2 * self.USUAL_MS, max(0.8 * self.USUAL_MS, self.average_ms))


class EndpointPolicy:
    """Chooses the wait; ``habit`` is the student's."""

    def __init__(self, options: EndpointOptions | None = None) -> None:
        self._options = options or EndpointOptions()
        self.habit = PauseHabit()

    def wait_ms(self, log_odds: float, *, question: bool = False) -> float:
        """Silence after which the user turn ends, ms, between floor and ceiling.

        Args:
            log_odds: of the student having finished, when the silence begins.
            question: the words so far were recognised as one.
        """
        options = self._options
        patience = options.patience / (QUESTION_COST if question else 1)
        wait_ms = self.habit.mean_ms * (math.log(patience) - log_odds)
        return min(options.ceiling_ms, max(options.floor_ms, wait_ms))
