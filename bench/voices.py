"""What each voice costs and how well it is understood.

    python bench/voices.py                          time to the first sound, to all of it, real-time factor
    python bench/voices.py --hear                   also word errors in quiet and noise, pitch, joints, quality
    python bench/voices.py --voice hibari:alto …    some voices only, with ENGINE_* settings as for the engine
    python bench/voices.py --runs 20 --out voices.json

In one process, warm, one clause at a time, no network but the speech server's. ``first`` is from the call to the first
``Speech`` item (whose length is given), ``all`` to the last; ``cpu`` is processor time, which other load on the machine
changes less. Real-time factor: ``all`` over the length of the audio. ``--hear`` speaks fifty school sentences, see
``voice_quality.py``; it takes some minutes a voice.
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

import numpy as np
from faster_whisper import WhisperModel
from school_sentences import SENTENCES
from voice_quality import noisy, pitch_of, predicted_quality, roughness, word_errors

from engine.items import Clause, FloatArray
from engine.models.catalog import locate
from engine.settings import load_settings
from engine.speaking.voices import VoiceBook, build_voicebook
from engine.text.speakable import speakable

TEXTS = {
    "en": (
        "Hello there.",
        "Let us look at the first one together.",
        "A triangle has three sides, and if you add up all of its angles, you get one hundred and eighty degrees.",
    ),
    "zh": ("你好。", "我们一起来看第一个问题。", "三角形有三条边，如果把所有的角加起来，总是得到一百八十度。"),
}

NOISE_DB = (20.0, 10.0)
"""Signal-to-noise ratios at which voices are heard, besides quiet."""


@dataclass(frozen=True, slots=True)
class Cost:
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


@dataclass(frozen=True, slots=True)
class Sound:
    """How one voice sounds over all school sentences."""

    voice: str
    words_wrong: tuple[float, ...]
    """Share of the words a recognizer gets wrong in quiet, then at each of ``NOISE_DB``."""
    pitch_mean_hz: float
    pitch_median_hz: float
    pitch_range_semitones: float
    """Between the 10th and the 90th percentile."""
    joints: int
    roughest_joint: float
    rough_joints: float
    """Share of the joints rougher than twice the sound beside them."""
    quality: float | None
    """Predicted opinion, 1 to 5; None without the predictor."""


async def measure(book: VoiceBook, voice_id: str, text: str, runs: int) -> Cost:
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
    return Cost(
        voice_id, text, round(statistics.median(sound) / 1000, 2), round(statistics.median(first), 1),
        round(sorted(first)[max(0, round(0.95 * len(first)) - 1)], 1), round(statistics.median(piece)),
        round(statistics.median(everything), 1), round(statistics.median(cpu), 1),
        round(statistics.median(everything) / statistics.median(sound), 4),
    )  # fmt: skip


async def hear(book: VoiceBook, voice_id: str, whisper: WhisperModel, verbose: bool) -> Sound:
    """Speaks all school sentences, one clause each, and measures what comes out."""
    recordings: list[FloatArray] = []
    parts: list[FloatArray] = []
    for index, text in enumerate(SENTENCES):
        clause = Clause(text, speakable(text, "en"), "en", index)
        pieces = [speech.pcm async for speech in book.speak(clause, voice_id)]
        recordings.append(np.concatenate(pieces))
        parts += pieces
    rng = np.random.default_rng(0)
    wrong = [
        word_errors(SENTENCES, recordings, whisper, verbose),
        *(word_errors(SENTENCES, [noisy(pcm, db, rng) for pcm in recordings], whisper) for db in NOISE_DB),
    ]
    pitch = np.concatenate([pitch_of(pcm) for pcm in recordings])
    low, median, high = np.percentile(pitch, (10, 50, 90))
    joined, joints = np.concatenate(parts), np.cumsum([len(part) for part in parts])[:-1]
    rough = np.array([roughness(joined, int(at)) for at in joints])
    return Sound(
        voice_id, tuple(round(share, 4) for share in wrong), round(float(pitch.mean()), 1), round(float(median), 1),
        round(float(12 * np.log2(high / low)), 1), len(joints), round(float(rough.max()), 2),
        round(float((rough > 2).mean()), 4), predicted_quality(recordings),
    )  # fmt: skip


def cost_table(rows: list[Cost]) -> str:
    """As Markdown."""
    lines = ["| voice | sound | first p50 / p95 | of it | all | cpu | RTF |", "|---|---|---|---|---|---|---|"]
    lines += [
        f"| {r.voice} | {r.sound_s:.1f} s | {r.first_ms:.0f} / {r.first_p95_ms:.0f} ms | {r.first_piece_ms:.0f} ms "
        f"| {r.all_ms:.0f} ms | {r.cpu_ms:.0f} ms | {r.real_time_factor:.4f} |"
        for r in rows
    ]
    return "\n".join(lines)


def sound_row(row: Sound) -> str:
    """As a row of a Markdown table."""
    wrong = " / ".join(f"{100 * share:.1f}" for share in row.words_wrong)
    quality = "–" if row.quality is None else f"{row.quality:.2f}"
    return (
        f"| {row.voice} | {wrong} % | {row.pitch_mean_hz:.0f} ({row.pitch_median_hz:.0f}) Hz | "
        f"{row.pitch_range_semitones:.0f} | {row.roughest_joint:.2f} of {row.joints}, "
        f"{100 * row.rough_joints:.1f} % > 2 | {quality} |"
    )


async def main() -> None:
    """Measure, print, and write the JSON."""
    parser = argparse.ArgumentParser(description="What voices cost and how they are understood.")
    parser.add_argument("--voice", action="append", help="a voice's id; may be given several times")
    parser.add_argument("--runs", type=int, default=15)
    parser.add_argument("--hear", action="store_true", help="word errors, pitch, joints and quality of English voices")
    parser.add_argument("--verbose", action="store_true", help="print each sentence that was misheard in quiet")
    parser.add_argument("--out", type=Path, help="write the figures here as JSON")
    args = parser.parse_args()
    book = build_voicebook(load_settings([]))
    neural = [voice.id for voice in book.voices if not voice.id.startswith("espeak:")]
    wanted = args.voice or [*neural, "espeak:en-us", "espeak:cmn"]
    sounds: list[Sound] = []
    try:
        await book.warm_up(wanted)
        rows = [
            await measure(book, voice, text, args.runs)
            for voice in wanted
            for text in TEXTS["zh" if book.voice(voice).language == "zh" else "en"]
        ]
        print(cost_table(rows))
        if args.hear:
            whisper = WhisperModel(str(locate("whisper-base")), device="cpu", compute_type="int8", cpu_threads=1)
            print(f"\n| voice | words wrong in quiet / {' / '.join(f'{db:.0f} dB' for db in NOISE_DB)} ", end="")
            print("| pitch, mean (median) | range, semitones | roughest joint | quality |\n|---|---|---|---|---|---|")
            for voice in wanted:
                if book.voice(voice).speaks("en"):
                    sounds.append(await hear(book, voice, whisper, args.verbose))
                    print(sound_row(sounds[-1]), flush=True)
    finally:
        book.close()
    if args.out:
        about = {"machine": platform.platform(), "runs": args.runs}
        found = {**about, "rows": [asdict(r) for r in rows], "sounds": [asdict(s) for s in sounds]}
        await asyncio.to_thread(args.out.write_text, json.dumps(found, indent=1))


if __name__ == "__main__":
    asyncio.run(main())
