"""What turn taking remembers of the turn in progress, and what it may ask of its shell."""

from __future__ import annotations

from dataclasses import dataclass, field, replace
from typing import Literal

from engine.items import Transcript
from engine.turn_taking.events import ListenEvent
from engine.turn_taking.transcript_cues import Completeness, added_words, completeness

Kind = Literal["revise", "preview"]
"""The two ways to ask a ``RecognitionStream`` for words."""


@dataclass(frozen=True, slots=True)
class BeginUtterance:
    """Open a recognition stream and give it the sound from a little before ``start_ms`` on."""

    utterance: int
    start_ms: float


@dataclass(frozen=True, slots=True)
class EndUtterance:
    """Close the stream; answers to what was asked for it are not wanted any more."""

    utterance: int


@dataclass(frozen=True, slots=True)
class AskWords:
    """Call ``revise`` or ``preview`` and report with ``TurnTaker.words``; give up the call before, if it still runs."""

    utterance: int
    kind: Kind


@dataclass(frozen=True, slots=True)
class AskTurnModel:
    """Judge the sound so far and report with ``TurnTaker.verdict``. One at a time."""

    utterance: int


Action = ListenEvent | BeginUtterance | EndUtterance | AskWords | AskTurnModel


@dataclass(frozen=True, slots=True)
class RecognizedWords:
    """Words, and up to where the sound was that they were taken from."""

    transcript: Transcript
    upto_ms: float
    at_ms: float
    """When they were known, ms of the stream."""


@dataclass(slots=True)
class Bid:
    """One bid for the floor, from its first sound to the end of the turn or its dismissal."""

    id: int
    start_ms: float
    voiced_ms: float = 0.0
    """Speech in it, silences left out."""

    pause_ms: float | None = None
    """Since the turn before, where that turn may not have been over."""

    reopens_ms: float | None = None
    """Where that turn began, until it is heard anew together with this one."""

    before: str | None = None
    """What was understood of that turn, while it is to be seen whether the two heard as one say more."""

    end_ms: float = 0.0
    """Acoustic end of its latest speech."""

    stopped: bool = False
    """``SpeechStopped`` was told and no ``SpeechStarted`` since."""

    # --- words
    partial: RecognizedWords | None = None
    preview: RecognizedWords | None = None
    asked: Kind | None = None
    asked_ms: float = 0.0
    """Where the sound ended when words were asked for."""

    asked_voiced_ms: float = 0.0
    failures: int = 0

    # --- the turn model
    probability: float | None = None
    judged_ms: float = -1.0
    """Where the sound ended that ``probability`` is of."""

    judging_ms: float | None = None
    """The same for the question that is open."""

    # --- over the tutor
    over_tutor: bool = False
    """It began, or went on, while the tutor's voice was in the room."""

    ducked: bool = False
    """``Duck`` was told, and neither ``Resume`` nor ``Interrupt`` yet."""

    dismissed: bool = False
    """Judged to be noise while it lasts; only words can still take the floor."""

    floor: bool = False
    """It has the floor; nothing the tutor says is weighed against it."""

    tutor_ms: float = 0.0
    """How long the tutor had been speaking when it began; infinite when the student was first."""

    duck_ms: float = 0.0

    # --- its end
    forced_ms: float | None = None
    """When it was decided that the turn is over, whatever the policy says."""

    marks: dict[str, float] = field(default_factory=dict)
    """When things became known in this silence, ms of the stream."""

    @property
    def on_trial(self) -> bool:
        """Barge-in has still to say whether it counts."""
        return (self.ducked or self.dismissed) and not self.floor

    def fresh_preview(self) -> RecognizedWords | None:
        """The preview, if it covers all speech there was."""
        if self.preview is not None and self.preview.upto_ms >= self.end_ms:
            return self.preview
        return None

    def fresh_probability(self) -> float | None:
        return self.probability if self.judged_ms >= self.end_ms else None

    def reading(self) -> Completeness | None:
        """How finished the words read, or None while not all are known."""
        heard = self.fresh_preview()
        return completeness(heard.transcript.text, heard.transcript.language) if heard else None

    def own_words(self, heard: RecognizedWords) -> Transcript:
        """These words without those of the turn before."""
        if self.before is None:
            return heard.transcript
        return replace(heard.transcript, text=added_words(self.before, heard.transcript.text))

    def hear_anew(self, utterance: int, start_ms: float, before: str) -> None:
        """Go on as another utterance, which began with what was understood as ``before``."""
        self.id, self.start_ms, self.before = utterance, start_ms, before
        self.reopens_ms = self.partial = self.preview = self.asked = self.judging_ms = None
        self.asked_voiced_ms = float("-inf")

    def latest(self) -> RecognizedWords | None:
        """The newest words, whether or not they cover everything."""
        found = [heard for heard in (self.partial, self.preview) if heard is not None]
        return max(found, key=lambda heard: heard.upto_ms, default=None)
