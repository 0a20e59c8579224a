"""Text or speech in -> first picture and audio of the reply at a WebRTC peer, and how evenly they arrive.

    python bench/webrtc.py                         headless peers: starts an engine, 1, 2 and 4 peers
    python bench/webrtc.py --browser               Chromium instead: painted pictures, sync as Chromium reports it
    python bench/webrtc.py --browser --long 180    one reply of three minutes, read aloud: does it drift?
    python bench/webrtc.py --speech question.wav   also plays this file and counts from its end
    python bench/webrtc.py --url http://…:9000     measures a running engine

For a headless peer, times are those at which a picture or audio leaves the decoder; for the browser, those at which a
picture is painted (webrtc_browser.py). The first picture of a reply is the first of a run 40 ms apart, since idle
pictures come at half that rate. Audio belongs to a reply if it is louder than -42 dBFS.
Prints a table; writes JSON under bench/results/.
"""

from __future__ import annotations

import argparse
import asyncio
import contextlib
import fractions
import itertools
import json
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
from reader import reader
from ttff import QUESTIONS
from webrtc_browser import REPLY_SPACING_S, BrowserTurn, as_json, browser_turns

AVATAR = "avatar_tutor_13"
LISTEN_S = 4.0
"""Seconds of each reply before it is interrupted."""

READER_SENTENCE_S = 4.5
DRIFT_WINDOW = 50
"""Drift is measured between the first and the last so many samples of a reply, a tenth of a second each."""


@dataclass
class Turn:
    """One exchange as the peer saw it; ms from sending the text or from the end of the speech."""

    first_picture_ms: float | None = None
    first_sound_ms: float | None = None
    intervals_ms: list[float] = field(default_factory=list)
    error: str | None = None


class Microphone(MediaStreamTrack):
    """Sends silence, and a recording on request."""

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
        await self.connect()
        return self

    async def connect(self) -> None:
        """A session, and a peer of it that is connected."""
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

    async def __aexit__(self, *exc: object) -> None:
        await self._pc.close()
        await asyncio.gather(*self._readers)
        async with self._http.delete(f"{self._base}/v1/sessions/{self._session['session_id']}"):
            pass

    async def vanish(self) -> None:
        """Vanish, like a phone that loses its network: nothing is sent any more, the session remains."""

        async def nowhere(data: bytes) -> None:
            """A network that drops everything."""

        for sender in self._pc.getSenders():
            ice = sender.transport.transport
            ice._send = ice._connection.send = nowhere  # type: ignore[method-assign]
        await self._pc.close()
        await asyncio.gather(*self._readers)

    def hide(self) -> None:
        """The student turns to another tab."""
        self._channel.send(json.dumps({"type": "visibility", "visible": False}))

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
                async with asyncio.timeout(0.1):
                    event = await self._events.get()
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


Table = dict[str, list[float]]


def table(turns: list[Turn]) -> Table:
    """The figures of headless peers, ms."""
    return {
        "first picture of the reply": [t.first_picture_ms for t in turns if t.first_picture_ms is not None],
        "first sound of the reply": [t.first_sound_ms for t in turns if t.first_sound_ms is not None],
        "interval between pictures": [ms for t in turns for ms in t.intervals_ms],
    }


def browser_table(turns: list[BrowserTurn]) -> Table:
    """The figures of a browser, ms."""
    return {
        "first picture: made": [t.engine_ms for t in turns if t.engine_ms is not None],
        "first picture: received": [t.received_ms for t in turns if t.received_ms is not None],
        "first picture: painted": [t.painted_ms for t in turns if t.painted_ms is not None],
        "received to painted": [
            t.painted_ms - t.received_ms for t in turns if t.painted_ms is not None and t.received_ms is not None
        ],
        "interval between pictures": [ms for t in turns for ms in t.intervals_ms],
        "skew, picture to sound": [abs(ms) for t in turns for ms in t.skew_ms],
        "drift over a reply": [
            abs(float(np.mean(t.skew_ms[-DRIFT_WINDOW:]) - np.mean(t.skew_ms[:DRIFT_WINDOW])))
            for t in turns if len(t.skew_ms) > 2 * DRIFT_WINDOW
        ],
    }  # fmt: skip


def summarize(rows: Table) -> dict[str, dict[str, float]]:
    """Percentiles of each figure."""
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
    parser.add_argument("--long", type=float, metavar="SECONDS", help="one reply of this length, in the browser")
    parser.add_argument("--speech", type=Path, help="a recording to speak instead of typing (headless)")
    parser.add_argument("--out", type=Path, default=Path(__file__).parent / "results")
    args = parser.parse_args()
    args.out.mkdir(parents=True, exist_ok=True)
    speech = read_speech(args.speech) if args.speech else None
    report: dict[str, Any] = {"machine": machine(), "turns": args.turns, "runs": {}}
    failed = 0
    with contextlib.ExitStack() as stack:
        base, options = args.url, []
        if args.long:
            url = stack.enter_context(reader(round(args.long / READER_SENTENCE_S) + 2))
            options = ["--llm-base-url", url, "--llm-model", "reader"]
        if base is None:
            base, _ = stack.enter_context(started_engine(*options, log_path=args.out / "webrtc-engine.log"))
        for peers in [1] if args.browser else args.peers:
            receivers: dict[str, float] = {}
            if args.browser:
                questions = [QUESTIONS[i % len(QUESTIONS)] for i in range(1 if args.long else args.turns)]
                shown, receivers = asyncio.run(browser_turns(base, questions, args.long or args.reply_s))
                name, rows, outcomes = "browser", browser_table(shown), [t.error for t in shown]
                print(f"receivers: { {key: round(value, 1) for key, value in receivers.items()} }")
                print(as_json(shown))
            else:
                turns = asyncio.run(headless_turns(base, peers, args.turns, speech))
                name, rows, outcomes = f"{peers} peers", table(turns), [t.error for t in turns]
            errors = [error for error in outcomes if error]
            failed += len(errors)
            summary = summarize(rows)
            report["runs"][name] = {"ms": summary, "receivers": receivers, "errors": errors}
            print(f"\n{machine()}; {name}, {len(outcomes)} turns, {len(errors)} failed {sorted(set(errors))}")
            print(f"{'ms':<30}{'p50':>8}{'p95':>8}{'max':>8}{'n':>7}")
            for row, ms in summary.items():
                print(f"{row:<30}{ms['p50']:>8.0f}{ms['p95']:>8.0f}{ms['max']:>8.0f}{ms['n']:>7.0f}")
    kind = "browser" if args.browser else "speech" if speech is not None else "text"
    (args.out / f"webrtc-{kind}.json").write_text(json.dumps(report, indent=2))
    return 1 if failed else 0


if __name__ == "__main__":
    raise SystemExit(main())
