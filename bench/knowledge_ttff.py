"""What a knowledge base adds to the wait: the same questions without one, with one, and with one but no openings.

``python bench/knowledge_ttff.py [--turns 10] [--passages 2000] [--json out.json]``. One engine with three sessions is
asked one question at a time, alternating. Two times are noted, in ms from sending the question, as a playing client
would show them: the first speaking picture, and the first picture of the answer itself (an opening such as "Let me
check our notes." is speech but not the answer). They differ only if there is an opening.
"""

from __future__ import annotations

import argparse
import asyncio
import json
import tempfile
import time
from pathlib import Path
from typing import Any

from client import Client, http_session, machine, percentile, started_engine

from engine.knowledge.items import KnowledgeLimits
from engine.knowledge.service import make_embedder
from engine.knowledge.store import KnowledgeStore
from engine.settings import Settings
from engine.tutors.store import TutorStore

FACTS = (
    ("What do mitochondria do?", "Mitochondria turn sugar and oxygen into ATP, which carries energy through the cell."),
    ("When did the Thirty Years' War end?", "The Thirty Years' War ended in 1648 with the Peace of Westphalia."),
    ("Why does granite have large crystals?", "Granite has large crystals because it cools slowly underground."),
    ("What does a catalyst do?", "A catalyst speeds up a reaction without being used up by it."),
    ("What shape are the orbits of planets?", "Planets move around the sun in ellipses, as Kepler found."),
    ("How heavy is a blue whale?", "A grown blue whale can weigh 150 tonnes, more than any other animal."),
    ("How do vaccines work?", "Vaccines show the immune system a harmless part of a germ to remember."),
    ("How is a market price found?", "The price in a market settles where supply and demand are equal."),
    ("How do ships measure depth?", "Ships measure the depth of the sea by the time a sonar echo takes."),
    ("Who read the hieroglyphs?", "Champollion read the hieroglyphs with the help of the Rosetta Stone."),
)
ARMS = ("without", "with", "with, no opening")
SILENT_TUTOR = 901


async def ask(client: Client, question: str, openings: list[str]) -> tuple[float, float]:
    """Ask, note both times (ms), interrupt."""
    words: list[dict[str, Any]] = []
    media: list[tuple[float, float, float]] = []
    sent = time.perf_counter()
    await client.send(type="text", content=question)

    def shown(word: dict[str, Any]) -> float | None:
        for at, begin, end in media:
            if begin <= word["start_ms"] < end:
                return float(max((at - sent) * 1000, (media[0][0] - sent) * 1000 + word["start_ms"]))
        return None

    speaking = informing = None
    while informing is None:
        message = await client.receive()
        if message["type"] == "captions":
            words += message["words"]
        elif message["type"] == "media":
            begin = message["start_ms"]
            media.append((time.perf_counter(), begin, begin + message["duration_ms"]))
        elif message["type"] == "error":
            raise RuntimeError(message["message"])
        said = " ".join(word["text"] for word in words)
        opening = next((len(o.split()) for o in openings if said.startswith(o)), 0)
        if words and not any(o.startswith(said) for o in openings):
            speaking = speaking or shown(words[0])
            informing = shown(words[opening]) if len(words) > opening else None
    await client.send(type="interrupt")
    await client.receive_until("interrupted")
    assert speaking is not None
    return speaking, informing


async def measure(base: str, turns: int) -> dict[str, list[tuple[float, float]]]:
    """(speaking, informing) of every turn, by arm."""
    openings = list(TutorStore().find(1).openings)
    times: dict[str, list[tuple[float, float]]] = {arm: [] for arm in ARMS}
    async with (
        http_session() as http,
        Client(http, base) as plain,
        Client(http, base, kb_id="bench") as grounded,
        Client(http, base, SILENT_TUTOR, kb_id="bench") as silent,
    ):
        clients = dict(zip(ARMS, (plain, grounded, silent), strict=True))
        for client in clients.values():
            await client.stream()
        for turn in range(-1, turns):
            for arm, client in clients.items():
                question = FACTS[turn % len(FACTS)][0]
                got = await ask(client, question, openings)
                if turn >= 0:  # the first one does not count
                    times[arm].append(got)
                await asyncio.sleep(0.5)  # let the model finish what it was writing
    return times


def prepare(folder: Path, passages: int) -> None:
    """A knowledge base with the facts among many others, and a tutor without openings."""
    settings = Settings()
    text = "\n\n".join(f"# {question}\n\n{fact}" for question, fact in FACTS)
    towns = (f"# Town {n}\n\nTown {n} has {n * 37 % 911} houses, a market and a bridge." for n in range(passages))
    filler = "\n\n".join(towns)
    with KnowledgeStore(
        folder / "kb", lambda: make_embedder(settings), settings.knowledge.embeddings, KnowledgeLimits()
    ) as store:
        store.put("bench", "facts.md", text.encode())
        store.put("bench", "towns.md", filler.encode())
    profile = TutorStore().find(1).model_dump(mode="json", exclude={"id", "openings"}, exclude_none=True)
    TutorStore(folder / "tutors").put(str(SILENT_TUTOR), profile)


def main() -> None:
    """The command line."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--turns", type=int, default=10)
    parser.add_argument("--passages", type=int, default=2000)
    parser.add_argument("--json", type=Path)
    args = parser.parse_args()
    with tempfile.TemporaryDirectory() as name:
        folder = Path(name)
        prepare(folder, args.passages)
        arguments = ("--knowledge-dir", str(folder / "kb"), "--tutors-dir", str(folder / "tutors"), "--llm-slots", "3")
        with started_engine(*arguments) as (base, _):
            times = asyncio.run(measure(base, args.turns))
    print(f"{machine()}; {args.turns} turns an arm")
    print(f"{'ms':<20}{'speaking p50':>14}{'p95':>8}{'informing p50':>16}{'p95':>8}")
    rows = {}
    for arm, pairs in times.items():
        speaking, informing = [p[0] for p in pairs], [p[1] for p in pairs]
        rows[arm] = [percentile(values, q) for values in (speaking, informing) for q in (50, 95)]
        print(f"{arm:<20}{rows[arm][0]:>14.0f}{rows[arm][1]:>8.0f}{rows[arm][2]:>16.0f}{rows[arm][3]:>8.0f}")
    if args.json:
        args.json.write_text(json.dumps({"machine": machine(), "ms": rows}, indent=2) + "\n")


if __name__ == "__main__":
    main()
