"""hibari: English, neural, a hundred times faster than real time on one core, with phoneme times and pitch.

One network of 8 MB, distilled from Kokoro-82M (https://github.com/MMWilliams/hibari, Apache-2.0). In: a ``Clause``.
Out: ``Speech`` pieces. The network runs once per clause (about 5 ms for each second of speech), then the vocoder
computes the audio in pieces. All computing runs in a ``Worker``, one job per piece, so a cancelled clause stops within
one. ``close`` ends the threads.
"""

from __future__ import annotations

import threading
from collections.abc import AsyncIterator, Sequence
from pathlib import Path

import numpy as np
import onnxruntime as ort

from engine.concurrency.worker import Worker
from engine.contracts import Voice
from engine.errors import ModelMissing
from engine.items import OUTPUT_RATE, PITCH_STEP_MS, Clause, FloatArray, Speech
from engine.models.onnx import open_session
from engine.models.prepare import HIBARI_DURATIONS
from engine.speaking.hibari_speakers import HibariSpeaker, named_voices, speaker_of, variant
from engine.speaking.hibari_text import EnglishPhonemes, divided, english_phonemes, plain
from engine.speaking.hibari_vocoder import HOP, SPECTRA, VOICED_HZ, Vocoder
from engine.speaking.misaki import END, Code, clause_timing
from engine.speaking.pieces import FIRST_S
from engine.speaking.piecewise import spoken_pieces
from engine.speaking.shaping import Leveller, Shaper

_UNIT_FRAMES = 2
"""Frames in one unit of the network's durations."""

_LEAD_FRAMES = 4.4
"""How many frames the audio is ahead of the durations.

Measured on eleven sentences, as the shift at which a phoneme's label fits the band of the spectrum it shows in: 4.3 to
4.5 for sibilants, vowels, plosives and nasals alike, and as many frames with a longer vocal tract.
"""

_OUTPUTS = [*SPECTRA, "f0", HIBARI_DURATIONS]

_MAX_LEVELLERS = 32
"""How many speakers' levels are remembered."""


class HibariSynthesizer:
    """hibari's network, as all the speakers it can be.

    Args:
        model: the ``.onnx`` file, prepared so that it gives durations.
        worker: where it computes; closed with this object. Synthesizers may share one.
        threads: per network call.

    Raises:
        ModelMissing: a file is missing or damaged.
    """

    def __init__(self, model: Path, worker: Worker, threads: int = 1) -> None:
        self._worker = worker
        self._phonemes = english_phonemes()
        self._network = open_session(model, threads)
        if HIBARI_DURATIONS not in [output.name for output in self._network.get_outputs()]:
            raise ModelMissing(f"{model.name} gives no durations; run: python -m engine models prepare")
        self._voices = named_voices()
        self._levellers: dict[HibariSpeaker, Leveller] = {}
        self._lock = threading.Lock()

    @property
    def voices(self) -> Sequence[Voice]:
        return self._voices

    def variant(self, voice_id: str) -> Voice:
        """The voice of an id with parameters, see ``hibari_speakers``.

        Raises:
            InvalidField: the name or a parameter is unknown or out of its range.
        """
        return variant(voice_id)

    def speak(self, clause: Clause, voice: Voice) -> AsyncIterator[Speech]:
        """See ``Synthesizer.speak``."""
        speaker = speaker_of(voice.id)
        spoken = _HibariClause(self._phonemes, self._network, clause, speaker, self._leveller(speaker))
        return spoken_pieces(self._worker, spoken.next_piece, voice.id)

    def _leveller(self, speaker: HibariSpeaker) -> Leveller:
        with self._lock:
            while speaker not in self._levellers and len(self._levellers) >= _MAX_LEVELLERS:
                self._levellers.pop(next(iter(self._levellers)))
            return self._levellers.setdefault(speaker, Leveller())

    def close(self) -> None:
        self._worker.close()


class _HibariClause:
    """One clause being spoken. ``next_piece`` runs in worker threads, one call at a time."""

    def __init__(
        self,
        phonemes: EnglishPhonemes,
        network: ort.InferenceSession,
        clause: Clause,
        speaker: HibariSpeaker,
        leveller: Leveller,
    ) -> None:
        self._phonemes = phonemes
        self._network = network
        self._clause = clause
        self._speaker = speaker
        self._leveller = leveller
        self._shaper: Shaper | None = None
        self._vocoders: list[Vocoder] = []
        """One for each run of the network; very long clauses take several."""
        self._pitch: list[FloatArray] = []
        self._first_frames = 0
        """Frames of the first piece: the silence before the first sound, which is cut, and what is played of it."""

    def next_piece(self) -> Speech:
        """Computes audio to play: about a third of a second first, then the rest. The last piece has ``last`` set."""
        if self._shaper is None:
            self._shaper = self._begin()
            if self._vocoders:
                speech = self._shaper.push(self._vocoders[0].audio(self._first_frames))
                if speech is not None:
                    return speech
        rest = [vocoder.audio(vocoder.frames) for vocoder in self._vocoders]
        return self._shaper.finish(np.concatenate(rest) if rest else None)

    def _begin(self) -> Shaper:
        """Turns the text into phonemes and runs the network, unless there is nothing to say."""
        text = plain(self._clause.spoken)
        codes = self._phonemes.codes(text)
        edges: list[FloatArray] = []
        ended_ms = 0.0
        frame_ms = self._speaker.hop * 1000 / OUTPUT_RATE
        for part in divided(codes):
            units = self._speak(self._phonemes.ids(part))
            ends = ended_ms + np.cumsum(units) * np.float32(_UNIT_FRAMES * frame_ms)
            # A code begins where the one before it ends; the first has a pad before it.
            edges.append(ends[: len(part)])
            ended_ms = float(ends[-1])
            rest = ends[len(part) :]
        if not codes:
            return Shaper(self._clause, OUTPUT_RATE, self._leveller)
        times = np.maximum(np.concatenate([*edges, rest]) - np.float32(_LEAD_FRAMES * frame_ms), 0)
        self._first_frames = round((float(times[0]) + FIRST_S * 1000) / frame_ms)
        pitch = _pitch(np.concatenate(self._pitch), frame_ms)
        timing = clause_timing(self._clause, text, [*codes, Code(END, len(text), len(text))], times, pitch)
        return Shaper(self._clause, OUTPUT_RATE, self._leveller, timing)

    def _speak(self, ids: list[int]) -> FloatArray:
        """Runs the network. Returns how long each id lasts, (n,) in units of two frames."""
        hop = self._speaker.hop
        # Longer frames are fewer frames: the pace does not depend on the vocal tract.
        feed = {"ids": np.array([ids], np.int64), "speed": np.array([hop / HOP], np.float32)}
        outputs = dict(zip(_OUTPUTS, self._network.run(_OUTPUTS, feed), strict=True))
        f0, pitch = outputs["f0"][0], self._speaker.pitch
        self._pitch.append(np.where(f0 > VOICED_HZ, f0 * np.float32(pitch), np.float32(0)))
        spectra = {name: outputs[name][0] for name in SPECTRA}
        self._vocoders.append(Vocoder(spectra, f0, pitch, hop, seed=sum(ids)))
        units: FloatArray = outputs[HIBARI_DURATIONS].reshape(-1)
        return units


def _pitch(f0: FloatArray, frame_ms: float) -> FloatArray:
    """The pitch of each frame at the step that ``Speech`` has."""
    count = int(len(f0) * frame_ms / PITCH_STEP_MS)
    frames = ((np.arange(count) + 0.5) * PITCH_STEP_MS / frame_ms).astype(int)
    pitch: FloatArray = f0[np.minimum(frames, len(f0) - 1)]
    return pitch
