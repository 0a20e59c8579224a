"""Peers that connect, talk and vanish without closing: what do they leave behind?

    python bench/peers_soak.py --cycles 50

Counts tasks, threads, sockets, other files, child processes and memory of the engine's process after a warm-up of the
same kind and again after the cycles, each time when the engine has noticed and the sessions have expired.
"""

from __future__ import annotations

import argparse
import asyncio
import json
import urllib.request
from pathlib import Path

import psutil
from client import http_session, machine, started_engine
from webrtc import HeadlessPeer

WARM_UP = 10
SESSION_IDLE_S = 15
NOTICED_S = 60
"""12 s until a silent peer is noticed, 2 s between checks, then the session's expiry, and a margin."""


async def one(base: str) -> None:
    """Connects, talks and vanishes once."""
    async with http_session() as http:
        peer = HeadlessPeer(http, base)
        await peer.connect()
        await peer.ask("Hello", None)
        await peer.vanish()


def census(base: str, pid: int) -> dict[str, float]:
    """The present counts of the engine's process."""
    with urllib.request.urlopen(f"{base}/metrics", timeout=10) as answer:
        lines = dict(line.rsplit(" ", 1) for line in answer.read().decode().splitlines() if not line.startswith("#"))
    process = psutil.Process(pid)
    return {
        "sessions": float(lines["tutor_sessions"]), "tasks": float(lines["tutor_tasks"]),
        "threads": process.num_threads(), "sockets": len(process.net_connections("inet")),
        "files": process.num_fds(), "children": len(process.children(recursive=True)),
        "memory_mb": round(process.memory_info().rss / 1e6, 1),
    }  # fmt: skip


async def run(base: str, pid: int, cycles: int, at_once: int) -> dict[str, dict[str, float]]:
    """Counts before and after."""
    counts = {}
    for name, count in (("warm", WARM_UP), (f"after {cycles}", cycles)):
        for begun in range(0, count, at_once):
            await asyncio.gather(*(one(base) for _ in range(min(at_once, count - begun))))
        await asyncio.sleep(NOTICED_S)
        counts[name] = census(base, pid)
    return counts


def main() -> int:
    """The command line."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--cycles", type=int, default=50)
    parser.add_argument("--at-once", type=int, default=5)
    parser.add_argument("--out", type=Path, default=Path(__file__).parent / "results")
    args = parser.parse_args()
    args.out.mkdir(parents=True, exist_ok=True)
    options = ["--sessions-max", "64", "--sessions-idle-s", str(SESSION_IDLE_S)]
    with started_engine(*options, log_path=args.out / "peers-engine.log") as (base, pid):
        counts = asyncio.run(run(base, pid, args.cycles, args.at_once))
    print(f"\n{machine()}")
    for name, row in counts.items():
        print(f"{name:<12}" + "  ".join(f"{key} {value}" for key, value in row.items()))
    (args.out / "peers-soak.json").write_text(json.dumps({"machine": machine(), "counts": counts}, indent=2))
    return 0


if __name__ == "__main__":
    raise SystemExit(main())
