"""Piper voices: neural, on the CPU, with exact phoneme and word times, their sound made in pieces.

In: a ``Clause``. Out: ``Speech``, the first piece after about a third of a second of sound has
been computed. All computing runs in a ``Worker``, one job a piece, so a cancelled clause
stops within one piece and clauses of several sessions take turns. ``close`` ends the threads.
"""

from __future__ import annotations

import json
from collections.abc import AsyncIterator, Callable, Sequence
from dataclasses import dataclass
from difflib import SequenceMatcher
from pathlib import Path

import numpy as np
from piper import PiperVoice
from piper.config import PiperConfig
from piper.const import BOS, EOS, PAD

from engine.errors import ModelMissing, SynthesisFailed
from engine.pipelines.contracts import Voice
from engine.pipelines.items import Clause, Phoneme, Speech, Word
from engine.pipelines.speaking.ipa import Sound, assemble
from engine.pipelines.speaking.piper_graph import IntArray, Latent, PiperGraph
from engine.pipelines.speaking.shaping import Leveller, Shaper
from engine.pipelines.speaking.timeline import Span, Timeline, shown_words, spread, tokens
from engine.pipelines.worker import Worker

PREFIX = "piper:"

_FIRST_S, _GROWTH, _LONGEST_S = 0.3, 2.0, 2.4
"""Sound in the first piece, how pieces grow, and the longest one, seconds."""


_PAD_BEFORE = 0.25
"""Share of the pad between two phonemes that sounds like the one before it.

Measured on sibilants, whose edges are seen in the spectrum: with this share labels and sound
agree on average; were all of it given to the one before, labels would come 18 ms late.
"""


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
        self._cuts: IntArray
        self._at = 0
        self._goal_s = _FIRST_S

    def next_piece(self) -> Speech:
        """Compute until there is something to say; the last piece has ``last`` set.

        Raises:
            SynthesisFailed: the text has nothing this voice can speak, or the network broke.
        """
        try:
            if self._latent is None:
                self._latent = self._encode()
            while True:
                start, self._at = self._at, self._next_cut(self._latent.columns)
                pcm = self._latent.sound(start, self._at)
                if self._at >= self._latent.columns:
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
        self._cuts = np.array([latent.columns])
        if sounds:
            spoken = _spoken_words(self._clause.spoken, sounds, column_ms, self._phonemes_of)
            phonemes = tuple(
                Phoneme(s.symbol, s.start * column_ms, s.end * column_ms, s.stress) for s in _without_joints(sounds)
            )
            timeline = Timeline(shown_words(self._clause.text, spoken, total_ms), phonemes)
            self._cuts = np.array([round(sound.end) for sound in sounds])
        self._shaper = Shaper(self._clause, config.sample_rate, self._voice.leveller, timeline)
        return latent

    def _next_cut(self, columns: int) -> int:
        """The end of a phoneme near the length wanted for this piece; the end rather than a scrap."""
        config = self._voice.piper.config
        second = config.sample_rate / config.hop_length
        goal = self._at + self._goal_s * second
        self._goal_s = min(self._goal_s * _GROWTH, _LONGEST_S)
        cut = int(self._cuts[np.argmin(np.abs(self._cuts - goal))])
        if cut <= self._at or columns - cut < _FIRST_S * second:
            return columns
        return cut

    def _phonemes_of(self, word: str) -> list[str]:
        return [code for sentence in self._voice.piper.phonemize(word) for code in sentence]


def _sounds(codes: list[str], ids: list[int], config: PiperConfig, widths: IntArray | None) -> list[Sound]:
    """Phonemes with their columns; empty when the voice tells no widths or spells ids in its own way."""
    table = config.phoneme_id_map
    kept = [BOS, *(code for code in codes if code in table), EOS]
    pad = len(table[PAD])
    sizes = [len(table[code]) for code in kept]
    if widths is None or len(widths) != len(ids) or sum(sizes) + pad * (len(kept) - 1) != len(ids):
        return []
    # Code points and the pads between them, in turn.
    starts = np.cumsum([0, *(width for size in sizes for width in (size, pad))])[:-2]
    lengths = np.add.reduceat(widths, starts).astype(float)
    own, pads = lengths[0::2], lengths[1::2]
    durations = own + np.append(pads * _PAD_BEFORE, 0) + np.insert(pads * (1 - _PAD_BEFORE), 0, 0)
    return assemble(kept, durations.tolist())


def _without_joints(sounds: Sequence[Sound]) -> list[Sound]:
    """Speech runs on between words: a joint's time goes half to either neighbour."""
    kept: list[Sound] = []
    for i, sound in enumerate(sounds):
        if sound.symbol != " ":
            kept.append(Sound(sound.symbol, sound.start, sound.end, sound.stress))
            continue
        middle = (sound.start + sound.end) / 2
        if kept:
            kept[-1].end = middle
        if i + 1 < len(sounds):
            sounds[i + 1].start = middle
    return kept


def _spoken_words(
    text: str, sounds: Sequence[Sound], column_ms: float, phonemes_of: Callable[[str], list[str]]
) -> tuple[Word, ...]:
    """Times of the words of ``text``.

    Usually every word is one group of phonemes between joints. espeak-ng joins some ("of the")
    and says others as several ("25"), so when the counts differ each word is pronounced alone
    and found again in what was said.
    """
    groups: list[list[Sound]] = [[]]
    for sound in sounds:
        if sound.symbol.strip():
            groups[-1].append(sound)
        elif groups[-1]:
            groups.append([])
    groups = [group for group in groups if group]
    words = [token.text for token in tokens(text)]
    end_ms = max((group[-1].end for group in groups), default=0.0) * column_ms
    if len(groups) == len(words) and not any(char.isdigit() for char in text):
        spans: list[Span | None] = [(group[0].start * column_ms, group[-1].end * column_ms) for group in groups]
        return spread(words, spans, 0.0, end_ms)
    said = [sound for group in groups for sound in group]
    owners: list[int] = []
    expected: list[str] = []
    for i, word in enumerate(words):
        codes = phonemes_of(word)
        alone = [sound.symbol for sound in assemble(codes, [0.0] * len(codes)) if sound.symbol.strip()]
        expected += alone
        owners += [i] * len(alone)
    known: list[Span | None] = [None] * len(words)
    matcher = SequenceMatcher(None, expected, [sound.symbol for sound in said], autojunk=False)
    for at, said_at, size in matcher.get_matching_blocks():
        for owner, sound in zip(owners[at : at + size], said[said_at : said_at + size], strict=True):
            begin = known[owner]
            known[owner] = (begin[0] if begin else sound.start * column_ms, sound.end * column_ms)
    return spread(words, known, said[0].start * column_ms if said else 0.0, end_ms)
