"""How long to wait before a silence ends the user turn. Pure.

The words choose a bracket of waits (a whole question is answered soon, an unfinished clause gets time). The turn model
chooses the wait inside the bracket, and the student's own pauses stretch or shrink it. So no single model can end a
user turn early or make the student wait for long.
"""

from __future__ import annotations

from engine.settings import EndpointOptions
from engine.turn_taking.transcript_cues import Completeness

SHORT_SHARE = 0.65
"""Longest wait after one or two words, as a part of the shortest wait after a statement. A judgement."""


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
    def stretch(self) -> float:
        """Factor on waits: from 0.8 for students who hardly pause to 2 for those who pause long."""
        return min(2.0, max(0.8, self.average_ms / self.USUAL_MS))


class EndpointPolicy:
    """Chooses the wait; ``habit`` is the student's."""

    def __init__(self, options: EndpointOptions | None = None) -> None:
        self._options = options or EndpointOptions()
        self.habit = PauseHabit()

    def wait_ms(self, reading: Completeness | None, probability: float | None) -> float:
        """Silence to wait for, ms, between floor and ceiling.

        Args:
            reading: of the words so far; None while they are not known.
            probability: the turn model's P(finished), 0..1; None without one.
        """
        options = self._options
        shortest, longest = self._bracket(reading)
        doubt = 1.0 - (0.5 if probability is None else min(1.0, max(0.0, probability)))
        if reading is Completeness.QUESTION:
            doubt *= doubt  # only strong doubt delays the answer to a whole question
        wait = (shortest + (longest - shortest) * doubt) * self.habit.stretch
        if reading in (Completeness.QUESTION, Completeness.REQUEST):
            wait = min(wait, longest)  # the tutor is to answer, however hesitant the student is
        return min(options.ceiling_ms, max(options.floor_ms, wait))

    def _bracket(self, reading: Completeness | None) -> tuple[float, float]:
        options = self._options
        if reading is Completeness.QUESTION:
            return options.floor_ms, options.question_max_ms
        if reading is Completeness.SHORT:
            return 2 * options.floor_ms, max(2 * options.floor_ms, SHORT_SHARE * options.complete_min_ms)
        if reading is Completeness.REQUEST:
            return options.request_min_ms, options.request_max_ms
        if reading is Completeness.COMPLETE:
            return options.complete_min_ms, options.complete_max_ms
        if reading is Completeness.UNFINISHED:
            return options.complete_max_ms, options.ceiling_ms
        return options.complete_min_ms, options.open_max_ms
