"""What flows between the stages of a conversation.

All of it is immutable. Sound is mono float32 in [-1, 1]; what comes in is 16 kHz, what
goes out is 24 kHz; a picture is 40 ms, so it travels with 960 samples of its own sound.
"""

from __future__ import annotations

from dataclasses import dataclass, field

import numpy as np
import numpy.typing as npt

FloatArray = npt.NDArray[np.float32]
ByteArray = npt.NDArray[np.uint8]

INPUT_RATE = 16_000
"""Samples per second of everything the engine listens to."""

OUTPUT_RATE = 24_000
"""Samples per second of everything the engine says, whatever the voice's own rate."""

FPS = 25
"""Pictures per second."""

FRAME_MS = 1000 // FPS
FRAME_SAMPLES = OUTPUT_RATE // FPS
"""Samples of sound that belong to one picture (960)."""


@dataclass(frozen=True, slots=True)
class AudioChunk:
    """A piece of the student's live microphone."""

    pcm: FloatArray
    """(n,) float32 mono, 16 kHz."""

    start_sample: int
    """Position of its first sample in the student's stream."""


@dataclass(frozen=True, slots=True)
class Word:
    """A word and when it is heard, in ms from the start of what holds it."""

    text: str
    start_ms: float
    end_ms: float


@dataclass(frozen=True, slots=True)
class Transcript:
    """What the student is believed to have said."""

    text: str
    """All of it, stripped; empty when nobody spoke."""

    stable: str = ""
    """The prefix of ``text`` that will not change any more."""

    language: str = "en"
    """ISO 639-1 code, as Whisper names languages."""

    words: tuple[Word, ...] = ()
    no_speech: float = 0.0
    """Probability that this is not speech at all, 0..1."""

    logprob: float = 0.0
    """Mean log probability of its latest words: 0 is certain, below -1 the recognizer was guessing."""

    final: bool = False


@dataclass(frozen=True, slots=True)
class Clause:
    """A piece of the reply, cut where a speaker could breathe."""

    text: str
    """As shown in captions and kept in history."""

    spoken: str
    """As given to the voice: no markdown, no emoji, numbers in words where needed."""

    language: str
    """ISO 639-1 code."""

    index: int
    """0 for the first clause of its turn."""


@dataclass(frozen=True, slots=True)
class Phoneme:
    """One IPA phoneme, ms from the start of its Speech. Silence is the empty symbol."""

    symbol: str
    start_ms: float
    end_ms: float
    stress: int = 0
    """0 none, 1 secondary, 2 primary (of the syllable whose vowel this is)."""


@dataclass(frozen=True, slots=True)
class Speech:
    """A piece of a spoken clause: often the whole of it, a chunk when the voice streams."""

    clause: Clause
    pcm: FloatArray
    """(n,) float32 mono, 24 kHz."""

    words: tuple[Word, ...] = ()
    phonemes: tuple[Phoneme, ...] = ()
    """Empty when the voice tells no times; the face is then driven by the sound."""

    last: bool = True
    """No more of this clause follows."""

    ahead: tuple[Phoneme, ...] = ()
    """What follows this piece's sound, as far as the voice knows it; on the piece's clock, so after ``duration_ms``."""

    @property
    def duration_ms(self) -> float:
        return len(self.pcm) * 1000 / OUTPUT_RATE


@dataclass(frozen=True, slots=True)
class AnimatedFrame:
    """40 ms of the tutor before it is drawn: a pose with its own sound."""

    index: int
    """Counts frames of the turn from 0."""

    pcm: FloatArray
    """(960,) float32."""

    pose: FloatArray
    """(len(POSE_CHANNELS),) float32, see ``animation/pose.py``."""

    speaking: bool
    """Some of its sound belongs to a clause (False in pauses we added and in the tail)."""

    features: FloatArray | None = None
    """What a neural renderer needs instead of a pose, or None."""


@dataclass(frozen=True, slots=True)
class Picture:
    """A finished picture: planar YUV 4:2:0, BT.601 limited range."""

    yuv: ByteArray
    """(height * 3 // 2, width) uint8, as libav's ``yuv420p``."""

    width: int
    height: int


@dataclass(frozen=True, slots=True)
class MediaFrame:
    """One picture with its own 40 ms of sound, on its way to the client."""

    turn: int
    index: int
    pcm: FloatArray
    picture: Picture | None
    """None repeats the picture before (dropped under load) or when video is off."""

    speaking: bool
    words: tuple[Word, ...] = field(default=())
    """Words that begin in this frame, ms from the start of the turn."""
