"""What turn taking may tell its shell to do."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Literal

from engine.turn_taking.events import ListenEvent

Kind = Literal["revise", "preview"]
"""The two ways to ask a ``RecognitionStream`` for words."""


@dataclass(frozen=True, slots=True)
class BeginUtterance:
    """Open a recognition stream and give it the audio from a little before ``start_ms`` on."""

    utterance: int
    start_ms: float


@dataclass(frozen=True, slots=True)
class EndUtterance:
    """Close the stream. Answers to its open questions are no longer wanted."""

    utterance: int


@dataclass(frozen=True, slots=True)
class AskWords:
    """Call ``revise`` or ``preview`` and report with ``TurnTaker.words``. Give up the call before, if it still runs."""

    utterance: int
    kind: Kind


@dataclass(frozen=True, slots=True)
class AskTurnModel:
    """Judge the audio so far and report with ``TurnTaker.verdict``. One at a time."""

    utterance: int


Action = ListenEvent | BeginUtterance | EndUtterance | AskWords | AskTurnModel
