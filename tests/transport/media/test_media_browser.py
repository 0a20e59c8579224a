"""A real Chromium plays what the writers make: clips as files, fragments through Media Source Extensions."""

from __future__ import annotations

import base64
from collections.abc import AsyncIterator
from dataclasses import replace
from typing import Any

import pytest
from playwright.async_api import Page, async_playwright

from engine.items import MediaFrame
from engine.transport.media import ClipWriter, FragmentWriter, MediaFormat
from tests.chromium import ARGUMENTS, chromium
from tests.frames import LEAD, SIZE, beeps, grey

pytestmark = pytest.mark.skipif(chromium() is None, reason="no Chromium here")
COUNT = 50
MARKS = (0, 20, 43)

PAGE = """<!doctype html><video id=v muted autoplay playsinline></video><script>
const v = document.getElementById('v'), painted = [];
const bytes = s => Uint8Array.from(atob(s), c => c.charCodeAt(0));
let source, buffer;
const onFrame = (now, meta) => { painted.push(meta.mediaTime); v.requestVideoFrameCallback(onFrame); };
v.requestVideoFrameCallback(onFrame);
async function start(mime) {
  source = new MediaSource(); v.src = URL.createObjectURL(source);
  await new Promise(done => source.addEventListener('sourceopen', done, {once: true}));
  buffer = source.addSourceBuffer(mime);
}
async function append(data) {
  buffer.appendBuffer(bytes(data));
  await new Promise(done => buffer.addEventListener('updateend', done, {once: true}));
  if (v.error) throw new Error(v.error.message);
  return Array.from({length: buffer.buffered.length}, (_, i) => [buffer.buffered.start(i), buffer.buffered.end(i)]);
}
async function beeps(data) {
  const context = new OfflineAudioContext(1, 48000 * 4, 48000);
  const pcm = (await context.decodeAudioData(bytes(data).buffer)).getChannelData(0), at = [];
  for (let i = 0, last = -1e9; i < pcm.length; i++)
    if (Math.abs(pcm[i]) > 0.1) { if (i - last > 4800) at.push(i / 48000); last = i; }
  return at;
}
</script>"""


def frames() -> list[MediaFrame]:
    """Beeps at the marks; between them it grows lighter."""
    made = beeps(1, COUNT, MARKS)
    return [frame if i in MARKS else replace(frame, picture=grey(30 + 2 * i)) for i, frame in enumerate(made)]


def text(data: bytes) -> str:
    return base64.b64encode(data).decode()


@pytest.fixture
async def page() -> AsyncIterator[Page]:
    async with async_playwright() as playwright:
        browser = await playwright.chromium.launch(executable_path=chromium(), args=ARGUMENTS)
        yield await browser.new_page()
        await browser.close()


@pytest.mark.parametrize("codec", ["aac", "opus"])
async def test_first_fragment_is_painted_and_all_of_them_play_without_a_gap(page: Page, codec: Any) -> None:
    writer = FragmentWriter(MediaFormat(SIZE, SIZE, audio_codec=codec))
    made, pieces, position = frames(), [writer.init_segment], 0
    await page.set_content(PAGE)
    await page.evaluate("mime => start(mime)", writer.codecs)
    await page.evaluate("data => append(data)", text(writer.init_segment))
    for size in (1, 2, 5, 10, 15, 17):
        piece = writer.add(made[position : position + size])
        position += size
        pieces.append(piece)
        buffered = await page.evaluate("data => append(data)", text(piece))
        if size == 1:
            await page.wait_for_function("painted.length === 1", timeout=60_000)
    pieces.append(writer.finish())
    buffered = await page.evaluate("data => append(data)", text(pieces[-1]))
    lead = LEAD[codec]
    assert buffered == [[0, pytest.approx(lead + COUNT / 25, abs=0.025)]]
    await page.evaluate("source.endOfStream()")
    await page.wait_for_function("v.ended", timeout=60_000)
    painted = await page.evaluate("painted")
    assert painted[0] == 0
    assert painted[-1] == pytest.approx(lead + (COUNT - 1) / 25, abs=0.001)
    assert await page.evaluate("v.duration") == pytest.approx(lead + COUNT / 25, abs=0.025)
    whole = text(b"".join(pieces))
    assert await page.evaluate("data => beeps(data)", whole) == pytest.approx([lead + m / 25 for m in MARKS], abs=0.002)


THIN = replace(MediaFormat(SIZE, SIZE), video_bitrate=60_000, audio_bitrate=24_000, every=4, thin=True)


def adapting(codec: Any) -> tuple[str, list[bytes]]:
    """The MIME type and the pieces of a reply that begins thin, gets better, and becomes thinner than it began."""
    thin = replace(THIN, audio_codec=codec)
    best = MediaFormat(SIZE, SIZE, audio_codec=codec)
    stills = replace(thin, video_bitrate=16_000, every=50)
    writer = FragmentWriter(thin)
    made, codecs, pieces = frames(), writer.codecs, [writer.init_segment]
    for position in range(0, COUNT, 5):
        form = thin if position < 15 else best if position < 30 else stills
        writer.adapt(form)
        group = made[position : position + 5]
        pieces.append(writer.add([replace(f, picture=f.picture if f.index % form.every == 0 else None) for f in group]))
    return codecs, [*pieces, writer.finish()]


@pytest.mark.parametrize("codec", ["aac", "opus"])
async def test_a_reply_whose_quality_changes_plays_without_a_gap(page: Page, codec: Any) -> None:
    codecs, pieces = adapting(codec)
    assert sum(piece.count(b"moov") for piece in pieces) > 1, "the picture's parameters changed on the way"
    await page.set_content(PAGE)
    await page.evaluate("mime => start(mime)", codecs)
    for piece in pieces:
        buffered = await page.evaluate("data => append(data)", text(piece))
    lead = LEAD[codec]
    assert buffered == [[0, pytest.approx(lead + COUNT / 25, abs=0.025)]]
    await page.evaluate("source.endOfStream()")
    await page.wait_for_function("v.ended", timeout=60_000)
    painted = await page.evaluate("painted")
    assert painted[0] == 0
    assert sum(0.6 <= at - lead < 1.2 for at in painted) >= 10, "every picture while there is room"
    whole = text(b"".join(pieces))
    assert await page.evaluate("data => beeps(data)", whole) == pytest.approx([lead + m / 25 for m in MARKS], abs=0.002)


async def test_clip_plays_to_its_end_with_sound_where_the_picture_is(page: Page) -> None:
    writer = ClipWriter(MediaFormat(SIZE, SIZE))
    for frame in frames():
        writer.add(frame)
    data = text(writer.finish())
    await page.set_content(PAGE)
    await page.evaluate("data => { v.src = 'data:video/mp4;base64,' + data; }", data)
    await page.wait_for_function("v.ended || v.error", timeout=60_000)
    assert await page.evaluate("v.error && v.error.message") is None
    assert await page.evaluate("v.duration") == pytest.approx(COUNT / 25, abs=0.001)
    assert await page.evaluate("data => beeps(data)", data) == pytest.approx([m / 25 for m in MARKS], abs=0.002)
