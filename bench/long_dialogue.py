"""A long dialogue, each question some seconds after the reply before it: does any wait for its first picture?

    python bench/long_dialogue.py                        # 60 turns, questions 0, 1 and 3 s after the reply
    python bench/long_dialogue.py --knowledge            # with a knowledge base

The model's window fills with questions and answers, so that its oldest part is cut several times. Each answer is
interrupted once three seconds of it have been played, as far as the engine knows; so the dialogue is long without
taking an hour. Prints p50, p95 and the worst wait, and how many questions waited more than twice the median.
"""

from __future__ import annotations

import argparse
import asyncio
import contextlib
import json
import tempfile
import time
from pathlib import Path

from client import Client, http_session, machine, percentile, started_engine
from knowledge_ttff import FACTS, prepare

PLAYED_MS = 3000
"""Of each answer."""

CHATTER = "I was thinking of what you told me before, and of what we read in class about it, so please tell me now:"
"""Makes the questions long, so that the window fills."""


async def wait_ms(client: Client, question: str) -> float:
    """Ask, play three seconds of the answer, interrupt; gives ms from the question to the first picture."""
    sent, first, turn, media_ms = time.perf_counter(), 0.0, 0, 0
    await client.send(type="text", content=question)
    while media_ms < PLAYED_MS:
        message = await client.receive()
        if message["type"] == "media":
            first = first or (time.perf_counter() - sent) * 1000
            turn, media_ms = message["turn"], message["start_ms"] + message["duration_ms"]
        elif message["type"] == "turn_done":
            return first
        elif message["type"] == "error":
            raise RuntimeError(message["message"])
    await client.send(type="playback", turn=turn, position_ms=media_ms)
    await client.send(type="interrupt")
    while (await client.receive())["type"] not in ("interrupted", "turn_done"):
        pass
    return first


async def dialogue(base: str, turns: int, pause_s: float, kb_id: str | None) -> list[float]:
    """The waits of one session's questions, in order."""
    async with http_session() as http, Client(http, base, kb_id=kb_id) as client:
        await client.stream()
        await asyncio.sleep(3)
        waits = []
        for turn in range(turns):
            await asyncio.sleep(pause_s)
            waits.append(await wait_ms(client, f"{CHATTER} {FACTS[turn % len(FACTS)][0]} This is question {turn}."))
        return waits


def main() -> int:
    """The command line."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--turns", type=int, default=60)
    parser.add_argument("--pauses", type=float, nargs="+", default=[0, 1, 3], metavar="S")
    parser.add_argument("--knowledge", action="store_true", help="with a knowledge base")
    parser.add_argument("--context", type=int, default=2048, help="the model's window in tokens")
    parser.add_argument("--json", type=Path)
    args = parser.parse_args()
    rows = []
    with tempfile.TemporaryDirectory() as name, contextlib.ExitStack() as stack:
        options = ["--llm-context", str(args.context)]
        if args.knowledge:
            prepare(Path(name), 200)
            options += ["--knowledge-dir", f"{name}/kb", "--tutors-dir", f"{name}/tutors"]
        base, _ = stack.enter_context(started_engine(*options))
        for pause_s in args.pauses:
            waits = asyncio.run(dialogue(base, args.turns, pause_s, "bench" if args.knowledge else None))
            median = percentile(waits, 50)
            row = {
                "pause_s": pause_s, "p50": median, "p95": percentile(waits, 95), "worst": max(waits),
                "over_twice_p50": sum(wait > 2 * median for wait in waits), "n": len(waits), "each": waits,
            }  # fmt: skip
            print("  ".join(f"{key} {value:.4g}" for key, value in row.items() if key != "each"), flush=True)
            rows.append(row)
    print(machine())
    if args.json:
        args.json.write_text(json.dumps({"machine": machine(), "knowledge": args.knowledge, "rows": rows}, indent=1))
    return 0


if __name__ == "__main__":
    raise SystemExit(main())
