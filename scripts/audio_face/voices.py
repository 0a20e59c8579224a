"""Speech with known phoneme times from many voices, to train and judge the audio-driven mouth.

espeak-ng through its library (dozens of voices, any rate and pitch) and one Piper voice,
each also resampled so that one throat becomes several. Blocking; one thread.
"""

from __future__ import annotations

import asyncio
import ctypes
import json
import tempfile
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, replace
from pathlib import Path

import espeakng_loader
import numpy as np

from engine.models.catalog import voice_config
from engine.pipelines.items import OUTPUT_RATE, Clause, FloatArray, Phoneme, Speech
from engine.pipelines.speaking.piper import PiperSynthesizer
from engine.pipelines.worker import Worker

_SYNCHRONOUS, _PHONEME_EVENTS, _IPA = 2, 1, 2
_PHONEME, _END = 7, 6
_RATE, _PITCH, _RANGE = 1, 3, 4
_UTF8 = 1


@dataclass(frozen=True, slots=True)
class Sample:
    """An utterance: 24 kHz mono and when its phonemes are heard (ms)."""

    pcm: FloatArray
    phonemes: tuple[Phoneme, ...]
    language: str
    voice: str


class _EventId(ctypes.Union):
    _fields_ = [("number", ctypes.c_int), ("name", ctypes.c_char_p), ("string", ctypes.c_char * 8)]


class _Event(ctypes.Structure):
    _fields_ = [
        ("type", ctypes.c_int), ("unique", ctypes.c_uint), ("text_position", ctypes.c_int), ("length", ctypes.c_int),
        ("audio_ms", ctypes.c_int), ("sample", ctypes.c_int), ("user", ctypes.c_void_p), ("id", _EventId),
    ]  # fmt: skip


_Callback = ctypes.CFUNCTYPE(ctypes.c_int, ctypes.POINTER(ctypes.c_short), ctypes.c_int, ctypes.POINTER(_Event))


class Espeak:
    """espeak-ng in this process. Its library is one global voice, so make only one of these."""

    def __init__(self) -> None:
        self._library = ctypes.CDLL(str(espeakng_loader.get_library_path()))
        data = str(espeakng_loader.get_data_path()).encode()
        self._rate = self._library.espeak_Initialize(_SYNCHRONOUS, 200, data, _PHONEME_EVENTS | _IPA)
        self._pcm: list[FloatArray] = []
        self._marks: list[tuple[int, str]] = []
        self._callback = _Callback(self._take)  # kept alive: the library calls it
        self._library.espeak_SetSynthCallback(self._callback)

    def say(self, text: str, voice: str, words_per_minute: int, pitch: int, liveliness: int) -> Sample:
        """``voice``: such as ``en-us+f3``; pitch and liveliness 0..100."""
        if self._library.espeak_SetVoiceByName(voice.encode()) != 0:
            raise ValueError(f"espeak-ng has no voice {voice}")
        for parameter, value in ((_RATE, words_per_minute), (_PITCH, pitch), (_RANGE, liveliness)):
            self._library.espeak_SetParameter(parameter, value, 0)
        self._pcm, self._marks = [], []
        raw = text.encode()
        self._library.espeak_Synth(raw, len(raw) + 1, 0, 1, 0, _UTF8, None, None)
        pcm = np.concatenate([*self._pcm, np.zeros(1, dtype=np.float32)])
        starts = [(sample * 1000 / self._rate, symbol) for sample, symbol in self._marks]
        ends = [start for start, _ in starts[1:]] + [len(pcm) * 1000 / self._rate]
        phonemes = tuple(
            Phoneme(symbol.strip("ˈˌ"), start, end, 2 if "ˈ" in symbol else 1 if "ˌ" in symbol else 0)
            for (start, symbol), end in zip(starts, ends, strict=True)
            if end > start
        )
        sample = Sample(pcm, phonemes, "zh" if voice.startswith("cmn") else voice[:2], f"espeak:{voice}")
        return resampled(sample, OUTPUT_RATE / self._rate, keep_time=True)

    def _take(self, wav: object, count: int, events: object) -> int:
        if wav:
            block = np.ctypeslib.as_array(wav, (count,))  # type: ignore[arg-type]
            self._pcm.append(block.astype(np.float32) / 32768)
        i = 0
        while events[i].type != 0:  # type: ignore[index]
            event = events[i]  # type: ignore[index]
            if event.type == _PHONEME:
                self._marks.append((event.sample, event.id.string.decode("utf-8", "ignore")))
            i += 1
        return 0


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


def piper_say(synthesizer: PiperSynthesizer, text: str) -> Sample:
    """A whole utterance of the synthesizer's only voice."""
    voice = synthesizer.voices[0]

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
