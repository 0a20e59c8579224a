"""A whole engine with small random networks: socket in, MP4 out, interruption, sessions sharing batches."""

from __future__ import annotations

import asyncio
import io
import re
from collections.abc import AsyncIterator
from pathlib import Path
from typing import Any

import aiohttp
import av
import numpy as np
import pytest
import pytest_asyncio

from engine.app import Engine
from engine.contracts import FrameRequest
from engine.errors import SettingsError
from engine.items import AnimatedFrame
from engine.rendering.musetalk.renderer import MuseTalkRenderer
from engine.settings import Settings
from engine.wiring import RENDERERS
from tests.decoded import pictures_of
from tests.system.conftest import Caller, decode_mp4

pytestmark = pytest.mark.asyncio(loop_scope="module")


@pytest_asyncio.fixture(scope="module", loop_scope="module")
async def engine(models_dir: Path, avatars_dir: Path) -> AsyncIterator[Engine]:
    settings = Settings(
        port=0, renderer="musetalk", device="cpu", models_dir=models_dir, avatars_dir=avatars_dir, avatar="ada",
        llm={"max_tokens": 16}, sessions={"admission": "fixed"},
    )  # fmt: skip
    async with Engine(settings) as running:
        yield running


@pytest_asyncio.fixture(loop_scope="module")
async def caller(engine: Engine) -> AsyncIterator[Caller]:
    async with aiohttp.ClientSession(connector=aiohttp.TCPConnector(force_close=True)) as http:
        yield Caller(http, engine.port)
    # The engine outlives the test, and so do its pools' threads; sessions must not.
    assert engine.registry is not None and len(engine.registry) == 0


@pytest.fixture(autouse=True)
def no_leaked_threads_or_sockets(engine: Engine) -> None:
    """Its engine's pools grow when first used; ``tests/system`` counts those."""


def drawer(engine: Engine) -> MuseTalkRenderer:
    assert engine.parts is not None
    renderer = engine.parts.scheduler.renderer
    assert isinstance(renderer, MuseTalkRenderer)
    return renderer


async def test_socket_in_mp4_out(caller: Caller, engine: Engine) -> None:
    session = await caller.create()
    socket = await caller.connect(session)
    await socket.send(type="text", content="Say one short sentence about plants.", avatar_id="ada")
    video = (await socket.until("video"))[-1]
    pictures, sound, rate = decode_mp4(video["video"])
    assert pictures[0].shape == (128, 128, 3) and np.abs(sound).max() > 0.05
    assert abs(len(pictures) / 25 - len(sound) / rate) < 0.2
    assert sum(size * count for size, count in drawer(engine).batches.items()) >= len(pictures) - 6
    # the mouth region moves, the corner only with the recorded cycle
    mouths = np.stack([p[70:90, 50:80].astype(int) for p in pictures])
    assert np.abs(np.diff(mouths, axis=0)).mean() > 1
    await socket.ws.close()
    await caller.delete(session["session_id"])


async def test_streams_and_is_interrupted(caller: Caller, engine: Engine) -> None:
    session = await caller.create()
    socket = await caller.connect(session, "&stream=1")
    await socket.send(type="text", content="Tell me a long story about the sea.", avatar_id="bob")
    before = await socket.until("media")
    assert "text_delta" in {message["type"] for message in before}
    await socket.send(type="interrupt")
    await socket.until("interrupted")
    painted = dict(drawer(engine).batches)
    await asyncio.sleep(0.6)
    more = sum(drawer(engine).batches.values()) - sum(painted.values())
    assert more <= 1, "nothing is painted for a turn that is over"
    await socket.send(type="text", content="What is two plus two?", avatar_id="bob")
    done = await socket.until("turn_done")
    media = b"".join(_bytes(m) for m in done if m["type"] == "media")
    assert sum(1 for _ in pictures_of(media)) > 5
    await socket.ws.close()
    await caller.delete(session["session_id"])


async def test_two_sessions_at_once(caller: Caller) -> None:
    async def talk(avatar: str) -> int:
        session = await caller.create()
        socket = await caller.connect(session)
        await socket.send(type="text", content="Explain photosynthesis in two sentences.", avatar_id=avatar)
        video = (await socket.until("video"))[-1]
        await socket.ws.close()
        await caller.delete(session["session_id"])
        return len(decode_mp4(video["video"])[0])

    counts = await asyncio.gather(talk("ada"), talk("bob"))
    assert min(counts) > 5
    async with caller.http.get(f"{caller.base}/metrics") as reply:
        text = await reply.text()
    made = re.search(r"tutor_frames_total\{what=\"made\"\} (\S+)", text)
    assert made is not None and float(made[1]) >= sum(counts)


async def test_sessions_share_batches(engine: Engine) -> None:
    """Turns with slack: the engine's scheduler puts their pictures into common calls of the networks."""
    assert engine.parts is not None
    scheduler, renderer = engine.parts.scheduler, drawer(engine)
    rng = np.random.default_rng(2)
    due = asyncio.get_running_loop().time() + 30

    def wanted(avatar: str, session: str) -> list[FrameRequest]:
        heard = rng.standard_normal((5, 50, 16)).astype(np.float32)
        sound, pose = np.zeros(960, np.float32), np.zeros(27, np.float32)
        frames = [AnimatedFrame(index, sound, pose, True, heard[index]) for index in range(5)]
        return [FrameRequest(renderer.load(avatar), frame, due + frame.index / 25, session) for frame in frames]

    one, two = wanted("ada", "first"), wanted("bob", "second")
    together = await asyncio.gather(scheduler.render(one), scheduler.render(two))
    assert max(renderer.batches) >= 8, "more than the five frames of one session"
    for requests, pictures in zip((one, two), together, strict=True):
        again = [FrameRequest(r.avatar, r.frame, due, f"again {r.session}") for r in requests]
        alone = await scheduler.render(again)
        for each, other in zip(pictures, alone, strict=True):
            assert np.abs(each.yuv.astype(int) - other.yuv).max() <= 2, "nobody gets another's picture"


async def test_a_stream_takes_another_size_from_one_reply_to_the_next(caller: Caller) -> None:
    session = await caller.create()
    socket = await caller.connect(session, "&stream=1")
    for avatar, size in (("ada", 128), ("cleo", 160)):
        await socket.send(type="text", content="What is one plus one?", avatar_id=avatar)
        done = await socket.until("turn_done")
        media = b"".join(_bytes(m) for m in done if m["type"] == "media")
        with av.open(io.BytesIO(media), "r") as container:
            assert container.streams.video[0].width == size
    await socket.ws.close()
    await caller.delete(session["session_id"])


async def test_avatars_and_idle_clip(caller: Caller) -> None:
    async with caller.http.get(f"{caller.base}/v1/avatars") as reply:
        avatars = (await reply.json())["avatars"]
    assert [avatar["id"] for avatar in avatars] == ["ada", "bob", "cleo"]
    async with caller.http.get(f"{caller.base}/v1/avatars/cleo/idle.mp4") as reply:
        assert reply.status == 200
        with av.open(io.BytesIO(await reply.read()), "r") as container:
            assert container.streams.video[0].width == 160
    async with caller.http.get(f"{caller.base}/v1/avatars/avatar_tutor_13/still.jpg") as reply:
        assert reply.status == 422, "a drawn tutor is none of this renderer's"


async def test_wiring_takes_the_setting_or_refuses(models_dir: Path, avatars_dir: Path) -> None:
    settings = Settings(renderer="musetalk", device="cpu", models_dir=models_dir, avatars_dir=avatars_dir)
    with pytest.raises(SettingsError, match=r"avatar_tutor_13.*ada, bob, cleo.*engine avatars prepare"):
        RENDERERS[settings.renderer](settings)


def _bytes(message: dict[str, Any]) -> bytes:
    import base64

    return base64.b64decode(message["data"])
