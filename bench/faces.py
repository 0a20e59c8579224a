"""Many sessions at once over real sockets: how many speak without late pictures, and what idle ones cost.

    python bench/faces.py                              # 1, 2, 4, 6, 8 sessions speaking at once
    python bench/faces.py --voice espeak:en-us         # with a voice that costs almost nothing
    python bench/faces.py --elsewhere                  # with a language model that needs no time here
    python bench/faces.py --idle 4                     # idle WebRTC peers: % of a core each

Each run starts an engine with its embedded models. Every client asks for long answers and plays them as a browser
would: from the first picture on, with audio as the clock. A picture is late if it arrives after its own 40 ms were due.
Clients unpack but do not decode, since they share the cores. Prints tables and writes JSON.
"""

from __future__ import annotations

import argparse
import asyncio
import contextlib
import json
import time
import urllib.request
from collections import Counter
from collections.abc import Iterator
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import numpy as np
import psutil
from client import FRAME_MS, Client, http_session, machine, percentile, started_engine
from reader import reader
from webrtc import HeadlessPeer

ASK = "Tell me a long story about a fox, a river and the moon."
LADDER = (1, 2, 4, 6, 8)
BUFFER_MS = 200
"""Lateness that a player with a small buffer would hide."""

SETTLE_S = 5.0


@dataclass
class Heard:
    """One session's replies."""

    first_ms: list[float] = field(default_factory=list)
    late_ms: list[float] = field(default_factory=list)
    """Lateness of each picture; 0 if it was in time."""
    dry: int = 0
    """How often the audio ran out within a reply."""


async def speak(client: Client, seconds: float, heard: Heard) -> None:
    """Ask one question after the other for ``seconds``; the last answer is cut off."""
    await client.stream()
    turn, ends = 0, time.perf_counter() + seconds
    while time.perf_counter() < ends:
        asked, begun, dry, cut = time.perf_counter(), None, False, False
        await client.send(type="text", content=ASK)
        while True:
            message = await client.receive(120)
            if message.get("turn", turn + 1) <= turn:
                continue
            if message["type"] == "media" and message["duration_ms"]:
                now = time.perf_counter()
                if begun is None:
                    begun = now
                    heard.first_ms.append((now - asked) * 1000)
                for frame in range(message["duration_ms"] // FRAME_MS):
                    due = begun + (message["start_ms"] + frame * FRAME_MS) / 1000
                    heard.late_ms.append(max(0.0, (now - due) * 1000))
                if heard.late_ms[-1] > 0 and not dry:
                    heard.dry, dry = heard.dry + 1, True
            elif message["type"] in ("turn_done", "interrupted", "error"):
                turn = max(turn, message.get("turn", turn + 1))
                break
            if not cut and time.perf_counter() > ends:
                cut = True
                await client.send(type="interrupt")


def counters(base: str) -> dict[str, float]:
    """The engine's metrics."""
    with urllib.request.urlopen(f"{base}/metrics", timeout=10) as answer:
        lines = answer.read().decode().splitlines()
    return {name: float(value) for name, value in (line.rsplit(" ", 1) for line in lines if line[:1] != "#")}


def cpu_s(pid: int) -> dict[str, float]:
    """Processor seconds of the engine and of its language model."""
    process = psutil.Process(pid)
    children = 0.0
    for child in process.children(recursive=True):
        with contextlib.suppress(psutil.NoSuchProcess):
            children += sum(child.cpu_times()[:2])
    return {"engine": sum(process.cpu_times()[:2]), "language model": children}


def cpu_by_thread(pid: int) -> Counter[str]:
    """Processor seconds by the name of the engine's threads; ``event loop`` is its main thread. Only on Linux."""
    spent: Counter[str] = Counter({"language model": cpu_s(pid)["language model"], "clients": time.process_time()})
    for thread in psutil.Process(pid).threads():
        with contextlib.suppress(OSError):
            name = Path(f"/proc/{pid}/task/{thread.id}/comm").read_text().strip()
            spent["event loop" if thread.id == pid else name] += thread.user_time + thread.system_time
    return spent


async def rung(base: str, pid: int, sessions: int, seconds: float) -> dict[str, Any]:
    """A run with so many sessions speaking at once."""
    async with http_session() as http, contextlib.AsyncExitStack() as stack:
        clients = [await stack.enter_async_context(Client(http, base, student_id=n + 1)) for n in range(sessions)]
        heard = [Heard() for _ in clients]
        before, cpu, parts, began = counters(base), cpu_s(pid), cpu_by_thread(pid), time.perf_counter()
        await asyncio.gather(*(speak(client, seconds, each) for client, each in zip(clients, heard, strict=True)))
        wall, after, spent = time.perf_counter() - began, counters(base), cpu_s(pid)
        parts = cpu_by_thread(pid) - parts
    late = [ms for each in heard for ms in each.late_ms]
    keys = {what: f'tutor_frames_total{{what="{what}"}}' for what in ("made", "repeated", "dropped")}
    frames = {what: after.get(key, 0) - before.get(key, 0) for what, key in keys.items()}
    return {
        "sessions": sessions, "pictures": len(late), "late_pct": 100 * float(np.mean(np.array(late) > 0)),
        f"late_{BUFFER_MS}_pct": 100 * float(np.mean(np.array(late) > BUFFER_MS)), "worst_late_ms": max(late),
        "replies": sum(len(each.first_ms) for each in heard), "dry_replies": sum(each.dry for each in heard),
        "first_p50_ms": percentile([ms for each in heard for ms in each.first_ms], 50),
        "first_p95_ms": percentile([ms for each in heard for ms in each.first_ms], 95),
        "repeated_pct": 100 * frames["repeated"] / max(1.0, frames["made"] + frames["repeated"]),
        "dropped": frames["dropped"], "engine_cores": (spent["engine"] - cpu["engine"]) / wall,
        "llm_cores": (spent["language model"] - cpu["language model"]) / wall,
        "cpu_ms_per_spoken_s": {part: 1000 * s / (len(late) * FRAME_MS / 1000) for part, s in parts.most_common()},
    }  # fmt: skip


async def idle(base: str, pid: int, peers: int, seconds: float) -> dict[str, float]:
    """A run with idle peers."""
    await asyncio.sleep(SETTLE_S)
    alone = await _share(pid, seconds)
    async with http_session() as http, contextlib.AsyncExitStack() as stack:
        students = [await stack.enter_async_context(HeadlessPeer(http, base)) for _ in range(peers)]
        await asyncio.sleep(SETTLE_S)
        made = counters(base)
        together = await _share(pid, seconds)
        pictures = counters(base)['tutor_frames_total{what="made"}'] - made['tutor_frames_total{what="made"}']
        for student in students:
            student.hide()
        await asyncio.sleep(SETTLE_S)
        unseen = await _share(pid, seconds)
    return {
        "peers": peers, "engine_alone_pct": alone, "engine_pct": together, "each_pct": (together - alone) / peers,
        "each_unseen_pct": (unseen - alone) / peers,
        "pictures_per_s_each": pictures / seconds / peers,
    }  # fmt: skip


async def _share(pid: int, seconds: float) -> float:
    """Percent of a core that the engine's process used."""
    before = cpu_s(pid)["engine"]
    await asyncio.sleep(seconds)
    return 100 * (cpu_s(pid)["engine"] - before) / seconds


@contextlib.contextmanager
def engine(args: argparse.Namespace, log: str) -> Iterator[tuple[str, int]]:
    """A fresh one."""
    options = ["--sessions-max", "64", *(["--voice", args.voice] if args.voice else [])]
    with contextlib.ExitStack() as stack:
        if args.elsewhere:
            options += ["--llm-base-url", stack.enter_context(reader(20)), "--llm-model", "reader"]
        yield stack.enter_context(started_engine(*options, log_path=args.out / log))


def _line(row: dict[str, Any]) -> str:
    """``row`` as text."""
    figures = "  ".join(f"{name} {value:.4g}" for name, value in row.items() if not isinstance(value, dict))
    parts = "  ".join(f"{part} {ms:.0f}" for part, ms in row.get("cpu_ms_per_spoken_s", {}).items() if ms >= 0.5)
    return f"{figures}\n   CPU ms a second of speech: {parts}" if parts else figures


def main() -> int:
    """The command line."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--sessions", type=int, nargs="+", default=list(LADDER))
    parser.add_argument("--seconds", type=float, default=15)
    parser.add_argument("--voice", help="for example espeak:en-us; the engine's default if not given")
    parser.add_argument("--elsewhere", action="store_true", help="the language model runs on another machine")
    parser.add_argument("--idle", type=int, metavar="PEERS", help="measure waiting WebRTC peers instead")
    parser.add_argument("--out", type=Path, default=Path(__file__).parent / "results")
    args = parser.parse_args()
    args.out.mkdir(parents=True, exist_ok=True)
    rows = []
    with engine(args, "faces-engine.log") as (base, pid):
        if args.idle:
            rows.append(asyncio.run(idle(base, pid, args.idle, args.seconds)))
        else:
            asyncio.run(rung(base, pid, 1, 1))  # work that is done only once
            for sessions in args.sessions:
                rows.append(asyncio.run(rung(base, pid, sessions, args.seconds)))
                print(_line(rows[-1]), flush=True)
    if args.idle:
        print(_line(rows[-1]))
    print(f"\n{machine()}")
    report = {"machine": machine(), "voice": args.voice, "elsewhere": args.elsewhere, "rows": rows}
    (args.out / "faces.json").write_text(json.dumps(report, indent=1))
    return 0


if __name__ == "__main__":
    raise SystemExit(main())
