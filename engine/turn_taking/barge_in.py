"""The student makes a sound while the tutor speaks: is it a barge-in? Pure.

The tutor's voice is lowered at the first sound. This policy then decides whether to raise it again (noise, a cough,
*mm-hm*, the tutor's own voice from a loudspeaker) or to give the student the floor.
"""

from __future__ import annotations

from dataclasses import dataclass
from enum import Enum

from engine.items import Transcript
from engine.settings import ListeningOptions
from engine.turn_taking.transcript_cues import (
    content,
    echo_share,
    is_backchannel,
    may_become_backchannel,
    takes_floor,
    tutor_asks,
    without_fillers,
)


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
class OverlappingSound:
    """What is known about a sound over the tutor's voice."""

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
    """Judges a sound; asked again whenever more is known about it."""

    def __init__(self, options: ListeningOptions | None = None) -> None:
        listening = options or ListeningOptions()
        self._options = listening.barge_in
        self._late_ms = listening.late_ms
        """After this much silence, a sound whose words are still being decoded is taken for noise."""

    def judge(self, sound: OverlappingSound) -> Judgement:
        """What to do about ``sound``, from what is known of it now.

        The tutor's own words are an echo. Words that are certain enough interrupt, and so does speech that lasts
        while no words are known. *Okay* and *right* interrupt when the tutor has just asked: they answer.
        Silence after anything else means noise, or a backchannel if the words are one.
        ``WAIT``: ask again when more is known.
        """
        options = self._options
        over = sound.silence_ms > 0 and sound.complete
        text, logprob = (sound.transcript.text, sound.transcript.logprob) if sound.transcript else ("", 0.0)
        if text and sound.tutor_text and echo_share(text, sound.tutor_text) >= options.echo_share:
            return Judgement.ECHO if over or self._faded(sound) else Judgement.WAIT
        answers = tutor_asks(sound.tutor_text)
        undecided = not over and not answers and may_become_backchannel(text)
        said = without_fillers(text) if answers and is_backchannel(text) else content(text)
        lasts = sound.voiced_ms >= self._needed_ms(sound)
        if said and lasts and not undecided and self._convincing(text, logprob, sound.voiced_ms):
            return Judgement.WORDS
        # Doubtful words may be the beginning of clear ones: wait a little.
        if (over and not said) or self._faded(sound):
            return Judgement.BACKCHANNEL if is_backchannel(text) else Judgement.NOISE
        if sound.transcript is None and sound.voiced_ms >= max(options.wordless_ms, self._needed_ms(sound)):
            return Judgement.SPEECH
        return Judgement.WAIT

    def _needed_ms(self, sound: OverlappingSound) -> float:
        guarded = sound.tutor_ms < self._options.guard_ms
        return self._options.min_speech_ms * (2 if guarded else 1)

    def _convincing(self, text: str, logprob: float, voiced_ms: float) -> bool:
        """Whether the words were really said, not recognised in a hum."""
        options = self._options
        needed = options.opener_logprob if takes_floor(text) else options.sure_logprob
        return voiced_ms >= options.brief_ms or logprob >= needed

    def _faded(self, sound: OverlappingSound) -> bool:
        """Whether the silence is so long that nothing more will come."""
        return sound.silence_ms >= (self._options.noise_silence_ms if sound.complete else self._late_ms)
