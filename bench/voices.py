"""What each voice costs: time to the first sound of a clause, time to all of it, and the real-time factor.

    python bench/voices.py                          the embedded Piper voice and espeak-ng
    python bench/voices.py --voice coqui:…          others, with ENGINE_* settings as for the engine
    python bench/voices.py --runs 20 --out voices.json

In one process, warm, one clause at a time, no network but the speech server's. ``first`` is from the
call to the first ``Speech`` item (whose length is given), ``all`` to the last; ``cpu`` is processor
time, which other load on the machine changes less. Real-time factor: ``all`` over the sound's length.
"""

from __future__ import annotations

import argparse
import asyncio
import json
import platform
import statistics
import time
from dataclasses import asdict, dataclass
from pathlib import Path

from engine.pipelines.items import Clause
from engine.pipelines.speaking.voices import VoiceBook, build_voicebook
from engine.settings import load_settings

TEXTS = {
    "en": (
        "Hello there.",
        "Let us look at the first one together.",
        "A triangle has three sides, and if you add up all of its angles, you get one hundred and eighty degrees.",
    ),
    "zh": ("你好。", "我们一起来看第一个问题。", "三角形有三条边，如果把所有的角加起来，总是得到一百八十度。"),
}


@dataclass(frozen=True, slots=True)
class Row:
    """One voice and text; ms, medians unless named otherwise."""

    voice: str
    text: str
    sound_s: float
    first_ms: float
    first_p95_ms: float
    first_piece_ms: float
    all_ms: float
    cpu_ms: float
    real_time_factor: float


async def measure(book: VoiceBook, voice_id: str, text: str, runs: int) -> Row:
    """Speak ``text`` ``runs`` times, after one time that does not count."""
    voice = book.voice(voice_id)
    language = "en" if voice.speaks("en") else voice.language
    clause = Clause(text, text, language, 0)
    first, everything, cpu, sound, piece = [], [], [], [], []
    for run in range(runs + 1):
        began, cpu_began, length, to_first = time.perf_counter(), time.process_time(), 0.0, 0.0
        async for speech in book.speak(clause, voice_id):
            if not length:
                to_first, first_piece = time.perf_counter() - began, speech.duration_ms
            length += speech.duration_ms
        if run:
            first.append(to_first * 1000)
            piece.append(first_piece)
            everything.append((time.perf_counter() - began) * 1000)
            cpu.append((time.process_time() - cpu_began) * 1000)
            sound.append(length)
    return Row(
        voice_id, text, round(statistics.median(sound) / 1000, 2), round(statistics.median(first), 1),
        round(sorted(first)[max(0, round(0.95 * len(first)) - 1)], 1), round(statistics.median(piece)),
        round(statistics.median(everything), 1), round(statistics.median(cpu), 1),
        round(statistics.median(everything) / statistics.median(sound), 3),
    )  # fmt: skip


def table(rows: list[Row]) -> str:
    """As Markdown."""
    lines = ["| voice | sound | first p50 / p95 | of it | all | cpu | RTF |", "|---|---|---|---|---|---|---|"]
    lines += [
        f"| {r.voice} | {r.sound_s:.1f} s | {r.first_ms:.0f} / {r.first_p95_ms:.0f} ms | {r.first_piece_ms:.0f} ms "
        f"| {r.all_ms:.0f} ms | {r.cpu_ms:.0f} ms | {r.real_time_factor:.3f} |"
        for r in rows
    ]
    return "\n".join(lines)


async def main() -> None:
    """Measure, print, and write the JSON."""
    parser = argparse.ArgumentParser(description="First-audio latency of voices.")
    parser.add_argument("--voice", action="append", help="a voice's id; may be given several times")
    parser.add_argument("--runs", type=int, default=15)
    parser.add_argument("--out", type=Path, help="write the figures here as JSON")
    args = parser.parse_args()
    book = build_voicebook(load_settings([]))
    wanted = args.voice or [book.default, "espeak:en-us", "espeak:cmn"]
    try:
        await book.warm_up(wanted)
        rows = [
            await measure(book, voice, text, args.runs)
            for voice in wanted
            for text in TEXTS["zh" if book.voice(voice).language == "zh" else "en"]
        ]
    finally:
        book.close()
    print(table(rows))
    if args.out:
        about = {"machine": platform.platform(), "runs": args.runs}
        await asyncio.to_thread(args.out.write_text, json.dumps({**about, "rows": [asdict(r) for r in rows]}, indent=1))


if __name__ == "__main__":
    asyncio.run(main())
