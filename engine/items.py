"""What flows between the stages of a conversation.

All of it is immutable. Audio is mono float32 in [-1, 1], at 16 kHz on the way in and 24 kHz on
the way out. A frame is 40 ms of the tutor: one picture with its own 960 samples of audio.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Literal

import numpy as np
import numpy.typing as npt

FloatArray = npt.NDArray[np.float32]
ByteArray = npt.NDArray[np.uint8]

Language = str
"""A language by its lower-case ISO 639-1 code (``en``), or its ISO 639-3 code if it has no other (``yue``).

Never a regional tag: ``en``, not ``en-US``.
"""

INPUT_RATE = 16_000
"""Samples per second of all audio that comes in, after decoding."""

VAD_FRAME = 512
"""Samples that the voice detector judges at once: 32 ms of what comes in."""

VAD_FRAME_MS = VAD_FRAME * 1000 / INPUT_RATE

OUTPUT_RATE = 24_000
"""Samples per second of all speech that goes out, whatever the voice's own rate."""

FPS = 25
"""Frames per second."""

FRAME_MS = 1000 // FPS
FRAME_SAMPLES = OUTPUT_RATE // FPS
"""Audio samples of one frame (960)."""


@dataclass(frozen=True, slots=True)
class AudioChunk:
    """A piece of the student's live microphone."""

    pcm: FloatArray
    """(n,) float32 mono, 16 kHz."""

    start_sample: int
    """Position of its first sample in the student's stream, from 0."""


@dataclass(frozen=True, slots=True)
class Word:
    """A word and when it is spoken, in ms from the start of what contains it."""

    text: str
    start_ms: float
    end_ms: float


@dataclass(frozen=True, slots=True)
class Transcript:
    """What the student said, as recognised."""

    text: str
    """All of it, without surrounding white space; empty when nobody spoke."""

    stable: str = ""
    """The stable prefix: the part of ``text`` that will not change any more."""

    language: str = "en"
    """ISO 639-1 code, as Whisper names languages."""

    words: tuple[Word, ...] = ()
    no_speech: float = 0.0
    """Probability that there is no speech at all, 0..1."""

    logprob: float = 0.0
    """Mean log probability of the latest words: 0 is certain, below -1 the recognizer was guessing."""

    final: bool = False
    """The utterance is over and ``text`` will not change."""


Expression = Literal["neutral", "glad", "gentle", "thoughtful", "surprised"]
"""What a face shows while something is said."""


@dataclass(frozen=True, slots=True)
class Clause:
    """A piece of a reply, cut where a speaker may breathe."""

    text: str
    """As written by the language model: shown in captions and kept in the history."""

    spoken: str
    """As given to the voice: no markdown, no emoji, numbers and formulas in words."""

    language: str
    """ISO 639-1 code."""

    index: int
    """Position in the reply, from 0."""

    expression: Expression = "neutral"
    """The tutor's face while it is said."""


@dataclass(frozen=True, slots=True)
class Phoneme:
    """One IPA phoneme, timed in ms from the start of its ``Speech``. The empty symbol is silence."""

    symbol: str
    start_ms: float
    end_ms: float
    stress: int = 0
    """Of the syllable whose vowel this is: 0 none, 1 secondary, 2 primary."""


PITCH_STEP_MS = 10
"""Time between the values of ``Speech.pitch``."""


@dataclass(frozen=True, slots=True)
class Speech:
    """Synthesized audio of a clause, or of a part of it when the voice streams, with its times."""

    clause: Clause
    pcm: FloatArray
    """(n,) float32 mono, 24 kHz."""

    words: tuple[Word, ...] = ()
    phonemes: tuple[Phoneme, ...] = ()
    """Empty when the voice gives no times; the face is then driven by the audio."""

    last: bool = True
    """Nothing more of this clause follows."""

    ahead: tuple[Phoneme, ...] = ()
    """The phonemes after this audio, as far as the voice knows them; timed like ``phonemes``, so past its end."""

    pitch: FloatArray | None = None
    """(m,) float32: the pitch in Hz every ``PITCH_STEP_MS`` from the start, 0 where the voice does not sound.

    None when the voice does not tell it. The pause at the end of a clause may be left out.
    """

    @property
    def duration_ms(self) -> float:
        return len(self.pcm) * 1000 / OUTPUT_RATE


@dataclass(frozen=True, slots=True)
class AnimatedFrame:
    """A frame before it is drawn: a pose with its own 40 ms of audio."""

    index: int
    """Position in the reply, from 0."""

    pcm: FloatArray
    """(960,) float32."""

    pose: FloatArray
    """(len(POSE_CHANNELS),) float32, see ``animation/pose.py``."""

    speaking: bool
    """Some of its audio belongs to a clause. False in pauses between clauses and after the last one."""

    features: FloatArray | None = None
    """Audio features, for a renderer that draws from audio instead of a pose; else None."""


@dataclass(frozen=True, slots=True)
class Picture:
    """A picture as drawn: planar YUV 4:2:0, BT.601 limited range. ``width`` and ``height`` are pixels."""

    yuv: ByteArray
    """(height * 3 // 2, width) uint8, the layout of libav's ``yuv420p``."""

    width: int
    height: int


@dataclass(frozen=True, slots=True)
class MediaFrame:
    """A frame on its way to the client: a picture with its own 40 ms of audio."""

    reply: int
    """Number of the reply it belongs to, from 1; 0 before the reply may be heard."""

    index: int
    """Position in the reply, from 0."""

    pcm: FloatArray
    """(960,) float32."""

    picture: Picture | None
    """None repeats the picture before (it was dropped under load), or video is off."""

    speaking: bool
    """See ``AnimatedFrame.speaking``."""

    pose: FloatArray | None = None
    """As drawn; None where it is not known."""
