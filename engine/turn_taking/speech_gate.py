"""From P(speech) to starts and stops of speech.

In: the probability of each 32 ms frame. Out: starts and stops with their acoustic times, not the times at which
they were noticed. Pure: no thread, nothing to stop.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Literal

from engine.items import VAD_FRAME_MS
from engine.settings import GateOptions


@dataclass(frozen=True, slots=True)
class GateEvent:
    """``start`` or ``stop`` of speech, and when it was heard, ms of the stream."""

    kind: Literal["start", "stop"]
    ms: float


class SpeechGate:
    """Hysteresis from probabilities to starts and stops. Pure: told each frame and its end time.

    Silero rises about 20 ms into a word and stays up some 40 ms after its end (measured on
    synthesized speech); the times given are corrected for that.
    """

    ONSET_LAG_MS = 20
    RELEASE_LAG_MS = 40

    def __init__(self, options: GateOptions | None = None) -> None:
        self._options = options or GateOptions()
        self.speaking = False
        """Between a ``start`` and its ``stop``."""

        self.voice_end_ms = 0.0
        """Estimated acoustic end of the latest speech."""

        self._start_ms = 0.0
        self._candidate_ms = 0.0
        self._silent = False

    @property
    def sounding(self) -> bool:
        """The latest frame is speech."""
        return self.speaking and not self._silent

    @property
    def stirring(self) -> bool:
        """The latest frames may be the beginning of speech."""
        return self._candidate_ms > 0

    def reset(self) -> None:
        """Forget speech in progress: if it goes on, that is a new ``start``."""
        self.speaking, self._silent, self._candidate_ms = False, False, 0.0

    def feed(self, probability: float, end_ms: float) -> GateEvent | None:
        """The next 32 ms frame, which ends at ``end_ms``."""
        if self.speaking:
            return self._in_speech(probability, end_ms)
        return self._in_silence(probability, end_ms)

    def _in_silence(self, probability: float, end_ms: float) -> GateEvent | None:
        if probability >= self._options.start:
            if self._candidate_ms == 0:
                self._start_ms = max(0.0, end_ms - VAD_FRAME_MS - self.ONSET_LAG_MS)
            self._candidate_ms += VAD_FRAME_MS
        elif probability < self._options.stop:
            self._candidate_ms = 0.0
        if self._candidate_ms == 0 or self._candidate_ms < self._options.min_speech_ms:
            return None
        self.speaking, self._silent = True, False
        self._candidate_ms = 0.0
        self.voice_end_ms = end_ms
        return GateEvent("start", self._start_ms)

    def _in_speech(self, probability: float, end_ms: float) -> GateEvent | None:
        threshold = self._options.start if self._silent else self._options.stop
        if probability >= threshold:
            self._silent = False
            self.voice_end_ms = end_ms
            return None
        if not self._silent:
            self._silent = True
            self.voice_end_ms = max(self._start_ms, self.voice_end_ms - self.RELEASE_LAG_MS)
        if end_ms - self.voice_end_ms < self._options.hangover_ms:
            return None
        self.speaking = False
        return GateEvent("stop", self.voice_end_ms)
