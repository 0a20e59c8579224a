"""Streams of a scripted tutor behind emulated thin lines, in real time: what is heard, and how late."""

from __future__ import annotations

import asyncio

import pytest

from engine.items import FPS
from tests.network.emulator import Conditions
from tests.network.line_stage import open_line_stage

SECONDS = 9.0
"""A reply. At full quality it would be about 17 s late on the narrow line. The limits below leave room for a busy
machine; ``test_line.py`` has strict ones in virtual time."""

NARROW_BYTES_PER_S = 300_000 / 8


@pytest.mark.parametrize("codec", ["aac", "opus"])
async def test_at_300_kbit_s_the_voice_is_whole_and_hardly_late_and_few_pictures_are_drawn_in_vain(codec: str) -> None:
    narrow = Conditions(bytes_per_s=NARROW_BYTES_PER_S, queue_bytes=16_000, delay_s=0.02)
    async with open_line_stage(SECONDS) as stage, stage.socket(narrow, codec=codec) as client:
        await asyncio.sleep(0.5)
        for _ in range(2):
            drawn = stage.scheduler.drawn
            came = await client.ask()
            assert came.heard_s == pytest.approx(came.seconds, abs=0.15)
            assert max(came.lateness(came.voice)) < 5
            assert came.pictures >= came.seconds / 2
            await asyncio.sleep(0.5)
        assert stage.scheduler.drawn - drawn < 0.9 * came.seconds * FPS


async def test_with_one_packet_in_twenty_lost_the_voice_is_whole_and_not_much_later() -> None:
    lossy = Conditions(bytes_per_s=NARROW_BYTES_PER_S, queue_bytes=16_000, delay_s=0.02, loss=0.05)
    async with open_line_stage(SECONDS) as stage, stage.socket(lossy) as client:
        await asyncio.sleep(0.5)
        came = await client.ask()
        assert came.heard_s == pytest.approx(came.seconds, abs=0.15)
        assert max(came.lateness(came.voice)) < 6


async def test_at_100_kbit_s_there_is_the_voice_and_the_second_reply_is_not_late_any_more() -> None:
    thin = Conditions(bytes_per_s=100_000 / 8, queue_bytes=16_000, delay_s=0.02)
    async with open_line_stage(SECONDS) as stage, stage.socket(thin) as client:
        await asyncio.sleep(0.5)
        first = await client.ask()
        assert first.heard_s == pytest.approx(first.seconds, abs=0.15)
        await asyncio.sleep(0.5)
        second = await client.ask()
        assert second.heard_s == pytest.approx(second.seconds, abs=0.15)
        assert max(second.lateness(second.voice)) < 4
        assert second.bytes * 8 / second.seconds < 100_000


async def test_with_30_percent_of_packets_lost_the_second_reply_still_comes() -> None:
    broken = Conditions(delay_s=0.02, loss=0.3)
    async with open_line_stage(3.0) as stage, stage.socket(broken) as client:
        for _ in range(2):
            came = await client.ask()
            assert came.heard_s == pytest.approx(came.seconds, abs=0.15)
