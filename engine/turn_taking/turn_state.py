"""What turn taking remembers: the user turn in progress, the words for it, its claim to the floor, the tutor's voice.

Times are ms of the student's stream. Pure data: the decisions are made elsewhere.
"""

from __future__ import annotations

from dataclasses import dataclass, field, replace
from enum import Enum

from engine.items import Transcript
from engine.turn_taking.actions import Kind
from engine.turn_taking.end_of_turn import Clues
from engine.turn_taking.transcript_cues import added_words

COMPLETION_LATE_MS = 200
"""How long a silence waits for the completion score of its words: ten times what it usually takes."""

STUDENT_FIRST = float("inf")
"""``Contest.tutor_ms`` where the student was speaking before the tutor."""


@dataclass(frozen=True, slots=True)
class RecognizedWords:
    """Words, and how much of the audio they were recognised from."""

    transcript: Transcript
    upto_ms: float
    """Where that audio ended."""

    at_ms: float
    """When the words were known."""


@dataclass(slots=True)
class UtteranceWords:
    """What the recognizer has recognised of an utterance, and the question it has not answered yet."""

    partial: RecognizedWords | None = None
    preview: RecognizedWords | None = None
    asked: Kind | None = None
    """The open question."""

    asked_ms: float = 0.0
    """Where the audio ended when it was asked."""

    asked_voiced_ms: float = 0.0
    """Speech there had been by then."""

    failures: int = 0
    """Since the last answer."""

    def ask(self, kind: Kind, now_ms: float, voiced_ms: float) -> None:
        """Note a question to the recognizer."""
        self.asked, self.asked_ms, self.asked_voiced_ms = kind, now_ms, voiced_ms

    def answer(self, transcript: Transcript, now_ms: float) -> None:
        """Note the answer to the open question."""
        recognized = RecognizedWords(transcript, self.asked_ms, now_ms)
        if self.asked == "preview":
            self.preview = recognized
        else:
            self.partial = recognized
        self.asked, self.failures = None, 0

    def latest(self) -> RecognizedWords | None:
        """The newest words, whether or not they cover all speech."""
        found = [words for words in (self.partial, self.preview) if words is not None]
        return max(found, key=lambda words: words.upto_ms, default=None)


@dataclass(slots=True)
class TurnModelOpinion:
    """The turn model's P(finished)."""

    probability: float | None = None
    judged_ms: float = -1.0
    """Where the audio ended that ``probability`` is about."""

    asked_ms: float | None = None
    """The same for the open question."""

    def answer(self, probability: float | None) -> None:
        """Note the answer to the open question."""
        assert self.asked_ms is not None
        self.probability, self.judged_ms, self.asked_ms = probability, self.asked_ms, None


@dataclass(slots=True)
class CompletionOpinion:
    """The small language model's P(a sentence ends with these words)."""

    score: float | None = None
    text: str | None = None
    """The words that ``score`` is about."""

    asked: str | None = None
    """Those of the open question."""

    asked_ms: float = 0.0
    """When it was asked."""

    def ask(self, text: str, now_ms: float) -> None:
        """Note a question."""
        self.asked, self.asked_ms = text, now_ms

    def awaited(self, now_ms: float) -> bool:
        """Whether the answer may still come in time."""
        return self.asked is not None and now_ms - self.asked_ms < COMPLETION_LATE_MS

    def answer(self, score: float | None) -> None:
        """Note the answer to the open question."""
        self.score, self.text, self.asked = score, self.asked, None


class FloorState(Enum):
    """Who has the floor while the student speaks. ``Contest.become`` allows only the transitions in ``_FOLLOWING``."""

    UNCONTESTED = "uncontested"
    """The tutor is silent."""

    DUCKED = "ducked"
    """The tutor's voice is lowered: ``Duck`` was told, and neither ``Resume`` nor ``Interrupt`` yet."""

    DISMISSED = "dismissed"
    """The noise goes on, but the tutor's voice is back to normal; only words can still take the floor."""

    TAKEN = "taken"
    """The student has it until the user turn ends; what the tutor says is no longer compared with their words."""


_FOLLOWING = {
    FloorState.UNCONTESTED: {FloorState.DUCKED},
    FloorState.DUCKED: {FloorState.UNCONTESTED, FloorState.DISMISSED, FloorState.TAKEN},
    FloorState.DISMISSED: {FloorState.UNCONTESTED, FloorState.TAKEN},
    FloorState.TAKEN: set[FloorState](),
}


@dataclass(slots=True)
class Contest:
    """The claim of a user turn to the floor, against the tutor's voice."""

    floor: FloorState = FloorState.UNCONTESTED
    over_tutor: bool = False
    """It began, or went on, while the tutor's voice was in the room."""

    tutor_ms: float = 0.0
    """How long the tutor had been speaking when it began, or ``STUDENT_FIRST``."""

    ducked_ms: float = 0.0
    """When the tutor's voice was lowered."""

    @property
    def undecided(self) -> bool:
        """Barge-in has still to say whether the student takes the floor."""
        return self.floor in (FloorState.DUCKED, FloorState.DISMISSED)

    def become(self, floor: FloorState) -> None:
        """Change ``floor``.

        Raises:
            ValueError: this state cannot follow the present one.
        """
        if floor not in _FOLLOWING[self.floor]:
            raise ValueError(f"{floor.value} cannot follow {self.floor.value}")
        self.floor = floor


@dataclass(slots=True)
class Continuation:
    """How a user turn relates to the one before, which may not have been over."""

    pause_ms: float | None = None
    """Silence between the two, where it is short enough for a pause within one."""

    reopens_ms: float | None = None
    """Where the one before began, until the two are recognised as one."""

    before: str | None = None
    """The words of the one before, while it is undecided whether the two together say more."""


@dataclass(slots=True)
class UserTurn:
    """One user turn, from its first sound to its end or its dismissal. It is recognised as one utterance."""

    id: int
    """The number of its utterance."""

    start_ms: float
    end_ms: float
    """Acoustic end of its latest speech."""

    voiced_ms: float = 0.0
    """Speech in it, silences left out."""

    stopped: bool = False
    """``SpeechStopped`` was told and no ``SpeechStarted`` since."""

    words: UtteranceWords = field(default_factory=UtteranceWords)
    turn_model: TurnModelOpinion = field(default_factory=TurnModelOpinion)
    completion: CompletionOpinion = field(default_factory=CompletionOpinion)
    contest: Contest = field(default_factory=Contest)
    continuation: Continuation = field(default_factory=Continuation)
    forced_ms: float | None = None
    """When the user turn was ended regardless of the policy; None if it was not."""

    closed: bool = False
    """The client ended it: speech that follows is another user turn, however soon it comes."""

    marks: dict[str, float] = field(default_factory=dict)
    """When things became known in this silence."""

    def fresh_preview(self) -> RecognizedWords | None:
        """The preview, if it covers all speech there was."""
        preview = self.words.preview
        return preview if preview is not None and preview.upto_ms >= self.end_ms else None

    def fresh_probability(self) -> float | None:
        """The turn model's P(finished), if it heard all speech there was."""
        return self.turn_model.probability if self.turn_model.judged_ms >= self.end_ms else None

    def clues(self, *, answering: bool) -> Clues:
        """What is known of whether the student has finished, who may be ``answering`` the tutor."""
        preview = self.fresh_preview()
        heard = preview.transcript if preview else None
        judged = heard is not None and self.completion.text == heard.text
        return Clues(heard, self.completion.score if judged else None, self.fresh_probability(), answering)

    def own_words(self, recognized: RecognizedWords) -> Transcript:
        """These words without those of the user turn before."""
        before = self.continuation.before
        if before is None:
            return recognized.transcript
        return replace(recognized.transcript, text=added_words(before, recognized.transcript.text))

    def restart_as(self, utterance: int, start_ms: float, before: str) -> None:
        """Continue as another utterance, whose first words were understood as ``before``."""
        self.id, self.start_ms = utterance, start_ms
        self.continuation.before, self.continuation.reopens_ms = before, None
        self.words = UtteranceWords(asked_voiced_ms=float("-inf"), failures=self.words.failures)
        self.turn_model.asked_ms = None
        self.completion = CompletionOpinion()


@dataclass(slots=True)
class TutorVoice:
    """The tutor's voice in the student's room. Times are those of the student's stream."""

    since_ms: float | None = None
    """When it began; None while the tutor is silent."""

    end_ms: float = float("-inf")
    """When it last ended."""

    unsent_ms: float = 0.0
    """How long the client had sent nothing in all when it last began or ended."""

    text: str = ""
    """What it has said."""
