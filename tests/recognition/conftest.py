"""The real models, loaded once, and speech made with the embedded voice."""

from __future__ import annotations

import asyncio
from collections.abc import Callable, Iterator
from pathlib import Path

import numpy as np
import pytest

from engine.audio.decoding import decode
from engine.items import FloatArray
from engine.models.catalog import locate
from engine.recognition.recognizer import WhisperRecognizer
from engine.recognition.silero import SileroVad
from tests.steady_voice import SteadyVoice

Speaker = Callable[[str], FloatArray]


@pytest.fixture(scope="session")
def detector() -> Iterator[SileroVad]:
    detector = SileroVad(locate("silero-vad"))
    yield detector
    detector.close()


@pytest.fixture(scope="session")
def english(detector: SileroVad) -> Iterator[WhisperRecognizer]:
    recognizer = WhisperRecognizer(locate("whisper-tiny.en"), detector)
    asyncio.run(recognizer.transcribe(silence(1.0)))  # its thread begins here, not in a test
    yield recognizer
    recognizer.close()


@pytest.fixture(scope="session")
def multilingual(detector: SileroVad) -> Iterator[WhisperRecognizer]:
    recognizer = WhisperRecognizer(locate("whisper-base"), detector)
    asyncio.run(recognizer.transcribe(silence(1.0)))
    yield recognizer
    recognizer.close()


@pytest.fixture(scope="session")
def say() -> Speaker:
    """Text to (n,) float32 mono 16 kHz, in the embedded voice, the same sound every time."""
    return SteadyVoice()


@pytest.fixture(scope="session")
def mandarin() -> FloatArray:
    """你好，请问什么是光合作用？ spoken by espeak-ng."""
    return decode((Path(__file__).parents[1] / "data" / "question_zh.ogg").read_bytes())


def silence(seconds: float, level: float = 0.0005) -> FloatArray:
    """A quiet room."""
    return np.random.default_rng(7).normal(0, level, int(seconds * 16_000)).astype(np.float32)
