"""How soon a user turn is ended, and how often that cuts the student off.

    python bench/endpointing.py              measure (minutes the first time), print, write JSON and a plot
    python bench/endpointing.py --held-out   sentences and voices that were not used for tuning
    python bench/endpointing.py --speakers 2 fewer voices, faster

Speech with an inner pause of 0.3 to 1.5 s goes through the engine's voice detector, turn model, recognizer and turn
taking. Only time is simulated: models answer with the measured delay, or after ``--decode-ms``. A false cut-off is a
user turn that ended in the inner pause; it stays in two if the rest did not reopen it. (The tutor's voice, over which
the rest would be spoken, is not simulated.) The delay is from the acoustic end of the last word to the commit. Along
the curve all waits are stretched by a factor; the marked point is the default. ``VAD only`` ends a user turn after a
fixed silence.
"""

from __future__ import annotations

import argparse
import asyncio
import json
from collections.abc import Sequence
from dataclasses import asdict, dataclass, fields, replace
from pathlib import Path

import matplotlib
import numpy as np
from tqdm import tqdm
from turn_clips import HELD_OUT, HELD_OUT_SPEAKERS, SECOND, SENTENCES, SPEAKERS, Clip, clips

from engine.items import INPUT_RATE, VAD_FRAME, VAD_FRAME_MS, FloatArray, Transcript
from engine.models.catalog import locate
from engine.recognition.recognizer import WhisperRecognizer
from engine.recognition.silero import SileroVad
from engine.settings import EndpointOptions, ListeningOptions
from engine.turn_taking.actions import Action, AskTurnModel, AskWords
from engine.turn_taking.events import UserTurnEnded, UserTurnReopened
from engine.turn_taking.smart_turn import SmartTurn
from engine.turn_taking.turn_taker import TurnTaker

matplotlib.use("Agg")

PAUSES_MS = (300, 450, 600, 800, 1000, 1250, 1500)
LEAD_MS, TAIL_MS = 400, 3200
ASKED_AT_MS = 72
"""Silence after which words and verdict are asked for, as ``TurnTaker`` does."""

RESULTS = Path(__file__).parent / "results"


@dataclass(frozen=True, slots=True)
class ModelAnswers:
    """What the models say about speech that has just stopped."""

    text: str
    probability: float
    """Of the turn model."""


@dataclass(frozen=True, slots=True)
class Case:
    """A clip as the models hear it."""

    clip: Clip
    inner: ModelAnswers
    """At the hesitation."""

    whole: ModelAnswers
    """At the end."""

    voice: dict[int, list[float]]
    """P(speech) of each 32 ms frame of the clip with a pause of so many ms."""


@dataclass(frozen=True, slots=True)
class Outcome:
    """Results of one policy."""

    label: str
    cut_off: dict[int, float]
    """Share of user turns cut off, by pause in ms."""

    in_two: dict[int, float]
    """Share of user turns cut off for good: the rest became another user turn."""

    question_ms: tuple[float, float]
    statement_ms: tuple[float, float]
    """p50 and p95 from the acoustic end to the commit, of user turns not cut off."""


def silence(ms: float) -> FloatArray:
    """Room noise 60 dB below full scale."""
    noise: FloatArray = np.random.default_rng(7).normal(0, 3e-4, int(ms * INPUT_RATE / 1000)).astype(np.float32)
    return noise


def sound(clip: Clip, pause_ms: float) -> FloatArray:
    return np.concatenate((silence(LEAD_MS), clip.before, silence(pause_ms), clip.after, silence(TAIL_MS)))


def frames_of(pcm: FloatArray) -> FloatArray:
    """(n, 512): the whole frames of (m,) audio."""
    return pcm[: len(pcm) // VAD_FRAME * VAD_FRAME].reshape(-1, VAD_FRAME)


async def evidence(
    pcm: FloatArray, detector: SileroVad, recognizer: WhisperRecognizer, model: SmartTurn
) -> ModelAnswers:
    """What the models say when asked ``ASKED_AT_MS`` after the end of ``pcm``."""
    heard = np.concatenate((pcm, silence(ASKED_AT_MS)))
    frames = frames_of(heard)
    stream = recognizer.stream("en")
    stream.push(frames.reshape(-1), await detector.stream().probabilities(frames))
    return ModelAnswers((await stream.preview()).text, await model.probability(heard))


async def hear(all_clips: Sequence[Clip], asr: str) -> list[Case]:
    """Run the models once over everything."""
    detector, model = SileroVad(locate("silero-vad")), SmartTurn(locate("smart-turn"))
    recognizer = WhisperRecognizer(locate(asr), detector, language="en")
    cases = []
    try:
        for clip in tqdm(all_clips, unit="clip"):
            inner = await evidence(np.concatenate((silence(LEAD_MS), clip.before)), detector, recognizer, model)
            whole_pcm = np.concatenate((silence(LEAD_MS), clip.before, silence(600), clip.after))
            whole = await evidence(whole_pcm, detector, recognizer, model)
            voice = {}
            for pause in PAUSES_MS:
                pcm = sound(clip, pause)
                voice[pause] = (await detector.stream().probabilities(frames_of(pcm))).tolist()
            cases.append(Case(clip, inner, whole, voice))
    finally:
        recognizer.close()
        model.close()
        detector.close()
    return cases


def play(
    case: Case, pause_ms: int, options: ListeningOptions, turn_model: bool, decode_ms: float, model_ms: float
) -> tuple[list[float], bool]:
    """Commits of one clip, ms of the stream, and whether the last one includes the words of those before."""
    taker = TurnTaker(options, turn_model=turn_model)
    inner_end = LEAD_MS + len(case.clip.before) * 1000 / INPUT_RATE
    resume = inner_end + pause_ms
    coming: list[tuple[float, Action, float]] = []
    commits, reopened = [], False
    for index, probability in enumerate(case.voice[pause_ms]):
        now = (index + 1) * VAD_FRAME_MS
        actions: list[Action] = []
        for due, question, asked in sorted(coming, key=lambda item: item[0]):
            if due > now:
                continue
            coming.remove((due, question, asked))
            known = case.inner if asked < resume + 64 else case.whole
            if isinstance(question, AskWords):
                actions += taker.words(question.utterance, question.kind, Transcript(known.text))
            elif isinstance(question, AskTurnModel):
                actions += taker.verdict(question.utterance, known.probability)
        actions += taker.frame(probability, now)
        for action in actions:
            if isinstance(action, AskWords):
                coming = [item for item in coming if not isinstance(item[1], AskWords)]
                coming.append((now + decode_ms, action, now))
            elif isinstance(action, AskTurnModel):
                coming.append((now + model_ms, action, now))
            elif isinstance(action, UserTurnReopened):
                reopened = True
            elif isinstance(action, UserTurnEnded):
                commits.append(now)
    return commits, reopened


def _end_ms(case: Case, pause_ms: int) -> float:
    return LEAD_MS + pause_ms + (len(case.clip.before) + len(case.clip.after)) * 1000 / INPUT_RATE


def judge(
    cases: Sequence[Case],
    label: str,
    options: ListeningOptions,
    decode_ms: float,
    model_ms: float,
    *,
    turn_model: bool = True,
) -> Outcome:
    cut_off, in_two = dict.fromkeys(PAUSES_MS, 0), dict.fromkeys(PAUSES_MS, 0)
    delays: dict[bool, list[float]] = {True: [], False: []}
    for case in cases:
        for pause in PAUSES_MS:
            commits, reopened = play(case, pause, options, turn_model, decode_ms, model_ms)
            end = _end_ms(case, pause)
            if commits and commits[0] < end:
                cut_off[pause] += 1
                in_two[pause] += not reopened
            elif commits:
                delays[case.clip.text.endswith("?")].append(commits[0] - end)
    shares, apart = ({pause: n / len(cases) for pause, n in counts.items()} for counts in (cut_off, in_two))
    return Outcome(label, shares, apart, _p50_p95(delays[True]), _p50_p95(delays[False]))


def _p50_p95(values: Sequence[float]) -> tuple[float, float]:
    if not values:
        return float("nan"), float("nan")
    return float(np.percentile(values, 50)), float(np.percentile(values, 95))


def stretched(options: ListeningOptions, factor: float) -> ListeningOptions:
    """Options with all waits multiplied by a factor, except the ceiling."""
    waits = asdict(options.endpoint)
    scaled = {name: min(ms * factor, waits["ceiling_ms"]) for name, ms in waits.items() if name != "ceiling_ms"}
    return replace(options, endpoint=EndpointOptions(ceiling_ms=waits["ceiling_ms"], **scaled))


def fixed(options: ListeningOptions, ms: float) -> ListeningOptions:
    """Ends a user turn after a fixed silence, whatever was said."""
    return replace(options, endpoint=EndpointOptions(*(ms,) * len(fields(EndpointOptions))))


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--asr", default="whisper-base")
    parser.add_argument("--held-out", action="store_true", help="Clips that never served for tuning.")
    parser.add_argument("--speakers", type=int, default=len(SPEAKERS))
    parser.add_argument("--decode-ms", type=float, default=200, help="Time of the final decode.")
    parser.add_argument("--model-ms", type=float, default=100, help="Time of the turn model.")
    arguments = parser.parse_args()
    if arguments.held_out:
        made = clips(HELD_OUT, HELD_OUT_SPEAKERS[: arguments.speakers])
    else:
        made = clips((*SENTENCES, *SECOND), SPEAKERS[: arguments.speakers])
    cases = asyncio.run(hear(made, arguments.asr))
    default = ListeningOptions()
    times = (arguments.decode_ms, arguments.model_ms)
    ours = [judge(cases, f"x{f:g}", stretched(default, f), *times) for f in (0.6, 0.8, 1.0, 1.25, 1.6, 2.0)]
    no_model = [judge(cases, f"x{f:g}", stretched(default, f), *times, turn_model=False)
                for f in (0.6, 1.0, 1.6, 2.0)]  # fmt: skip
    vad = [
        judge(cases, f"{ms} ms", fixed(default, ms), *times, turn_model=False)
        for ms in (300, 450, 600, 800, 1000, 1250, 1500)
    ]
    series = {"words, voice and habit": ours, "without the turn model": no_model, "VAD only": vad}
    report(series, cases, "endpointing_held_out" if arguments.held_out else "endpointing")


def report(series: dict[str, list[Outcome]], cases: Sequence[Case], name: str) -> None:
    RESULTS.mkdir(exist_ok=True)
    for policy, outcomes in series.items():
        pauses = "".join(f"{pause:>8}" for pause in PAUSES_MS)
        print(f"\n{policy:24}{pauses}   question p50   p95   statement p50   p95")
        for outcome in outcomes:
            shares = "".join(f"{100 * share:7.1f}%" for share in outcome.cut_off.values())
            delays = "".join(f"{p50:15.0f}{p95:6.0f}" for p50, p95 in (outcome.question_ms, outcome.statement_ms))
            print(f"{outcome.label:24}{shares}{delays}")
            print(f"{'  left in two':24}" + "".join(f"{100 * share:7.1f}%" for share in outcome.in_two.values()))
    rows = {policy: [asdict(outcome) for outcome in outcomes] for policy, outcomes in series.items()}
    heard = [{"speaker": c.clip.speaker, "text": c.clip.text, "inner": asdict(c.inner), "whole": asdict(c.whole)}
             for c in cases]  # fmt: skip
    (RESULTS / f"{name}.json").write_text(json.dumps({"series": rows, "heard": heard}, indent=1))
    plot(series, name)
    print(f"\n{len(cases)} clips; written to {RESULTS}/{name}.json and .png")


def plot(series: dict[str, list[Outcome]], file: str) -> None:
    from matplotlib import pyplot

    figure, panels = pyplot.subplots(1, 3, figsize=(12, 4.4), sharey=True)
    for panel, pause in zip(panels, (300, 600, 1000), strict=True):
        for colour, (name, outcomes) in enumerate(series.items()):
            shares = [100 * outcome.cut_off[pause] for outcome in outcomes]
            for kind, style in (("question_ms", "-"), ("statement_ms", ":")):
                delays = [getattr(outcome, kind)[0] for outcome in outcomes]
                label = f"{name}, after {kind.partition('_')[0]}s"
                panel.plot(delays, shares, style, marker="o", markersize=4, color=f"C{colour}", label=label)
                if colour == 0:
                    at = [outcome.label for outcome in outcomes].index("x1")
                    panel.scatter(delays[at], shares[at], s=120, facecolors="none", edgecolors="black", zorder=3)
        panel.set_title(f"inner pause {pause} ms")
        panel.set_xlabel("median delay of the commit, ms")
        panel.grid(alpha=0.3)
    panels[0].set_ylabel("turns cut off, %")
    figure.legend(*panels[0].get_legend_handles_labels(), loc="lower center", ncols=3, fontsize=8)
    figure.tight_layout(rect=(0, 0.1, 1, 1))
    figure.savefig(RESULTS / f"{file}.png", dpi=110)


if __name__ == "__main__":
    main()
