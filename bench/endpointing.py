"""How soon a user turn is ended, and how often that cuts the student off.

    python bench/endpointing.py              measure (minutes the first time), print, write JSON and a plot
    python bench/endpointing.py --held-out   sentences and voices that were not used for tuning
    python bench/endpointing.py --speakers 2 fewer voices, faster

Speech with an inner pause of 0.3 to 1.5 s goes through the engine's voice detector, turn model, recognizer, small
language model and turn taking. Pauses are made in two ways: ``cut`` cuts a sentence that was spoken whole, ``alone``
has its first part spoken by itself with a comma or a filler after it, as by somebody who stops to think. Only time is
simulated: models answer with the measured delay, or after ``--decode-ms``. A false cut-off is a user turn that ended in
the inner pause; it stays in two if the rest did not reopen it. (The tutor's voice, over which the rest would be spoken,
is not simulated.) The delay is from the acoustic end of the last word to the commit. Along the curve ``patience`` is
multiplied by a factor; the marked point is the default. ``VAD only`` ends a user turn after a fixed silence.
"""

from __future__ import annotations

import argparse
import asyncio
import json
import pickle
from collections import Counter
from collections.abc import Sequence
from dataclasses import asdict, dataclass, replace
from pathlib import Path
from typing import Literal

import matplotlib
import numpy as np
from tqdm import tqdm
from turn_clips import HELD_OUT, HELD_OUT_SPEAKERS, SECOND, SENTENCES, SPEAKERS, Clip, clips

from engine.items import INPUT_RATE, VAD_FRAME, VAD_FRAME_MS, FloatArray, Transcript
from engine.llm.completion import COMPLETION_MODEL, EmbeddedCompletion
from engine.llm.embedded import EmbeddedModel, EmbeddedServer
from engine.models.catalog import locate
from engine.models.gguf import faster_prompts
from engine.recognition.recognizer import WhisperRecognizer
from engine.recognition.silero import SileroVad
from engine.settings import EndpointOptions, ListeningOptions, Settings
from engine.turn_taking.actions import Action, AskCompletion, AskTurnModel, AskWords
from engine.turn_taking.events import UserTurnEnded, UserTurnReopened
from engine.turn_taking.smart_turn import SmartTurn
from engine.turn_taking.turn_taker import TurnTaker

matplotlib.use("Agg")

Kind = Literal["cut", "alone"]
KINDS: tuple[Kind, ...] = ("cut", "alone")
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

    completion: float | None
    """Of the small language model."""


@dataclass(frozen=True, slots=True)
class Models:
    """All that listen."""

    detector: SileroVad
    turn_model: SmartTurn
    word_model: EmbeddedCompletion
    recognizer: WhisperRecognizer


@dataclass(frozen=True, slots=True)
class Case:
    """A clip as the models hear it."""

    clip: Clip
    inner: dict[Kind, ModelAnswers]
    """At the hesitation."""

    whole: ModelAnswers
    """At the end."""

    voice: dict[tuple[Kind, int], list[float]]
    """P(speech) of each 32 ms frame of the clip with a pause of that kind and so many ms."""


@dataclass(frozen=True, slots=True)
class Outcome:
    """Results of one policy."""

    label: str
    cut_off: dict[Kind, dict[int, float]]
    """Share of user turns cut off, by pause in ms."""

    in_two: dict[Kind, dict[int, float]]
    """Share of user turns cut off for good: the rest became another user turn."""

    lost: dict[str, int]
    """How often each sentence was cut off at a pause of a second or less."""

    question_ms: tuple[float, float]
    statement_ms: tuple[float, float]
    """p50 and p95 from the acoustic end to the commit, of user turns not cut off."""


def silence(ms: float) -> FloatArray:
    """Room noise 60 dB below full scale."""
    noise: FloatArray = np.random.default_rng(7).normal(0, 3e-4, int(ms * INPUT_RATE / 1000)).astype(np.float32)
    return noise


def before(clip: Clip, kind: Kind) -> FloatArray:
    """What is said up to the pause."""
    return clip.before if kind == "cut" else clip.alone


def sound(clip: Clip, kind: Kind, pause_ms: float) -> FloatArray:
    return np.concatenate((silence(LEAD_MS), before(clip, kind), silence(pause_ms), clip.after, silence(TAIL_MS)))


def frames_of(pcm: FloatArray) -> FloatArray:
    """(n, 512): the whole frames of (m,) audio."""
    return pcm[: len(pcm) // VAD_FRAME * VAD_FRAME].reshape(-1, VAD_FRAME)


async def heard_at_end(pcm: FloatArray, models: Models) -> ModelAnswers:
    """What the models say when asked ``ASKED_AT_MS`` after the end of ``pcm``."""
    heard = np.concatenate((silence(LEAD_MS), pcm, silence(ASKED_AT_MS)))
    frames = frames_of(heard)
    stream = models.recognizer.stream("en")
    stream.push(frames.reshape(-1), await models.detector.stream().probabilities(frames))
    text = (await stream.preview()).text
    return ModelAnswers(text, await models.turn_model.probability(heard), await models.word_model.score(text))


async def hear(all_clips: Sequence[Clip], asr: str) -> list[Case]:
    """Run the models once over everything."""
    path = faster_prompts(locate(COMPLETION_MODEL), Settings(_cli_parse_args=False).cache_dir)
    detector, turn_model = SileroVad(locate("silero-vad")), SmartTurn(locate("smart-turn"))
    recognizer = WhisperRecognizer(locate(asr), detector, language="en")
    cases = []
    try:
        async with EmbeddedServer(EmbeddedModel(path, slots=0, scoring_slots=1, context=512)) as server:
            word_model = EmbeddedCompletion(server, 0, limit_s=60)
            models = Models(detector, turn_model, word_model, recognizer)
            for clip in tqdm(all_clips, unit="clip", mininterval=5):
                inner = {kind: await heard_at_end(before(clip, kind), models) for kind in KINDS}
                whole = await heard_at_end(np.concatenate((clip.before, silence(600), clip.after)), models)
                voice = {}
                for kind in KINDS:
                    for pause in PAUSES_MS:
                        frames = frames_of(sound(clip, kind, pause))
                        voice[kind, pause] = (await detector.stream().probabilities(frames)).tolist()
                cases.append(Case(clip, inner, whole, voice))
            await word_model.close()
    finally:
        for part in (recognizer, turn_model, detector):
            part.close()
    return cases


@dataclass(frozen=True, slots=True)
class Rig:
    """Which models are asked, and how long they take."""

    decode_ms: float
    model_ms: float
    score_ms: float = 30
    turn_model: bool = True
    word_model: bool = True


def play(case: Case, kind: Kind, pause_ms: int, options: ListeningOptions, rig: Rig) -> tuple[list[float], bool]:
    """Commits of one clip, ms of the stream, and whether the last one includes the words of those before."""
    taker = TurnTaker(options, turn_model=rig.turn_model, word_model=rig.word_model)
    resume = LEAD_MS + len(before(case.clip, kind)) * 1000 / INPUT_RATE + pause_ms
    coming: list[tuple[float, Action, float]] = []
    commits, reopened = [], False
    for index, probability in enumerate(case.voice[kind, pause_ms]):
        now = (index + 1) * VAD_FRAME_MS
        actions: list[Action] = []
        for due, question, asked in sorted(coming, key=lambda item: item[0]):
            if due > now:
                continue
            coming.remove((due, question, asked))
            known = case.inner[kind] if asked < resume + 64 else case.whole
            if isinstance(question, AskWords):
                actions += taker.words(question.utterance, question.kind, Transcript(known.text))
            elif isinstance(question, AskTurnModel):
                actions += taker.verdict(question.utterance, known.probability)
            elif isinstance(question, AskCompletion):
                actions += taker.completion(question.utterance, question.text, known.completion)
        actions += taker.frame(probability, now)
        for action in actions:
            if isinstance(action, AskWords):
                coming = [item for item in coming if not isinstance(item[1], AskWords)]
                coming.append((now + rig.decode_ms, action, now))
            elif isinstance(action, AskTurnModel):
                coming.append((now + rig.model_ms, action, now))
            elif isinstance(action, AskCompletion):
                coming.append((now + rig.score_ms, action, now))
            elif isinstance(action, UserTurnReopened):
                reopened = True
            elif isinstance(action, UserTurnEnded):
                commits.append(now)
    return commits, reopened


def judge(cases: Sequence[Case], label: str, options: ListeningOptions, rig: Rig) -> Outcome:
    """Play all clips with all pauses."""
    cut_off: dict[Kind, dict[int, int]] = {kind: dict.fromkeys(PAUSES_MS, 0) for kind in KINDS}
    in_two: dict[Kind, dict[int, int]] = {kind: dict.fromkeys(PAUSES_MS, 0) for kind in KINDS}
    delays: dict[bool, list[float]] = {True: [], False: []}
    lost: Counter[str] = Counter()
    for case in cases:
        for kind, pause in case.voice:
            commits, reopened = play(case, kind, pause, options, rig)
            end = LEAD_MS + pause + (len(before(case.clip, kind)) + len(case.clip.after)) * 1000 / INPUT_RATE
            if commits and commits[0] < end:
                cut_off[kind][pause] += 1
                in_two[kind][pause] += not reopened
                lost[case.clip.text] += pause <= 1000
            elif commits:
                delays[case.clip.text.endswith("?")].append(commits[0] - end)
    shares, apart = (
        {kind: {pause: n / len(cases) for pause, n in found.items()} for kind, found in counts.items()}
        for counts in (cut_off, in_two)
    )
    return Outcome(label, shares, apart, dict(lost.most_common()), _p50_p95(delays[True]), _p50_p95(delays[False]))


def _p50_p95(values: Sequence[float]) -> tuple[float, float]:
    if not values:
        return float("nan"), float("nan")
    return float(np.percentile(values, 50)), float(np.percentile(values, 95))


def with_patience(options: ListeningOptions, factor: float) -> ListeningOptions:
    """Options with ``patience`` multiplied by a factor."""
    return replace(options, endpoint=replace(options.endpoint, patience=max(1, options.endpoint.patience * factor)))


def fixed(options: ListeningOptions, ms: float) -> ListeningOptions:
    """Ends a user turn after a fixed silence, whatever was said."""
    return replace(options, endpoint=EndpointOptions(floor_ms=ms, ceiling_ms=ms))


async def kept(made: Sequence[Clip], asr: str, cache: Path | None) -> list[Case]:
    """What the models hear, from the file if it is there."""
    if cache is not None and await asyncio.to_thread(cache.exists):
        cases: list[Case] = pickle.loads(await asyncio.to_thread(cache.read_bytes))
        return cases
    cases = await hear(made, asr)
    if cache is not None:
        await asyncio.to_thread(cache.write_bytes, pickle.dumps(cases))
    return cases


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--asr", default="whisper-base")
    parser.add_argument("--held-out", action="store_true", help="Clips that never served for tuning.")
    parser.add_argument("--cache", type=Path, help="keep what the models heard in this file, or take it from there")
    parser.add_argument("--speakers", type=int, default=len(SPEAKERS))
    parser.add_argument("--decode-ms", type=float, default=200, help="Time of the final decode.")
    parser.add_argument("--model-ms", type=float, default=100, help="Time of the turn model.")
    arguments = parser.parse_args()
    if arguments.held_out:
        made = clips(HELD_OUT, HELD_OUT_SPEAKERS[: arguments.speakers])
    else:
        made = clips((*SENTENCES, *SECOND), SPEAKERS[: arguments.speakers])
    cases = asyncio.run(kept(made, arguments.asr, arguments.cache))
    default, rig = ListeningOptions(), Rig(arguments.decode_ms, arguments.model_ms)

    def curve(rig: Rig) -> list[Outcome]:
        return [judge(cases, f"x{f:g}", with_patience(default, f), rig) for f in (0.1, 0.3, 1.0, 2.0, 4.0)]

    series = {
        "words, voice and habit": curve(rig),
        "without the small model": curve(replace(rig, word_model=False)),
        "without the turn model": curve(replace(rig, turn_model=False)),
        "VAD only": [judge(cases, f"{ms} ms", fixed(default, ms), rig) for ms in (300, 450, 600, 800, 1000, 1250)],
    }
    report(series, cases, "endpointing_held_out" if arguments.held_out else "endpointing")


def report(series: dict[str, list[Outcome]], cases: Sequence[Case], name: str) -> None:
    RESULTS.mkdir(exist_ok=True)
    for policy, outcomes in series.items():
        pauses = "".join(f"{pause:>8}" for pause in PAUSES_MS)
        print(f"\n{policy:24}{pauses}   question p50   p95   statement p50   p95")
        for outcome in outcomes:
            delays = "".join(f"{p50:15.0f}{p95:6.0f}" for p50, p95 in (outcome.question_ms, outcome.statement_ms))
            for kind in KINDS:
                shares = "".join(f"{100 * share:7.1f}%" for share in outcome.cut_off[kind].values())
                apart = "".join(f"{100 * share:7.1f}%" for share in outcome.in_two[kind].values())
                print(f"{outcome.label:8}{kind:16}{shares}{delays}")
                if any(outcome.in_two[kind].values()):
                    print(f"{'  left in two':24}{apart}")
    marked = next(outcome for outcome in next(iter(series.values())) if outcome.label == "x1")
    print("\nCut off most often by default, at a second or less:")
    tries = len(cases) * len(KINDS) * sum(ms <= 1000 for ms in PAUSES_MS) // len({c.clip.text for c in cases})
    for text, times in list(marked.lost.items())[:12]:
        print(f"  {times:4} of {tries}  {text}")
    rows = {policy: [asdict(outcome) for outcome in outcomes] for policy, outcomes in series.items()}
    heard = [{"speaker": c.clip.speaker, "text": c.clip.text, "whole": asdict(c.whole)}
             | {kind: asdict(answers) for kind, answers in c.inner.items()} for c in cases]  # fmt: skip
    (RESULTS / f"{name}.json").write_text(json.dumps({"series": rows, "heard": heard}, indent=1))
    plot(series, name)
    print(f"\n{len(cases)} clips; written to {RESULTS}/{name}.json and .png")


def plot(series: dict[str, list[Outcome]], file: str) -> None:
    from matplotlib import pyplot

    figure, panels = pyplot.subplots(1, 3, figsize=(12, 4.4), sharey=True)
    for panel, pause in zip(panels, (300, 600, 1000), strict=True):
        for colour, (name, outcomes) in enumerate(series.items()):
            shares = [100 * outcome.cut_off["cut"][pause] for outcome in outcomes]
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
