"""Spoken user turns in real time over a live socket: how fast the tutor answers, whether it cuts in, when it yields.

    python bench/voice.py                     starts an engine, measures, ends it
    python bench/voice.py --parts plain barge --turns 8

A microphone task sends 20 ms of PCM every 20 ms, even while nobody speaks. All times are counted from the *acoustic*
event: the last sound of the question, the first sound of an interruption.
"""

from __future__ import annotations

import argparse
import asyncio
import contextlib
import json
import time
from collections import defaultdict
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import aiohttp
import numpy as np
import turn_clips
from client import Client, http_session, machine, percentile, started_engine
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
from spoken_turns import Bench, process_cpu_s
from tqdm import tqdm
from turn_clips import HELD_OUT, HELD_OUT_SPEAKERS, clips

from engine.items import INPUT_RATE

PAUSES_S = (0.3, 0.6, 1.0, 1.5)
IDLE_S = 15.0
TRIES = 4
"""Attempts to get a reply that is long enough to be spoken over."""


async def over_the_tutor(http: aiohttp.ClientSession, base: str, bench: Bench, clip: Clip, *, real: bool) -> None:
    """One sound over a reply, in its own session, because a longer history makes the small model's replies short.

    Tries again if the reply was over too soon; results go to ``bench``.
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


def with_pause(clip: turn_clips.Clip, pause_s: float) -> Clip:
    """The sentence with silence at the hesitation."""
    gap = np.zeros(int(pause_s * INPUT_RATE), np.float32)
    pcm = np.concatenate([clip.before, gap, clip.after])
    return Clip(pcm, clip.text, 0.0, len(pcm) / INPUT_RATE)


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
    """When the engine reached each stage of the plain questions, ms after the acoustic end as it was heard there."""
    stages: dict[str, list[float]] = defaultdict(list)
    for turn in turns:
        for name, ms in turn.get("timings", {}).items():
            stages[name].append(ms)
    for name, ms in sorted(stages.items(), key=lambda item: percentile(item[1], 50)):
        print(f"  engine: {name:<34}{'':>8}{percentile(ms, 50):>8.2f}{percentile(ms, 95):>8.2f}{len(ms):>6}")


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
        np.random.default_rng(3).shuffle(hesitating)
    with contextlib.ExitStack() as stack:
        base, pid = args.url, None
        if base is None:
            base, pid = stack.enter_context(started_engine(*args.engine_args.split(), log_path=args.out / "engine.log"))
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
                "machine": machine(),
                "values": report,
                "turns": bench.turns,
                "sounds": bench.sounds,
                "pauses": bench.pauses,
            },
            indent=2,
            ensure_ascii=False,
        )
    )
    return 0


if __name__ == "__main__":
    raise SystemExit(main())
