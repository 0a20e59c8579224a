"""Peers over networks that lose, delay, reorder and repeat packets: what still arrives, and how well."""

from __future__ import annotations

import asyncio
from itertools import pairwise

import numpy as np
import pytest

from engine.items import MediaFrame
from engine.protocol.outgoing import TextDeltaEvent
from engine.transport.webrtc.sink import PeerSink
from tests.frames import beeps
from tests.network.emulator import Conditions
from tests.network.relays import udp_relay
from tests.transport.webrtc.test_webrtc_peer import Tone
from tests.transport.webrtc.webrtc_stage import Browser, Stage


async def say(sink: PeerSink, frames: list[MediaFrame], events: int = 0) -> None:
    """The frames, with a delta of text after each of the first ``events`` groups of five."""
    for at in range(0, len(frames), 5):
        await sink.media(frames[at : at + 5])
        if at // 5 < events:
            await sink.event(TextDeltaEvent(turn=frames[0].reply, content=str(at // 5)))
    await sink.finish(frames[0].reply)


def deltas(browser: Browser) -> list[str]:
    return [event["content"] for event in browser.events if event["type"] == "text_delta"]


async def test_with_one_packet_in_twenty_lost_the_reply_is_heard_and_every_event_comes_in_order(stage: Stage) -> None:
    lossy = Conditions(loss=0.05, delay_s=0.02)
    async with udp_relay(lossy, lossy, seed=1) as relay, stage.browser(relay=relay, holds_audio=False) as browser:
        await browser.wait(lambda: len(browser.pictures) > 3 and len(browser.sounds) > 3)
        await say(stage.conversation.sink, beeps(1, 100, loud=True), events=20)
        await browser.wait(lambda: len(deltas(browser)) == 20)
        await browser.wait(lambda: browser.loud()[-1].time - browser.loud()[0].time > 3.8)
        assert len(browser.loud()) >= 175, "of the 200 packets of four seconds"
        await browser.wait(lambda: len(browser.bright()) > 60)
        assert relay.down.lost > 5
        assert deltas(browser) == [str(i) for i in range(20)]
        browser.send(type="text", content="Did that arrive?")
        await browser.wait(lambda: ("say", "Did that arrive?") in stage.conversation.calls)


async def test_duplicated_packets_are_heard_and_told_once(stage: Stage) -> None:
    twice = Conditions(duplicate=0.3)
    async with udp_relay(twice, twice, seed=2) as relay, stage.browser(relay=relay, microphone=Tone()) as browser:
        await browser.wait(lambda: len(browser.sounds) > 3)
        await say(stage.conversation.sink, beeps(1, 50, loud=True), events=10)
        heard = stage.conversation.heard
        await browser.wait(lambda: len(deltas(browser)) == 10 and sum(len(c.pcm) for c in heard) > 24_000)
        await browser.wait(lambda: len(browser.loud()) >= 95)
        await asyncio.sleep(0.3)
        assert deltas(browser) == [str(i) for i in range(10)]
        times = [s.time for s in browser.loud()]
        assert len(times) <= 103, "two seconds of sound, and the encoder's lag"
        assert all(a < b for a, b in pairwise(times)), "no piece of sound twice"
    pcm = np.concatenate([c.pcm for c in heard])
    begin = int(np.flatnonzero(np.abs(pcm) > 0.05)[0]) + 1600
    steady = pcm[begin : begin + 8000]
    # A packet that was heard twice would break the tone.
    assert np.argmax(np.abs(np.fft.rfft(steady))) * 2 == pytest.approx(440, abs=4)
    assert np.abs(steady).reshape(-1, 160).max(axis=1).min() > 0.1


async def test_a_late_line_with_jitter_keeps_sound_whole_and_in_time_with_the_picture(stage: Stage) -> None:
    late = Conditions(delay_s=0.1, jitter_s=0.06)
    async with udp_relay(late, late, seed=3) as relay, stage.browser(relay=relay) as browser:
        await browser.wait(lambda: len(browser.pictures) > 3 and len(browser.sounds) > 3)
        await say(stage.conversation.sink, beeps(1, 75, (20, 45), flash=8))
        await browser.wait(lambda: len(browser.loud()) >= 2 and len(browser.bright()) >= 8)
        assert browser.bright()[0].time - browser.pictures[0].time == pytest.approx(
            browser.loud()[0].time - browser.sounds[0].time, abs=0.3
        )


async def test_the_line_may_be_narrow_the_voice_comes_first(stage: Stage) -> None:
    narrow = Conditions(bytes_per_s=15_000, queue_bytes=15_000)
    async with udp_relay(Conditions(), narrow, seed=4) as relay, stage.browser(relay=relay) as browser:
        await browser.wait(lambda: len(browser.sounds) > 3)
        await say(stage.conversation.sink, beeps(1, 75, loud=True), events=15)
        await browser.wait(lambda: len(browser.loud()) >= 120 and len(deltas(browser)) == 15)
        assert stage.session.connections, "the peer stays"
