"""The whole engine over poor networks: narrow, late, stalled and broken lines; sockets and peers."""

from __future__ import annotations

import asyncio
import base64
import fractions
import itertools
from typing import Any

import av
import numpy as np
import pytest
from aiortc.mediastreams import MediaStreamTrack

from engine.app import Engine
from engine.audio.resampling import resample
from engine.items import FPS, OUTPUT_RATE, FloatArray
from tests.decoded import pictures_of, sound_of
from tests.network.emulator import Conditions
from tests.network.relays import TcpProxy, tcp_proxy, udp_relay
from tests.system.conftest import Caller, Socket
from tests.transport.webrtc.webrtc_stage import open_browser

pytestmark = pytest.mark.asyncio(loop_scope="session")

Messages = list[dict[str, Any]]


async def still_lives(socket: Socket) -> None:
    await socket.send(type="ping")
    await socket.expect("pong")
    await socket.ws.close()


async def dial(caller: Caller, session: dict[str, Any], proxy: TcpProxy) -> Socket:
    """A streaming socket through the proxy."""
    return await caller.connect({**session, "engine_url": proxy.through(session["engine_url"])}, "&stream=1")


def whole(messages: Messages) -> tuple[int, FloatArray]:
    """Checks that the media of one reply lacks nothing; gives its number of pictures and its sound (n,) float32."""
    media = [m for m in messages if m["type"] == "media"]
    assert [m["seq"] for m in media] == list(range(len(media)))
    assert all(a["start_ms"] + a["duration_ms"] == b["start_ms"] for a, b in itertools.pairwise(media))
    raw = b"".join(base64.b64decode(m["data"]) for m in media)
    count = sum(1 for _ in pictures_of(raw))
    heard, rate = sound_of(raw)
    end_ms = media[-1]["start_ms"] + media[-1]["duration_ms"]
    assert 0 < count <= round(end_ms / 1000 * FPS), "fewer on a thin line, each as long as need be"
    assert len(heard) / rate == pytest.approx(end_ms / 1000, abs=0.1)
    assert np.abs(heard).max() > 0.05, "a voice, not silence"
    return count, heard


async def test_a_late_line_with_jitter_brings_the_reply_whole_and_in_order(caller: Caller, session: Any) -> None:
    late = Conditions(delay_s=0.2, jitter_s=0.1)
    async with tcp_proxy(_port(caller), late, late, seed=1) as proxy:
        socket = await dial(caller, session, proxy)
        await socket.expect("ready")
        await socket.send(type="text", content="What is a cloud?")
        whole(await socket.until("turn_done"))
        await socket.ws.close()


async def test_a_line_of_300_kbit_s_keeps_the_socket_and_brings_the_whole_voice(
    caller: Caller, session: Any, engine: Engine, monkeypatch: pytest.MonkeyPatch
) -> None:
    # It brings less in a second than a second of the tutor takes, so that the reply is late: keep it short.
    monkeypatch.setattr(engine.settings.llm, "max_tokens", 16)
    narrow = Conditions(bytes_per_s=300_000 / 8, queue_bytes=16_000)
    async with tcp_proxy(_port(caller), down=narrow, seed=2) as proxy:
        socket = await dial(caller, session, proxy)
        await socket.expect("ready")
        await socket.send(type="text", content="Hello!")
        whole(await socket.until("turn_done"))
        await still_lives(socket)


async def test_after_a_line_has_stood_still_for_seconds_the_reply_goes_on_whole(
    caller: Caller, session: Any, engine: Engine
) -> None:
    async with tcp_proxy(_port(caller)) as proxy:
        socket = await dial(caller, session, proxy)
        await socket.expect("ready")
        await socket.send(type="text", content="Tell me a story about the sea.")
        before = await socket.until("media")
        proxy.stall(3)
        whole(before + await socket.until("turn_done"))
        await still_lives(socket)


async def test_a_line_that_breaks_in_a_reply_leaves_the_session_to_be_taken_up_again(
    caller: Caller, session: Any, engine: Engine
) -> None:
    async with tcp_proxy(_port(caller)) as proxy:
        socket = await dial(caller, session, proxy)
        await socket.expect("ready")
        await socket.send(type="text", content="Tell me a story about the sea.")
        await socket.until("media")
        proxy.reset()
        async with asyncio.timeout(60):
            while not socket.ws.closed:
                await socket.ws.receive()
        again = await dial(caller, session, proxy)
        await again.expect("ready")
        await again.send(type="text", content="Hello!")
        messages = await again.until("turn_done")
        whole([m for m in messages if m.get("turn") == messages[-1]["turn"]])
        await again.ws.close()


class Spoken(MediaStreamTrack):
    """A microphone into which a recording (n,) float32 at 48 kHz is spoken in real time, then silence."""

    kind = "audio"

    def __init__(self, pcm: FloatArray) -> None:
        super().__init__()
        self._pcm = (np.clip(pcm, -1, 1) * 32767).astype(np.int16)
        self._numbers = itertools.count()
        self._began: float | None = None

    async def recv(self) -> av.AudioFrame:
        loop = asyncio.get_running_loop()
        self._began = self._began or loop.time()
        number = next(self._numbers)
        await asyncio.sleep(max(0.0, self._began + number * 0.02 - loop.time()))
        piece = self._pcm[number * 960 : (number + 1) * 960]
        frame = av.AudioFrame.from_ndarray(np.pad(piece, (0, 960 - len(piece)))[None], format="s16", layout="mono")
        frame.sample_rate, frame.pts, frame.time_base = 48_000, number * 960, fractions.Fraction(1, 48_000)
        return frame


async def test_a_peer_behind_loss_jitter_and_reordering_is_understood_and_answered(
    caller: Caller, session: Any, engine: Engine
) -> None:
    assert engine.parts is not None
    said = await engine.parts.voices.render("piper:en_US-joe-medium", "How do plants make food from sunlight?")
    microphone = Spoken(np.concatenate([np.zeros(48_000, np.float32), resample(said, OUTPUT_RATE, 48_000)]))
    poor = Conditions(delay_s=0.04, jitter_s=0.03, reorder=0.1, held_back_s=0.03)
    lossy = Conditions(delay_s=0.04, loss=0.05)
    url = f"{caller.base}/v1/sessions/{session['session_id']}/webrtc"
    headers = {"Authorization": f"Bearer {session['engine_token']}"}

    async def post(offer: Any) -> tuple[int, Any, dict[str, str]]:
        async with caller.http.post(url, json=offer, headers=headers) as reply:
            return reply.status, await reply.json(), dict(reply.headers)

    async with (
        udp_relay(poor, lossy, seed=7) as relay,
        open_browser(post, microphone=microphone, relay=relay) as browser,
    ):
        await browser.wait(lambda: any(e["type"] == "turn_done" for e in browser.events), 90)
        words = (await browser.event("transcription"))["content"].lower()
        assert "plants" in words and "sunlight" in words
        kinds = [e["type"] for e in browser.events]
        assert kinds.index("transcription") < kinds.index("turn_done")
        assert "error" not in kinds
        spoken_s = len(browser.loud()) * 0.02
        assert spoken_s > 0.5, "the answer is heard"
        assert relay.up.sent > 100 and relay.down.lost > 5


def _port(caller: Caller) -> int:
    return int(caller.base.rpartition(":")[2])
