"""A real Firefox plays what the writers make, through the page's own player."""

from __future__ import annotations

import asyncio
import json
from collections.abc import AsyncIterator
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from aiohttp import web

from engine.transport.media import ClipWriter, FragmentWriter, MediaFormat
from tests.browser.firefox import FirefoxPage, firefox, open_firefox
from tests.frames import LEAD, SIZE
from tests.serving import serving
from tests.transport.media.test_media_browser import COUNT, adapting, frames, text

pytestmark = pytest.mark.skipif(firefox() is None, reason="no Firefox here")
WEB = Path(__file__).parents[3] / "engine" / "web"

PAGE = """<!doctype html><video id=v playsinline></video><script type=module>
import { MsePlayer, audioCodec } from "/web/mse-player.js";
window.seen = {painted: [], speaking: [], codec: audioCodec()};
const captions = {clear() {}, heard() {}};
const on = {speaking: (on) => seen.speaking.push(on), painted: (turn) => seen.painted.push(turn)};
window.player = new MsePlayer(document.getElementById("v"), captions, on);
window.pictures = 0;
const count = () => { pictures++; v.requestVideoFrameCallback(count); };
v.requestVideoFrameCallback(count);
</script>"""


@pytest.fixture
async def page(tmp_path: Path) -> AsyncIterator[FirefoxPage]:
    app = web.Application()
    app.router.add_static("/web", WEB)

    async def html(_: web.Request) -> web.Response:
        return web.Response(text=PAGE, content_type="text/html")

    app.router.add_get("/", html)
    executable = firefox()
    assert executable is not None
    async with serving(app) as base, open_firefox(executable, tmp_path / "profile") as opened:
        await opened.goto(f"{base}/")
        yield opened


async def play(page: FirefoxPage, reply: int, codec: Any) -> None:
    """Give the player one reply as the engine sends it: the first frames by themselves, then more at a time."""
    writer = FragmentWriter(MediaFormat(SIZE, SIZE, audio_codec=codec))
    if reply == 1:
        await page.evaluate(f"player.open({json.dumps(writer.codecs)})")
    made, position, head = frames(), 0, writer.init_segment
    for size in (1, 2, 5, 10, 15, 17):
        piece, head = head + writer.add(made[position : position + size]), b""
        position += size
        await page.evaluate(f"player.append({{turn: {reply}, data: '{text(piece)}'}})")
        await asyncio.sleep(0.05)
    await page.evaluate(f"player.append({{turn: {reply}, data: '{text(writer.finish())}'}})")
    await page.evaluate(f"player.finish({reply})")


@pytest.mark.parametrize("codec", ["aac", "opus"])
async def test_two_replies_in_a_row_play_from_their_first_picture_to_their_last(page: FirefoxPage, codec: Any) -> None:
    assert await page.evaluate("seen.codec") == "opus"
    for reply in (1, 2):
        before = await page.evaluate("[pictures, seen.speaking.length]")
        await play(page, reply, codec)
        await page.wait_for(f"seen.speaking.length === {2 * reply}", 60)
        assert await page.evaluate("seen.speaking") == [True, False] * reply
        heard = await page.evaluate("player.positionMs")
        assert heard == pytest.approx(1000 * (LEAD[codec] + COUNT / 25), abs=100)
        assert await page.evaluate(f"pictures - {before[0]}") > COUNT / 2, "pictures were painted while it played"
    assert await page.evaluate("seen.painted") == [1, 2]


async def test_a_gap_within_a_reply_is_stepped_over(page: FirefoxPage) -> None:
    writer = FragmentWriter(MediaFormat(SIZE, SIZE, audio_codec="opus"))
    await page.evaluate(f"player.open({json.dumps(writer.codecs)})")
    made = frames()
    pieces = [writer.init_segment + writer.add(made[:20]), writer.add(made[20:25]), writer.add(made[25:])]
    for piece in (pieces[0], pieces[2] + writer.finish()):
        await page.evaluate(f"player.append({{turn: 1, data: '{text(piece)}'}})")
    await page.evaluate("player.finish(1)")
    await page.wait_for("seen.speaking.length === 2", 60)
    assert await page.evaluate("player.positionMs") > 1800


@pytest.mark.parametrize("codec", ["aac", "opus"])
async def test_a_reply_whose_quality_changes_plays_to_its_end(page: FirefoxPage, codec: Any) -> None:
    codecs, pieces = adapting(codec)
    await page.evaluate(f"player.open({json.dumps(codecs)})")
    for piece in (pieces[0] + pieces[1], *pieces[2:]):
        await page.evaluate(f"player.append({{turn: 1, data: '{text(piece)}'}})")
        await asyncio.sleep(0.05)
    await page.evaluate("player.finish(1)")
    await page.wait_for("seen.speaking.length === 2", 60)
    assert await page.evaluate("player.positionMs") == pytest.approx(1000 * (LEAD[codec] + COUNT / 25), abs=100)
    assert await page.evaluate("v.error && v.error.message") is None
    assert await page.evaluate("pictures") >= 10


async def test_a_clip_plays_to_its_end(page: FirefoxPage) -> None:
    writer = ClipWriter(MediaFormat(SIZE, SIZE))
    for frame in frames():
        writer.add(frame)
    await page.evaluate(f"(v.src = 'data:video/mp4;base64,{text(writer.finish())}', v.play(), 1)")
    await page.wait_for("v.ended || v.error", 60)
    assert await page.evaluate("v.error && v.error.message") is None
    assert await page.evaluate("v.duration") == pytest.approx(COUNT / 25, abs=0.001)
    assert np.isclose(await page.evaluate("v.currentTime"), COUNT / 25, atol=0.05)
