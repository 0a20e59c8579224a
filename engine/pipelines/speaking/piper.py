"""Piper voices: neural, on the CPU, with exact phoneme and word times, their sound made in pieces.

In: a ``Clause``. Out: ``Speech``, the first piece after about a third of a second of sound has
been computed. All computing runs in a ``Worker``, one job a piece, so a cancelled clause
stops within one piece and clauses of several sessions take turns. ``close`` ends the threads.
"""

from __future__ import annotations

import json
from collections.abc import AsyncIterator, Sequence
from dataclasses import dataclass
from pathlib import Path

import numpy as np
from piper import PiperVoice
from piper.config import PiperConfig
from piper.const import BOS, EOS, PAD

from engine.errors import ModelMissing, SynthesisFailed
from engine.pipelines.contracts import Voice
from engine.pipelines.items import Clause, Phoneme, Speech
from engine.pipelines.speaking.ipa import Sound, assemble
from engine.pipelines.speaking.letters import share_pads, spoken_words, without_joints
from engine.pipelines.speaking.pieces import PiecePlan
from engine.pipelines.speaking.piper_graph import IntArray, Latent, PiperGraph
from engine.pipelines.speaking.shaping import Leveller, Shaper
from engine.pipelines.speaking.timeline import Timeline, shown_words
from engine.pipelines.worker import Worker

PREFIX = "piper:"


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
        worker: where it computes; owned and closed by this object.
        threads: of one network call.

    Raises:
        ModelMissing: a file is not there or is no Piper voice.
    """

    def __init__(self, models: Sequence[Path], worker: Worker, threads: int = 1, device: str = "cpu") -> None:
        self._worker = worker
        self._loaded = {loaded.voice.id: loaded for loaded in (_load(path, threads, device) for path in models)}

    @property
    def voices(self) -> Sequence[Voice]:
        return [loaded.voice for loaded in self._loaded.values()]

    async def speak(self, clause: Clause, voice: Voice) -> AsyncIterator[Speech]:
        """See ``Synthesizer.speak``."""
        loaded = self._loaded.get(voice.id)
        if loaded is None:
            raise SynthesisFailed(f"no Piper voice {voice.id} is loaded")
        utterance = _Utterance(loaded, clause)
        last = False
        while not last:
            speech = await self._worker.run(utterance.next_piece)
            last = speech.last
            yield speech

    def close(self) -> None:
        self._worker.close()


def _load(path: Path, threads: int, device: str) -> _Loaded:
    side = path.with_name(f"{path.name}.json")
    try:
        raw = json.loads(side.read_text(encoding="utf-8"))
        config = PiperConfig.from_dict(raw)
    except (OSError, ValueError, KeyError) as error:
        raise ModelMissing(f"Piper voice {path.name}: its configuration {side} cannot be read ({error!r})") from error
    name = path.stem.removeprefix("piper-")
    graph = PiperGraph(path, config.hop_length, threads, device)
    language = str(raw.get("language", {}).get("family") or config.espeak_voice.split("-")[0])
    language = {"cmn": "zh", "nb": "no"}.get(language, language)
    voice = Voice(f"{PREFIX}{name}", language, name, timed=graph.tells_times)
    piper = PiperVoice(session=None, config=config, download_dir=path.parent)
    return _Loaded(voice, piper, graph, Leveller())


class _Utterance:
    """One clause being spoken. ``next_piece`` runs in worker threads, never twice at once."""

    def __init__(self, loaded: _Loaded, clause: Clause) -> None:
        self._voice = loaded
        self._clause = clause
        self._latent: Latent | None = None
        self._shaper: Shaper
        self._plan: PiecePlan

    def next_piece(self) -> Speech:
        """Compute until there is something to say; the last piece has ``last`` set.

        Raises:
            SynthesisFailed: the text has nothing this voice can speak, or the network broke.
        """
        try:
            if self._latent is None:
                self._latent = self._encode()
            while True:
                pcm = self._latent.sound(*self._plan.next())
                if self._plan.done:
                    return self._shaper.finish(pcm)
                speech = self._shaper.push(pcm)
                if speech is not None:
                    return speech
        except (RuntimeError, ValueError, KeyError) as error:
            raise SynthesisFailed(f"voice {self._voice.voice.id} could not speak a clause") from error

    def _encode(self) -> Latent:
        piper, config = self._voice.piper, self._voice.piper.config
        codes = [code for sentence in piper.phonemize(self._clause.spoken) for code in [*sentence, " "]][:-1]
        ids = piper.phonemes_to_ids(codes)
        scales = (config.noise_scale, config.length_scale, config.noise_w_scale)
        latent = self._voice.graph.encode(ids, scales, config.default_speaker_id)
        column_ms = config.hop_length * 1000 / config.sample_rate
        sounds = _sounds(codes, ids, config, latent.widths)
        total_ms = latent.columns * column_ms
        timeline = Timeline(shown_words(self._clause.text, (), total_ms))
        if sounds:
            spoken = spoken_words(self._clause.spoken, sounds, column_ms, self._phonemes_of)
            phonemes = tuple(
                Phoneme(s.symbol, s.start * column_ms, s.end * column_ms, s.stress) for s in without_joints(sounds)
            )
            timeline = Timeline(shown_words(self._clause.text, spoken, total_ms), phonemes)
        self._plan = PiecePlan([sound.end for sound in sounds], latent.columns, config.sample_rate / config.hop_length)
        self._shaper = Shaper(self._clause, config.sample_rate, self._voice.leveller, timeline)
        return latent

    def _phonemes_of(self, word: str) -> list[str]:
        return [code for sentence in self._voice.piper.phonemize(word) for code in sentence]


def _sounds(codes: list[str], ids: list[int], config: PiperConfig, widths: IntArray | None) -> list[Sound]:
    """Phonemes with their columns; empty when the voice tells no widths or spells ids in its own way."""
    table = config.phoneme_id_map
    kept = [BOS, *(code for code in codes if code in table), EOS]
    pad = len(table[PAD])
    sizes = [width for code in kept for width in (len(table[code]), pad)][:-1]
    if widths is None or len(widths) != len(ids) or sum(sizes) != len(ids):
        return []
    lengths = np.add.reduceat(widths, np.cumsum([0, *sizes])[:-1])
    return assemble(kept, share_pads(lengths[0::2], lengths[1::2]))
