"""Piper voices: neural, on the CPU, with exact phoneme and word times; their audio is computed in pieces.

Needs the extra ``piper``.

In: a ``Clause``. Out: ``Speech`` pieces, the first as soon as about a third of a second of audio has been computed. All
computing runs in a ``Worker``, one job per piece, so a cancelled clause stops within one piece and the clauses of
several sessions take turns. ``close`` ends the threads.
"""

from __future__ import annotations

from collections.abc import AsyncIterator, Sequence
from dataclasses import dataclass
from pathlib import Path

import numpy as np
from piper import PiperVoice
from piper.config import PiperConfig
from piper.const import BOS, EOS, PAD

from engine.concurrency.worker import Worker
from engine.contracts import Presents, Voice
from engine.errors import SynthesisFailed
from engine.items import Clause, Speech
from engine.models.known import CATALOG
from engine.models.onnx import MODEL_ERRORS
from engine.speaking.ipa import Segment, assemble, is_letter
from engine.speaking.letters import clause_timeline, share_pads
from engine.speaking.pieces import PiecePlan
from engine.speaking.piper_description import read_description
from engine.speaking.piper_graph import IntArray, Latent, PiperGraph
from engine.speaking.piper_models import PREFIX
from engine.speaking.shaping import Leveller, Shaper
from engine.speaking.timeline import ClauseTiming

_PRESENTS: dict[str, Presents] = {"en_US-joe-medium": "man"}
"""Whom catalogued voices sound like; Piper's configuration files do not tell."""


@dataclass(frozen=True, slots=True)
class _Loaded:
    voice: Voice
    piper: PiperVoice
    graph: PiperGraph
    leveller: Leveller


class PiperSynthesizer:
    """All Piper voices of this machine.

    Args:
        models: the voices' ``.onnx`` files, each with its ``.onnx.json`` beside it.
        worker: where it computes; closed with this object. Synthesizers may share one.
        threads: per network call.

    Raises:
        ModelMissing: a voice's configuration is missing or damaged.
    """

    def __init__(self, models: Sequence[Path], worker: Worker, threads: int = 1) -> None:
        self._worker = worker
        self._loaded = {loaded.voice.id: loaded for loaded in (_load(path, threads) for path in models)}

    @property
    def voices(self) -> Sequence[Voice]:
        return [loaded.voice for loaded in self._loaded.values()]

    async def speak(self, clause: Clause, voice: Voice) -> AsyncIterator[Speech]:
        """See ``Synthesizer.speak``."""
        loaded = self._loaded.get(voice.id)
        if loaded is None:
            raise SynthesisFailed(f"no Piper voice {voice.id} is loaded")
        spoken = _PiperClause(loaded, clause)
        last = False
        while not last:
            speech = await self._worker.run(spoken.next_piece)
            last = speech.last
            yield speech

    def close(self) -> None:
        self._worker.close()


def _load(path: Path, threads: int) -> _Loaded:
    config, language = read_description(path)
    name = path.stem.removeprefix("piper-")
    graph = PiperGraph(path, config.hop_length, threads)
    known = CATALOG.get(f"piper-{name}")
    voice = Voice(
        f"{PREFIX}{name}", language, name, timed=graph.has_widths,
        presents=_PRESENTS.get(name, ""), licence=known.licence if known else "",
    )  # fmt: skip
    piper = PiperVoice(session=None, config=config, download_dir=path.parent)
    return _Loaded(voice, piper, graph, Leveller())


class _PiperClause:
    """One clause being spoken. ``next_piece`` runs in worker threads, one call at a time."""

    def __init__(self, loaded: _Loaded, clause: Clause) -> None:
        self._voice = loaded
        self._clause = clause
        self._latent: Latent | None = None
        self._shaper: Shaper | None = None
        self._plan: PiecePlan

    def next_piece(self) -> Speech:
        """Computes until there is audio to play; the last piece has ``last`` set.

        Raises:
            SynthesisFailed: the text could not be pronounced, or the network failed.
        """
        try:
            if self._shaper is None:
                self._shaper = self._begin()
            while self._latent is not None:
                pcm = self._latent.audio(*self._plan.next())
                if self._plan.done:
                    return self._shaper.finish(pcm)
                speech = self._shaper.push(pcm)
                if speech is not None:
                    return speech
            return self._shaper.finish()
        except MODEL_ERRORS as error:
            raise SynthesisFailed(f"voice {self._voice.voice.id} could not speak a clause") from error

    def _begin(self) -> Shaper:
        """Converts the text to phonemes and runs the encoder, unless there is nothing to say."""
        piper, config = self._voice.piper, self._voice.piper.config
        text = self._clause.spoken.replace("\0", " ")
        codes = [code for sentence in piper.phonemize(text) for code in [*sentence, " "]][:-1]
        timeline = ClauseTiming()
        if any(is_letter(code) for code in codes):
            ids = piper.phonemes_to_ids(codes)
            scales = (config.noise_scale, config.length_scale, config.noise_w_scale)
            self._latent = self._voice.graph.encode(ids, scales, config.default_speaker_id)
            column_ms = config.hop_length * 1000 / config.sample_rate
            segments = _segments(codes, ids, config, self._latent.widths)
            timeline = clause_timeline(self._clause, segments, column_ms, self._latent.columns, self._phonemes_of)
            second = config.sample_rate / config.hop_length
            self._plan = PiecePlan([segment.end for segment in segments], self._latent.columns, second)
        return Shaper(self._clause, config.sample_rate, self._voice.leveller, timeline)

    def _phonemes_of(self, word: str) -> list[str]:
        return [code for sentence in self._voice.piper.phonemize(word) for code in sentence]


def _segments(codes: list[str], ids: list[int], config: PiperConfig, widths: IntArray | None) -> list[Segment]:
    """Phonemes with times in columns; empty if the voice gives no widths or maps code points to ids in another way."""
    table = config.phoneme_id_map
    kept = [BOS, *(code for code in codes if code in table), EOS]
    pad = len(table[PAD])
    sizes = [width for code in kept for width in (len(table[code]), pad)][:-1]
    if widths is None or len(widths) != len(ids) or sum(sizes) != len(ids):
        return []
    lengths = np.add.reduceat(widths, np.cumsum([0, *sizes])[:-1])
    return assemble(kept, share_pads(lengths[0::2], lengths[1::2]))
