"""A peer's microphone, packet by packet: what the line loses, repeats, spoils and floods."""

from __future__ import annotations

import time
from collections.abc import Callable, Iterable

import numpy as np
import pytest

from engine.items import INPUT_RATE, OUTPUT_RATE, AudioChunk, FloatArray
from engine.transport.webrtc.microphone import MAX_AHEAD_S, OpusMicrophone
from engine.transport.webrtc.rtp_encoders import OpusPackets
from tests.transport.webrtc.opus_packet import OpusPacket

COUNT = 50
NEAR_THE_WRAP = 2**32 - 10 * 960

Hear = Callable[..., FloatArray]


@pytest.fixture(scope="module")
def hear() -> Hear:
    """Hands over a second of tone in packets of these numbers; gives what the listener gets."""
    coder = OpusPackets(32_000)
    tone = (0.3 * np.sin(2 * np.pi * 440 * np.arange(COUNT * 480) / OUTPUT_RATE)).astype(np.float32)
    packets = [bytes(coder.encode(tone[i * 480 : (i + 1) * 480], i)) for i in range(COUNT)]

    def hear(numbers: Iterable[int], spoilt: int | None = None, rubbish: bytes = b"") -> FloatArray:
        chunks: list[AudioChunk] = []
        microphone = OpusMicrophone(chunks.append)
        for i in numbers:
            opus = rubbish if i == spoilt else packets[i % COUNT]
            packet = OpusPacket((65530 + i) % 65536, (NEAR_THE_WRAP + i * 960) % 2**32, opus)
            assert microphone.add(packet) == (False, None), "nothing is left for aiortc to decode"
        assert [c.start_sample for c in chunks] == [0, *np.cumsum([len(c.pcm) for c in chunks])[:-1]]
        return np.concatenate([c.pcm for c in chunks])

    return hear


def _level(pcm: FloatArray, begin_s: float, end_s: float) -> float:
    return float(np.abs(pcm[int(begin_s * INPUT_RATE) : int(end_s * INPUT_RATE)]).max())


def test_packets_are_joined_across_the_wrap_of_their_numbers(hear: Hear) -> None:
    pcm = hear(range(COUNT))
    assert len(pcm) / INPUT_RATE == pytest.approx(1.0, abs=0.003)
    assert np.argmax(np.abs(np.fft.rfft(pcm[4000:12000]))) * 2 == pytest.approx(440, abs=4)


def test_what_was_lost_is_silence_of_the_same_length(hear: Hear) -> None:
    pcm = hear([*range(20), *range(25, COUNT)])
    assert len(pcm) / INPUT_RATE == pytest.approx(1.0, abs=0.003)
    assert _level(pcm, 0.42, 0.49) < 0.01
    assert _level(pcm, 0.52, 0.58) > 0.2


def test_a_packet_that_comes_late_or_twice_is_dropped(hear: Hear) -> None:
    late, twice = hear([*range(20), 21, 20, *range(22, COUNT)]), hear([*range(20), 19, 19, *range(20, COUNT)])
    assert len(late) == pytest.approx(INPUT_RATE, abs=50)
    assert len(twice) == pytest.approx(INPUT_RATE, abs=50)


@pytest.mark.parametrize("rubbish", [b"", b"\xff" * 40, b"\xfb\xff", bytes(range(256)) * 5])
def test_rubbish_is_a_lost_packet(hear: Hear, rubbish: bytes) -> None:
    pcm = hear(range(COUNT), 20, rubbish)
    assert len(pcm) / INPUT_RATE == pytest.approx(1.0, abs=0.13)
    assert _level(pcm, 0.6, 0.9) > 0.2


def test_a_muted_microphone_makes_no_silence_when_it_goes_on(hear: Hear) -> None:
    pcm = hear([*range(20), *range(20 + 5 * COUNT, 40 + 5 * COUNT)])
    assert len(pcm) / INPUT_RATE == pytest.approx(0.8, abs=0.003)


def test_a_flood_is_not_even_decoded(hear: Hear) -> None:
    began = time.monotonic()
    pcm = hear(range(40 * COUNT))
    took_s = time.monotonic() - began
    assert len(pcm) / INPUT_RATE <= MAX_AHEAD_S + took_s + 1.1, "no more than it may be ahead, and one gap"
