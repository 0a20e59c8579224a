"""Spoken clips with their words, for the recognition benchmark: several voices, rates and noises."""

from __future__ import annotations

import asyncio
from dataclasses import dataclass

import numpy as np
from turn_clips import SPEAKERS, Speaker, trimmed

from engine.audio.resampling import resample
from engine.concurrency.worker import Worker
from engine.contracts import Synthesizer
from engine.items import INPUT_RATE, OUTPUT_RATE, Clause, FloatArray
from engine.models.catalog import locate
from engine.speaking.espeak import EspeakSynthesizer
from engine.speaking.piper import PiperSynthesizer

TEXTS = (
    "Why is the sky blue?",
    "Hello there.",
    "What is photosynthesis, and why do plants need light?",
    "Can you show me how to find the area of a triangle?",
    "I don't understand the difference between weather and climate.",
    "My teacher said that energy is never lost, but where does it go when a ball stops rolling?",
    "I tried to solve this equation, but I got stuck when I had to divide both sides. Can you show me the next step?",
    "When the volcano erupted, the people of the town had no time to leave, and their houses were covered with ash.",
    "Yesterday in class our teacher explained how the heart pumps blood through the body. First the blood goes to the "
    "lungs, where it takes up oxygen. Then it comes back and is sent to all of the muscles. I did not understand why "
    "there are four chambers, and what the valves between them are for.",
    "I have been reading a book about the planets. It says that the largest one is made of gas and has no ground to "
    "stand on. If I fell into it, would I fall for ever, or would I come out on the other side?",
)
"""Without numbers, since these may be written as words or as digits."""

NOISES_DB: tuple[float | None, ...] = (None, 20.0, 10.0)
"""Signal-to-noise ratio; None is a quiet room."""


@dataclass(frozen=True, slots=True)
class SpokenClip:
    """A text spoken by one speaker, with 0.3 s of room noise before and after."""

    speaker: str
    text: str
    noise_db: float | None
    pcm: FloatArray
    """(n,) float32 16 kHz."""

    @property
    def seconds(self) -> float:
        return len(self.pcm) / INPUT_RATE


def spoken_clips(
    texts: tuple[str, ...] = TEXTS,
    speakers: tuple[Speaker, ...] = SPEAKERS,
    noises: tuple[float | None, ...] = NOISES_DB,
) -> list[SpokenClip]:
    """Every text by every speaker in every noise. The same at each call, except for the voices' own variation."""
    spoken = asyncio.run(_speak(texts, speakers))
    noise = np.random.default_rng(11)
    return [
        SpokenClip(speaker.name, text, db, _in_a_room(pcm, db, noise)) for db in noises for speaker, text, pcm in spoken
    ]


async def _speak(texts: tuple[str, ...], speakers: tuple[Speaker, ...]) -> list[tuple[Speaker, str, FloatArray]]:
    piper = PiperSynthesizer([locate("piper-en_US-joe-medium")], Worker("piper"))
    espeak = EspeakSynthesizer()
    made = []
    try:
        for speaker in speakers:
            source: Synthesizer = piper if speaker.voice.startswith("piper") else espeak
            voice = next(voice for voice in source.voices if voice.id == speaker.voice)
            for text in texts:
                pieces = [piece.pcm async for piece in source.speak(Clause(text, text, "en", 0), voice)]
                pcm = resample(np.concatenate(pieces), round(OUTPUT_RATE * speaker.speed), INPUT_RATE)
                made.append((speaker, text, trimmed(pcm)))
    finally:
        piper.close()
        espeak.close()
    return made


def _in_a_room(pcm: FloatArray, noise_db: float | None, random: np.random.Generator) -> FloatArray:
    room = np.zeros(int(0.3 * INPUT_RATE), np.float32)
    pcm = np.concatenate([room, pcm, room])
    level = 0.0005
    if noise_db is not None:
        level = float(np.sqrt((pcm**2).mean())) / 10 ** (noise_db / 20)
    noise = random.normal(0, 1, len(pcm)) + 2 * np.convolve(random.normal(0, 1, len(pcm)), np.full(16, 0.25), "same")
    noisy: FloatArray = (pcm + level * noise / noise.std()).astype(np.float32)
    return noisy
