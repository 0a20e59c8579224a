"""What each voice costs: time to the first sound of a clause, time to all of it, and the real-time factor.

    python bench/voices.py                          the embedded Piper voice and espeak-ng
    python bench/voices.py --voice coqui:…          others, with ENGINE_* settings as for the engine
    python bench/voices.py --runs 20 --out voices.json
    python bench/voices.py --hear                   also what Whisper hears, and the roughest joint

In one process, warm, one clause at a time, no network but the speech server's. ``first`` is from the
call to the first ``Speech`` item (whose length is given), ``all`` to the last; ``cpu`` is processor
time, which other load on the machine changes less. Real-time factor: ``all`` over the sound's length.
"""

from __future__ import annotations

import argparse
import asyncio
import json
import platform
import re
import statistics
import time
from dataclasses import asdict, dataclass
from pathlib import Path

import numpy as np
from faster_whisper import WhisperModel
from word_errors import distance

from engine.audio.resampling import resample
from engine.items import OUTPUT_RATE, Clause, FloatArray
from engine.models.catalog import locate
from engine.settings import load_settings
from engine.speaking.voices import VoiceBook, build_voicebook

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


HEARD = (
    "Hello there, I am your tutor.",
    "The sum of two and three is five, of course.",
    "Photosynthesis turns sunlight, water and carbon dioxide into sugar and oxygen.",
)
"""Spoken by every English voice, one after the other as clauses of one reply."""


async def hear(book: VoiceBook, voice_id: str, whisper: WhisperModel) -> str:
    """Word error rate of what Whisper hears, and the roughest joint (1 is as rough as the sound beside it)."""
    wrong = total = 0
    parts: list[FloatArray] = []
    for index, text in enumerate(HEARD):
        pieces = [speech.pcm async for speech in book.speak(Clause(text, text, "en", index), voice_id)]
        parts += pieces
        pcm = resample(np.concatenate(pieces), OUTPUT_RATE)
        segments, _ = whisper.transcribe(pcm, language="en", beam_size=5, without_timestamps=True)
        said, heard = words(text), words("".join(segment.text for segment in segments))
        wrong += distance(said, heard)
        total += len(said)
    sound, joints = np.concatenate(parts), np.cumsum([len(part) for part in parts])[:-1]
    worst = max(roughness(sound, int(at)) for at in joints)
    return f"{voice_id}: word error rate {100 * wrong / total:.1f} %, roughest of {len(joints)} joints {worst:.2f}"


def words(text: str) -> list[str]:
    """In lower case, the digits Whisper writes as words."""
    digits = {"2": "two", "3": "three", "5": "five", "i'm": "i am"}
    found = re.findall(r"[a-z0-9']+", text.lower())
    return " ".join(digits.get(word, word) for word in found).split()


def roughness(pcm: FloatArray, at: int) -> float:
    """The largest bend (second difference) at ``at`` over the largest in the 10 ms on either side."""
    bend = np.abs(np.diff(pcm, 2))
    beside = np.concatenate([bend[max(0, at - 240) : at - 4], bend[at + 4 : at + 240]])
    return float(bend[max(0, at - 3) : at + 3].max() / max(beside.max(initial=0), 2e-3))


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
    parser.add_argument("--hear", action="store_true", help="let Whisper hear the English voices too")
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
        print(table(rows))
        if args.hear:
            whisper = WhisperModel(str(locate("whisper-base")), device="cpu", compute_type="int8", cpu_threads=1)
            for voice in wanted:
                if book.voice(voice).speaks("en"):
                    print(await hear(book, voice, whisper))
    finally:
        book.close()
    if args.out:
        about = {"machine": platform.platform(), "runs": args.runs}
        await asyncio.to_thread(args.out.write_text, json.dumps({**about, "rows": [asdict(r) for r in rows]}, indent=1))


if __name__ == "__main__":
    asyncio.run(main())
