"""Text in -> first speaking picture *decoded at the client*, over a real socket.

    python bench/ttff.py                       starts an engine, measures, ends it
    python bench/ttff.py --url http://…:9000   measures a running one
    python bench/ttff.py --sessions 4          that many sessions at once

Prints a table; writes JSON and a plot under bench/results/.
"""

from __future__ import annotations

import argparse
import asyncio
import contextlib
import json
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


async def one_session(base: str, turns: int, cut_ms: float | None, bar: tqdm, results: list[TurnResult]) -> None:
    """``turns`` questions in one session, after one that does not count."""
    async with http_session() as http, Client(http, base) as client:
        await client.stream()
        await client.ask("Hello!", cut_ms)
        for index in range(turns):
            results.append(await client.ask(QUESTIONS[index % len(QUESTIONS)], cut_ms))
            bar.update()


async def measure(base: str, sessions: int, turns: int, cut_ms: float | None) -> list[TurnResult]:
    """All turns of all sessions, which run side by side."""
    results: list[TurnResult] = []
    with tqdm(total=sessions * turns, unit="turn") as bar:
        async with asyncio.TaskGroup() as group:
            for _ in range(sessions):
                group.create_task(one_session(base, turns, cut_ms, bar, results))
    return results


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
    return {
        name: {"p50": percentile(v, 50), "p95": percentile(v, 95), "p99": percentile(v, 99), "n": len(v)}
        for name, v in rows.items()
        if v
    }


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
    parser.add_argument("--out", type=Path, default=Path(__file__).parent / "results")
    args = parser.parse_args()
    args.out.mkdir(parents=True, exist_ok=True)
    with contextlib.ExitStack() as stack:
        base = args.url
        if base is None:
            base, _ = stack.enter_context(started_engine("--max-sessions", "64", log_path=args.out / "engine.log"))
        results = asyncio.run(measure(base, args.sessions, args.turns, None if args.full else 1000))
    summary = summarize(results)
    print(f"\n{machine()}; {args.sessions} session(s) x {args.turns} turns")
    print(f"{'ms':<32}{'p50':>8}{'p95':>8}{'p99':>8}{'n':>6}")
    for name, row in summary.items():
        print(f"{name:<32}{row['p50']:>8.0f}{row['p95']:>8.0f}{row['p99']:>8.0f}{row['n']:>6.0f}")
    errors = [r.error for r in results if r.error]
    print(f"errors: {len(errors)} {sorted(set(errors))}")
    report = {"machine": machine(), "sessions": args.sessions, "turns": args.turns, "ms": summary, "errors": errors}
    (args.out / f"ttff-{args.sessions}.json").write_text(json.dumps(report, indent=2))
    plot(results, args.out / f"ttff-{args.sessions}.png")
    return 1 if errors else 0


if __name__ == "__main__":
    raise SystemExit(main())
