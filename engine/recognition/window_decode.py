"""The audio of an utterance that is still open, and what was recognised in its first window. Pure data."""

from __future__ import annotations

from dataclasses import dataclass, field

from engine.items import FloatArray
from engine.recognition.speech_spans import Span, SpeechTrack, find_speech
from engine.recognition.whisper_window import Hypothesis

QUIET_FRAMES = 4
"""A decode that had 128 ms of silence after the last word stands however much more silence follows."""


@dataclass(frozen=True, slots=True)
class Snapshot:
    """All audio of an utterance that has not slid away."""

    pcm: FloatArray = field(repr=False)
    """(n * 512,) float32, 16 kHz."""

    track: SpeechTrack
    """Of its n frames."""

    start: int
    """Frame of the utterance at which it begins."""


@dataclass(frozen=True, slots=True)
class WindowDecode:
    """What was recognised in the first window of a snapshot."""

    start: int
    """Frame of the utterance at which the snapshot begins."""

    window: Span
    """The piece that was decoded, in frames from ``start``."""

    said: Hypothesis | None
    """None when nobody spoke."""

    track: SpeechTrack = field(repr=False)
    """Of the snapshot."""

    more: bool
    """Another window follows."""

    @property
    def seconds(self) -> float:
        return self.window.seconds

    @property
    def words(self) -> tuple[str, ...]:
        return self.said.words if self.said else ()

    @property
    def logprob(self) -> float:
        """Mean log probability of the words."""
        return self.said.avg_logprob if self.said else 0.0

    @property
    def window_track(self) -> SpeechTrack:
        """Of the window alone."""
        return self.track[self.window.start : self.window.end]


def ends_quietly(track: SpeechTrack) -> bool:
    """Whether the last word of this audio is over, and enough silence followed to be certain."""
    speech = find_speech(track)
    return not speech or len(track) >= speech[-1].end + QUIET_FRAMES
