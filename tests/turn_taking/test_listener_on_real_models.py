"""The listener with the voice detector, turn model and recognizer it ships with, on synthesized speech."""

from __future__ import annotations

import asyncio
from collections.abc import Iterator

import numpy as np
import pytest

from engine.audio.resampling import resample
from engine.items import OUTPUT_RATE, AudioChunk, FloatArray
from engine.models.catalog import locate
from engine.recognition.recognizer import WhisperRecognizer
from engine.recognition.silero import SileroVad
from engine.settings import Settings
from engine.turn_taking.events import Duck, Interrupt, ListenEvent, Resume, SpeechStarted, UserTurnEnded
from engine.turn_taking.listener import Listener
from engine.turn_taking.smart_turn import SmartTurn
from tests.steady_voice import steady_speech

QUESTION, PROTEST = "Why is the sky blue?", "Wait a moment, I do not understand this."
SHORT_PROTESTS = ("Stop.", "Sorry, I have another question.", "No, that is not what I meant.")
NODS = ("Mm-hm.", "Uh-huh.", "Okay.")
TUTOR = "The sky is blue because of the way light scatters."


class Models:
    """Everything a listener shares, loaded once."""

    def __init__(self) -> None:
        self.detector = SileroVad(locate("silero-vad"))
        self.turn_model = SmartTurn(locate("smart-turn"))
        self.recognizer = WhisperRecognizer(locate("whisper-tiny.en"), self.detector)
        self.speech = asyncio.run(self._speak())

    async def _speak(self) -> dict[str, FloatArray]:
        spoken = await steady_speech((QUESTION, PROTEST, *SHORT_PROTESTS, *NODS))
        return {t: resample(np.concatenate([p.pcm for p in pieces]), OUTPUT_RATE) for t, pieces in spoken.items()}

    async def warm_up(self) -> None:
        """Starts every worker thread."""
        sound = self.speech[QUESTION]
        await self.recognizer.transcribe(sound)
        await self.turn_model.probability(sound)
        await self.detector.stream().probabilities(sound[:512].reshape(1, 512))

    def close(self) -> None:
        self.recognizer.close()
        self.turn_model.close()
        self.detector.close()


@pytest.fixture(scope="module")
def models() -> Iterator[Models]:
    models = Models()
    asyncio.run(models.warm_up())
    yield models
    models.close()


def room(ms: float) -> FloatArray:
    noise: FloatArray = np.random.default_rng(5).normal(0, 3e-4, int(ms * 16)).astype(np.float32)
    return noise


def cough() -> FloatArray:
    """Two bursts of noise that die away."""
    burst = np.random.default_rng(9).normal(0, 0.2, 3200) * np.exp(-np.arange(3200) / 700)
    return np.concatenate((burst, np.zeros(1600), burst * 0.7)).astype(np.float32)


async def hear(models: Models, pcm: FloatArray, until: type[ListenEvent] | None, tutor: str = "") -> list[ListenEvent]:
    """Everything told up to the first event of type ``until``, however slow this machine is; None: of it all."""
    events: list[ListenEvent] = []
    sound = np.concatenate((room(800), pcm, room(3000)))
    settings = Settings(listening={"late_ms": 10_000})
    async with Listener(models.recognizer, models.detector, models.turn_model, settings) as listener:
        if tutor:
            listener.tutor_speaking(True, tutor)
        for at in range(0, len(sound), 1600):
            listener.push(AudioChunk(sound[at : at + 1600], at))
            await asyncio.sleep(0.05)
        if until is None:
            await asyncio.sleep(1)
            return listener.events.drain()
        async with asyncio.timeout(90):
            async for event in listener.events:
                events.append(event)
                if isinstance(event, until):
                    break
    return events


async def test_a_spoken_question_becomes_a_turn(models: Models) -> None:
    events = await hear(models, models.speech[QUESTION], UserTurnEnded)
    ended = [event for event in events if isinstance(event, UserTurnEnded)]
    assert [event.transcript.text.lower() for event in ended] == ["why is the sky blue?"]
    started = next(event for event in events if isinstance(event, SpeechStarted))
    assert abs(started.ms - 800) < 200
    assert abs(ended[0].acoustic_end_ms - (800 + len(models.speech[QUESTION]) / 16)) < 400


async def test_a_protest_takes_the_floor(models: Models) -> None:
    events = await hear(models, models.speech[PROTEST], UserTurnEnded, TUTOR)
    names = [type(event).__name__ for event in events]
    assert names.index("Duck") < names.index("Interrupt") < names.index("UserTurnEnded")
    ended = next(event for event in events if isinstance(event, UserTurnEnded))
    assert "understand" in ended.transcript.text


@pytest.mark.parametrize("text", SHORT_PROTESTS)
async def test_so_do_a_few_words(models: Models, text: str) -> None:
    events = await hear(models, models.speech[text], Interrupt, TUTOR)
    assert isinstance(events[-1], Interrupt)


@pytest.mark.parametrize("text", NODS)
async def test_a_nod_does_not(models: Models, text: str) -> None:
    events = await hear(models, models.speech[text], Resume, TUTOR)
    assert not [event for event in events if isinstance(event, (Interrupt, UserTurnEnded))]


async def test_a_cough_does_not(models: Models) -> None:
    events = await hear(models, cough(), None, TUTOR)
    assert not [event for event in events if isinstance(event, (Interrupt, UserTurnEnded))]
    assert len([e for e in events if isinstance(e, Duck)]) == len([e for e in events if isinstance(e, Resume)])
