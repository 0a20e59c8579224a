"""What the engine's models hear of student speech at a pause and at its end: the data of the end-of-turn model.

    python scripts/endpoint_training/hear.py heard.jsonl     about 20 minutes on two cores; goes on where it stopped

Each line of ``turns.txt`` is spoken by one hibari voice and one other. Pauses are made in two ways: ``cut`` cuts the
sentence that was spoken whole, so its melody runs on over the gap, and ``alone`` speaks the first part by itself, with
a comma or a filler after it, as people do who stop to think. ``whole`` is the end of the turn.
"""

from __future__ import annotations

import asyncio
import json
import sys
from collections.abc import Callable
from dataclasses import asdict, dataclass
from pathlib import Path

import numpy as np
from tqdm import tqdm

from engine.audio.resampling import resample
from engine.items import INPUT_RATE, OUTPUT_RATE, VAD_FRAME, Clause, FloatArray, Speech
from engine.llm.completion import COMPLETION_MODEL, EmbeddedCompletion
from engine.llm.embedded import EmbeddedModel, EmbeddedServer
from engine.models.catalog import locate
from engine.models.gguf import faster_prompts
from engine.recognition.recognizer import WhisperRecognizer
from engine.recognition.silero import SileroVad
from engine.settings import Settings
from engine.speaking.voices import VoiceBook, build_voicebook
from engine.turn_taking.smart_turn import SmartTurn

TURNS = Path(__file__).with_name("turns.txt")
HIBARI = ("hibari:heart", "hibari:alto", "hibari:tenor", "hibari:treble")
OTHERS = (("piper:en_US-joe-medium", 1.0), ("espeak:en-us", 1.0), ("espeak:en-gb", 1.15))
"""Voices and the factor their audio is sped up by; not those of the held-out set of ``bench/turn_clips.py``."""

FILLERS = (",", ",", ", um,")
ASKED_MS = 72
"""Silence after which the models are asked, as ``TurnTaker`` does."""

SEED = 5
WRITTEN = "written"
"""The voice of turns that were not spoken."""

USUAL_OPINION = 0.8
"""P(finished) of the turn model that turns get which were not spoken."""


@dataclass(frozen=True, slots=True)
class Heard:
    """One moment at which a student fell silent, and what the models made of it."""

    sentence: str
    """The whole turn, to keep all moments of it on one side of a split."""

    voice: str
    kind: str
    """``cut``, ``alone`` or ``whole``."""

    text: str
    """As recognised."""

    turn_model: float
    completion: float | None


def turns() -> list[list[str]]:
    """The parts of each turn."""
    lines = [line for line in TURNS.read_text().splitlines() if line and not line.startswith("#")]
    return [[part.strip() for part in line.split("|")] for line in lines]


def room(ms: float, rng: np.random.Generator) -> FloatArray:
    """Room noise 60 dB below full scale."""
    return rng.normal(0, 3e-4, int(ms * INPUT_RATE / 1000)).astype(np.float32)


def trimmed(pcm: FloatArray) -> FloatArray:
    """Without the silence around it (40 dB below its loudest 10 ms)."""
    size = INPUT_RATE // 100
    levels = np.sqrt((pcm[: len(pcm) // size * size].reshape(-1, size) ** 2).mean(axis=1))
    loud = np.nonzero(levels > levels.max() * 0.01)[0]
    return pcm[loud[0] * size : (loud[-1] + 1) * size]


class Studio:
    """Speaks and listens."""

    def __init__(self, word_model: EmbeddedCompletion) -> None:
        self.word_model = word_model
        self.book: VoiceBook = build_voicebook(Settings(_cli_parse_args=False))
        self.detector, self.model = SileroVad(locate("silero-vad")), SmartTurn(locate("smart-turn"))
        self.recognizer = WhisperRecognizer(locate("whisper-base"), self.detector, language="en")
        self.rng = np.random.default_rng(SEED)

    async def speak(self, text: str, voice: str, speed: float) -> tuple[FloatArray, list[tuple[float, float]]]:
        """(n,) audio at 16 kHz and the times of its words, ms."""
        pieces: list[Speech] = [piece async for piece in self.book.speak(Clause(text, text, "en", 0), voice)]
        words, offset = [], 0.0
        for piece in pieces:
            words += [((w.start_ms + offset) / speed, (w.end_ms + offset) / speed) for w in piece.words]
            offset += piece.duration_ms
        return resample(np.concatenate([p.pcm for p in pieces]), round(OUTPUT_RATE * speed), INPUT_RATE), words

    async def hear(self, sentence: str, voice: str, kind: str, pcm: FloatArray) -> Heard:
        """Ask the models shortly after the end of ``pcm``."""
        heard = np.concatenate((room(400, self.rng), pcm, room(ASKED_MS, self.rng)))
        frames = heard[: len(heard) // VAD_FRAME * VAD_FRAME].reshape(-1, VAD_FRAME)
        stream = self.recognizer.stream("en")
        stream.push(frames.reshape(-1), await self.detector.stream().probabilities(frames))
        text = (await stream.preview()).text
        return Heard(
            sentence, voice, kind, text, await self.model.probability(heard), await self.word_model.score(text)
        )

    async def moments(self, parts: list[str], voice: str, speed: float) -> list[Heard]:
        """All moments of one turn by one voice."""
        text = " ".join(parts)
        whole, words = await self.speak(text, voice, speed)
        found, begun, count = [], "", 0
        for part in parts[:-1]:
            begun, count = f"{begun} {part}".strip(), count + len(part.split())
            if 0 < count < len(words):
                cut_ms = (words[count - 1][1] + words[count][0]) / 2
                cut = trimmed(whole[: int(cut_ms * INPUT_RATE / 1000)])
                found.append(await self.hear(text, voice, "cut", cut))
            ending = "" if begun[-1] in ".,?" else FILLERS[self.rng.integers(len(FILLERS))]
            alone, _ = await self.speak(begun + ending, voice, speed)
            found.append(await self.hear(text, voice, "alone", trimmed(alone)))
            if part is parts[-2] and self.rng.random() < 0.5:
                rest, _ = await self.speak(parts[-1], voice, speed)
                pause = room(self.rng.uniform(300, 1500), self.rng)
                whole = np.concatenate((trimmed(alone), pause, trimmed(rest)))
        found.append(await self.hear(text, voice, "whole", trimmed(whole)))
        return found

    async def short_answers(self) -> list[Heard]:
        """The turns of one or two words as written, with ``USUAL_OPINION``: they are too few among those spoken."""
        texts = [" ".join(parts) for parts in turns() if len(" ".join(parts).split()) <= 2]
        return [Heard(t, WRITTEN, "whole", t, USUAL_OPINION, await self.word_model.score(t)) for t in texts]

    def close(self) -> None:
        for part in (self.recognizer, self.model, self.detector, self.book):
            part.close()


async def run(done: set[str], keep: Callable[[list[Heard]], None]) -> None:
    """Hear all turns but those that are ``done``; ``keep`` is given the moments of each."""
    path = faster_prompts(locate(COMPLETION_MODEL), Settings(_cli_parse_args=False).cache_dir)
    async with EmbeddedServer(EmbeddedModel(path, slots=0, scoring_slots=1, context=512)) as server:
        studio = Studio(EmbeddedCompletion(server, 0, limit_s=60))
        try:
            if not done:
                keep(await studio.short_answers())
            for index, parts in enumerate(tqdm(turns(), unit="turn", mininterval=10)):
                if " ".join(parts) not in done:
                    voices = ((HIBARI[index % 4], 1.0), OTHERS[index % 3])
                    keep([moment for voice, speed in voices for moment in await studio.moments(parts, voice, speed)])
        finally:
            studio.close()
            await studio.word_model.close()


def main() -> None:
    out = Path(sys.argv[1])
    done = {json.loads(line)["sentence"] for line in out.read_text().splitlines()} if out.exists() else set()
    with out.open("a") as file:
        asyncio.run(
            run(done, lambda heard: print(*(json.dumps(asdict(m)) for m in heard), sep="\n", file=file, flush=True))
        )


if __name__ == "__main__":
    main()
