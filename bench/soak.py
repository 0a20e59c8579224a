"""Sessions created, used and deleted one after the other, then many at once: what is left behind?

    python bench/soak.py --sessions 200 --at-once 20

Counts threads, open files, child processes and memory of the engine's process, after a warm-up of the same kind.
"""

from __future__ import annotations

import argparse
import asyncio
import json
from pathlib import Path

import psutil
from client import Client, http_session, machine, started_engine
from tqdm import tqdm


async def one(base: str) -> None:
    """One short life: create, stream, ask, leave at the first media, delete."""
    async with http_session() as http, Client(http, base, tutor_id=13) as client:
        await client.stream()
        await client.send(type="text", content="Hello")
        await client.receive_until("media", timeout_s=120)


def census(pid: int) -> dict[str, float]:
    """What the engine holds now."""
    process = psutil.Process(pid)
    return {
        "threads": process.num_threads(), "files": process.num_fds(),
        "children": len(process.children(recursive=True)), "memory_mb": round(process.memory_info().rss / 1e6, 1),
    }


async def run(base: str, pid: int, sessions: int, at_once: int) -> dict[str, dict[str, float]]:
    """Warm up, then both parts; counts after each."""
    await asyncio.gather(*(one(base) for _ in range(at_once)))
    for _ in range(10):
        await one(base)
    await asyncio.sleep(3)
    counts = {"warm": census(pid)}
    for _ in tqdm(range(sessions), unit="session"):
        await one(base)
    await asyncio.sleep(3)
    counts[f"after {sessions}"] = census(pid)
    await asyncio.gather(*(one(base) for _ in range(at_once)))
    await asyncio.sleep(3)
    counts[f"after {at_once} at once"] = census(pid)
    return counts


def main() -> int:
    """The command line."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--sessions", type=int, default=200)
    parser.add_argument("--at-once", type=int, default=20)
    parser.add_argument("--out", type=Path, default=Path(__file__).parent / "results")
    args = parser.parse_args()
    args.out.mkdir(parents=True, exist_ok=True)
    with started_engine("--max-sessions", "64", log_path=args.out / "engine.log") as (base, pid):
        counts = asyncio.run(run(base, pid, args.sessions, args.at_once))
    print(f"\n{machine()}")
    for name, row in counts.items():
        print(f"{name:<20}" + "  ".join(f"{key} {value}" for key, value in row.items()))
    (args.out / "soak.json").write_text(json.dumps({"machine": machine(), "counts": counts}, indent=2))
    return 0


if __name__ == "__main__":
    raise SystemExit(main())
