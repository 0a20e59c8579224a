"""Recognition: the engine's short window against the stock call on the same clips, and streamed utterances.

    python bench/asr.py              both models, all clips (several minutes)
    python bench/asr.py --quick      a few clips
    python bench/asr.py --no-stream  recordings only

``stock`` is ``faster_whisper.WhisperModel.transcribe`` at its fastest: greedy, language given, no
timestamps, no fallback to other temperatures. ``engine`` is ``WhisperRecognizer.transcribe``, including voice
detection, the short window, loop removal and the plausibility check. Both run int8 on one thread in one
process, alternating clip by clip. ``cpu`` is the processor time of the process, which other load on the
machine hardly changes; ``wall`` is what a student waits. The difference of the word error rates has a 95 %
bootstrap interval over the clips; ``all`` combines all noises.

The streamed part feeds the same clips in pieces of 96 ms and asks for a revision every ``--step`` seconds of
audio; ``lag`` is the time that ``preview`` takes after 0.2 s of silence without another request.
"""

from __future__ import annotations

import argparse
import asyncio
import json
import platform
import statistics
import time
from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass, field
from functools import partial
from pathlib import Path
from typing import Any

import numpy as np
from asr_clips import NOISES_DB, TEXTS, SpokenClip, spoken_clips
from faster_whisper import WhisperModel
from tqdm import tqdm
from turn_clips import SPEAKERS
from word_errors import distance

from engine.items import INPUT_RATE, VAD_FRAME
from engine.models.catalog import locate
from engine.recognition.agreement import normal
from engine.recognition.recognizer import WhisperRecognizer
from engine.recognition.silero import SileroVad

MODELS = ("whisper-tiny.en", "whisper-base")
RATIOS = ("cpu_mean_s", "wall_median_s")
RESULTS = Path(__file__).parent / "results"


@dataclass(slots=True)
class Tally:
    """Results of one method on one set of clips."""

    errors: list[int] = field(default_factory=list)
    words: list[int] = field(default_factory=list)
    """Of each clip."""

    runaways: int = 0
    """Clips with more than one and a half times as many words as were said, plus four: a decoder that ran away."""

    empty: int = 0
    wall_s: list[float] = field(default_factory=list)
    cpu_s: list[float] = field(default_factory=list)
    audio_s: float = 0.0

    def add(self, clip: SpokenClip, text: str, wall_s: float, cpu_s: float) -> None:
        said, heard = forms(clip.text), forms(text)
        self.errors.append(distance(said, heard))
        self.words.append(len(said))
        self.runaways += len(heard) > 1.5 * len(said) + 4
        self.empty += not heard
        self.wall_s.append(wall_s)
        self.cpu_s.append(cpu_s)
        self.audio_s += clip.seconds

    def row(self) -> dict[str, float]:
        return {
            "wer_percent": round(100 * sum(self.errors) / sum(self.words), 1),
            "wall_median_s": round(statistics.median(self.wall_s), 3),
            "cpu_mean_s": round(statistics.mean(self.cpu_s), 3),
            "cpu_per_audio": round(sum(self.cpu_s) / self.audio_s, 3),
            "runaways": self.runaways,
            "empty": self.empty,
            "clips": len(self.cpu_s),
        }


def forms(text: str) -> list[str]:
    """Words without case and punctuation."""
    return [form for form in map(normal, text.replace("-", " ").split()) if form]


def difference(engine: Tally, stock: Tally) -> tuple[float, float, float]:
    """Word error rate of the engine minus that of stock, in points, and its 95 % bootstrap interval over the clips."""
    more = np.array(engine.errors) - np.array(stock.errors)
    words = np.array(stock.words)
    drawn = np.random.default_rng(7).integers(0, len(more), (4000, len(more)))
    low, high = np.percentile(100 * more[drawn].sum(1) / words[drawn].sum(1), [2.5, 97.5])
    return round(float(100 * more.sum() / words.sum()), 1), round(float(low), 1), round(float(high), 1)


def joined(tallies: Iterable[Tally]) -> Tally:
    """Several sets of clips combined."""
    whole = Tally()
    for tally in tallies:
        for name in ("errors", "words", "wall_s", "cpu_s"):
            getattr(whole, name).extend(getattr(tally, name))
        whole.runaways, whole.empty = whole.runaways + tally.runaways, whole.empty + tally.empty
        whole.audio_s += tally.audio_s
    return whole


def timed(call: Callable[[], str]) -> tuple[str, float, float]:
    """Its result, wall seconds and processor seconds."""
    wall, cpu = time.perf_counter(), time.process_time()
    text = call()
    return text, time.perf_counter() - wall, time.process_time() - cpu


def stock_text(model: WhisperModel, clip: SpokenClip) -> str:
    segments, _ = model.transcribe(
        clip.pcm, language="en", beam_size=1, temperature=0.0, without_timestamps=True, condition_on_previous_text=False
    )
    return " ".join(segment.text.strip() for segment in segments)


def engine_text(recognizer: WhisperRecognizer, clip: SpokenClip, loop: asyncio.Runner) -> str:
    return loop.run(recognizer.transcribe(clip.pcm, "en")).text


def compare(name: str, clips: Sequence[SpokenClip], detector: SileroVad, loop: asyncio.Runner) -> dict[str, Any]:
    """Stock and engine on the same recordings, by noise."""
    stock = WhisperModel(str(locate(name)), device="cpu", compute_type="int8", cpu_threads=1, num_workers=1)
    engine = WhisperRecognizer(locate(name), detector)
    stock_text(stock, clips[0])
    sets: dict[str, dict[str, Tally]] = {}
    for db in dict.fromkeys(clip.noise_db for clip in clips):
        tallies = {"stock": Tally(), "engine": Tally()}
        for clip in tqdm([clip for clip in clips if clip.noise_db == db], f"{name} {noise_name(db)}", leave=False):
            tallies["stock"].add(clip, *timed(partial(stock_text, stock, clip)))
            tallies["engine"].add(clip, *timed(partial(engine_text, engine, clip, loop)))
        sets[noise_name(db)] = tallies
    engine.close()
    sets["all"] = {method: joined([tallies[method] for tallies in sets.values()]) for method in ("stock", "engine")}
    return {noise: compared(tallies) for noise, tallies in sets.items()}


def compared(tallies: dict[str, Tally]) -> dict[str, Any]:
    """The rows of both methods, and how they differ."""
    rows: dict[str, Any] = {method: tally.row() for method, tally in tallies.items()}
    rows["ratio"] = {key: round(rows["engine"][key] / rows["stock"][key], 3) for key in RATIOS}
    rows["more_errors"] = difference(tallies["engine"], tallies["stock"])
    return rows


@dataclass(slots=True)
class StreamTally:
    """Results of streaming on one set of clips."""

    final: Tally = field(default_factory=Tally)
    first_words_s: list[float] = field(default_factory=list)
    busy_s: float = 0.0
    settled: int = 0
    """Words settled before the end."""

    unsettled: int = 0
    """Settled words that the final text changed."""


async def stream_one(
    engine: WhisperRecognizer, detector: SileroVad, clip: SpokenClip, step_s: float, tally: StreamTally
) -> None:
    """Feed one clip as a microphone does; computing takes no simulated time."""
    stream, voice = engine.stream("en"), detector.stream()
    length = len(clip.pcm) - int(0.1 * INPUT_RATE)  # after 0.2 s of silence
    pcm = np.pad(clip.pcm[:length], (0, -length % VAD_FRAME))
    piece, since, first, stable = 3 * VAD_FRAME, 0.0, None, ""
    for start in range(0, len(pcm), piece):
        frames = pcm[start : start + piece].reshape(-1, VAD_FRAME)
        stream.push(frames.reshape(-1), voice.judge(frames))
        since += piece / INPUT_RATE
        if since >= step_s and start + piece < len(pcm) - int(0.3 * INPUT_RATE):
            since = 0.0
            cpu = time.process_time()
            partial = await stream.revise()
            tally.busy_s += time.process_time() - cpu
            stable = partial.stable
            if first is None and partial.text:
                first = (start + piece) / INPUT_RATE - 0.3
    wall, cpu = time.perf_counter(), time.process_time()
    final = await stream.preview()
    tally.final.add(clip, final.text, time.perf_counter() - wall, time.process_time() - cpu)
    settled = forms(stable)
    tally.settled += len(settled)
    tally.unsettled += min(distance(settled, forms(final.text)[:length]) for length in around(len(settled)))
    if first is not None:
        tally.first_words_s.append(first)


def around(length: int) -> Iterable[int]:
    return range(max(0, length - 3), length + 4)


def streamed(
    name: str, clips: Sequence[SpokenClip], detector: SileroVad, step_s: float, loop: asyncio.Runner
) -> dict[str, Any]:
    """The same clips streamed as utterances, quiet room only."""
    engine = WhisperRecognizer(locate(name), detector)
    table = {}
    for label, low, high in (("under 5 s", 0, 5), ("5 to 10 s", 5, 10), ("over 10 s", 10, 99)):
        chosen = [clip for clip in clips if clip.noise_db is None and low <= clip.seconds < high]
        if not chosen:
            continue
        tally = StreamTally()
        for clip in tqdm(chosen, f"{name} stream {label}", leave=False):
            loop.run(stream_one(engine, detector, clip, step_s, tally))
        table[label] = {
            "wer_percent": tally.final.row()["wer_percent"],
            "lag_cpu_median_s": round(statistics.median(tally.final.cpu_s), 3),
            "lag_cpu_max_s": round(max(tally.final.cpu_s), 3),
            "first_words_median_s": round(statistics.median(tally.first_words_s or [0]), 2),
            "busy_percent": round(100 * tally.busy_s / tally.final.audio_s, 1),
            "settled_percent": round(100 * tally.settled / sum(tally.final.words), 1),
            "settled_wrong_percent": round(100 * tally.unsettled / max(1, tally.settled), 1),
            "clips": len(chosen),
        }
    engine.close()
    return table


def noise_name(db: float | None) -> str:
    return "quiet" if db is None else f"{db:g} dB"


def show(report: dict[str, Any]) -> None:
    print(f"\n{'model':16} {'noise':6} method   WER %   cpu s  wall s  runaway  empty")
    for name, table in report["recordings"].items():
        for noise, rows in table.items():
            for method in ("stock", "engine"):
                row = rows[method]
                print(
                    f"{name:16} {noise:6} {method:7} {row['wer_percent']:6.1f} {row['cpu_mean_s']:7.3f} "
                    f"{row['wall_median_s']:7.3f} {row['runaways']:8} {row['empty']:6}"
                )
            ratio = rows["ratio"]
            points, low, high = rows["more_errors"]
            print(
                f"{'':23} engine / stock: cpu {ratio['cpu_mean_s']:.2f}, wall {ratio['wall_median_s']:.2f}; "
                f"WER {points:+.1f} points ({low:+.1f} to {high:+.1f})"
            )
    for name, table in report["streams"].items():
        print(f"\n{name}, revised every {report['step_s']} s")
        for label, row in table.items():
            print(f"  {label:10} " + "  ".join(f"{key} {value}" for key, value in row.items()))


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--quick", action="store_true", help="three texts, two speakers, quiet and 10 dB")
    parser.add_argument("--models", nargs="+", default=MODELS)
    parser.add_argument("--step", type=float, default=0.8, help="seconds of sound between revisions")
    parser.add_argument("--no-stream", action="store_true")
    parser.add_argument("--out", type=Path, default=RESULTS / "asr.json")
    options = parser.parse_args()

    clips = spoken_clips(TEXTS[2:9:3], SPEAKERS[::3], (None, 10.0)) if options.quick else spoken_clips(noises=NOISES_DB)
    detector = SileroVad(locate("silero-vad"))
    report: dict[str, Any] = {"machine": f"{platform.processor() or platform.machine()}", "step_s": options.step}
    with asyncio.Runner() as loop:
        report["recordings"] = {name: compare(name, clips, detector, loop) for name in options.models}
        models = [] if options.no_stream else options.models
        report["streams"] = {name: streamed(name, clips, detector, options.step, loop) for name in models}
    detector.close()
    report["audio_s"] = round(float(np.sum([clip.seconds for clip in clips])), 1)
    options.out.parent.mkdir(exist_ok=True)
    options.out.write_text(json.dumps(report, indent=1) + "\n")
    show(report)


if __name__ == "__main__":
    main()
