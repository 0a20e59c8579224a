"""Text or speech in -> first picture and sound of the reply at a WebRTC peer, and how evenly they flow.

    python bench/webrtc.py                         headless peers: starts an engine, 1, 2 and 4 peers
    python bench/webrtc.py --browser               a Chromium instead: painted pictures, sync as it reports it
    python bench/webrtc.py --speech question.wav   also speaks this and counts from its end
    python bench/webrtc.py --url http://…:9000     measures a running engine

A headless peer counts when a picture or sound came out of the decoder; the browser when a picture
was painted (requestVideoFrameCallback). The first picture of a reply is the first of a run 40 ms
apart: the idle face comes at half that rate. Sound is a reply's when it is louder than -42 dBFS.
Prints a table; writes JSON under bench/results/.
"""

from __future__ import annotations

import argparse
import asyncio
import contextlib
import fractions
import itertools
import json
import shutil
import time
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import aiohttp
import av
import numpy as np
from aiortc import RTCConfiguration, RTCPeerConnection, RTCSessionDescription
from aiortc.mediastreams import MediaStreamError, MediaStreamTrack
from client import SPEAKING_DBFS, http_session, machine, percentile, started_engine
from ttff import QUESTIONS

AVATAR = "avatar_tutor_13"
LISTEN_S = 4.0
"""So much of each reply is watched before it is interrupted."""

REPLY_SPACING_S = 0.05
"""Pictures closer than this belong to a reply."""


@dataclass
class Turn:
    """One exchange as the peer saw it; ms from sending the text or from the end of the speech."""

    first_picture_ms: float | None = None
    first_sound_ms: float | None = None
    intervals_ms: list[float] = field(default_factory=list)
    skew_ms: list[float] = field(default_factory=list)
    """Picture after sound, as the browser accounts for it."""
    error: str | None = None


class Microphone(MediaStreamTrack):
    """Silence, and a recording when it is told to."""

    kind = "audio"

    def __init__(self) -> None:
        super().__init__()
        self._number = itertools.count()
        self._began: float | None = None
        self._rest = np.zeros(0, np.int16)
        self._said: asyncio.Event = asyncio.Event()

    async def say(self, pcm: np.ndarray) -> None:
        """Play (n,) int16 48 kHz; returns when its last sample has left."""
        self._said.clear()
        self._rest = pcm
        await self._said.wait()

    async def recv(self) -> av.AudioFrame:
        number = next(self._number)
        now = time.perf_counter()
        self._began = self._began or now
        await asyncio.sleep(max(0.0, self._began + number * 0.02 - now))
        piece, self._rest = self._rest[:960], self._rest[960:]
        if not len(self._rest):
            self._said.set()
        frame = av.AudioFrame.from_ndarray(np.pad(piece, (0, 960 - len(piece)))[None], format="s16", layout="mono")
        frame.sample_rate, frame.pts, frame.time_base = 48000, number * 960, fractions.Fraction(1, 48000)
        return frame


class HeadlessPeer:
    """A session and a peer of it."""

    def __init__(self, http: aiohttp.ClientSession, base: str) -> None:
        self._http, self._base = http, base
        self._pc = RTCPeerConnection(RTCConfiguration(iceServers=[]))
        self._microphone = Microphone()
        self._channel = self._pc.createDataChannel("events")
        self._events: asyncio.Queue[dict[str, Any]] = asyncio.Queue(100_000)
        self._pictures: list[tuple[float, float]] = []
        self._sounds: list[float] = []
        self._readers: list[asyncio.Task[None]] = []
        self._session: dict[str, Any] = {}

    async def __aenter__(self) -> HeadlessPeer:
        async with self._http.post(f"{self._base}/v1/sessions", json={"tutor_id": 1, "student_id": 1}) as reply:
            reply.raise_for_status()
            self._session = await reply.json()
        opened = asyncio.Event()
        self._channel.on("open", opened.set)
        self._channel.on("message", lambda text: self._events.put_nowait(json.loads(text)))
        self._pc.on("track", lambda track: self._readers.append(asyncio.create_task(self._watch(track))))
        self._pc.addTrack(self._microphone)
        self._pc.addTransceiver("video", direction="recvonly")
        await self._pc.setLocalDescription(await self._pc.createOffer())
        async with self._http.post(
            f"{self._base}/v1/sessions/{self._session['session_id']}/webrtc",
            json={"sdp": self._pc.localDescription.sdp, "type": "offer", "avatar_id": AVATAR},
            headers={"Authorization": f"Bearer {self._session['engine_token']}"},
        ) as reply:
            reply.raise_for_status()
            answer = await reply.json()
        await self._pc.setRemoteDescription(RTCSessionDescription(answer["sdp"], "answer"))
        async with asyncio.timeout(20):
            await opened.wait()
        await asyncio.sleep(1)
        return self

    async def __aexit__(self, *exc: object) -> None:
        await self._pc.close()
        await asyncio.gather(*self._readers)
        async with self._http.delete(f"{self._base}/v1/sessions/{self._session['session_id']}"):
            pass

    async def ask(self, text: str | None, speech: np.ndarray | None) -> Turn:
        """One exchange, cut off after ``LISTEN_S``."""
        while not self._events.empty():
            self._events.get_nowait()
        if speech is not None:
            await self._microphone.say(speech)
        self._pictures.clear()
        self._sounds.clear()
        began = time.perf_counter()
        if text is not None:
            self._channel.send(json.dumps({"type": "text", "content": text}))
        turn = Turn()
        deadline = began + 30
        while not turn.error and time.perf_counter() < deadline:
            if self._sounds and time.perf_counter() - self._sounds[0] > LISTEN_S:
                break
            with contextlib.suppress(TimeoutError):
                event = await asyncio.wait_for(self._events.get(), 0.1)
                turn.error = event["code"] if event["type"] == "error" else None
        self._measure(turn, began)
        self._channel.send(json.dumps({"type": "interrupt"}))
        await asyncio.sleep(0.7)
        return turn

    def _measure(self, turn: Turn, began: float) -> None:
        times = [media for _, media in self._pictures]
        first = next((i for i in range(len(times) - 1) if times[i + 1] - times[i] < REPLY_SPACING_S), None)
        if first is None or not self._sounds:
            turn.error = turn.error or "no reply"
            return
        arrived = [at for at, _ in self._pictures[first:]]
        turn.first_picture_ms = (arrived[0] - began) * 1000
        turn.first_sound_ms = (self._sounds[0] - began) * 1000
        turn.intervals_ms = (np.diff(arrived) * 1000).tolist()

    async def _watch(self, track: MediaStreamTrack) -> None:
        while True:
            try:
                frame = await track.recv()
            except MediaStreamError:
                return
            now = time.perf_counter()
            if isinstance(frame, av.VideoFrame):
                self._pictures.append((now, float(frame.time)))
            elif isinstance(frame, av.AudioFrame):
                level = np.sqrt(np.mean((frame.to_ndarray() / 32768.0) ** 2)) + 1e-9
                if 20 * np.log10(level) > SPEAKING_DBFS:
                    self._sounds.append(now)


BROWSER_SCRIPT = """
async ({base, session, avatar_id}) => {
  const seen = window.seen = {frames: [], sync: [], errors: []};
  const pc = window.pc = new RTCPeerConnection();
  const mic = await navigator.mediaDevices.getUserMedia({audio: true});
  pc.addTransceiver(mic.getAudioTracks()[0], {direction: 'sendrecv', streams: [mic]});
  pc.addTransceiver('video', {direction: 'recvonly'});
  const channel = window.channel = pc.createDataChannel('events');
  channel.onmessage = ({data}) => { const m = JSON.parse(data); if (m.type === 'error') seen.errors.push(m.code); };
  const opened = new Promise(done => { channel.onopen = done; });
  const video = document.createElement('video');
  video.autoplay = true; video.playsInline = true; document.body.append(video);
  const painted = (now, meta) => {
    seen.frames.push([performance.now(), meta.rtpTimestamp]);
    video.requestVideoFrameCallback(painted);
  };
  video.requestVideoFrameCallback(painted);
  const stream = new MediaStream();
  pc.ontrack = ({track}) => { stream.addTrack(track); video.srcObject = stream; };
  setInterval(async () => {
    const at = {};
    (await pc.getStats()).forEach(s => { if (s.type === 'inbound-rtp') at[s.kind] = s.estimatedPlayoutTimestamp; });
    if (at.audio && at.video) seen.sync.push([performance.now(), at.audio - at.video]);
  }, 100);
  await pc.setLocalDescription();
  if (pc.iceGatheringState !== 'complete') {
    await new Promise(done => { pc.onicegatheringstatechange = () => pc.iceGatheringState === 'complete' && done(); });
  }
  const reply = await fetch(`${base}/v1/sessions/${session.session_id}/webrtc`, {
    method: 'POST', headers: {'Authorization': 'Bearer ' + session.engine_token, 'Content-Type': 'application/json'},
    body: JSON.stringify({sdp: pc.localDescription.sdp, type: 'offer', avatar_id}),
  });
  if (!reply.ok) throw new Error(await reply.text());
  await pc.setRemoteDescription(await reply.json());
  await opened;
}
"""
BROWSER_ARGUMENTS = [
    "--headless", "--no-sandbox", "--disable-gpu", "--disable-quic", "--no-first-run",
    "--disable-background-networking", "--disable-component-update", "--disable-sync",
    "--autoplay-policy=no-user-gesture-required", "--use-fake-device-for-media-stream",
    "--use-fake-ui-for-media-stream", "--mute-audio",
]  # fmt: skip
REPLY_BEGUN = "seen.errors.length || seen.frames.some(([, t], i) => i && t - seen.frames[i - 1][1] < 4500)"
SILENT_MICROPHONE = """
navigator.mediaDevices.getUserMedia = async () => new AudioContext().createMediaStreamDestination().stream
"""


async def browser_turns(base: str, turns: int, reply_s: float) -> list[Turn]:
    """``turns`` questions typed in one Chromium, after one that does not count."""
    from playwright.async_api import TimeoutError, async_playwright

    chromium = next(filter(None, map(shutil.which, ("chromium", "chromium-browser", "google-chrome"))))
    async with http_session() as http, async_playwright() as playwright:
        async with http.post(f"{base}/v1/sessions", json={"tutor_id": 1, "student_id": 1}) as reply:
            session = await reply.json()
        browser = await playwright.chromium.launch(executable_path=chromium, args=BROWSER_ARGUMENTS)
        page = await browser.new_page()
        await page.goto(f"{base}/health")
        await page.evaluate(SILENT_MICROPHONE)
        await page.evaluate(BROWSER_SCRIPT, {"base": base, "session": session, "avatar_id": AVATAR})
        await page.wait_for_timeout(4000)
        results = []
        for index in range(turns + 1):
            question = json.dumps({"type": "text", "content": QUESTIONS[index % len(QUESTIONS)]})
            began = await page.evaluate(
                "text => { seen.frames.length = seen.sync.length = seen.errors.length = 0;"
                " const now = performance.now(); channel.send(text); return now; }",
                question,
            )
            with contextlib.suppress(TimeoutError):
                await page.wait_for_function(REPLY_BEGUN, timeout=30_000)
                await page.wait_for_timeout(reply_s * 1000)
            results.append(_browser_turn(await page.evaluate("seen"), began))
            await page.evaluate("channel.send('{\"type\":\"interrupt\"}')")
            await page.wait_for_timeout(700)
        await browser.close()
        async with http.delete(f"{base}/v1/sessions/{session['session_id']}"):
            pass
    return results[1:]


def _browser_turn(seen: dict[str, Any], began: float) -> Turn:
    frames = seen["frames"]
    steps = [(b[1] - a[1]) / 90_000 for a, b in itertools.pairwise(frames)]
    first = next((i for i, step in enumerate(steps) if 0 < step < REPLY_SPACING_S), None)
    if first is None:
        return Turn(error=(seen["errors"] or ["no reply"])[0])
    painted = [at for at, _ in frames[first:]]
    intervals = [b - a for (a, b), step in zip(itertools.pairwise(painted), steps[first:], strict=True) if step < 0.05]
    skew = [ms for at, ms in seen["sync"] if at > painted[0]]
    return Turn(first_picture_ms=painted[0] - began, intervals_ms=intervals, skew_ms=skew)


async def headless_turns(base: str, peers: int, turns: int, speech: np.ndarray | None) -> list[Turn]:
    """``turns`` exchanges of each of ``peers`` at once."""
    results: list[Turn] = []

    async def one(number: int) -> None:
        async with http_session() as http, HeadlessPeer(http, base) as peer:
            await peer.ask("Hello!", None)
            for index in range(turns):
                question = QUESTIONS[(number + index) % len(QUESTIONS)] if speech is None else None
                results.append(await peer.ask(question, speech))

    async with asyncio.TaskGroup() as group:
        for number in range(peers):
            group.create_task(one(number))
    return results


def summarize(turns: list[Turn]) -> dict[str, dict[str, float]]:
    """Percentiles of each figure, ms."""
    rows = {
        "first picture of the reply": [t.first_picture_ms for t in turns if t.first_picture_ms is not None],
        "first sound of the reply": [t.first_sound_ms for t in turns if t.first_sound_ms is not None],
        "interval between pictures": [ms for t in turns for ms in t.intervals_ms],
        "skew, picture to sound": [abs(ms) for t in turns for ms in t.skew_ms],
        "drift over a reply": [abs(np.mean(t.skew_ms[-5:]) - np.mean(t.skew_ms[:5])) for t in turns if t.skew_ms],
    }
    return {
        name: {"p50": percentile(v, 50), "p95": percentile(v, 95), "max": max(v), "n": len(v)}
        for name, v in rows.items()
        if v
    }


def read_speech(path: Path) -> np.ndarray:
    """Any recording as (n,) int16, 48 kHz mono, cut after its last sound."""
    with av.open(str(path)) as file:
        resampler = av.AudioResampler("s16", "mono", 48000)
        frames = [out for frame in file.decode(audio=0) for out in resampler.resample(frame)]
    pcm = np.concatenate([frame.to_ndarray()[0] for frame in frames])
    return pcm[: int(np.flatnonzero(np.abs(pcm) > 600)[-1]) + 1]


def main() -> int:
    """The command line."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--url", help="a running engine; default starts one")
    parser.add_argument("--peers", type=int, nargs="+", default=[1, 2, 4], help="headless peers at once, one run each")
    parser.add_argument("--turns", type=int, default=10, help="exchanges of each peer")
    parser.add_argument("--browser", action="store_true", help="measure in Chromium")
    parser.add_argument("--reply-s", type=float, default=LISTEN_S, help="how long a reply is watched in the browser")
    parser.add_argument("--speech", type=Path, help="a recording to speak instead of typing (headless)")
    parser.add_argument("--out", type=Path, default=Path(__file__).parent / "results")
    args = parser.parse_args()
    args.out.mkdir(parents=True, exist_ok=True)
    speech = read_speech(args.speech) if args.speech else None
    report: dict[str, Any] = {"machine": machine(), "turns": args.turns, "runs": {}}
    failed = 0
    with contextlib.ExitStack() as stack:
        base = args.url
        if base is None:
            base, _ = stack.enter_context(started_engine(log_path=args.out / "webrtc-engine.log"))
        for peers in [1] if args.browser else args.peers:
            if args.browser:
                name, turns = "browser", asyncio.run(browser_turns(base, args.turns, args.reply_s))
            else:
                name, turns = f"{peers} peers", asyncio.run(headless_turns(base, peers, args.turns, speech))
            summary = summarize(turns)
            errors = [t.error for t in turns if t.error]
            failed += len(errors)
            report["runs"][name] = {"ms": summary, "errors": errors}
            print(f"\n{machine()}; {name}, {len(turns)} turns, {len(errors)} failed {sorted(set(errors))}")
            print(f"{'ms':<30}{'p50':>8}{'p95':>8}{'max':>8}{'n':>7}")
            for row, ms in summary.items():
                print(f"{row:<30}{ms['p50']:>8.0f}{ms['p95']:>8.0f}{ms['max']:>8.0f}{ms['n']:>7.0f}")
    kind = "browser" if args.browser else "speech" if speech is not None else "text"
    (args.out / f"webrtc-{kind}.json").write_text(json.dumps(report, indent=2))
    return 1 if failed else 0


if __name__ == "__main__":
    raise SystemExit(main())
