"""Text in -> first speaking picture *decoded at the client*, over a real socket.

    python bench/ttff.py                       starts an engine, measures, ends it
    python bench/ttff.py --url http://…:9000   measures a running one
    python bench/ttff.py --sessions 4          that many sessions at once
    python bench/ttff.py --pause 0             each message interrupts the answer before it
    python bench/ttff.py --clips               whole clips instead of a stream: how much faster than real time

Prints a table; writes JSON and a plot under bench/results/.
"""

from __future__ import annotations

import argparse
import asyncio
import contextlib
import json
from dataclasses import dataclass
from pathlib import Path

from client import Client, TurnResult, http_session, machine, percentile, started_engine
from tqdm import tqdm

QUESTIONS = (
    "Why is the sky blue?",
    "How do plants make food from sunlight?",
    "What is a fraction?",
    "Can you explain gravity to me?",
    "Who was Isaac Newton?",
    "What makes the seasons change?",
    "How does a bicycle stay upright?",
    "What is the difference between weather and climate?",
    "Why do we need to sleep?",
    "How do airplanes fly?",
)


@dataclass(frozen=True)
class Plan:
    """What each session does."""

    sessions: int
    turns: int
    cut_ms: float | None
    """ms of media after which an answer is interrupted."""

    pause_s: float
    """Seconds between an answer and the next message, in which a student reads and types."""


async def one_session(base: str, plan: Plan, bar: tqdm, results: list[TurnResult]) -> None:
    """Runs the session's questions, after one that does not count."""
    async with http_session() as http, Client(http, base) as client:
        await client.stream()
        await client.ask("Hello!", plan.cut_ms)
        for index in range(plan.turns):
            await asyncio.sleep(plan.pause_s)
            results.append(await client.ask(QUESTIONS[index % len(QUESTIONS)], plan.cut_ms))
            bar.update()


async def measure(base: str, plan: Plan) -> list[TurnResult]:
    """All replies of all sessions, which run side by side."""
    results: list[TurnResult] = []
    with tqdm(total=plan.sessions * plan.turns, unit="turn") as bar:
        async with asyncio.TaskGroup() as group:
            for _ in range(plan.sessions):
                group.create_task(one_session(base, plan, bar, results))
    return results


async def whole_clips(base: str, turns: int) -> tuple[list[float], list[float]]:
    """Replies as whole clips: ms from sending the text to receiving each clip, and the length of each in ms."""
    waits, lengths = [], []
    async with http_session() as http, Client(http, base) as client:
        await client.clip("Hello!")
        for index in tqdm(range(turns), unit="clip"):
            wait_ms, clip_ms = await client.clip(QUESTIONS[index % len(QUESTIONS)])
            waits.append(wait_ms)
            lengths.append(clip_ms)
    return waits, lengths


def _percentiles(values: list[float]) -> dict[str, float]:
    return {**{f"p{q}": percentile(values, q) for q in (50, 95, 99)}, "n": len(values)}


def summarize(results: list[TurnResult]) -> dict[str, dict[str, float]]:
    """p50/p95/p99 in ms of each figure."""
    rows: dict[str, list[float]] = {
        "first speaking picture": [r.first_speaking_ms for r in results if r.first_speaking_ms is not None],
        "first picture": [r.first_picture_ms for r in results if r.first_picture_ms is not None],
        "first text": [r.first_delta_ms for r in results if r.first_delta_ms is not None],
        "worst lateness of a picture": [max(r.late_ms) for r in results if r.late_ms],
    }
    for stage in ("llm_first_token", "first_clause", "tts_first", "first_picture", "first_media_sent"):
        rows[f"engine: {stage}"] = [r.timings[stage] for r in results if stage in r.timings]
    return {name: _percentiles(v) for name, v in rows.items() if v}


def plot(results: list[TurnResult], path: Path) -> None:
    """Cumulative distribution of the time to the first speaking picture."""
    import matplotlib

    matplotlib.use("Agg")
    from matplotlib import pyplot

    values = sorted(r.first_speaking_ms for r in results if r.first_speaking_ms is not None)
    figure, axes = pyplot.subplots(figsize=(6, 3.5))
    axes.step(values, [(i + 1) / len(values) for i in range(len(values))], where="post")
    axes.set(xlabel="ms from sending the text", ylabel="share of turns", title="Time to first speaking picture")
    axes.grid(alpha=0.3)
    figure.tight_layout()
    figure.savefig(path, dpi=120)


def main() -> int:
    """The command line."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--url", help="a running engine; default starts one")
    parser.add_argument("--sessions", type=int, default=1)
    parser.add_argument("--turns", type=int, default=30, help="turns a session")
    parser.add_argument("--full", action="store_true", help="play replies to their end instead of cutting them at 1 s")
    parser.add_argument("--pause", type=float, default=1.0, help="seconds between an answer and the next message")
    parser.add_argument("--clips", action="store_true", help="one session, whole clips instead of a stream")
    parser.add_argument("--out", type=Path, default=Path(__file__).parent / "results")
    args = parser.parse_args()
    args.out.mkdir(parents=True, exist_ok=True)
    plan = Plan(args.sessions, args.turns, None if args.full else 1000, args.pause)
    results: list[TurnResult] = []
    with contextlib.ExitStack() as stack:
        base = args.url
        if base is None:
            base, _ = stack.enter_context(started_engine("--sessions-max", "64", log_path=args.out / "engine.log"))
        if args.clips:
            waits, lengths = asyncio.run(whole_clips(base, args.turns))
            summary = {"whole clip": _percentiles(waits), "its length": _percentiles(lengths)}
        else:
            results = asyncio.run(measure(base, plan))
            summary = summarize(results)
    print(f"\n{machine()}; {args.sessions} session(s) x {args.turns} turns, {args.pause:g} s between them")
    print(f"{'ms':<32}{'p50':>8}{'p95':>8}{'p99':>8}{'n':>6}")
    for name, row in summary.items():
        print(f"{name:<32}{row['p50']:>8.0f}{row['p95']:>8.0f}{row['p99']:>8.0f}{row['n']:>6.0f}")
    if args.clips:
        print(f"{sum(lengths) / sum(waits):.1f} times real time")
    errors = [r.error for r in results if r.error]
    print(f"errors: {len(errors)} {sorted(set(errors))}")
    report = {
        "machine": machine(),
        "sessions": args.sessions,
        "turns": args.turns,
        "pause_s": args.pause,
        "ms": summary,
        "errors": errors,
        "each": [{"first_speaking": r.first_speaking_ms, **r.timings} for r in results],
    }
    name = "clips" if args.clips else f"ttff-{args.sessions}"
    (args.out / f"{name}.json").write_text(json.dumps(report, indent=2))
    if results:
        plot(results, args.out / f"{name}.png")
    return 1 if errors else 0


if __name__ == "__main__":
    raise SystemExit(main())
