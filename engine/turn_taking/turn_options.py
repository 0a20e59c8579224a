"""Every number turn taking can be told, and how the settings fill them in."""

from __future__ import annotations

from dataclasses import dataclass, field

from engine.recognition.vad import GateOptions
from engine.settings import Settings
from engine.turn_taking.barge_in import BargeInOptions
from engine.turn_taking.endpointing import EndpointOptions


@dataclass(frozen=True, slots=True)
class TurnOptions:
    """Everything turn taking can be told, ms where nothing else is said."""

    gate: GateOptions = field(default_factory=GateOptions)
    endpoint: EndpointOptions = field(default_factory=EndpointOptions)
    barge_in: BargeInOptions | None = field(default_factory=BargeInOptions)
    """None makes the student wait until the tutor has finished."""

    turn_model: bool = True
    """There is one to ask."""

    first_partial_ms: float = 300
    partial_every_ms: float = 450
    """Speech before the first words are asked for, and between later questions."""

    trial_partial_ms: float = 250
    """The same while it is to be seen whether a sound takes the floor."""

    preview_ms: float = 64
    """Silence at which the final decode and the turn model start."""

    late_ms: float = 800
    """How long a turn waits for its last words before it takes the words it has."""

    give_up_ms: float = 8000
    """How long it waits when it has none."""

    max_turn_ms: float = 120_000
    speculations: int = 4
    """Replies begun ahead in one turn, at most; 0 begins none."""

    speculate_ahead_ms: float = 900
    """A reply is begun when the turn is to end within this."""

    speculation_grace_ms: float = 160
    """Speech that a held reply survives: a click or a breath drops nothing."""

    duck_max_ms: float = 2000
    """Sound without words raises the tutor's voice again after this."""


def turn_options(settings: Settings, *, turn_model: bool) -> TurnOptions:
    """The options these settings ask for.

    Args:
        turn_model: an ``EndOfTurn`` is at hand.
    """
    barge_in = BargeInOptions(
        min_speech_ms=settings.barge_in_min_speech_ms,
        wordless_ms=settings.barge_in_wordless_ms,
        noise_silence_ms=settings.barge_in_noise_ms,
        unheard_silence_ms=settings.turn_late_ms,
        guard_ms=settings.barge_in_guard_ms,
        echo_share=settings.barge_in_echo_share,
    )
    return TurnOptions(
        gate=GateOptions(settings.vad_start, settings.vad_stop, settings.vad_min_speech_ms, settings.vad_hangover_ms),
        endpoint=EndpointOptions(
            floor_ms=settings.turn_floor_ms,
            ceiling_ms=settings.turn_ceiling_ms,
            question_max_ms=settings.turn_question_max_ms,
            request_min_ms=settings.turn_request_min_ms,
            request_max_ms=settings.turn_request_max_ms,
            complete_min_ms=settings.turn_complete_min_ms,
            complete_max_ms=settings.turn_complete_max_ms,
            open_max_ms=settings.turn_open_max_ms,
        ),
        barge_in=barge_in if settings.barge_in else None,
        turn_model=turn_model,
        partial_every_ms=settings.partial_every_ms,
        preview_ms=settings.turn_preview_ms,
        late_ms=settings.turn_late_ms,
        give_up_ms=10 * settings.turn_late_ms,
        max_turn_ms=settings.turn_max_s * 1000,
        speculations=settings.speculations,
    )
