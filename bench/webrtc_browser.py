"""Chromium as the peer, with the engine's ``client.js``: which pictures it painted, when, and how far audio was apart.

For ``webrtc.py``. It loads the engine's own page, so that the real client is measured. A picture counts when
requestVideoFrameCallback reports that it was presented; its ``receiveTime`` is when its last packet arrived, which
separates the engine and the network from decoding and painting. The first picture of a reply is the first one received
after the engine has reported that its audio begins.
"""

from __future__ import annotations

import contextlib
import itertools
import json
import shutil
from dataclasses import dataclass, field
from typing import Any

from client import http_session

TUTOR, AVATAR = 13, "avatar_tutor_13"
REPLY_SPACING_S = 0.05
"""Pictures closer than this belong to a reply, since idle pictures come at half that rate."""

ARGUMENTS = [
    "--headless", "--no-sandbox", "--disable-gpu", "--disable-quic", "--no-first-run",
    "--disable-background-networking", "--disable-component-update", "--disable-sync",
    "--autoplay-policy=no-user-gesture-required", "--mute-audio",
]  # fmt: skip

WATCH = """
window.seen = {frames: [], sync: [], errors: [], timings: null, begun: null};
const Peer = RTCPeerConnection;
window.RTCPeerConnection = class extends Peer {
  constructor(...all) { super(...all); window.pc = this; }
  createDataChannel(...all) {
    const channel = super.createDataChannel(...all);
    channel.addEventListener("message", ({data}) => {
      const {type, turn} = JSON.parse(data);
      if (type === "playing" && turn) seen.begun ??= performance.now();
    });
    return channel;
  }
};
"""
CONNECT = """
async ({session, avatarId}) => {
  const { TutorClient } = await import("/static/client.js");
  document.body.replaceChildren();
  const video = document.body.appendChild(document.createElement("video"));
  video.playsInline = true;
  const painted = (now, meta) => {
    seen.frames.push([performance.now(), meta.rtpTimestamp, meta.receiveTime]);
    video.requestVideoFrameCallback(painted);
  };
  video.requestVideoFrameCallback(painted);
  window.tutor = new TutorClient({
    engineUrl: session.engine_url, token: session.engine_token, video, avatarId, transport: "webrtc",
  });
  tutor.addEventListener("error", ({detail}) => seen.errors.push(detail.code));
  for (const type of ["interrupted", "turn_done"])
    tutor.addEventListener(type, ({detail}) => { seen.timings ??= detail.timings; });
  await tutor.connect();
  setInterval(async () => {
    const at = {};
    (await pc.getStats()).forEach(s => { if (s.type === "inbound-rtp") at[s.kind] = s.estimatedPlayoutTimestamp; });
    if (at.audio && at.video) seen.sync.push([performance.now(), at.audio - at.video]);
  }, 100);
}
"""
BEGUN = "seen.errors.length || seen.begun !== null"
ASK = """
text => {
  seen.frames.length = seen.sync.length = seen.errors.length = 0;
  seen.timings = seen.begun = null;
  const now = performance.now();
  tutor.say(text);
  return now;
}
"""
RECEIVERS = """
async () => {
  const rows = {};
  (await pc.getStats()).forEach(s => { if (s.type === "inbound-rtp") rows[s.kind] = s; });
  return rows;
}
"""


@dataclass
class BrowserTurn:
    """One exchange as the browser saw it; ms from sending the text."""

    engine_ms: float | None = None
    """When the engine handed the first picture and its audio to the peer's clock."""
    received_ms: float | None = None
    """When its last packet reached the browser."""
    painted_ms: float | None = None
    intervals_ms: list[float] = field(default_factory=list)
    skew_ms: list[float] = field(default_factory=list)
    """How far the picture is behind the audio, as the browser reports it."""
    error: str | None = None


async def browser_turns(base: str, questions: list[str], reply_s: float) -> tuple[list[BrowserTurn], dict[str, float]]:
    """Ask ``questions`` in one Chromium, after one that does not count; also gives its receivers' statistics."""
    from playwright.async_api import TimeoutError, async_playwright

    chromium = next(filter(None, map(shutil.which, ("chromium", "chromium-browser", "google-chrome"))))
    async with http_session() as http, async_playwright() as playwright:
        async with http.post(f"{base}/v1/sessions", json={"tutor_id": TUTOR, "student_id": 1}) as reply:
            session = await reply.json()
        browser = await playwright.chromium.launch(executable_path=chromium, args=ARGUMENTS)
        page = await browser.new_page()
        await page.add_init_script(WATCH)
        await page.goto(f"{base}/openapi.json")
        await page.evaluate(CONNECT, {"session": session, "avatarId": AVATAR})
        await page.wait_for_timeout(4000)
        turns = []
        for question, watched_s in [("Hello!", 2.0), *((question, reply_s) for question in questions)]:
            began = await page.evaluate(ASK, question)
            with contextlib.suppress(TimeoutError):
                await page.wait_for_function(BEGUN, timeout=30_000)
                await page.wait_for_timeout(watched_s * 1000)
            seen = await page.evaluate("seen")
            await page.evaluate("tutor.interrupt()")
            await page.wait_for_timeout(700)
            turns.append(_turn({**seen, "timings": await page.evaluate("seen.timings")}, began))
        receivers = _receivers(await page.evaluate(RECEIVERS))
        await browser.close()
        async with http.delete(f"{base}/v1/sessions/{session['session_id']}"):
            pass
    return turns[1:], receivers


def _turn(seen: dict[str, Any], began: float) -> BrowserTurn:
    frames = seen["frames"]
    steps = [(b[1] - a[1]) / 90_000 for a, b in itertools.pairwise(frames)]
    begun = seen["begun"]
    first = next((i for i, frame in enumerate(frames) if begun is not None and (frame[2] or frame[0]) >= begun), None)
    if first is None:
        return BrowserTurn(error=(seen["errors"] or ["no reply"])[0])
    painted = [frame[0] for frame in frames[first:]]
    intervals = [
        b - a for (a, b), step in zip(itertools.pairwise(painted), steps[first:], strict=True) if step < REPLY_SPACING_S
    ]
    received = frames[first][2]
    return BrowserTurn(
        engine_ms=(seen["timings"] or {}).get("first_media_sent"),
        received_ms=None if received is None else received - began, painted_ms=painted[0] - began,
        intervals_ms=intervals, skew_ms=[ms for at, ms in seen["sync"] if at > painted[0]],
    )  # fmt: skip


def _receivers(stats: dict[str, dict[str, Any]]) -> dict[str, float]:
    """Averages over the whole connection, and counts of faults."""
    audio, video = stats["audio"], stats["video"]
    return {
        "sound: ms in the jitter buffer": 1000 * audio["jitterBufferDelay"] / max(1, audio["jitterBufferEmittedCount"]),
        "sound: % concealed": 100 * audio["concealedSamples"] / max(1, audio["totalSamplesReceived"]),
        "picture: ms in the jitter buffer": 1000
        * video["jitterBufferDelay"] / max(1, video["jitterBufferEmittedCount"]),
        "picture: ms to decode": 1000 * video["totalDecodeTime"] / max(1, video["framesDecoded"]),
        "picture: decoded": video["framesDecoded"], "picture: dropped": video["framesDropped"],
        "picture: freezes": video["freezeCount"],
    }  # fmt: skip


def as_json(turns: list[BrowserTurn]) -> str:
    """Each exchange without its lists, to look at outliers."""
    keys = ("engine_ms", "received_ms", "painted_ms", "error")
    return json.dumps([{key: getattr(turn, key) for key in keys} for turn in turns])
