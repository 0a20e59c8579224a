"""The ``[listening]`` settings: voice detection, endpointing, barge-in and preemptive replies.

The pure policies of ``recognition`` and ``turn_taking`` take these classes as they are, so each number has one
default and it is here. Times are milliseconds where the name does not say otherwise.
"""

from __future__ import annotations

from dataclasses import replace
from typing import Annotated, Literal

from pydantic import ConfigDict, Field, model_validator
from pydantic.dataclasses import dataclass

Patience = Literal["eager", "normal", "patient"]

PATIENCE_FACTORS: dict[Patience, float] = {"eager": 0.3, "normal": 1.0, "patient": 4.0}
"""What the names multiply ``endpoint.patience`` by. A judgement, within what ``bench/endpointing.py`` measures."""

_STRICT = ConfigDict(extra="forbid", validate_default=True)


@dataclass(frozen=True, slots=True, config=_STRICT)
class GateOptions:
    """``[listening.vad]``: when speech probabilities become speech, and when they stop being it."""

    start: Annotated[float, Field(gt=0, lt=1, description="P(speech) at which speech begins or resumes.")] = 0.5
    stop: Annotated[
        float,
        Field(gt=0, lt=1, description="P(speech) below which there is silence; between the two nothing changes."),
    ] = 0.35
    min_speech_ms: Annotated[float, Field(ge=0, le=1000, description="Shorter sounds are clicks.")] = 64
    hangover_ms: Annotated[
        float, Field(ge=32, le=2000, description="Silence after which speech has stopped; shorter ones lie in words.")
    ] = 200

    @model_validator(mode="after")
    def _stop_not_above_start(self) -> GateOptions:
        if self.stop > self.start:
            raise ValueError(f"stop ({self.stop}) is above start ({self.start})")
        return self


@dataclass(frozen=True, slots=True, config=_STRICT)
class EndpointOptions:
    """``[listening.endpoint]``: silence after the acoustic end of speech. Tuned with ``bench/endpointing.py``."""

    floor_ms: Annotated[float, Field(ge=0, le=5000, description="No user turn ends after a shorter silence.")] = 250
    ceiling_ms: Annotated[
        float, Field(ge=200, le=20_000, description="Longest silence within a user turn, even an unfinished one.")
    ] = 2000
    patience: Annotated[
        float,
        Field(
            ge=1,
            le=100_000,
            description="How many of the student's usual pauses, spent in silence, are as bad as one cut-off.",
        ),
    ] = 15

    @model_validator(mode="after")
    def _floor_not_above_ceiling(self) -> EndpointOptions:
        if self.floor_ms > self.ceiling_ms:
            raise ValueError(f"floor_ms ({self.floor_ms}) is above ceiling_ms ({self.ceiling_ms})")
        return self


@dataclass(frozen=True, slots=True, config=_STRICT)
class BargeInOptions:
    """``[listening.barge_in]``: when a sound over the tutor's voice interrupts the reply."""

    min_speech_ms: Annotated[float, Field(ge=0, le=5000, description="Speech needed besides a word.")] = 200
    wordless_ms: Annotated[
        float, Field(ge=100, le=10_000, description="Speech of this length interrupts before its words are known.")
    ] = 1000
    noise_silence_ms: Annotated[
        float, Field(ge=50, le=5000, description="Silence after which a sound of doubtful words was noise.")
    ] = 350
    guard_ms: Annotated[
        float,
        Field(
            ge=0,
            le=5000,
            description="Start of a reply, while echo cancellers still adapt: twice the speech is needed.",
        ),
    ] = 500
    echo_share: Annotated[
        float, Field(gt=0, le=1, description="Share of the tutor's own words from which a sound is its echo.")
    ] = 0.7
    brief_ms: Annotated[
        float,
        Field(
            ge=0, le=5000, description="Shorter sounds may be hummed nods: only words the recognizer is sure of count."
        ),
    ] = 900
    sure_logprob: Annotated[
        float,
        Field(ge=-10, le=0, description="Mean log probability from which any word of a brief sound counts."),
    ] = -0.45
    """*Mm-hm* recognised as a sentence measured -0.55 and less."""

    opener_logprob: Annotated[
        float, Field(ge=-10, le=0, description="The same for words that take the floor: wait, no, but why.")
    ] = -1.0


@dataclass(frozen=True, slots=True, config=_STRICT)
class ListeningOptions:
    """``[listening]``: everything turn taking can be told."""

    turn_model: Annotated[
        Literal["smart-turn", "none"], Field(description="Model that judges by sound whether a user turn is over.")
    ] = "smart-turn"
    word_model: Annotated[
        Literal["smollm2-135m", "none"],
        Field(description="Small language model that judges by the words whether a user turn is over (English)."),
    ] = "smollm2-135m"
    preroll_ms: Annotated[float, Field(ge=0, le=2000, description="Audio kept from before speech was detected.")] = 300
    first_partial_ms: Annotated[
        float, Field(ge=50, le=5000, description="Speech before the first partial transcript.")
    ] = 300
    partial_every_ms: Annotated[
        float, Field(ge=100, le=5000, description="New speech between partial transcripts.")
    ] = 450
    trial_partial_ms: Annotated[float, Field(ge=50, le=5000, description="The same while a barge-in is undecided.")] = (
        250
    )
    preview_ms: Annotated[
        float, Field(ge=0, le=2000, description="Silence at which the final decode and the turn model start.")
    ] = 64
    late_ms: Annotated[
        float, Field(ge=0, le=10_000, description="How long a silence waits for its last words before it goes without.")
    ] = 800
    max_turn_s: Annotated[float, Field(ge=5, le=3600, description="Longest user turn, seconds.")] = 120
    preemptive_replies: Annotated[
        int, Field(ge=0, le=20, description="Replies begun before a user turn is over, at most; 0 begins none.")
    ] = 4
    preemptive_lead_ms: Annotated[
        float, Field(ge=0, le=10_000, description="A reply is begun when the user turn is due to end within this.")
    ] = 900
    preemptive_grace_ms: Annotated[
        float, Field(ge=0, le=2000, description="Speech that a preemptive reply survives: a click or a breath.")
    ] = 160
    duck_max_ms: Annotated[
        float, Field(ge=0, le=20_000, description="Sound without words restores the tutor's volume after this.")
    ] = 2000
    vad: GateOptions = Field(default_factory=GateOptions)
    endpoint: EndpointOptions = Field(default_factory=EndpointOptions)
    barge_in: BargeInOptions = Field(default_factory=BargeInOptions)

    @property
    def give_up_ms(self) -> float:
        """How long a user turn waits when it has no words at all."""
        return 10 * self.late_ms

    def with_patience(self, patience: Patience) -> ListeningOptions:
        """The same with this ``patience``."""
        worth = max(1.0, self.endpoint.patience * PATIENCE_FACTORS[patience])
        return replace(self, endpoint=replace(self.endpoint, patience=worth))
