"""Speech servers, good and bad, over real sockets."""

from __future__ import annotations

import asyncio
import gc
import tracemalloc
from collections.abc import AsyncIterator
from contextlib import aclosing
from dataclasses import replace

import numpy as np
import pytest

from engine.errors import SynthesisFailed
from engine.items import OUTPUT_RATE, Clause, Speech
from engine.speaking.shaping import speech_power
from engine.speaking.speech_endpoint import SpeechEndpoint, SpeechTimeouts
from engine.speaking.speech_endpoint import SpeechServer as Address
from tests.speaking.speech_server import SpeechServer, speech_server

CLAUSE = Clause("Water boils at 100 degrees.", "Water boils at one hundred degrees.", "en", 0)
PATIENT = SpeechTimeouts(connect_s=10, first_audio_s=20, gap_s=20, retry_pause_s=0.01, longest_retry_after_s=0.5)
"""As long as a loaded machine may take."""

NEVER_BEGINS, NEVER_GOES_ON = replace(PATIENT, first_audio_s=0.8), replace(PATIENT, gap_s=0.3)
"""For voices that never come."""


@pytest.fixture
async def server() -> AsyncIterator[SpeechServer]:
    async with speech_server() as running:
        yield running


def endpoint(url: str, *names: str) -> SpeechEndpoint:
    waits = {"slow": NEVER_BEGINS, "stalls": NEVER_GOES_ON}.get(names[0], PATIENT)
    return SpeechEndpoint(Address(url, "tts-1", key="k"), [(name, "*") for name in names], waits)


async def say(voices: SpeechEndpoint, at: int = 0) -> list[Speech]:
    return [speech async for speech in voices.speak(CLAUSE, voices.voices[at])]


async def closed(voices: SpeechEndpoint) -> None:
    voices.close()
    await asyncio.sleep(0.05)


@pytest.mark.parametrize("voice", ["good", "wav", "mp3"])
async def test_sound_comes_in_pieces_at_one_rate_and_loudness(server: SpeechServer, voice: str) -> None:
    voices = endpoint(server.url, voice)
    pieces = await say(voices)
    await closed(voices)
    pcm = np.concatenate([piece.pcm for piece in pieces])
    assert [piece.last for piece in pieces] == [False] * (len(pieces) - 1) + [True]
    assert 1.5 < len(pcm) / OUTPUT_RATE < 1.8
    assert abs(10 * np.log10(speech_power(pcm)[0]) + 20) < 1.5
    words = [word for piece in pieces for word in piece.words]
    assert [word.text for word in words] == ["Water", "boils", "at", "100", "degrees."]
    asked = server.requests[0]
    assert asked["input"] == CLAUSE.spoken and asked["voice"] == voice and asked["authorization"] == "Bearer k"


async def test_the_first_piece_comes_before_the_last_byte(server: SpeechServer) -> None:
    voices = endpoint(server.url, "awaited")
    pieces: list[Speech] = []
    async for speech in voices.speak(CLAUSE, voices.voices[0]):
        pieces.append(speech)
        server.heard.set()
    await closed(voices)
    assert sum(len(piece.pcm) for piece in pieces) / OUTPUT_RATE >= 1.0, "the second half came too"


@pytest.mark.parametrize(
    ("voice", "tries", "message"),
    [
        ("slow", 1, "too slow"),
        ("busy", 1, "rate limit"),
        ("broken", 2, "status 500"),
        ("refuses", 1, "status 404"),
        ("html", 2, "text/html"),
        ("hidden-html", 2, "no usable audio"),
        ("redirects", 1, "status 307"),
        ("compressed", 2, "compressed"),
        ("empty", 2, "no usable audio"),
        ("rubbish-mp3", 2, "no usable audio"),
        ("rubbish-wav", 2, "no usable audio"),
    ],
)
async def test_a_bad_answer_is_an_error_before_any_sound(
    server: SpeechServer, voice: str, tries: int, message: str
) -> None:
    voices = endpoint(server.url, voice)
    with pytest.raises(SynthesisFailed, match=message):
        await say(voices)
    await closed(voices)
    assert server.tries(voice) == tries


@pytest.mark.parametrize(("voice", "message"), [("half", "failed"), ("stalls", "too slow"), ("endless", "more than")])
async def test_a_voice_that_breaks_off_is_an_error_after_its_sound(
    server: SpeechServer, voice: str, message: str
) -> None:
    voices = endpoint(server.url, voice)
    pieces: list[Speech] = []
    with pytest.raises(SynthesisFailed, match=message):
        async for speech in voices.speak(CLAUSE, voices.voices[0]):
            pieces.append(speech)  # noqa: PERF401
    await closed(voices)
    assert pieces and not any(piece.last for piece in pieces)
    assert server.tries(voice) == 1


async def test_too_many_requests_are_tried_once_more(server: SpeechServer) -> None:
    voices = endpoint(server.url, "busy-once")
    pieces = await say(voices)
    await closed(voices)
    assert pieces[-1].last and server.tries("busy-once") == 2


async def test_a_server_that_is_down_is_left_alone_and_found_again(server: SpeechServer) -> None:
    voices = endpoint(server.url, "broken", "good")
    voices.breaker.pause_s = 0.2
    for _ in range(voices.breaker.threshold):
        with pytest.raises(SynthesisFailed):
            await say(voices)
    asked = len(server.requests)
    with pytest.raises(SynthesisFailed, match="down") as refusal:
        await say(voices, 1)
    assert len(server.requests) == asked and refusal.value.retry_after_s
    await asyncio.sleep(0.25)
    assert (await say(voices, 1))[-1].last
    assert not voices.breaker.open
    await closed(voices)


async def test_nobody_listening_is_an_error() -> None:
    voices = endpoint("http://127.0.0.1:9/v1", "good")
    with pytest.raises(SynthesisFailed, match="failed"):
        await say(voices)
    await closed(voices)


async def test_leaving_in_the_middle_drops_the_connection(server: SpeechServer) -> None:
    voices = endpoint(server.url, "stalls")
    async with aclosing(voices.speak(CLAUSE, voices.voices[0])) as pieces:
        assert not (await anext(pieces)).last
    await asyncio.sleep(0.1)
    assert server.hung_up == 1
    await closed(voices)


async def test_failures_leave_memory_flat(server: SpeechServer) -> None:
    voices = endpoint(server.url, "endless", "broken", "rubbish-mp3")
    voices.breaker.threshold = 1000

    async def fail() -> None:
        for at in range(3):
            with pytest.raises(SynthesisFailed):
                await say(voices, at)

    await fail()
    gc.collect()
    tracemalloc.start()
    for _ in range(4):
        await fail()
    gc.collect()
    kept, _ = tracemalloc.get_traced_memory()
    tracemalloc.stop()
    await closed(voices)
    assert kept < 1_500_000
