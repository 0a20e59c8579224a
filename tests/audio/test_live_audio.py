"""A recording that comes in pieces is heard while it comes."""

from __future__ import annotations

import asyncio
import contextlib
import time

import numpy as np
import pytest

from engine.audio.decoding import decode
from engine.audio.live import BACKLOG_BYTES, BACKLOG_SAMPLES, StreamDecoder
from engine.errors import TooFast, UnreadableMedia
from engine.items import FloatArray
from tests.audio.containers import encode, tone


@pytest.mark.parametrize("kind", ["webm", "ogg"])
async def test_sound_comes_out_while_pieces_go_in(kind: str) -> None:
    recording = encode(tone(3.0), 16_000, kind, live=True)
    heard: list[FloatArray] = []
    second = asyncio.Event()

    def take(pcm: FloatArray) -> None:
        heard.append(pcm)
        if sum(map(len, heard)) > 16_000:
            second.set()

    piece = len(recording) // 30
    async with StreamDecoder(take) as decoder:
        for i in range(20):
            decoder.push(recording[i * piece : (i + 1) * piece])
        await asyncio.wait_for(second.wait(), 20)
        decoder.push(recording[20 * piece :])
        await decoder.finish()
    assert np.allclose(np.concatenate(heard), decode(recording), atol=1e-4)


async def test_single_bytes_are_pieces_too() -> None:
    recording = encode(tone(0.3), 16_000, "ogg")
    heard: list[FloatArray] = []
    async with StreamDecoder(heard.append) as decoder:
        for i in range(len(recording)):
            decoder.push(recording[i : i + 1])
        await decoder.finish()
    assert abs(sum(map(len, heard)) / 16_000 - 0.3) < 0.05


async def test_what_is_no_recording_is_an_error_at_the_next_push() -> None:
    async with StreamDecoder(lambda _: None, field="audio") as decoder:
        decoder.push(b"#EXTM3U\nhttp://127.0.0.1:1/a.ts\n")
        with pytest.raises(UnreadableMedia, match="audio: not a webm, ogg or mp4"):
            await decoder.finish()
        with pytest.raises(UnreadableMedia):
            decoder.push(b"more")


async def test_damage_behind_a_good_beginning_is_an_error_or_skipped_but_ends() -> None:
    recording = encode(tone(1.0), 16_000, "webm", live=True)
    heard: list[FloatArray] = []
    async with StreamDecoder(heard.append) as decoder:
        decoder.push(recording[: len(recording) // 2] + np.random.default_rng(0).bytes(20_000))
        with contextlib.suppress(UnreadableMedia):
            await asyncio.wait_for(decoder.finish(), 20)
    assert heard, "what was good was heard"


async def test_leaving_in_the_middle_ends_the_thread() -> None:
    recording = encode(tone(2.0), 16_000, "webm", live=True)
    async with StreamDecoder(lambda _: None) as decoder:
        decoder.push(recording[:3000])
    async with StreamDecoder(lambda _: None):
        pass  # not a byte


async def test_closing_without_waiting_ends_the_thread_too() -> None:
    heard: list[FloatArray] = []
    decoder = StreamDecoder(heard.append)
    decoder.start()
    decoder.push(encode(tone(2.0), 16_000, "ogg"))
    decoder.close()
    decoder.close()
    decoder.push(b"late pieces are dropped")
    assert heard == []


async def test_nothing_at_all_is_no_sound_and_no_error() -> None:
    heard: list[FloatArray] = []
    async with StreamDecoder(heard.append) as decoder:
        await decoder.finish()
    assert heard == []


async def test_a_flood_is_refused() -> None:
    async with StreamDecoder(lambda _: None) as decoder:
        with pytest.raises(TooFast, match=str(BACKLOG_BYTES)):
            decoder.push(bytes(BACKLOG_BYTES + 1))


async def test_a_busy_loop_is_not_flooded_with_sound() -> None:
    recording, limit_s = encode(tone(12.0), 16_000, "webm", live=True), BACKLOG_SAMPLES / 16_000
    heard: list[FloatArray] = []
    async with StreamDecoder(heard.append) as decoder:
        decoder.push(recording)
        deadline = time.monotonic() + 20
        while decoder.untaken_s < limit_s and time.monotonic() < deadline:
            time.sleep(0.01)  # noqa: ASYNC251 - the loop is to be busy
        time.sleep(0.1)  # noqa: ASYNC251
        assert limit_s <= decoder.untaken_s < limit_s + 1
        await decoder.finish()
    assert abs(sum(map(len, heard)) / 16_000 - 12) < 0.1
