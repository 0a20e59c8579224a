"""Spoken turns in real time over a live socket: how fast it answers, when it cuts in, when it yields.

    python bench/voice.py                     starts an engine, measures, ends it
    python bench/voice.py --parts plain barge --turns 8

A microphone task sends 20 ms of PCM every 20 ms, also while nobody speaks. Every time is counted from
the *acoustic* moment: the last sound of the question, the first sound of an interruption.
"""

from __future__ import annotations

import argparse
import asyncio
import base64
import contextlib
import json
import re
import time
from collections import defaultdict
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import aiohttp
import numpy as np
import psutil
import turn_clips
from client import Client, FragmentDecoder, http_session, machine, percentile, started_engine
from speech import (
    BACKCHANNELS,
    BARGE_INS,
    QUESTIONS,
    VOICES,
    Clip,
    Speakers,
    click,
    cough,
    fan_noise,
    melody,
    with_noise,
)  # fmt: skip
from tqdm import tqdm
from turn_clips import HELD_OUT, HELD_OUT_SPEAKERS, clips

from engine.pipelines.items import INPUT_RATE
from engine.pipelines.listening.reopening import AFTERTHOUGHT_MS

CHUNK_S = 0.02
CHUNK = 320
PAUSES_S = (0.3, 0.6, 1.0, 1.5)
ANSWER_LIMIT_S = 8.0
IDLE_S = 15.0
SETTLED_S = 3.5
"""After the end of a sentence nothing more is to come for it, nor is the next one an afterthought to it."""

TRIES = 4
"""Replies asked for until one is long enough to be spoken over."""


class LiveMicrophone:
    """Sends sound in real time for as long as it is open; a clip is mixed in when asked for."""

    def __init__(self, client: Client) -> None:
        self._client = client
        self.room: np.ndarray = np.zeros(0, np.float32)
        """Sound of the room, heard over and over besides a faint hiss."""
        self._clip: np.ndarray = np.zeros(0, np.float32)
        self._rng = np.random.default_rng(1)
        self._next_at = 0.0

    def play(self, clip: Clip) -> float:
        """Begin a clip with the next chunk; gives the ``perf_counter`` time of its first sample."""
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
        """What became of each plain question, stage by stage."""
        self.pauses: list[dict[str, Any]] = []
        """What became of each sentence with a pause."""
        self.sounds: list[dict[str, Any]] = []
        """What became of each sound over the tutor's voice."""
        self.stale = 0
        self._rng = np.random.default_rng(2)

    async def receive(self) -> None:
        """The receiver task: stamps every message, and watches for what should not come any more."""
        interrupted: set[int] = set()
        while True:
            message = await self.client.receive(600)
            if message["type"] == "interrupted":
                interrupted.add(message["turn"])
            elif message.get("turn") in interrupted:
                self.stale += 1
            await self.messages.put((time.perf_counter(), message))

    async def until(self, *kinds: str, limit_s: float = ANSWER_LIMIT_S) -> tuple[float, dict[str, Any]] | None:
        """The next message of one of ``kinds``, or None when it does not come in time."""
        with contextlib.suppress(TimeoutError):
            async with asyncio.timeout(limit_s):
                while True:
                    at, message = await self.messages.get()
                    if message["type"] in kinds:
                        return at, message
        return None

    async def hush(self) -> None:
        """Stop the tutor and wait until it is quiet."""
        await self.client.send(type="interrupt")
        stopped = await self.until("interrupted", limit_s=0.5)
        if stopped and self.turns:
            self.turns[-1].setdefault("timings", stopped[1]["timings"])
        await asyncio.sleep(AFTERTHOUGHT_MS / 1000)  # what comes sooner is a part of what was said before
        while not self.messages.empty():
            self.messages.get_nowait()

    async def open_only(self, pid: int | None, seconds: float, room: str) -> None:
        """Nobody speaks: what does an open microphone cost?"""
        cpu, began = process_cpu_s(pid), time.perf_counter()
        await asyncio.sleep(seconds)
        share = (process_cpu_s(pid) - cpu) / (time.perf_counter() - began)
        self.values[f"open microphone, {room}, % of a core"].append(100 * share)
        self.values[f"turns begun by {room}"].append(float(await self.until("transcription", limit_s=0.1) is not None))

    async def plain(self, clip: Clip, among: str = "") -> None:
        """One question: to the commit, to the first speaking picture, and what was understood.

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
                self.values[f"word errors %{among}"].append(100 * word_errors(clip.text, message["content"]))
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
        """A sentence with a pause inside: was it cut off there, and if so, was the rest put to it?"""
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
        self.pauses.append({
            "said": clip.text, "pause_s": pause_s, "heard": [m["content"] for _, m in heard],
            "cut": cut, "tutor_spoke": spoke, "whole": whole,
        })

    async def interrupting(self, clip: Clip, *, real: bool) -> bool:
        """Make a sound while the tutor speaks: does it stop, and how fast; or does it rightly go on?

        Returns:
            Whether it counts: not when the reply was over before the sound was.
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
            # Also so that the turn these words begin is not taken for a phantom of the next sound.
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


async def over_the_tutor(http: aiohttp.ClientSession, base: str, bench: Bench, clip: Clip, *, real: bool) -> None:
    """One sound over a reply, in a session of its own: what was said before makes the small model brief.

    Tries anew when the reply was over too soon; what was seen goes to ``bench``.
    """
    async with Client(http, base, tutor_id=13) as client:
        await client.stream(input_audio={"format": "pcm_s16le", "sample_rate": 16_000})
        own = Bench(client)
        own.values, own.sounds = bench.values, bench.sounds
        async with asyncio.TaskGroup() as group:
            tasks = [group.create_task(own.microphone.run()), group.create_task(own.receive())]
            await asyncio.sleep(0.5)
            for _ in range(TRIES):
                if await own.interrupting(clip, real=real):
                    break
                await own.hush()
            else:
                bench.values["replies too short to interrupt"].append(1.0)
            for task in tasks:
                task.cancel()
        bench.stale += own.stale


def word_errors(reference: str, heard: str) -> float:
    """Word error rate: edits over words of the reference."""
    a, b = (re.sub(r"[^\w\s']", " ", text.lower()).split() for text in (reference, heard))
    row = list(range(len(b) + 1))
    for i, word in enumerate(a, 1):
        row, before = [i], row
        for j, other in enumerate(b, 1):
            row.append(min(before[j] + 1, row[-1] + 1, before[j - 1] + (word != other)))
    return row[-1] / max(1, len(a))


def with_pause(clip: turn_clips.Clip, pause_s: float) -> Clip:
    """The sentence with silence where its speaker hesitates."""
    gap = np.zeros(int(pause_s * INPUT_RATE), np.float32)
    resumes = len(clip.before) / INPUT_RATE + pause_s
    return Clip(np.concatenate([clip.before, gap, clip.after]), clip.text, 0.0,
                resumes + len(clip.after) / INPUT_RATE, resumes)  # fmt: skip


async def run(
    base: str, pid: int | None, parts: Sequence[str], turns: int, hesitating: Sequence[turn_clips.Clip]
) -> Bench:
    """All parts, in one session."""
    speakers = Speakers()
    rng = np.random.default_rng(0)
    async with http_session() as http, Client(http, base, tutor_id=13) as client:
        await client.stream(input_audio={"format": "pcm_s16le", "sample_rate": 16_000})
        bench = Bench(client)
        async with asyncio.TaskGroup() as group:
            tasks = [group.create_task(bench.microphone.run()), group.create_task(bench.receive())]
            await asyncio.sleep(0.5)
            cpu = process_cpu_s(pid)
            began = time.perf_counter()
            if "idle" in parts:
                await bench.open_only(pid, IDLE_S, "quiet")
                bench.microphone.room = fan_noise(rng)
                await bench.open_only(pid, IDLE_S, "fan noise")
                bench.microphone.room = melody()
                await bench.open_only(pid, IDLE_S, "music")
                bench.microphone.room = np.zeros(0, np.float32)
                await bench.hush()
            with tqdm(unit="turn") as bar:
                for index in range(turns):
                    voice = VOICES[index % len(VOICES)]
                    if "plain" in parts:
                        clip = await speakers.say(QUESTIONS[index % len(QUESTIONS)], voice)
                        noisy = {1: 20.0, 3: 10.0}.get(index % 4)
                        hard = noisy is not None and noisy < 15
                        await bench.plain(
                            with_noise(clip, noisy, rng) if noisy else clip, f", {noisy:.0f} dB" if hard else ""
                        )
                        await bench.hush()
                        bar.update()
                    if "pauses" in parts:
                        pause = PAUSES_S[index % len(PAUSES_S)]
                        await bench.broken(with_pause(hesitating[index % len(hesitating)], pause), pause)
                        await bench.hush()
                        bar.update()
                    if "barge" in parts:
                        clip = await speakers.say(BARGE_INS[index % len(BARGE_INS)], voice)
                        await over_the_tutor(http, base, bench, clip, real=True)
                        bar.update()
                    if "phantom" in parts:
                        no_words = (cough(rng), click(), await speakers.say(BACKCHANNELS[index // 3 % 3], voice))
                        await over_the_tutor(http, base, bench, no_words[index % 3], real=False)
                        bar.update()
            minutes = (time.perf_counter() - began) / 60
            if pid is not None:
                bench.values["engine CPU seconds a minute"].append((process_cpu_s(pid) - cpu) / minutes)
            bench.values["stale items"].append(float(bench.stale))
            for task in tasks:
                task.cancel()
    speakers.close()
    return bench


def print_stages(turns: Sequence[dict[str, Any]]) -> None:
    """When the engine reached each stage of the plain questions, ms after the acoustic end as it heard it."""
    stages: dict[str, list[float]] = defaultdict(list)
    for turn in turns:
        for name, ms in turn.get("timings", {}).items():
            stages[name].append(ms)
    for name, ms in sorted(stages.items(), key=lambda item: percentile(item[1], 50)):
        print(f"  engine: {name:<34}{'':>8}{percentile(ms, 50):>8.2f}{percentile(ms, 95):>8.2f}{len(ms):>6}")


def process_cpu_s(pid: int | None) -> float:
    """Processor seconds of a process and its children so far."""
    if pid is None:
        return 0.0
    process = psutil.Process(pid)
    times = [p.cpu_times() for p in (process, *process.children(recursive=True))]
    return sum(t.user + t.system for t in times)


def main() -> int:
    """The command line."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--url", help="a running engine; default starts one")
    parser.add_argument("--parts", nargs="+", default=["plain", "pauses", "barge", "phantom"])
    parser.add_argument("--turns", type=int, default=16)
    parser.add_argument("--engine-args", default="", help="more arguments for the engine that is started")
    parser.add_argument("--out", type=Path, default=Path(__file__).parent / "results")
    args = parser.parse_args()
    args.out.mkdir(parents=True, exist_ok=True)
    hesitating: list[turn_clips.Clip] = []
    if "pauses" in args.parts:
        sentences = HELD_OUT[:: max(1, len(HELD_OUT) * len(HELD_OUT_SPEAKERS) // args.turns)]
        hesitating = clips(sentences, HELD_OUT_SPEAKERS)
        np.random.default_rng(3).shuffle(hesitating)  # type: ignore[arg-type]
    with contextlib.ExitStack() as stack:
        base, pid = args.url, None
        if base is None:
            base, pid = stack.enter_context(
                started_engine(*args.engine_args.split(), log_path=args.out / "engine.log")
            )
        bench = asyncio.run(run(base, pid, args.parts, args.turns, hesitating))
    values = bench.values
    print(f"\n{machine()}; {args.turns} rounds of {', '.join(args.parts)}")
    print(f"{'ms where not said otherwise':<44}{'mean':>8}{'p50':>8}{'p95':>8}{'n':>6}")
    report = {}
    for name, v in values.items():
        row = {"mean": float(np.mean(v)), "p50": percentile(v, 50), "p95": percentile(v, 95), "n": len(v)}
        report[name] = row
        print(f"{name:<44}{row['mean']:>8.0f}{row['p50']:>8.0f}{row['p95']:>8.0f}{row['n']:>6}")
    print_stages(bench.turns)
    (args.out / "voice.json").write_text(
        json.dumps(
            {
                "machine": machine(), "values": report, "turns": bench.turns, "sounds": bench.sounds,
                "pauses": bench.pauses,
            },
            indent=2, ensure_ascii=False,
        )
    )
    return 0


if __name__ == "__main__":
    raise SystemExit(main())
