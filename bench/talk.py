"""Minutes of continuous conversation by voice: do speed, memory and threads stay as they were at the start?

    python bench/talk.py --minutes 10               one session
    python bench/talk.py --minutes 3 --sessions 2   two students at once

Each student asks, hears the answer to its end (every fourth one is interrupted by voice) and asks again. The first and
the last third are compared; memory, threads and tasks are sampled every 5 s.
"""

from __future__ import annotations

import argparse
import asyncio
import base64
import json
import time
from dataclasses import asdict, dataclass, field
from pathlib import Path
from typing import Any

import aiohttp
import numpy as np
import psutil
from client import Client, FragmentDecoder, http_session, machine, percentile, started_engine
from speech import BARGE_INS, QUESTIONS, VOICES, Speakers
from spoken_turns import Bench, process_cpu_s
from tqdm import tqdm

SETTLED_S = 40.0
"""Memory is compared from here on; before, the allocator is still growing."""


@dataclass(slots=True)
class Sample:
    """One sample of the engine's process."""

    at_s: float
    memory_mb: float
    threads: int
    tasks: float
    """asyncio tasks; NaN when the engine does not tell."""


@dataclass(slots=True)
class Story:
    """Results of all students."""

    commit_ms: list[tuple[float, float]] = field(default_factory=list)
    picture_ms: list[tuple[float, float]] = field(default_factory=list)
    """(seconds since the start, ms after the acoustic end)."""

    unanswered: int = 0
    interrupted: int = 0
    stale: int = 0
    samples: list[Sample] = field(default_factory=list)
    cpu_s: float = 0.0


class Student:
    """Runs one session until time is up."""

    def __init__(self, number: int, bench: Bench, speakers: Speakers, story: Story, began: float) -> None:
        self._number = number
        self._bench = bench
        self._speakers = speakers
        self._story = story
        self._began = began

    async def talk(self, until: float) -> None:
        turn = self._number
        while time.perf_counter() < until:
            voice = VOICES[turn % 3]
            clip = await self._speakers.say(QUESTIONS[turn % len(QUESTIONS)], voice)
            if not await self._ask(clip):
                self._story.unanswered += 1
            elif turn % 4 == 3:
                await self._interrupt(await self._speakers.say(BARGE_INS[turn % len(BARGE_INS)], voice))
            else:
                await self._hear_out()
            turn += 1

    async def _ask(self, clip: Any) -> bool:
        """Say something and wait for the first speaking picture."""
        ended = self._bench.microphone.play(clip) + clip.end_s
        decoder = FragmentDecoder()
        while True:
            got = await self._bench.until("transcription", "media", "error", limit_s=12)
            if got is None or got[1]["type"] == "error":
                return False
            at, message = got
            since = at - self._began
            if message["type"] == "transcription":
                self._story.commit_ms.append((since, (at - ended) * 1000))
                decoder = FragmentDecoder()
            else:
                decoder.push(base64.b64decode(message["data"]), message["seq"] == 0)
                index = decoder.first_speaking_frame()
                if index is not None and index < len(decoder.picture_at):
                    self._story.picture_ms.append((since, (decoder.picture_at[index] - ended) * 1000))
                    return True

    async def _hear_out(self) -> None:
        """Wait until the answer has been sent and played."""
        played_from = time.perf_counter()
        length_ms = 0.0
        while (got := await self._bench.until("media", "turn_done", "error", limit_s=15)) is not None:
            message = got[1]
            if message["type"] == "media":
                length_ms = max(length_ms, message["start_ms"] + message["duration_ms"])
            else:
                break
        await asyncio.sleep(max(0.0, played_from + length_ms / 1000 - time.perf_counter()) + 0.4)

    async def _interrupt(self, clip: Any) -> None:
        """Speak over the answer and listen to the next one to its end."""
        await asyncio.sleep(1.0)
        self._bench.microphone.play(clip)
        if await self._bench.until("interrupted", limit_s=clip.end_s + 2):
            self._story.interrupted += 1
            await self._bench.until("transcription", limit_s=5)
        await self._hear_out()


async def watch(story: Story, http: aiohttp.ClientSession, base: str, pid: int, began: float) -> None:
    """Samples the engine every 5 s."""
    while True:
        process = psutil.Process(pid)
        async with http.get(f"{base}/metrics") as response:
            text = await response.text()
        tasks = [float(line.split()[1]) for line in text.splitlines() if line.startswith("tutor_tasks ")]
        story.samples.append(
            Sample(
                time.perf_counter() - began, process.memory_info().rss / 1e6, process.num_threads(),
                tasks[0] if tasks else float("nan"),
            )
        )  # fmt: skip
        await asyncio.sleep(5)


async def run(base: str, pid: int, minutes: float, sessions: int) -> Story:
    """Runs all students until time is up."""
    speakers, story = Speakers(), Story()
    async with http_session() as http, asyncio.TaskGroup() as group:
        students, clients, background = [], [], []
        began = time.perf_counter()
        for number in range(sessions):
            client = await Client(http, base, tutor_id=13, student_id=number + 1).__aenter__()
            await client.stream(input_audio={"format": "pcm_s16le", "sample_rate": 16_000})
            bench = Bench(client)
            background += [group.create_task(bench.microphone.run()), group.create_task(bench.receive())]
            clients.append((client, bench))
            students.append(Student(3 * number, bench, speakers, story, began))
        background.append(group.create_task(watch(story, http, base, pid, began)))
        cpu = process_cpu_s(pid)
        bar = group.create_task(_progress(minutes))
        until = began + minutes * 60
        await asyncio.gather(*(student.talk(until) for student in students))
        story.cpu_s = process_cpu_s(pid) - cpu
        for task in (*background, bar):
            task.cancel()
        await asyncio.wait([*background, bar])
        for client, bench in clients:
            story.stale += bench.stale
            await client.__aexit__(None, None, None)
    speakers.close()
    return story


async def _progress(minutes: float) -> None:
    for _ in tqdm(range(int(minutes * 60)), unit="s"):
        await asyncio.sleep(1)


def thirds(values: list[tuple[float, float]]) -> tuple[list[float], list[float]]:
    """The values in the first and in the last third of the time."""
    end = max(at for at, _ in values) if values else 0.0
    return [v for at, v in values if at <= end / 3], [v for at, v in values if at >= end * 2 / 3]


def report(story: Story, minutes: float) -> None:
    for name, values in (("commit", story.commit_ms), ("first speaking picture", story.picture_ms)):
        every = [v for _, v in values]
        first, last = thirds(values)
        print(
            f"acoustic end to {name:<24} p50 {percentile(every, 50):5.0f}  p95 {percentile(every, 95):5.0f} ms"
            f"  (p50 first third {percentile(first, 50):.0f}, last third {percentile(last, 50):.0f}; n {len(every)})"
        )
    settled = [s for s in story.samples if s.at_s >= SETTLED_S] or story.samples
    slope = float(np.polyfit([s.at_s / 60 for s in settled], [s.memory_mb for s in settled], 1)[0])
    print(f"memory {settled[0].memory_mb:.0f} -> {settled[-1].memory_mb:.0f} MB ({slope:+.2f} MB a minute)")
    print(f"threads {settled[0].threads} -> {settled[-1].threads}, tasks at most {max(s.tasks for s in settled):.0f}")
    print(f"unanswered {story.unanswered}, interrupted {story.interrupted}, stale items {story.stale}")
    turns = max(1, len(story.commit_ms))
    print(f"CPU {story.cpu_s / minutes:.0f} s a minute, {story.cpu_s / turns:.1f} s a spoken turn")


def main() -> int:
    """The command line."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--minutes", type=float, default=10)
    parser.add_argument("--sessions", type=int, default=1)
    parser.add_argument("--engine-args", default="", help="more arguments for the engine that is started")
    parser.add_argument("--out", type=Path, default=Path(__file__).parent / "results")
    args = parser.parse_args()
    args.out.mkdir(parents=True, exist_ok=True)
    with started_engine(*args.engine_args.split(), log_path=args.out / "engine.log") as (base, pid):
        story = asyncio.run(run(base, pid, args.minutes, args.sessions))
    print(f"\n{machine()}; {args.minutes:g} minutes, {args.sessions} session(s)")
    report(story, args.minutes)
    (args.out / f"talk-{args.sessions}.json").write_text(
        json.dumps({"machine": machine(), "story": asdict(story)}, indent=1)
    )
    return 0


if __name__ == "__main__":
    raise SystemExit(main())
