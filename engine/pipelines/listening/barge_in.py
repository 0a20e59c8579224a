"""The student makes a sound while the tutor speaks: is it a bid for the floor? Pure.

The tutor's voice is lowered at the first sound; this policy then says whether to raise it again
(noise, a cough, *mm-hm*, the tutor's own voice from a loudspeaker) or to give the floor away.
"""

from __future__ import annotations

from dataclasses import dataclass
from enum import Enum

from engine.pipelines.items import Transcript
from engine.pipelines.listening.transcript_cues import (
    content,
    echo_share,
    is_backchannel,
    may_become_backchannel,
)


@dataclass(frozen=True, slots=True)
class BargeInOptions:
    """When a sound over the tutor's voice counts."""

    min_speech_ms: float = 200
    """Speech needed beside a word."""

    wordless_ms: float = 1000
    """Speech so long takes the floor while the recognizer still owes its first words."""

    noise_silence_ms: float = 350
    """Silence after a sound in which no word was found: it was noise."""

    guard_ms: float = 500
    """The tutor's first moments, when echo cancellers still learn: twice the speech is asked for."""

    echo_share: float = 0.7
    """Share of the words that the tutor has just said, from which they are the tutor's own."""

    no_speech: float = 0.6
    """Recognizer's P(no speech) above which its words do not count."""

    brief_ms: float = 600
    brief_no_speech: float = 0.5
    """Stricter for short sounds: of a hummed *mm-hm* Whisper makes whole sentences."""


class Judgement(Enum):
    """What to do about a sound."""

    WAIT = "wait"
    NOISE = "noise"
    BACKCHANNEL = "backchannel"
    ECHO = "echo"
    WORDS = "words"
    """Interrupt: real words."""

    SPEECH = "speech"
    """Interrupt: speech that lasts, before its words are known."""


@dataclass(frozen=True, slots=True)
class Sound:
    """What is known about it now."""

    voiced_ms: float
    """Speech in it so far."""

    silence_ms: float
    """Since it ended; 0 while it lasts."""

    tutor_ms: float
    """How long the tutor had been speaking when it began."""

    tutor_text: str
    """What the tutor has said so far."""

    transcript: Transcript | None
    """The latest recognition of it, or None."""

    complete: bool
    """The transcript covers all of it."""


class BargeInPolicy:
    """Judges a sound as often as more becomes known of it."""

    def __init__(self, options: BargeInOptions | None = None) -> None:
        self._options = options or BargeInOptions()

    def judge(self, sound: Sound) -> Judgement:
        options = self._options
        over = sound.silence_ms > 0 and sound.complete
        text = sound.transcript.text if sound.transcript else ""
        allowed = options.brief_no_speech if sound.voiced_ms < options.brief_ms else options.no_speech
        if sound.transcript is not None and sound.transcript.no_speech > allowed:
            text = ""
        if text and sound.tutor_text and echo_share(text, sound.tutor_text) >= options.echo_share:
            return Judgement.ECHO if over or self._faded(sound) else Judgement.WAIT
        undecided = not over and may_become_backchannel(text)
        if content(text) and not undecided and sound.voiced_ms >= self._needed_ms(sound):
            return Judgement.WORDS
        if over:
            return Judgement.BACKCHANNEL if is_backchannel(text) else Judgement.NOISE
        if self._faded(sound):
            return Judgement.BACKCHANNEL if is_backchannel(text) else Judgement.NOISE
        if sound.transcript is None and sound.voiced_ms >= max(options.wordless_ms, self._needed_ms(sound)):
            return Judgement.SPEECH
        return Judgement.WAIT

    def _needed_ms(self, sound: Sound) -> float:
        guarded = sound.tutor_ms < self._options.guard_ms
        return self._options.min_speech_ms * (2 if guarded else 1)

    def _faded(self, sound: Sound) -> bool:
        return sound.silence_ms >= self._options.noise_silence_ms
