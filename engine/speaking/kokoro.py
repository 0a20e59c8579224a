"""Kokoro-82M voices: neural, eight languages, with phoneme times and pitch; a clause's audio is computed in slices.

In: a ``Clause``. Out: ``Speech`` pieces, the first as soon as a slice of about half a second has been computed. A
second of speech takes about half a second of one core, so it is for machines with cores to spare. All computing runs in
a ``Worker``, one job per slice, so a cancelled clause stops within one. ``close`` ends the threads.
"""

from __future__ import annotations

import threading
import time
from collections.abc import AsyncIterator, Sequence
from pathlib import Path

import numpy as np
import onnxruntime as ort

from engine.concurrency.worker import Worker
from engine.contracts import Voice
from engine.errors import SynthesisFailed
from engine.items import OUTPUT_RATE, PITCH_STEP_MS, Clause, FloatArray, Speech
from engine.speaking.hibari_text import divided, plain
from engine.speaking.kokoro_graph import FRAME, FRAMES_PER_S, KokoroGraph, Level, Prosody, SlicedAudio
from engine.speaking.kokoro_slices import SlicePlan
from engine.speaking.kokoro_text import KokoroPhonemes, speakable_languages
from engine.speaking.kokoro_voices import Speaker, load_speakers
from engine.speaking.misaki import Code, clause_timing
from engine.speaking.piecewise import spoken_pieces
from engine.speaking.shaping import Leveller, Shaper
from engine.speaking.timeline import ClauseTiming

_FRAME_MS = 1000 / FRAMES_PER_S

_EARLY_MS = 55.0
"""How much earlier than the durations say the sounds are.

Measured on sibilants, which show in the spectrum: 45 to 60 ms for English and Mandarin voices.
"""

_BEFORE, _AFTER = 4, 4
"""Frames computed of the silence before the first phoneme and after the last one."""

_SOUNDING = 0.0
"""Energy above which there is sound. In pauses it is about -9, in speech 2 to 9."""

_VOICED_HZ = 40.0

_COST, _LEARNING_RATE = 0.6, 0.3
"""Seconds of computing per second of audio before anything has been measured, and how far each slice moves that."""


class Cost:
    """How long this machine computes for a second of audio, learned from every slice. Thread safe."""

    def __init__(self) -> None:
        self._lock = threading.Lock()
        self._measured: float | None = None

    @property
    def factor(self) -> float:
        """Seconds of computing for a second of audio."""
        return _COST if self._measured is None else self._measured

    def learn(self, seconds: float, audio_s: float) -> None:
        """Computing ``audio_s`` seconds of audio took ``seconds``."""
        with self._lock:
            latest = seconds / audio_s
            self._measured = self.factor + _LEARNING_RATE * (latest - self.factor) if self._measured else latest


class KokoroSynthesizer:
    """The voices of Kokoro.

    Args:
        model: the folder with its two networks.
        speakers: the voices, in order of preference.
        worker: where it computes; owned and closed by this object.
        threads: per network call.
        device: ``cpu`` or ``cuda``.

    Raises:
        ModelMissing: a file is missing or damaged.
    """

    def __init__(
        self, model: Path, speakers: Sequence[Speaker], worker: Worker, threads: int = 1, device: str = "cpu"
    ) -> None:
        self._worker = worker
        self._graph = KokoroGraph(model, threads, device)
        self._phonemes = KokoroPhonemes()
        self._speakers = {speaker.voice.id: speaker for speaker in speakers}
        self._levels = {voice: (Level(), Leveller()) for voice in self._speakers}
        self._cost = Cost()

    @property
    def voices(self) -> Sequence[Voice]:
        return [speaker.voice for speaker in self._speakers.values()]

    def speak(self, clause: Clause, voice: Voice) -> AsyncIterator[Speech]:
        """See ``Synthesizer.speak``."""
        speaker = self._speakers.get(voice.id)
        if speaker is None:
            raise SynthesisFailed(f"no Kokoro voice {voice.id} is loaded")
        spoken = _KokoroClause(self._graph, self._phonemes, speaker, clause, self._levels[voice.id], self._cost)
        return spoken_pieces(self._worker, spoken.next_piece, voice.id)

    def close(self) -> None:
        self._worker.close()


def open_kokoro(model: Path, voices: Path, worker: Worker, threads: int, device: str) -> KokoroSynthesizer:
    """Loads Kokoro; the arguments are those of ``KokoroSynthesizer``, ``voices`` is the folder of style vectors.

    ``device`` may be ``auto``: CUDA if onnxruntime was built with it.

    Raises:
        ModelMissing: a file or a package is missing or damaged.
    """
    languages = speakable_languages()
    if device == "auto":
        device = "cuda" if "CUDAExecutionProvider" in ort.get_available_providers() else "cpu"
    return KokoroSynthesizer(model, load_speakers(voices, languages), worker, threads, device)


class _Stretch:
    """At most 400 phonemes that the network gets at once, without the silence around them."""

    def __init__(self, graph: KokoroGraph, said: Prosody, level: Level, cost: float) -> None:
        ends = np.cumsum(said.durations)
        # The pause of a last full stop is left out: a slice of silence alone comes out as noise.
        sounding = np.flatnonzero(said.energy[0, 0] > _SOUNDING) // 2
        last = int(sounding[-1]) + 1 if len(sounding) else int(ends[-2])
        self.start = max(0, int(ends[0]) - _BEFORE)
        self.end = min(said.frames, max(last, self.start + 1) + _AFTER)
        self.edges = np.maximum(0.0, (ends[:-1] - self.start) * _FRAME_MS - _EARLY_MS)
        """When each phoneme begins, and when the last one ends, in ms from ``start``."""
        self.pitch = said.pitch[0, 0, 2 * self.start : 2 * self.end]
        self.plan = SlicePlan(said.energy[0, 0], self.start, self.end, cost)
        self.slices = SlicedAudio(graph, said, level)


class _KokoroClause:
    """One clause being spoken. ``next_piece`` runs in worker threads, one call at a time."""

    def __init__(
        self,
        graph: KokoroGraph,
        phonemes: KokoroPhonemes,
        speaker: Speaker,
        clause: Clause,
        levels: tuple[Level, Leveller],
        cost: Cost,
    ) -> None:
        self._graph = graph
        self._phonemes = phonemes
        self._speaker = speaker
        self._clause = clause
        self._level, self._leveller = levels
        self._cost = cost
        self._stretches: list[_Stretch] = []
        self._shaper: Shaper | None = None
        self._began: float | None = None
        """When the first slice was done (monotonic)."""
        self._done_s = 0.0

    def next_piece(self) -> Speech:
        """Computes until there is audio to play; the last piece has ``last`` set."""
        if self._shaper is None:
            self._shaper = self._begin()
        while self._stretches:
            stretch = self._stretches[0]
            pcm = self._compute(stretch)
            if stretch.plan.done:
                self._stretches.pop(0)
            if not self._stretches:
                return self._shaper.finish(pcm)
            speech = self._shaper.push(pcm)
            if speech is not None:
                return speech
        return self._shaper.finish()

    def _compute(self, stretch: _Stretch) -> FloatArray:
        began = time.monotonic()
        ahead_s = self._done_s - (began - self._began) if self._began is not None else 0.0
        pcm, computed_s = stretch.slices.audio(*stretch.plan.next(ahead_s))
        now = time.monotonic()
        self._cost.learn(now - began, computed_s)
        self._began = now if self._began is None else self._began
        self._done_s += len(pcm) / OUTPUT_RATE
        return pcm

    def _begin(self) -> Shaper:
        """Turns the text into phonemes and decides how they are said, unless there is nothing to say."""
        text = plain(self._clause.spoken)
        codes = self._phonemes.codes(text, self._clause.language, self._speaker)
        if not codes:
            return Shaper(self._clause, OUTPUT_RATE, self._leveller)
        parts = divided(codes)
        for part in parts:
            said = self._graph.prosody(self._phonemes.ids(part), self._speaker.style(len(part)))
            self._stretches.append(_Stretch(self._graph, said, self._level, self._cost.factor))
        return Shaper(self._clause, OUTPUT_RATE, self._leveller, self._timing(text, parts))

    def _timing(self, text: str, parts: Sequence[Sequence[Code]]) -> ClauseTiming:
        edges: list[float] = []
        pitch: list[FloatArray] = []
        at = 0.0
        for stretch in self._stretches:
            # Where one stretch ends and the next begins, the pause belongs to the last phoneme, a punctuation mark.
            edges[-1:] = (stretch.edges + at).tolist()
            pitch.append(stretch.pitch)
            at += (stretch.end - stretch.start) * _FRAME_MS
        codes = [code for part in parts for code in part]
        return clause_timing(self._clause, text, codes, np.array(edges), _pitch(np.concatenate(pitch)))


def _pitch(halves: FloatArray) -> FloatArray:
    """Pitch every ``PITCH_STEP_MS`` from that of every half frame; 0 where the voice does not sound."""
    half_ms = FRAME / 2 * 1000 / OUTPUT_RATE
    at = (np.arange(0, len(halves) * half_ms, PITCH_STEP_MS) / half_ms).astype(np.int64)
    values = halves[np.minimum(at, len(halves) - 1)]
    return np.where(values >= _VOICED_HZ, values, np.float32(0)).astype(np.float32)
