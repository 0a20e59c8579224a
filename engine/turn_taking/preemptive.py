"""When to begin a preemptive reply, to which words, and when it is void. Pure.

Only decides: the reply itself is held back in ``engine/conversation/preemptive.py``.
"""

from __future__ import annotations

from engine.items import Transcript
from engine.turn_taking.events import BeginPreemptiveReply, PreemptiveReplyDropped
from engine.turn_taking.transcript_cues import equivalent

Told = list[BeginPreemptiveReply | PreemptiveReplyDropped]


class PreemptivePolicy:
    """At most one reply ahead at a time; the methods give what to tell, in order.

    Args:
        most: replies begun in one turn.
        grace_ms: speech that a reply survives: a click or a breath drops nothing.
    """

    def __init__(self, most: int, grace_ms: float) -> None:
        self._most = most
        self._grace_ms = grace_ms
        self._number: int | None = None
        self._last_number = 0
        self._begun = 0
        self._text = ""
        self._voiced_ms = 0.0

    def new_turn(self) -> None:
        """Count anew. Nothing may be ahead."""
        assert self._number is None
        self._begun = 0

    def words(self, transcript: Transcript, voiced_ms: float, *, whole: bool) -> Told:
        """The turn may end with these words, after so much speech; a reply is begun only to ``whole`` ones."""
        told: Told = []
        if self._number is not None:
            if equivalent(self._text, transcript.text):
                self._voiced_ms = voiced_ms
                return told
            told = self.drop()
        if whole and self._begun < self._most:
            self._begun += 1
            self._last_number += 1
            self._number, self._text, self._voiced_ms = self._last_number, transcript.text, voiced_ms
            told.append(BeginPreemptiveReply(transcript, self._number))
        return told

    def went_on(self, voiced_ms: float) -> Told:
        """There was so much speech by now."""
        return self.drop() if voiced_ms - self._voiced_ms >= self._grace_ms else []

    def drop(self) -> Told:
        """It is void."""
        number, self._number = self._number, None
        return [] if number is None else [PreemptiveReplyDropped(number)]

    def settle(self, text: str) -> tuple[Told, int | None]:
        """The turn ended with ``text``: what to tell, and the reply to release if there is one."""
        told = [] if equivalent(self._text, text) else self.drop()
        number, self._number = self._number, None
        return told, number
