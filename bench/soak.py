"""Sessions created, used and deleted one after the other, then many at once: what do they leave behind?

    python bench/soak.py --sessions 200 --at-once 20 --slow-s 30

In every session the tutor speaks and is interrupted. One in four has a live microphone with a spoken question, one in
eight sends a recording and gets a whole clip, one in eight is deleted while the tutor speaks. Counts threads, open
files, child processes and memory of the engine's process, compared with those after a warm-up of the same kind. Then
one client reads nothing for ``--slow-s`` seconds while another is answered: what does that cost the other, and in
memory?
"""

from __future__ import annotations

import argparse
import asyncio
import base64
import contextlib
import itertools
import json
import sys
from collections.abc import AsyncIterator
from pathlib import Path

import numpy as np
import psutil
from client import Client, http_session, machine, started_engine
from speech import QUESTIONS, VOICES, Speakers
from tqdm import tqdm

from engine.audio.pcm import float_to_pcm16, to_wav
from engine.items import INPUT_RATE, FloatArray

KINDS = ("typed", "spoken", "typed", "deleted", "typed", "spoken", "typed", "clip")
CHUNK = INPUT_RATE // 50
PATIENCE_S = 120.0
SETTLE_S = 6.0
"""The engine frees what it can every 5 s."""

LONG = "Tell me a very long story about the sea."


class _Overloaded(Exception):
    """The language model has more to answer than it can in time."""


class Student:
    """Runs sessions of every kind, one after the other or side by side."""

    def __init__(self, base: str, questions: list[FloatArray]) -> None:
        self._base = base
        self._questions = questions
        self._count = itertools.count()
        self.cut_short = 0
        """Sessions that got no answer in time, because the machine was overloaded."""

    async def one(self) -> None:
        """One session: create, use, delete."""
        number = next(self._count)
        question = self._questions[number % len(self._questions)]
        async with http_session() as http, Client(http, self._base, tutor_id=13) as client:
            try:
                async with asyncio.timeout(PATIENCE_S):
                    await self._live(client, KINDS[number % len(KINDS)], QUESTIONS[number % len(QUESTIONS)], question)
            except (TimeoutError, _Overloaded):
                self.cut_short += 1

    @staticmethod
    async def _live(client: Client, kind: str, text: str, spoken: FloatArray) -> None:
        match kind:
            case "typed":
                await client.stream()
                await client.send(type="text", content=text)
                await _listen_and_interrupt(client)
            case "deleted":
                await client.stream()
                await client.send(type="text", content="Tell me a long story.")
                await _until(client, "media")
            case "spoken":
                await client.stream(input_audio={"format": "pcm_s16le", "sample_rate": INPUT_RATE})
                async with _microphone(client, spoken):
                    await _until(client, "transcription")
                    await _listen_and_interrupt(client)
            case "clip":
                recording = base64.b64encode(to_wav(spoken, INPUT_RATE)).decode()
                await client.send(type="audio", data=recording, avatar_id="avatar_tutor_13")
                await _until(client, "video")


async def _listen_and_interrupt(client: Client) -> None:
    for _ in range(6):
        await _until(client, "media")
    await client.send(type="interrupt")
    await _until(client, "interrupted")


async def _until(client: Client, kind: str) -> None:
    """Wait for a message. On an overloaded machine ``busy`` may come before it, for dropped microphone audio."""
    while (message := await client.receive(PATIENCE_S))["type"] != kind:
        if message["type"] == "error" and message["code"] != "busy":
            raise _Overloaded if message["code"] == "llm_failed" else RuntimeError(f"{message['code']}: {message}")


@contextlib.asynccontextmanager
async def _microphone(client: Client, question: FloatArray) -> AsyncIterator[None]:
    """A live microphone in real time: room noise, the question, then room noise for as long as the context lasts."""

    async def send() -> None:
        rng = np.random.default_rng(1)
        due = asyncio.get_running_loop().time()
        for start in itertools.count(0, CHUNK):
            room = rng.standard_normal(CHUNK).astype(np.float32) * 3e-4
            said = question[start : start + CHUNK]
            room[: len(said)] += said
            await client.socket.send_bytes(float_to_pcm16(room))
            due += CHUNK / INPUT_RATE
            await asyncio.sleep(max(0.0, due - asyncio.get_running_loop().time()))

    task = asyncio.create_task(send())
    try:
        yield
    finally:
        task.cancel()
        await asyncio.wait([task])


def census(pid: int) -> dict[str, float]:
    """The present counts of the engine's process."""
    process = psutil.Process(pid)
    return {
        "threads": process.num_threads(),
        "files": process.num_fds(),
        "children": len(process.children(recursive=True)),
        "memory_mb": round(process.memory_info().rss / 1e6, 1),
    }


async def run(base: str, pid: int, sessions: int, at_once: int) -> dict[str, dict[str, float]]:
    """Warm up, then both parts; counts after each."""
    speakers = Speakers()
    said = [await speakers.say(text, VOICES[n % len(VOICES)]) for n, text in enumerate(QUESTIONS)]
    speakers.close()
    student = Student(base, [clip.pcm for clip in said])
    await asyncio.gather(*(student.one() for _ in range(at_once)))
    for _ in range(2 * len(KINDS)):
        await student.one()
    await asyncio.sleep(SETTLE_S)
    counts = {"warm": census(pid)}
    bar = tqdm(range(1, sessions + 1), unit="session")
    for number in bar:
        await student.one()
        bar.set_postfix(memory_mb=census(pid)["memory_mb"])
        if number % 50 == 0:
            await asyncio.sleep(SETTLE_S)
            counts[f"after {number}"] = census(pid)
    await asyncio.gather(*(student.one() for _ in range(at_once)))
    await asyncio.sleep(SETTLE_S)
    counts[f"after {at_once} at once"] = census(pid)
    print(f"{student.cut_short} lives were cut short by overload", file=sys.stderr)
    return counts


async def beside_a_slow_client(base: str, pid: int, seconds: float) -> dict[str, dict[str, float]]:
    """The pictures of a session that is alone, beside another, and beside one whose client reads nothing."""
    async with http_session() as http, Client(http, base) as quick:
        await quick.stream()
        counts = {"alone": await _pictures(quick, seconds)}
        async with Client(http, base) as other:
            await other.stream()
            reading = asyncio.create_task(other.ask(LONG))
            counts["beside a client"] = await _pictures(quick, seconds)
            await other.send(type="interrupt")
            await reading
        async with Client(http, base) as other:
            await other.stream()
            before = census(pid)["memory_mb"]
            await other.send(type="text", content=LONG)
            counts["beside one that does not read"] = await _pictures(quick, seconds)
            counts["beside one that does not read"]["memory_grew_mb"] = round(census(pid)["memory_mb"] - before, 1)
        return counts


async def _pictures(client: Client, seconds: float) -> dict[str, float]:
    """Ask questions for so long: pictures received, and how late they were, counted from the first of each answer."""
    ends, frames, late = asyncio.get_running_loop().time() + seconds, 0, []
    questions = itertools.cycle(QUESTIONS)
    while True:
        result = await client.ask(next(questions))
        frames += result.frames
        late += result.late_ms
        if asyncio.get_running_loop().time() > ends:
            return {"pictures": frames, "late": sum(ms > 0 for ms in late), "latest_ms": round(max(late, default=0))}


def show(counts: dict[str, dict[str, float]]) -> None:
    """One line each."""
    for name, row in counts.items():
        print(f"{name:<30}" + "  ".join(f"{key} {value}" for key, value in row.items()))


def main() -> int:
    """The command line."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--sessions", type=int, default=200)
    parser.add_argument("--at-once", type=int, default=20)
    parser.add_argument("--slow-s", type=float, default=30, help="how long one client reads nothing")
    parser.add_argument("--out", type=Path, default=Path(__file__).parent / "results")
    args = parser.parse_args()
    args.out.mkdir(parents=True, exist_ok=True)
    with started_engine("--sessions-max", "64", log_path=args.out / "engine.log") as (base, pid):
        counts = asyncio.run(run(base, pid, args.sessions, args.at_once))
        print(f"\n{machine()}")
        show(counts)
        beside = asyncio.run(beside_a_slow_client(base, pid, args.slow_s))
        show(beside)
        counts |= beside
    (args.out / "soak.json").write_text(json.dumps({"machine": machine(), "counts": counts}, indent=2))
    return 0


if __name__ == "__main__":
    raise SystemExit(main())
