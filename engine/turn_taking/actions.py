"""What ``TurnTaker`` may ask of the listener."""

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
    """Close the stream; open questions to the models are cancelled."""

    utterance: int


@dataclass(frozen=True, slots=True)
class AskWords:
    """Call ``revise`` or ``preview`` and report with ``TurnTaker.words``. A call still running is cancelled."""

    utterance: int
    kind: Kind


@dataclass(frozen=True, slots=True)
class AskTurnModel:
    """Have the turn model judge the audio so far and report with ``TurnTaker.verdict``. One call at a time."""

    utterance: int


@dataclass(frozen=True, slots=True)
class AskCompletion:
    """Have the small language model judge these words and report with ``TurnTaker.completion``. One call at a time."""

    utterance: int
    text: str


Action = ListenEvent | BeginUtterance | EndUtterance | AskWords | AskTurnModel | AskCompletion
