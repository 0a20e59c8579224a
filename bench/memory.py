"""Does memory stay flat while sessions speak, wait, come and go? `python bench/memory.py --minutes 30`

``--speaking`` clients ask one question after the other, with a new session every minute; ``--waiting`` WebRTC peers are
idle. Every half minute the memory of the engine and of its language model is noted, and once more when all clients have
left. The slope is that of a line through the second half, when everything has reached its full size. Prints a table and
writes JSON.
"""

from __future__ import annotations

import argparse
import asyncio
import contextlib
import json
import time
from pathlib import Path

import numpy as np
import psutil
from client import Client, http_session, machine, started_engine
from webrtc import HeadlessPeer

QUESTIONS = ("What is a triangle?", "Tell me about the moon.", "Why is the sky blue?", "How do plants drink?")
SESSION_S = 60.0
SAMPLE_S = 30.0
SETTLED_S = 70.0
"""Wait after the last client has left, so that the engine has freed what it can."""

Sample = tuple[float, float, float]
"""Minutes since the start, MB of the engine and of its child processes."""


async def talk(base: str, ends: float) -> int:
    """Runs sessions one after the other until ``ends``; returns their number."""
    sessions = 0
    async with http_session() as http:
        while time.monotonic() < ends:
            async with Client(http, base) as client:
                await client.stream()
                leaves = min(ends, time.monotonic() + SESSION_S)
                turn = 0
                while time.monotonic() < leaves:
                    await client.ask(QUESTIONS[turn % len(QUESTIONS)])
                    turn += 1
            sessions += 1
    return sessions


def memory_mb(pid: int) -> tuple[float, float]:
    """MB of the engine's process and of its children."""
    process, children = psutil.Process(pid), 0.0
    for child in process.children(recursive=True):
        with contextlib.suppress(psutil.NoSuchProcess):
            children += child.memory_info().rss
    return process.memory_info().rss / 1e6, children / 1e6


async def run(base: str, pid: int, speaking: int, waiting: int, minutes: float) -> tuple[list[Sample], Sample]:
    """Notes memory every half minute, and when all clients have left."""
    began, samples = time.monotonic(), []
    ends = began + 60 * minutes
    async with http_session() as http, contextlib.AsyncExitStack() as stack:
        for _ in range(waiting):
            await stack.enter_async_context(HeadlessPeer(http, base))
        async with asyncio.TaskGroup() as group:
            talkers = [group.create_task(talk(base, ends)) for _ in range(speaking)]
            while time.monotonic() < ends:
                await asyncio.sleep(min(SAMPLE_S, max(0.0, ends - time.monotonic())))
                samples.append(((time.monotonic() - began) / 60, *memory_mb(pid)))
                print("{:5.1f} min  engine {:7.1f} MB  language model {:7.1f} MB".format(*samples[-1]), flush=True)
        print(f"{sum(task.result() for task in talkers)} sessions came and went, {waiting} waited")
    await asyncio.sleep(SETTLED_S)
    left = ((time.monotonic() - began) / 60, *memory_mb(pid))
    print("{:5.1f} min  engine {:7.1f} MB  language model {:7.1f} MB, all have left".format(*left), flush=True)
    return samples, left


def slope(samples: list[Sample]) -> float:
    """Growth of the engine in the second half, MB an hour; NaN if there are too few values."""
    half = np.array(samples[len(samples) // 2 :])
    return float(np.polyfit(half[:, 0] / 60, half[:, 1], 1)[0]) if len(half) > 2 else float("nan")


def main() -> int:
    """The command line."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--minutes", type=float, default=30)
    parser.add_argument("--speaking", type=int, default=1)
    parser.add_argument("--waiting", type=int, default=2)
    parser.add_argument("--out", type=Path, default=Path(__file__).parent / "results")
    args = parser.parse_args()
    args.out.mkdir(parents=True, exist_ok=True)
    with started_engine("--sessions-max", "64", log_path=args.out / "memory-engine.log") as (base, pid):
        samples, left = asyncio.run(run(base, pid, args.speaking, args.waiting, args.minutes))
    report = {"machine": machine(), "slope_mb_an_hour": slope(samples), "samples": samples, "left": left}
    print(f"\n{report['machine']}\nslope of the second half: {report['slope_mb_an_hour']:.1f} MB an hour")
    (args.out / "memory.json").write_text(json.dumps(report, indent=1))
    return 0


if __name__ == "__main__":
    raise SystemExit(main())
