"""Coqui TTS voices: VITS and XTTS models, on CUDA or a CPU. Needs the extra ``coqui``.

In: a ``Clause``. Out: ``Speech`` pieces, the first long before the clause is finished. All computing runs in a
``Worker`` of one thread, one job per piece, so a cancelled clause stops within one piece. ``close`` ends the thread.
"""

from __future__ import annotations

from collections.abc import AsyncIterator, Iterator, Sequence
from pathlib import Path

import torch

from engine.concurrency.worker import Worker
from engine.contracts import Voice
from engine.errors import ModelMissing, SynthesisFailed
from engine.items import Clause, FloatArray, Speech
from engine.speaking.pace import Pace
from engine.speaking.shaping import Leveller, Shaper

try:
    from engine.speaking.coqui_models import CoquiModel, load_model
except ImportError as _missing:
    raise ModelMissing(
        f"there are Coqui models, but Coqui TTS cannot be imported ({_missing}). Install it with "
        "pip install -r requirements/coqui.txt, or move the folder coqui out of the models folder"
    ) from _missing

PREFIX = "coqui:"


class CoquiSynthesizer:
    """The voices of several Coqui models.

    Args:
        folders: one per model, see ``load_model``.
        device: ``cpu``, ``cuda`` or ``auto`` (CUDA if there is any).

    Raises:
        ModelMissing: a model cannot be loaded.
    """

    def __init__(self, folders: Sequence[Path], device: str = "auto") -> None:
        if device == "auto":
            device = "cuda" if torch.cuda.is_available() else "cpu"
        self._speakers: dict[str, tuple[CoquiModel, str]] = {}
        self._voices: list[Voice] = []
        for folder in folders:
            model = load_model(folder, device)
            for speaker in model.speakers:
                name = f"{folder.name}/{speaker}" if speaker else folder.name
                first = "en" if "en" in model.languages else model.languages[0]
                others = tuple(language for language in model.languages if language != first)
                self._voices.append(Voice(f"{PREFIX}{name}", first, name, model.timed, others))
                self._speakers[f"{PREFIX}{name}"] = (model, speaker)
        self._levellers = {voice: Leveller() for voice in self._speakers}
        self._paces = {voice: Pace() for voice in self._speakers}
        self._worker = Worker("coqui", 1)

    @property
    def voices(self) -> Sequence[Voice]:
        return self._voices

    async def speak(self, clause: Clause, voice: Voice) -> AsyncIterator[Speech]:
        """See ``Synthesizer.speak``."""
        if voice.id not in self._speakers:
            raise SynthesisFailed(f"no Coqui voice {voice.id} is loaded")
        model, speaker = self._speakers[voice.id]
        spoken = _CoquiClause(model, speaker, clause, self._levellers[voice.id], self._paces[voice.id])
        last = False
        while not last:
            speech = await self._worker.run(spoken.step)
            if speech is not None:
                last = speech.last
                yield speech

    def close(self) -> None:
        self._worker.close()


class _CoquiClause:
    """One clause being spoken. ``step`` runs in the worker; dropping this object stops the synthesis."""

    def __init__(self, model: CoquiModel, speaker: str, clause: Clause, leveller: Leveller, pace: Pace) -> None:
        self._model = model
        self._speaker = speaker
        self._clause = clause
        self._leveller = leveller
        self._pace = pace
        self._pieces: Iterator[FloatArray] | None = None
        self._shaper: Shaper
        self._samples = 0

    def step(self) -> Speech | None:
        """Computes one piece. None if there is nothing to play yet; the last piece has ``last`` set.

        Raises:
            SynthesisFailed: the model failed on this text.
        """
        try:
            if self._pieces is None:
                timeline, self._pieces = self._model.say(self._clause, self._speaker)
                timeline = timeline or self._pace.timeline(self._clause.text)
                self._shaper = Shaper(self._clause, self._model.rate, self._leveller, timeline)
            pcm = next(self._pieces, None)
        except (RuntimeError, ValueError, KeyError, IndexError, AssertionError) as error:
            raise SynthesisFailed(f"Coqui voice {self._speaker} could not speak a clause") from error
        if pcm is None:
            self._pace.learn(self._clause.text, self._samples / self._model.rate)
            return self._shaper.finish()
        self._samples += len(pcm)
        return self._shaper.push(pcm)
