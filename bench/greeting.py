"""How soon a tutor greets: from the press of *start* to the first piece of its voice and face, over a WebSocket.

    python bench/greeting.py                  # eight lessons with each of the three tutors

The first lesson of each tutor comes a few seconds after the engine is ready, and is shown by itself. A press of *start*
creates a session, connects and sends ``greet``; all of that counts. Prints milliseconds.
"""

from __future__ import annotations

import argparse
import asyncio
import time

import aiohttp
from client import Client, http_session, machine, percentile, started_engine

TUTORS = (13, 1, 7)
SETTLE_S = 5.0


async def greeted(http: aiohttp.ClientSession, base: str, tutor: int) -> tuple[float, float]:
    """From *start* to ``ready``, and from there to the first media."""
    began = time.perf_counter()
    async with Client(http, base, tutor_id=tutor) as client:
        await client.stream()
        ready = time.perf_counter()
        await client.send(type="greet")
        await client.receive_until("media")
        return (ready - began) * 1000, (time.perf_counter() - ready) * 1000


async def measure(base: str, lessons: int) -> None:
    """Prints a line for each tutor."""
    await asyncio.sleep(SETTLE_S)
    async with http_session() as http:
        for tutor in TUTORS:
            first, *others = [await greeted(http, base, tutor) for _ in range(lessons)]
            whole = [sum(each) for each in others]
            spoken = [each[1] for each in others]
            print(
                f"tutor {tutor}: start to first media p50 {percentile(whole, 50):.0f} p95 {percentile(whole, 95):.0f}, "
                f"of which after `greet` {percentile(spoken, 50):.0f}; the first lesson {sum(first):.0f}",
                flush=True,
            )


def main() -> None:
    """The command line."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--lessons", type=int, default=8, help="with each tutor")
    lessons = parser.parse_args().lessons
    with started_engine("--sessions-admission", "fixed") as (base, _):
        asyncio.run(measure(base, lessons))
    print(f"\n{machine()}")


if __name__ == "__main__":
    main()
