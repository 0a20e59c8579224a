"""A client for the benchmarks, written as a web team would: REST, a socket, a decoder."""

from __future__ import annotations

import asyncio
import base64
import contextlib
import io
import json
import os
import platform
import signal
import subprocess
import sys
import time
from collections.abc import AsyncIterator, Iterator
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import aiohttp
import av
import numpy as np

FRAME_MS = 40
SPEAKING_DBFS = -42.0
"""A 40 ms frame louder than this is speech."""


class FragmentDecoder:
    """Decodes fMP4 as it arrives: when each picture was decoded, and all the audio."""

    def __init__(self) -> None:
        self.picture_at: list[float] = []
        """``time.perf_counter()`` at which each picture came out of the decoder."""
        self._init = b""
        self._all = io.BytesIO()
        self._video: Any = None

    def push(self, data: bytes, first: bool) -> None:
        """Take one ``media`` message's bytes. Ignored before a ``first`` one: they belong to the previous answer."""
        if first:
            self._init = data[: data.index(b"moof") - 4]
            source = data
        elif not self._init:
            return
        else:
            source = self._init + data
        self._all.write(data)
        with av.open(io.BytesIO(source), mode="r", format="mp4") as container:
            if not container.streams.video:
                return
            stream = container.streams.video[0]
            if self._video is None:
                self._video = av.CodecContext.create("h264", "r")
                self._video.extradata = stream.codec_context.extradata
                self._video.thread_count = 1
                self._video.flags |= av.codec.context.Flags.low_delay
            for packet in container.demux(stream):
                if packet.size:
                    for _ in self._video.decode(packet):
                        self.picture_at.append(time.perf_counter())

    def sound(self) -> tuple[np.ndarray, int]:
        """All audio so far: (n,) float32 mono, and its sample rate."""
        self._all.seek(0)
        with av.open(self._all, mode="r", format="mp4") as container:
            pieces = [frame.to_ndarray().mean(axis=0) for frame in container.decode(audio=0)]
            rate = container.streams.audio[0].rate
        return (np.concatenate(pieces) if pieces else np.zeros(0, np.float32)), rate

    def first_speaking_frame(self) -> int | None:
        """Index of the first picture whose 40 ms of audio are louder than silence."""
        pcm, rate = self.sound()
        size = rate * FRAME_MS // 1000
        for index in range(len(pcm) // size):
            level = np.sqrt(np.mean(pcm[index * size : (index + 1) * size] ** 2)) + 1e-9
            if 20 * np.log10(level) > SPEAKING_DBFS:
                return index
        return None


@dataclass
class TurnResult:
    """One reply as the client saw it; times in ms from sending the question."""

    first_picture_ms: float | None = None
    first_speaking_ms: float | None = None
    first_delta_ms: float | None = None
    text: str = ""
    frames: int = 0
    late_ms: list[float] = field(default_factory=list)
    timings: dict[str, float] = field(default_factory=dict)
    error: str | None = None


class Client:
    """One session over one streaming socket."""

    def __init__(
        self, http: aiohttp.ClientSession, base: str, tutor_id: int = 1, student_id: int = 1, kb_id: str | None = None
    ) -> None:
        self._http = http
        self._base = base
        self._tutor_id = tutor_id
        self._student_id = student_id
        self._kb_id = kb_id
        self.session_id = ""
        self._last_turn = 0
        self.socket: aiohttp.ClientWebSocketResponse

    async def __aenter__(self) -> Client:
        body: dict[str, object] = {"tutor_id": self._tutor_id, "student_id": self._student_id}
        if self._kb_id is not None:
            body["kb_id"] = self._kb_id
        async with self._http.post(f"{self._base}/v1/sessions", json=body) as response:
            response.raise_for_status()
            session = await response.json()
        self.session_id = session["session_id"]
        url = f"{session['engine_url']}?token={session['engine_token']}"
        self.socket = await self._http.ws_connect(url, max_msg_size=0)
        return self

    async def __aexit__(self, *exc: object) -> None:
        await self.socket.close()
        async with self._http.delete(f"{self._base}/v1/sessions/{self.session_id}"):
            pass

    async def send(self, **message: object) -> None:
        """One JSON message."""
        await self.socket.send_str(json.dumps(message))

    async def receive(self, timeout_s: float = 60) -> dict[str, Any]:
        """The next JSON message."""
        message = await self.socket.receive(timeout_s)
        if message.type is not aiohttp.WSMsgType.TEXT:
            raise ConnectionError(f"socket closed: {message.type} {message.data} {message.extra}")
        parsed: dict[str, Any] = json.loads(message.data)
        return parsed

    async def receive_until(self, kind: str, timeout_s: float = 60) -> dict[str, Any]:
        """Skips messages until one of ``kind``; an ``error`` raises."""
        while True:
            message = await self.receive(timeout_s)
            if message["type"] == kind:
                return message
            if message["type"] == "error":
                raise RuntimeError(f"{message['code']}: {message['message']}")

    async def stream(self, **options: object) -> dict[str, Any]:
        """Opt in to streaming; gives ``ready``."""
        await self.send(type="configure", stream=True, **options)
        return await self.receive_until("ready")

    async def ask(self, text: str, cut_after_ms: float | None = None) -> TurnResult:
        """Send a text and follow its reply to the end, or interrupt it after so much media."""
        result = TurnResult()
        decoder = FragmentDecoder()
        turn = last = self._last_turn
        sent_at = time.perf_counter()
        await self.send(type="text", content=text)
        cut = False
        while True:
            message = await self.receive()
            now = time.perf_counter()
            if message.get("turn", turn + 1) <= turn:
                continue  # the end of the previous answer
            last = max(last, message.get("turn", 0))
            match message["type"]:
                case "text_delta":
                    result.first_delta_ms = result.first_delta_ms or (now - sent_at) * 1000
                    result.text += message["content"]
                case "media":
                    decoder.push(base64.b64decode(message["data"]), message["seq"] == 0)
                    if cut_after_ms is not None and not cut and len(decoder.picture_at) * FRAME_MS >= cut_after_ms:
                        cut = True
                        await self.send(type="interrupt")
                case "error":
                    result.error = message["code"]
                    break
                case "turn_done":
                    result.timings = message["timings"]
                    if not cut:
                        break
                case "interrupted":
                    result.timings = message["timings"]
                    break
        self._last_turn = last
        self._finish(result, decoder, sent_at)
        return result

    async def clip(self, text: str) -> tuple[float, float]:
        """Ask without streaming: (ms until the whole clip has arrived, its length in ms)."""
        sent_at = time.perf_counter()
        await self.send(type="text", content=text, avatar_id="avatar_tutor_13")
        video = await self.receive_until("video")
        return (time.perf_counter() - sent_at) * 1000, float(video["duration_ms"])

    @staticmethod
    def _finish(result: TurnResult, decoder: FragmentDecoder, sent_at: float) -> None:
        result.frames = len(decoder.picture_at)
        if not result.frames:
            return
        result.first_picture_ms = (decoder.picture_at[0] - sent_at) * 1000
        speaking = decoder.first_speaking_frame()
        if speaking is not None and speaking < result.frames:
            result.first_speaking_ms = (decoder.picture_at[speaking] - sent_at) * 1000
        start = decoder.picture_at[0]
        result.late_ms = [
            max(0.0, (at - start) * 1000 - index * FRAME_MS) for index, at in enumerate(decoder.picture_at)
        ]


@contextlib.contextmanager
def started_engine(*arguments: str, log_path: Path | None = None) -> Iterator[tuple[str, int]]:
    """Starts an engine in its own process on a free port; gives its address and process id.

    It admits every session, since a benchmark is to show what overload does, not that sessions are refused. It has no
    starter course, so that the language model answers.
    """
    port = _free_port()
    log = (log_path or Path(os.devnull)).open("w")
    root = Path(__file__).parent.parent
    process = subprocess.Popen(
        [
            sys.executable,
            str(root / "run_engine.py"),
            "--port",
            str(port),
            "--log-format",
            "json",
            "--sessions-admission",
            "fixed",
            "--no-knowledge-starter",
            *arguments,
        ],
        cwd=root,
        stderr=log,
        stdout=log,
    )
    try:
        _wait_ready(process, port)
        yield f"http://127.0.0.1:{port}", process.pid
    finally:
        process.send_signal(signal.SIGTERM)
        try:
            process.wait(30)
        except subprocess.TimeoutExpired:
            process.kill()
            process.wait()
        log.close()


def _free_port() -> int:
    import socket

    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        port: int = probe.getsockname()[1]
    return port


def _wait_ready(process: subprocess.Popen[bytes], port: int, limit_s: float = 120) -> None:
    import urllib.error
    import urllib.request

    deadline = time.monotonic() + limit_s
    while time.monotonic() < deadline:
        if process.poll() is not None:
            raise RuntimeError(f"the engine ended with status {process.returncode}")
        with contextlib.suppress(urllib.error.URLError, OSError):
            urllib.request.urlopen(f"http://127.0.0.1:{port}/ready", timeout=2)
            return
        time.sleep(0.2)
    raise TimeoutError("the engine did not become ready")


@contextlib.asynccontextmanager
async def http_session() -> AsyncIterator[aiohttp.ClientSession]:
    """An aiohttp session for loopback."""
    async with aiohttp.ClientSession() as session:
        yield session
        await asyncio.sleep(0)


def percentile(values: list[float], q: float) -> float:
    """The q-th percentile; NaN for an empty list."""
    return float(np.percentile(values, q)) if values else float("nan")


def machine() -> str:
    """One line that describes the machine."""
    model = platform.processor() or platform.machine()
    with contextlib.suppress(OSError):
        for line in Path("/proc/cpuinfo").read_text().splitlines():
            if line.startswith("model name"):
                model = line.partition(":")[2].strip()
                break
    return f"{os.cpu_count()} cores, {model}, Python {platform.python_version()}"
