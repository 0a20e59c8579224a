"""One client with a live microphone: what it says, hears and measures. Used by ``voice.py`` and ``talk.py``."""

from __future__ import annotations

import asyncio
import base64
import contextlib
import time
from collections import defaultdict
from typing import Any

import numpy as np
import psutil
from client import Client, FragmentDecoder
from speech import Clip
from word_errors import word_error_rate

from engine.turn_taking.reopening import AFTERTHOUGHT_MS

CHUNK_S = 0.02
CHUNK = 320
ANSWER_LIMIT_S = 8.0
SETTLED_S = 3.5
"""Wait after a sentence, so that nothing more comes for it and the next one does not reopen it."""


class LiveMicrophone:
    """Sends audio in real time while it is open; clips are mixed in on request."""

    def __init__(self, client: Client) -> None:
        self._client = client
        self.room: np.ndarray = np.zeros(0, np.float32)
        """Noise of the room, repeated, besides a faint hiss."""
        self._clip: np.ndarray = np.zeros(0, np.float32)
        self._rng = np.random.default_rng(1)
        self._next_at = 0.0

    def play(self, clip: Clip) -> float:
        """Begin a clip with the next chunk; returns the ``perf_counter`` time of its first sample."""
        self._clip = clip.pcm
        return self._next_at

    async def run(self) -> None:
        """The microphone task."""
        self._next_at = time.perf_counter()
        while True:
            chunk, self._clip = self._clip[:CHUNK], self._clip[CHUNK:]
            room = self._rng.standard_normal(CHUNK) * 3e-4
            if len(self.room):
                room += self.room[:CHUNK]
                self.room = np.roll(self.room, -CHUNK)
            room[: len(chunk)] += chunk
            await self._client.socket.send_bytes((np.clip(room, -1, 1) * 32767).astype("<i2").tobytes())
            self._next_at += CHUNK_S
            await asyncio.sleep(max(0.0, self._next_at - time.perf_counter()))


class Bench:
    """One client with a microphone, and what was measured so far."""

    def __init__(self, client: Client) -> None:
        self.client = client
        self.microphone = LiveMicrophone(client)
        self.values: dict[str, list[float]] = defaultdict(list)
        self.messages: asyncio.Queue[tuple[float, dict[str, Any]]] = asyncio.Queue(10_000)
        self.turns: list[dict[str, Any]] = []
        """Times of each plain question, stage by stage."""
        self.pauses: list[dict[str, Any]] = []
        """Results of each sentence with a pause."""
        self.sounds: list[dict[str, Any]] = []
        """Results of each sound over the tutor's voice."""
        self.stale = 0
        self._rng = np.random.default_rng(2)

    async def receive(self) -> None:
        """The receiver task: notes the time of every message and watches for those that should no longer come."""
        interrupted: set[int] = set()
        while True:
            message = await self.client.receive(600)
            if message["type"] == "interrupted":
                interrupted.add(message["turn"])
            elif message.get("turn") in interrupted:
                self.stale += 1
            await self.messages.put((time.perf_counter(), message))

    async def until(self, *kinds: str, limit_s: float = ANSWER_LIMIT_S) -> tuple[float, dict[str, Any]] | None:
        """The next message of one of ``kinds``, or None if there is none in time."""
        with contextlib.suppress(TimeoutError):
            async with asyncio.timeout(limit_s):
                while True:
                    at, message = await self.messages.get()
                    if message["type"] in kinds:
                        return at, message
        return None

    async def hush(self) -> None:
        """Interrupt the tutor and wait until it is silent."""
        await self.client.send(type="interrupt")
        stopped = await self.until("interrupted", limit_s=0.5)
        if stopped and self.turns:
            self.turns[-1].setdefault("timings", stopped[1]["timings"])
        await asyncio.sleep(AFTERTHOUGHT_MS / 1000)  # anything sooner belongs to what was said before
        while not self.messages.empty():
            self.messages.get_nowait()

    async def open_only(self, pid: int | None, seconds: float, room: str) -> None:
        """Measures what an open microphone costs while nobody speaks."""
        cpu, began = process_cpu_s(pid), time.perf_counter()
        await asyncio.sleep(seconds)
        share = (process_cpu_s(pid) - cpu) / (time.perf_counter() - began)
        self.values[f"open microphone, {room}, % of a core"].append(100 * share)
        self.values[f"turns begun by {room}"].append(float(await self.until("transcription", limit_s=0.1) is not None))

    async def plain(self, clip: Clip, among: str = "") -> None:
        """One question: time to the commit and to the first speaking picture, and what was understood.

        Args:
            among: added to the names of its values, to keep conditions apart.
        """
        began = self.microphone.play(clip)
        ended, first_sound = began + clip.end_s, began + clip.start_s
        decoder, committed = FragmentDecoder(), None
        partial = False
        story: dict[str, Any] = {"said": clip.text}
        self.turns.append(story)
        while True:
            got = await self.until("partial_transcription", "transcription", "media", "error", limit_s=ANSWER_LIMIT_S)
            if got is None:
                self.values["missed ends"].append(1.0)
                return
            at, message = got
            if at < first_sound:
                continue  # about what was said before
            if message["type"] == "partial_transcription" and not partial:
                partial = True
                self.values[f"first word to first partial{among}"].append((at - first_sound) * 1000)
            elif message["type"] == "transcription":
                committed = at
                self.values[f"end of speech to commit{among}"].append((at - ended) * 1000)
                story |= {"heard": message["content"], "commit_ms": (at - ended) * 1000}
                self.values[f"word errors %{among}"].append(100 * word_error_rate(clip.text, message["content"]))
            elif message["type"] == "error":
                self.values["errors"].append(1.0)
                return
            elif message["type"] == "media":
                first = message["seq"] == 0
                if first:
                    decoder = FragmentDecoder()
                decoder.push(base64.b64decode(message["data"]), first)
                if len(decoder.picture_at) >= 15:
                    break
        index = decoder.first_speaking_frame()
        if committed is not None and index is not None:
            spoke_ms = (decoder.picture_at[index] - ended) * 1000
            story |= {"picture_ms": spoke_ms, "index": index}
            self.values[f"end of speech to first speaking picture{among}"].append(spoke_ms)
        self.values["missed ends"].append(0.0)

    async def broken(self, clip: Clip, pause_s: float) -> None:
        """A sentence with an inner pause: was it cut off there, and if so, was it reopened?"""
        began = self.microphone.play(clip)
        ended, spoke = began + clip.end_s, False
        heard: list[tuple[float, dict[str, Any]]] = []
        while (left := ended + SETTLED_S - time.perf_counter()) > 0:
            got = await self.until("transcription", "media", limit_s=left)
            if got and got[1]["type"] == "transcription":
                heard.append(got)
            elif got:
                spoke = spoke or got[0] < ended
        self.values["missed ends"].append(float(not heard))
        if not heard:
            return
        cut = heard[0][0] < ended
        whole = heard[-1][0] > ended and all("continues" in message for _, message in heard[1:])
        self.values[f"cut off at a pause of {pause_s:.1f} s, %"].append(100.0 * cut)
        if cut:
            self.values["of these heard as one in the end, %"].append(100.0 * whole)
        self.pauses.append(
            {
                "said": clip.text,
                "pause_s": pause_s,
                "heard": [m["content"] for _, m in heard],
                "cut": cut,
                "tutor_spoke": spoke,
                "whole": whole,
            }
        )

    async def interrupting(self, clip: Clip, *, real: bool) -> bool:
        """Make a sound while the tutor speaks: how fast does the tutor stop, or does it rightly go on?

        Returns:
            Whether it counts: it does not if the reply ended before the sound.
        """
        await self.client.send(type="text", content="Tell me a long story about a river, in many sentences.")
        first = await self.until("media")
        if first is None:
            self.values["errors"].append(1.0)
            return True
        await asyncio.sleep(self._rng.uniform(0.1, 2.0))
        sent_ms = first[1]["duration_ms"]
        while not self.messages.empty():
            _, message = self.messages.get_nowait()
            if message["type"] == "media":
                sent_ms = message["start_ms"] + message["duration_ms"]
        sounded = self.microphone.play(clip) + clip.start_s
        last_media, ducked, stopped = sounded, None, None
        deadline = sounded + clip.end_s + 1.5
        while (left := deadline - time.perf_counter()) > 0:
            got = await self.until("media", "duck", "resume", "interrupted", limit_s=left)
            if got is None:
                break
            at, message = got
            if message["type"] == "media":
                last_media, sent_ms = at, message["start_ms"] + message["duration_ms"]
            elif message["type"] == "duck":
                ducked = ducked or at
            elif message["type"] == "interrupted" and message["reason"] == "voice":
                stopped = at
                break
            elif message.get("reason") == "tutor_finished":
                break
        if stopped is None and first[0] + sent_ms / 1000 < sounded + clip.end_s - clip.start_s:
            return False
        story = {"sound": clip.text or "no words", "real": real, "interrupted": stopped is not None, "heard": ""}
        self.sounds.append(story)
        if stopped and (said := await self.until("transcription")):
            # Otherwise the user turn that these words begin would be counted as a false barge-in of the next sound.
            story["heard"] = said[1]["content"]
            self.values["interruptions answered, %"].append(100.0 * (await self.until("media") is not None))
        if not real:
            self.values["phantom interruptions, %"].append(100.0 if stopped else 0.0)
            return True
        self.values["barge-ins missed, %"].append(0.0 if stopped else 100.0)
        if ducked:
            self.values["first sound to duck"].append((ducked - sounded) * 1000)
        if stopped:
            self.values["first sound to interrupted"].append((stopped - sounded) * 1000)
            self.values["first sound to last media"].append(max(0.0, (last_media - sounded) * 1000))
        return True


def process_cpu_s(pid: int | None) -> float:
    """Processor seconds of a process and its children so far."""
    if pid is None:
        return 0.0
    process = psutil.Process(pid)
    times = [p.cpu_times() for p in (process, *process.children(recursive=True))]
    return float(sum(t.user + t.system for t in times))
