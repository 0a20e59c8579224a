"""Speech with known phoneme times from many voices, to train and judge the audio-driven mouth.

espeak-ng (dozens of voices at any pace), hibari (any pitch and vocal tract) and one Piper voice, each also resampled so
that one voice becomes several; Kokoro to judge. Blocking; one thread.
"""

from __future__ import annotations

import asyncio
import json
import tempfile
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, replace
from pathlib import Path

import numpy as np

from engine.concurrency.worker import Worker
from engine.contracts import Synthesizer, Voice
from engine.items import OUTPUT_RATE, Clause, FloatArray, Phoneme, Speech
from engine.models.catalog import locate, voice_config
from engine.speaking.espeak_library import library
from engine.speaking.hibari import HibariSynthesizer
from engine.speaking.ipa import symbol_of
from engine.speaking.piper import PiperSynthesizer


@dataclass(frozen=True, slots=True)
class Sample:
    """An utterance: 24 kHz mono and when its phonemes are heard (ms)."""

    pcm: FloatArray
    phonemes: tuple[Phoneme, ...]
    language: str
    voice: str


def espeak_say(text: str, voice: str, words_per_minute: int) -> Sample:
    """``voice``: a language and a variant of the speaker, such as ``en-us+f3``.

    Raises:
        SynthesisFailed: espeak-ng has no such voice.
    """
    made = library().speak(text, voice, bool, words_per_minute)
    ms = 1000 / library().rate
    marks = [mark for mark in made.phonemes if not mark.name.startswith("(")]
    ends = [mark.sample for mark in marks[1:]] + [len(made.pcm)]
    phonemes = []
    for mark, end in zip(marks, ends, strict=True):
        symbol, stress = symbol_of(mark.name)
        if end > mark.sample:
            phonemes.append(Phoneme(symbol, mark.sample * ms, end * ms, stress))
    language = "zh" if voice.startswith("cmn") else voice[:2]
    sample = Sample(made.pcm, tuple(phonemes), language, f"espeak:{voice}")
    return resampled(sample, OUTPUT_RATE / library().rate, keep_time=True)


@contextmanager
def piper_at(model: Path, length_scale: float, noise_scale: float) -> Iterator[PiperSynthesizer]:
    """A Piper voice that speaks at another pace and with another liveliness."""
    with tempfile.TemporaryDirectory() as folder:
        alias = Path(folder) / model.name
        alias.symlink_to(model)
        settings = json.loads(voice_config(model).read_text(encoding="utf-8"))
        settings["inference"] |= {"length_scale": length_scale, "noise_scale": noise_scale}
        alias.with_name(f"{model.name}.json").write_text(json.dumps(settings), encoding="utf-8")
        synthesizer = PiperSynthesizer([alias], Worker("piper", threads=1))
        try:
            yield synthesizer
        finally:
            synthesizer.close()


@contextmanager
def hibari() -> Iterator[HibariSynthesizer]:
    """All speakers of the default voice's network."""
    synthesizer = HibariSynthesizer(locate("hibari-heart"), Worker("hibari", threads=1))
    try:
        yield synthesizer
    finally:
        synthesizer.close()


def say(synthesizer: Synthesizer, text: str, voice: Voice) -> Sample:
    """A whole utterance of one voice."""

    async def collect() -> list[Speech]:
        return [speech async for speech in synthesizer.speak(Clause(text, text, voice.language, 0), voice)]

    pieces = asyncio.run(collect())
    phonemes, at = [], 0.0
    for piece in pieces:
        phonemes += [replace(p, start_ms=p.start_ms + at, end_ms=p.end_ms + at) for p in piece.phonemes]
        at += piece.duration_ms
    return Sample(np.concatenate([p.pcm for p in pieces]), tuple(phonemes), voice.language, voice.id)


def resampled(sample: Sample, factor: float, *, keep_time: bool = False) -> Sample:
    """``factor`` times as many samples: a longer throat and a lower, slower voice.

    ``keep_time``: the rate changes with it, so the times in ms stay.
    """
    positions = np.arange(int(len(sample.pcm) * factor)) / factor
    pcm = np.interp(positions, np.arange(len(sample.pcm)), sample.pcm).astype(np.float32)
    if keep_time:
        return replace(sample, pcm=pcm)
    phonemes = tuple(replace(p, start_ms=p.start_ms * factor, end_ms=p.end_ms * factor) for p in sample.phonemes)
    return replace(sample, pcm=pcm, phonemes=phonemes)


def levelled(pcm: FloatArray, dbfs: float = -20.0) -> FloatArray:
    """Speech at the level at which the engine's voices speak."""
    loud = pcm[np.abs(pcm) > 0.01]
    rms = float(np.sqrt(np.mean(loud**2))) if len(loud) else 1.0
    return np.clip(pcm * (10 ** (dbfs / 20) / rms), -1, 1).astype(np.float32)
