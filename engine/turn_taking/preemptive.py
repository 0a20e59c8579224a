"""When to begin a preemptive reply, to which words, and when to drop it. Pure.

Only decides: the reply itself is held back in ``engine/conversation/preemptive.py``.
"""

from __future__ import annotations

from engine.items import Transcript
from engine.turn_taking.events import BeginPreemptiveReply, PreemptiveReplyDropped
from engine.turn_taking.transcript_cues import equivalent

Told = list[BeginPreemptiveReply | PreemptiveReplyDropped]


class PreemptivePolicy:
    """At most one preemptive reply at a time. The methods return the events to send, in order.

    Args:
        limit: of preemptive replies in one user turn.
        grace_ms: more speech than this drops a reply; a click or a breath does not.
    """

    def __init__(self, limit: int, grace_ms: float) -> None:
        self._limit = limit
        self._grace_ms = grace_ms
        self._number: int | None = None
        self._last_number = 0
        self._begun = 0
        self._text = ""
        self._voiced_ms = 0.0

    def new_turn(self) -> None:
        """Another user turn begins. There must be no preemptive reply."""
        assert self._number is None
        self._begun = 0

    def words(self, transcript: Transcript, voiced_ms: float, *, whole: bool) -> Told:
        """The user turn may end with these words, after so much speech. A reply is begun only to ``whole`` ones."""
        told: Told = []
        if self._number is not None:
            if equivalent(self._text, transcript.text):
                self._voiced_ms = voiced_ms
                return told
            told = self.drop()
        if whole and self._begun < self._limit:
            self._begun += 1
            self._last_number += 1
            self._number, self._text, self._voiced_ms = self._last_number, transcript.text, voiced_ms
            told.append(BeginPreemptiveReply(transcript, self._number))
        return told

    def went_on(self, voiced_ms: float) -> Told:
        """The student has spoken for ``voiced_ms`` by now; drops the reply if they have gone on for long."""
        return self.drop() if voiced_ms - self._voiced_ms >= self._grace_ms else []

    def drop(self) -> Told:
        """Drop the reply, if there is one."""
        number, self._number = self._number, None
        return [] if number is None else [PreemptiveReplyDropped(number)]

    def settle(self, text: str) -> tuple[Told, int | None]:
        """The user turn ended with ``text``. Returns the events to send, and the id of the reply to release, if any."""
        told = [] if equivalent(self._text, text) else self.drop()
        number, self._number = self._number, None
        return told, number
