"""Speech for the benchmarks, synthesized on the spot: several voices, inner pauses, noise, and other sounds."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from engine.audio.resampling import resample
from engine.items import INPUT_RATE, OUTPUT_RATE, FloatArray
from engine.settings import Settings
from engine.speaking.voices import VoiceBook, build_voicebook

VOICES = ("piper:en_US-joe-medium", "espeak:en-us", "espeak:en-gb", "espeak:en-gb-scotland")

QUESTIONS = (
    "Why is the sky blue?",
    "How do plants make food from sunlight?",
    "What is the difference between weather and climate?",
    "Can you explain how a magnet works?",
    "How many planets are there in the solar system?",
    "What is the largest ocean on earth?",
    "Please tell me about the water cycle.",
    "Why do leaves change color in autumn?",
)

BARGE_INS = ("Wait, stop there please.", "Sorry, I have another question.", "No, that is not what I meant.")
BACKCHANNELS = ("Mm-hm.", "Uh-huh.", "Okay.")


@dataclass(frozen=True, slots=True)
class Clip:
    """A recording and what is in it."""

    pcm: FloatArray
    """(n,) float32 mono 16 kHz."""

    text: str
    start_s: float
    """First sound."""
    end_s: float
    """End of the last sound."""


class Speakers:
    """Synthesizes clips. Close it at the end."""

    def __init__(self) -> None:
        settings = Settings(_cli_parse_args=False)
        self._book: VoiceBook = build_voicebook(settings)

    async def say(self, text: str, voice: str) -> Clip:
        """One utterance."""
        pcm = resample(await self._book.render(voice, text), OUTPUT_RATE, INPUT_RATE)
        start, end = _extent(pcm)
        return Clip(pcm, text, start, end)

    def close(self) -> None:
        """End the synthesizers' threads."""
        self._book.close()


def cough(rng: np.random.Generator) -> Clip:
    """Two bursts of coloured noise, like a cough."""
    pieces = []
    for length in (0.09, 0.14):
        n = int(length * INPUT_RATE)
        noise = np.convolve(rng.standard_normal(n + 8), np.ones(8) / 8, "valid")[:n]
        pieces += [noise * np.exp(-np.linspace(0, 5, n)) * 0.5, np.zeros(int(0.08 * INPUT_RATE))]
    pcm = np.concatenate(pieces).astype(np.float32)
    return Clip(pcm, "", 0.0, len(pcm) / INPUT_RATE)


def click() -> Clip:
    """A click, like a pen dropped on a desk."""
    n = int(0.03 * INPUT_RATE)
    pcm = (np.sin(np.arange(n) * 0.9) * np.exp(-np.linspace(0, 9, n)) * 0.7).astype(np.float32)
    return Clip(pcm, "", 0.0, n / INPUT_RATE)


def fan_noise(rng: np.random.Generator, seconds: float = 5.0) -> FloatArray:
    """A fan or an old computer at -34 dBFS: low noise with a hum."""
    n = int(seconds * INPUT_RATE)
    rumble = np.convolve(rng.standard_normal(n + 32), np.ones(33) / 33, "valid")
    hum = np.sin(2 * np.pi * 120 * np.arange(n) / INPUT_RATE)
    noise: FloatArray = (0.02 * rumble / rumble.std() * 0.8 + 0.008 * hum).astype(np.float32)
    return noise


def melody(seconds: float = 6.0) -> FloatArray:
    """Plain music without a voice: notes of a scale with overtones, half a second each, at about -30 dBFS."""
    times = np.arange(int(seconds * INPUT_RATE)) / INPUT_RATE
    steps = np.array([0, 4, 7, 12, 7, 4, 5, 9, 12, 9, 5, 2])[(times / 0.5).astype(int) % 12]
    phase = 2 * np.pi * np.cumsum(220 * 2 ** (steps / 12)) / INPUT_RATE
    fade = np.exp(-4 * (times % 0.5))
    return (0.05 * fade * (np.sin(phase) + 0.5 * np.sin(2 * phase) + 0.25 * np.sin(3 * phase))).astype(np.float32)


def with_noise(clip: Clip, snr_db: float, rng: np.random.Generator) -> Clip:
    """The clip with added noise."""
    level = float(np.sqrt(np.mean(clip.pcm**2))) * 10 ** (-snr_db / 20)
    noise = (rng.standard_normal(len(clip.pcm)) * level).astype(np.float32)
    return Clip(clip.pcm + noise, clip.text, clip.start_s, clip.end_s)


def _extent(pcm: FloatArray, below_peak_db: float = 34) -> tuple[float, float]:
    """First and last moment, in seconds, at which 10 ms are within ``below_peak_db`` of the loudest."""
    size = INPUT_RATE // 100
    blocks = pcm[: len(pcm) // size * size].reshape(-1, size)
    levels = np.sqrt(np.mean(blocks**2, axis=1))
    loud = np.flatnonzero(levels > levels.max() * 10 ** (-below_peak_db / 20))
    return float(loud[0] * size / INPUT_RATE), float((loud[-1] + 1) * size / INPUT_RATE)
