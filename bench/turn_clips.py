"""Spoken sentences with a place to pause in, for the turn taking benchmarks.

The synthesizers of the engine speak each sentence whole, so that its melody goes on over the gap, and
tell where its words are; the pause is put between two of them. A change of sample rate makes
further speakers of each voice: higher and faster, or lower and slower.
"""

from __future__ import annotations

import asyncio
from dataclasses import dataclass

import numpy as np

from engine.models.catalog import locate
from engine.pipelines.audio import resample
from engine.pipelines.contracts import Synthesizer, Voice
from engine.pipelines.items import INPUT_RATE, OUTPUT_RATE, Clause, FloatArray, Speech
from engine.pipelines.speaking.espeak import EspeakSynthesizer
from engine.pipelines.speaking.piper import PiperSynthesizer
from engine.pipelines.worker import Worker

SENTENCES = (
    # after a word that calls for more
    "I was wondering if the | moon has its own light.",
    "What is the difference between | a planet and a star?",
    "Can you explain how | plants make their food?",
    "I think the answer is | twenty four.",
    "Because the | water gets warm and rises.",
    "So the first step is to | add both numbers.",
    "Why do we | need to sleep every night?",
    "Could you tell me about | the roman empire?",
    "How many | legs does a spider have?",
    "I don't understand why | the sky is blue.",
    "Is it true that | light is faster than sound?",
    "My teacher said that | energy is never lost.",
    "What happens when | you heat a gas?",
    "I would like to learn | something about volcanoes.",
    # between clauses
    "If I have three apples, | how many can I give away?",
    "When the sun goes down, | where does it go?",
    "I read the chapter, but | I did not get the last part.",
    "First we multiply, and then | we divide by two.",
    "I know what a cell is, | but what is a nucleus?",
    "The heart pumps blood, | and the lungs bring oxygen.",
    # where the first part could stand alone
    "I like physics | because it explains so much.",
    "Please help me | with my homework.",
    "That is the answer | to the second question.",
    "Tell me a story | about a dragon.",
)
"""The bar is where the speaker hesitates."""


@dataclass(frozen=True, slots=True)
class Speaker:
    """A voice, and the factor its sound is sped up by."""

    voice: str
    speed: float

    @property
    def name(self) -> str:
        return f"{self.voice} x{self.speed:g}"


SPEAKERS = (
    Speaker("piper:en_US-joe-medium", 1.0),
    Speaker("piper:en_US-joe-medium", 1.18),
    Speaker("piper:en_US-joe-medium", 0.87),
    Speaker("espeak:en-us", 1.0),
    Speaker("espeak:en-gb", 1.15),
)


@dataclass(frozen=True, slots=True)
class Clip:
    """One sentence by one speaker."""

    speaker: str
    text: str
    before: FloatArray
    """(n,) float32 16 kHz, up to the hesitation; no silence around it."""

    after: FloatArray
    """The rest."""


def clips(sentences: tuple[str, ...] = SENTENCES, speakers: tuple[Speaker, ...] = SPEAKERS) -> list[Clip]:
    """Every sentence by every speaker."""
    return asyncio.run(_make(sentences, speakers))


async def _make(sentences: tuple[str, ...], speakers: tuple[Speaker, ...]) -> list[Clip]:
    piper = PiperSynthesizer([locate("piper-en_US-joe-medium")], Worker("piper"))
    espeak = EspeakSynthesizer()
    made = []
    try:
        for speaker in speakers:
            source: Synthesizer = piper if speaker.voice.startswith("piper") else espeak
            voice = next(voice for voice in source.voices if voice.id == speaker.voice)
            made += [await _clip(source, voice, speaker, sentence) for sentence in sentences]
    finally:
        piper.close()
        espeak.close()
    return made


async def _clip(source: Synthesizer, voice: Voice, speaker: Speaker, sentence: str) -> Clip:
    first, _, second = (part.strip() for part in sentence.partition("|"))
    text = f"{first} {second}"
    pieces: list[Speech] = [piece async for piece in source.speak(Clause(text, text, "en", 0), voice)]
    pcm = np.concatenate([piece.pcm for piece in pieces])
    words, offset = [], 0.0
    for piece in pieces:
        words += [(word.start_ms + offset, word.end_ms + offset) for word in piece.words]
        offset += piece.duration_ms
    index = len(first.split())
    cut_ms = (words[index - 1][1] + words[index][0]) / 2
    cut = int(cut_ms * OUTPUT_RATE / 1000)
    before, after = (resample(part, round(OUTPUT_RATE * speaker.speed), INPUT_RATE) for part in (pcm[:cut], pcm[cut:]))
    return Clip(speaker.name, text, trimmed(before), trimmed(after))


def trimmed(pcm: FloatArray) -> FloatArray:
    """Without the silence around it (40 dB below its loudest 10 ms), and with soft ends."""
    size = INPUT_RATE // 100
    levels = np.sqrt((pcm[: len(pcm) // size * size].reshape(-1, size) ** 2).mean(axis=1))
    loud = np.nonzero(levels > levels.max() * 0.01)[0]
    cut = pcm[loud[0] * size : (loud[-1] + 1) * size].copy()
    fade = np.linspace(0, 1, size, dtype=np.float32)
    cut[:size] *= fade
    cut[-size:] *= fade[::-1]
    return cut
