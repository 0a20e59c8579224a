"""The real voice detector and turn model on synthesized speech."""

from __future__ import annotations

import asyncio
from collections.abc import Iterator

import numpy as np
import pytest

from engine.audio.resampling import resample
from engine.items import INPUT_RATE, OUTPUT_RATE, VAD_FRAME, VAD_FRAME_MS, FloatArray, Speech
from engine.models.catalog import locate
from engine.recognition.silero import SileroVad
from engine.turn_taking.smart_turn import SmartTurn, log_mel
from engine.turn_taking.speech_gate import SpeechGate
from tests.steady_voice import steady_speech

FINISHED = ("What is photosynthesis?", "How many legs does a spider have?", "Tell me about the sun.")
CUT_OFF = ("The reason I am asking is that the", "I was wondering if the", "Well, what I mean is, um")
REST = " thing is good"
"""What is spoken after them and cut off."""


@pytest.fixture(scope="module")
def detector() -> Iterator[SileroVad]:
    detector = SileroVad(locate("silero-vad"))
    asyncio.run(detector.stream().probabilities(frames(room(32))))  # starts its thread
    yield detector
    detector.close()


@pytest.fixture(scope="module")
def turn_model() -> Iterator[SmartTurn]:
    model = SmartTurn(locate("smart-turn"))
    asyncio.run(model.probability(room(32)))  # starts its thread
    yield model
    model.close()


@pytest.fixture(scope="module")
def speech() -> dict[str, FloatArray]:
    """What Piper says, 16 kHz, without the silence around it."""

    async def make() -> dict[str, FloatArray]:
        made = {}
        for text, pieces in (await steady_speech((*FINISHED, *(text + REST for text in CUT_OFF)))).items():
            pcm = np.concatenate([piece.pcm for piece in pieces])
            if text not in FINISHED:
                text = text.removesuffix(REST)
                pcm = pcm[: int(_start_of_word(pieces, len(text.split())) * OUTPUT_RATE / 1000)]
            loud = np.nonzero(np.abs(pcm) > 0.02 * np.abs(pcm).max())[0]
            made[text] = resample(pcm[loud[0] : loud[-1]], OUTPUT_RATE)
        return made

    return asyncio.run(make())


def _start_of_word(pieces: list[Speech], index: int) -> float:
    """Ms from the start of the clause."""
    offset = 0.0
    starts = []
    for piece in pieces:
        starts += [offset + word.start_ms for word in piece.words]
        offset += piece.duration_ms
    return starts[index]


def room(ms: float, level: float = 3e-4) -> FloatArray:
    noise: FloatArray = np.random.default_rng(3).normal(0, level, int(ms * 16)).astype(np.float32)
    return noise


def frames(pcm: FloatArray) -> FloatArray:
    return pcm[: len(pcm) // VAD_FRAME * VAD_FRAME].reshape(-1, VAD_FRAME)


async def test_state_goes_on_from_call_to_call(detector: SileroVad, speech: dict[str, FloatArray]) -> None:
    heard = frames(np.concatenate((room(500), *speech.values())))
    at_once = await detector.stream().probabilities(heard)
    stream = detector.stream()
    one_by_one = [await stream.probabilities(heard[at : at + 3]) for at in range(0, len(heard), 3)]
    assert np.allclose(at_once, np.concatenate(one_by_one), atol=1e-4)
    fresh = [(await detector.stream().probabilities(frame[None]))[0] for frame in heard]
    assert np.abs(at_once - fresh).mean() > 0.03, "the state makes no difference"


async def test_two_microphones_do_not_hear_each_other(detector: SileroVad, speech: dict[str, FloatArray]) -> None:
    heard = frames(speech[FINISHED[0]])
    alone = await detector.stream().probabilities(heard)
    one, other, together = detector.stream(), detector.stream(), []
    for frame in heard:
        together.append(await one.probabilities(frame[None]))
        await other.probabilities(frame[None, ::-1] * 0.5)
    assert np.allclose(alone, np.concatenate(together), atol=1e-4)


@pytest.mark.parametrize("gain", [1.0, 0.1, 0.02])
async def test_starts_and_ends_are_found_at_any_level(
    detector: SileroVad, speech: dict[str, FloatArray], gain: float
) -> None:
    for text in FINISHED:
        spoken = speech[text] / np.abs(speech[text]).max() * 0.5
        pcm = np.concatenate((room(600), spoken, room(800))) * np.float32(gain)
        gate = SpeechGate()
        probabilities = await detector.stream().probabilities(frames(pcm))
        events = [gate.feed(float(p), (i + 1) * VAD_FRAME_MS) for i, p in enumerate(probabilities)]
        found = [event for event in events if event is not None]
        end = 600 + len(spoken) * 1000 / INPUT_RATE
        assert abs(found[0].ms - 600) <= 110, (text, found)
        assert abs(found[-1].ms - end) <= 80, (text, end, found)
        assert found[-1].kind == "stop"


@pytest.mark.parametrize("level", [1e-3, 1e-2, 5e-2])
async def test_hiss_is_not_speech(detector: SileroVad, level: float) -> None:
    assert (await detector.stream().probabilities(frames(room(5000, level)))).max() < 0.5


async def test_a_muted_microphone_costs_no_model(detector: SileroVad, monkeypatch: pytest.MonkeyPatch) -> None:
    stream = detector.stream()
    await stream.probabilities(np.zeros((16, VAD_FRAME), np.float32))
    monkeypatch.setattr(stream, "judge", lambda _: pytest.fail("the model was run"))
    assert (await stream.probabilities(np.zeros((4, VAD_FRAME), np.float32))).tolist() == [0.0] * 4


async def test_finished_sentences_score_above_cut_off_ones(
    turn_model: SmartTurn, speech: dict[str, FloatArray]
) -> None:
    async def score(text: str) -> float:
        return await turn_model.probability(np.concatenate((speech[text], room(120))))

    finished = [await score(text) for text in FINISHED]
    cut_off = [await score(text) for text in CUT_OFF]
    assert np.mean(finished) > np.mean(cut_off) + 0.3, (finished, cut_off)


def test_features_are_whispers(speech: dict[str, FloatArray]) -> None:
    """Against the definition, computed the slow way for one frame."""
    pcm = speech[FINISHED[0]]
    features = log_mel(pcm)
    assert features.shape == (80, 800)
    assert features.dtype == np.float32
    padded = np.concatenate((np.zeros(128_000 - len(pcm)), pcm)).astype(np.float64)
    padded = (padded - padded.mean()) / np.sqrt(padded.var() + 1e-7)
    frame = 780
    piece = padded[frame * 160 - 200 : frame * 160 + 200] * (0.5 - 0.5 * np.cos(2 * np.pi * np.arange(400) / 400))
    power = np.abs(np.fft.fft(piece)[:201]) ** 2
    loudest = features.max() * 4 - 4
    expected = (np.maximum(np.log10(np.maximum(_by_hand(power), 1e-10)), loudest - 8) + 4) / 4
    assert np.allclose(features[:, frame], expected, atol=2e-3)


def _by_hand(power: FloatArray) -> FloatArray:
    """Mel energies with triangles drawn point by point on Slaney's scale."""

    def to_hz(mel: float) -> float:
        return mel * 200 / 3 if mel < 15 else 1000 * 6.4 ** ((mel - 15) / 27)

    top = 15 + 27 * np.log(8) / np.log(6.4)
    edges = [to_hz(top * index / 81) for index in range(82)]
    energies = []
    for low, middle, high in zip(edges, edges[1:], edges[2:], strict=False):
        total = 0.0
        for index, value in enumerate(power):
            hz = index * 40
            height = min((hz - low) / (middle - low), (high - hz) / (high - middle))
            total += max(0.0, height) * 2 / (high - low) * value
        energies.append(total)
    return np.array(energies)


@pytest.mark.parametrize("seconds", [0.0, 0.01, 7.999, 8.0, 12.0])
async def test_any_length_of_turn_can_be_judged(turn_model: SmartTurn, seconds: float) -> None:
    assert 0.0 <= await turn_model.probability(room(seconds * 1000, 0.01)) <= 1.0


async def test_only_the_last_eight_seconds_count(turn_model: SmartTurn) -> None:
    tail = room(8000, 0.02)
    alone = await turn_model.probability(tail)
    assert await turn_model.probability(np.concatenate((room(3000, 0.3), tail))) == pytest.approx(alone, abs=1e-5)
