"""What a listener reports to a conversation, in order.

All times named ``*_ms`` are milliseconds of the student's stream (0 is its first sample) and
acoustic: when it was heard, not when it was decided. Times named ``*_at`` are seconds on the
event loop's clock.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Literal

from engine.errors import EngineError
from engine.items import Transcript


@dataclass(frozen=True, slots=True)
class SpeechStarted:
    """The student began to speak, or went on after a ``SpeechStopped`` of the same user turn."""

    ms: float


@dataclass(frozen=True, slots=True)
class SpeechStopped:
    """The student fell silent. The user turn may still go on."""

    ms: float


@dataclass(frozen=True, slots=True)
class Partial:
    """A revision of what is being said; ``transcript.stable`` will not change any more."""

    transcript: Transcript


@dataclass(frozen=True, slots=True)
class BeginPreemptiveReply:
    """The user turn may be over: begin the reply to ``transcript``, and hold it back.

    For each, exactly one ``PreemptiveReplyDropped`` or ``UserTurnEnded`` follows, before there is another one.
    """

    transcript: Transcript
    id: int


@dataclass(frozen=True, slots=True)
class PreemptiveReplyDropped:
    """The student went on, or meant something else: forget what was begun."""

    id: int


@dataclass(frozen=True, slots=True)
class UserTurnEnded:
    """The student has finished; this is what they said."""

    transcript: Transcript
    """``final`` is set and ``text`` is not empty."""

    acoustic_end_ms: float
    """End of the last sound of speech."""

    acoustic_end_at: float
    """The same moment on the loop's clock: what time to first frame is measured from."""

    preemptive_id: int | None = None
    """The preemptive reply to release, which answers this transcript; None if there is none."""

    timings: Mapping[str, float] = field(default_factory=dict)
    """ms after the acoustic end: ``silence`` (VAD), ``turn_model``, ``transcript``, ``commit``;
    and as they are: ``probability`` of the turn model and ``completion`` of the words (0..1), ``waited`` (ms the policy
    asked for)."""


@dataclass(frozen=True, slots=True)
class UserTurnReopened:
    """The user turn before was not over: the student goes on with it. Its reply is void; the next ``UserTurnEnded`` has
    all the words."""

    ms: float
    """When that turn began."""


@dataclass(frozen=True, slots=True)
class NoSpeechHeard:
    """What sounded like speech held no words (noise, a cough): nothing to answer."""

    ms: float
    """When it began."""


@dataclass(frozen=True, slots=True)
class Duck:
    """The student makes a sound while the tutor speaks: lower the tutor's voice."""

    ms: float


@dataclass(frozen=True, slots=True)
class Resume:
    """It was not a barge-in: back to full volume. Follows every ``Duck`` that no ``Interrupt`` follows."""

    reason: Literal["noise", "backchannel", "echo", "tutor_finished"]


@dataclass(frozen=True, slots=True)
class Interrupt:
    """The student takes the floor: cancel the reply. Their own ``UserTurnEnded`` comes later."""

    ms: float
    """When they began."""

    reason: Literal["words", "speech"]
    """A real word was recognised, or speech went on too long to wait for one."""


@dataclass(frozen=True, slots=True)
class Overload:
    """Audio came faster than it could be processed; the oldest was dropped."""

    dropped_ms: float
    """Since the last such event."""


@dataclass(frozen=True, slots=True)
class ListeningFailed:
    """A model failed; the utterance is forgotten and listening goes on."""

    error: EngineError


ListenEvent = (
    SpeechStarted
    | SpeechStopped
    | Partial
    | BeginPreemptiveReply
    | PreemptiveReplyDropped
    | UserTurnEnded
    | UserTurnReopened
    | NoSpeechHeard
    | Duck
    | Resume
    | Interrupt
    | Overload
    | ListeningFailed
)
