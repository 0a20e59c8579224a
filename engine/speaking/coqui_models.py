"""Coqui TTS models behind one small interface: VITS-family models and XTTS with its streaming inference.

In: a clause's text. Out: raw sound in pieces. Blocking and not thread safe: one worker thread
calls it. Imported only where the extra ``coqui`` is installed. Checkpoints are read with
``weights_only``: a model file cannot run code.
"""

from __future__ import annotations

import math
from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import Any, Protocol

import torch
from torch import nn
from TTS.config import load_config
from TTS.tts.models.vits import Vits
from TTS.tts.models.xtts import Xtts

from engine.audio.decoding import decode
from engine.errors import ModelMissing
from engine.items import INPUT_RATE, Clause, FloatArray
from engine.speaking.ipa import assemble
from engine.speaking.letters import clause_timeline, letter_durations
from engine.speaking.pieces import PiecePlan
from engine.speaking.timeline import ClauseTiming

_MARGIN = 16
"""Columns the vocoder of a VITS model sees to either side (13 with Coqui's usual layers)."""

_XTTS_TOKENS = 10
"""Audio tokens (43 ms each) in a piece of XTTS."""

_LONGEST_REFERENCE_S = 30.0


class CoquiModel(Protocol):
    """A loaded model."""

    rate: int
    """Hz of what it makes."""
    timed: bool
    """It tells phoneme times."""
    speakers: Sequence[str]
    """Names; one empty name when it has a single voice."""
    languages: Sequence[str]
    """ISO 639-1."""

    def say(self, clause: Clause, speaker: str) -> tuple[ClauseTiming | None, Iterator[FloatArray]]:
        """The times of the clause, when it knows them, and its sound in pieces as they are computed."""


def load_model(folder: Path, device: str) -> CoquiModel:
    """The model in a folder with ``config.json`` and its checkpoint.

    Raises:
        ModelMissing: a file is missing, damaged or of a model family that is not supported.
    """
    try:
        config = load_config(folder / "config.json")
        if config.model == "xtts":
            return XttsVoice(config, folder, device)
        if config.model == "vits":
            return VitsVoice(config, folder, device)
    except (OSError, RuntimeError, ValueError, KeyError, TypeError, ImportError) as error:
        raise ModelMissing(f"Coqui model {folder.name} in {folder} cannot be loaded: {error}") from error
    raise ModelMissing(f"Coqui model {folder.name}: models of kind {config.model!r} are not supported (vits, xtts are)")


class VitsVoice:
    """A VITS model, its sound decoded in pieces; phoneme times where it was trained on phonemes."""

    def __init__(self, config: Any, folder: Path, device: str) -> None:
        self._model = Vits.init_from_config(config)
        self._model.load_checkpoint(config, _checkpoint(folder), eval=True)
        self._model.to(device)
        # Inference ends with the latent; the sound is then made from it in pieces.
        self._vocoder = self._model.waveform_decoder
        self._stop = _Stop()
        self._model.waveform_decoder = self._stop
        self._hop = math.prod(config.model_args.upsample_rates_decoder)
        self.rate = int(config.audio.sample_rate)
        self.timed = bool(config.use_phonemes)
        manager = self._model.speaker_manager
        self.speakers: Sequence[str] = sorted(manager.name_to_id) if manager and len(manager.name_to_id) > 1 else [""]
        names = self._model.language_manager.language_names if self._model.language_manager else []
        self._language_names = {iso(name): name for name in names}
        self.languages: Sequence[str] = list(self._language_names) or [iso(_single_language(config, folder))]

    def say(self, clause: Clause, speaker: str) -> tuple[ClauseTiming | None, Iterator[FloatArray]]:
        """See ``CoquiModel.say``."""
        with torch.inference_mode():
            language = self._language_names.get(clause.language)
            ids = self._model.tokenizer.text_to_ids(clause.spoken, language=language)
            if not ids:
                return None, iter(())
            outputs = self._infer(ids, speaker, language)
        latent = outputs["model_outputs"]
        widths = outputs["durations"].reshape(-1).cpu().numpy()
        column_ms = self._hop * 1000 / self.rate
        stretch = latent.shape[2] / max(1.0, float(widths.sum()))
        codes, durations = letter_durations(self._characters(ids), widths * stretch)
        sounds = assemble(codes, durations)
        timeline = clause_timeline(clause, sounds, column_ms, latent.shape[2], self._letters_of)
        if not self.timed:
            timeline = ClauseTiming(timeline.words)
        plan = PiecePlan([sound.end for sound in sounds], latent.shape[2], self.rate / self._hop)
        return timeline, self._pieces(latent, plan)

    def _infer(self, ids: Sequence[int], speaker: str, language: str | None) -> dict[str, torch.Tensor]:
        device = self._model.device
        x = torch.as_tensor([ids], dtype=torch.long, device=device)
        speaker_id, vector = self._model._get_speaker_id_or_dvector(speaker or None)
        language_id = self._model._get_language_id(language)
        outputs: dict[str, torch.Tensor] = self._model.inference(
            x,
            aux_input={
                "x_lengths": torch.tensor([x.shape[1]], device=device),
                "speaker_ids": speaker_id,
                "d_vectors": vector,
                "language_ids": None if language_id is None else torch.tensor([language_id], device=device),
                "durations": None,
            },
        )
        return outputs

    def _pieces(self, latent: torch.Tensor, plan: PiecePlan) -> Iterator[FloatArray]:
        condition = self._stop.condition
        while not plan.done:
            start, end = plan.next()
            left, right = max(0, start - _MARGIN), min(latent.shape[2], end + _MARGIN)
            with torch.inference_mode():
                sound = self._vocoder(latent[:, :, left:right], g=condition)
            pcm: FloatArray = sound.reshape(-1).float().cpu().numpy()
            yield pcm[(start - left) * self._hop : (end - left) * self._hop]

    def _characters(self, ids: Sequence[int]) -> list[str | None]:
        """What each id stands for; None is the blank between two letters."""
        characters = self._model.tokenizer.characters
        return [None if i == characters.blank_id else characters.id_to_char(i) for i in ids]

    def _letters_of(self, word: str) -> list[str]:
        ids = self._model.tokenizer.text_to_ids(word, language=next(iter(self._language_names.values()), None))
        return [letter for letter in self._characters(ids) if letter is not None]


class _Stop(nn.Module):
    """Stands where the vocoder was: gives back the latent and keeps what conditions it."""

    condition: torch.Tensor | None = None

    def forward(self, latent: torch.Tensor, g: torch.Tensor | None = None) -> torch.Tensor:
        self.condition = g
        return latent


class XttsVoice:
    """XTTS: speaks many languages with the voice of a reference; its sound comes while tokens are made.

    Speakers are those of ``speakers_xtts.pth`` and the recordings in the folder ``speakers``.
    """

    timed = False

    def __init__(self, config: Any, folder: Path, device: str) -> None:
        self._model = Xtts.init_from_config(config)
        self._model.load_checkpoint(config, checkpoint_dir=str(folder), eval=True)
        self._model.to(device)
        self._config = config
        self.rate = int(config.model_args.output_sample_rate)
        self._latents: dict[str, tuple[torch.Tensor, torch.Tensor]] = {}
        if self._model.speaker_manager is not None:
            for name, entry in self._model.speaker_manager.name_to_id.items():
                self._latents[name] = (entry["gpt_cond_latent"], entry["speaker_embedding"])
        for recording in sorted((folder / "speakers").glob("*.wav")):
            self._latents[recording.stem] = self._listen(recording)
        if not self._latents:
            raise ValueError(f"no speaker: neither speakers_xtts.pth nor a recording in {folder / 'speakers'}")
        self.speakers: Sequence[str] = list(self._latents)
        self._codes = {iso(code): code for code in config.languages}
        self.languages: Sequence[str] = list(self._codes)

    def say(self, clause: Clause, speaker: str) -> tuple[ClauseTiming | None, Iterator[FloatArray]]:
        """See ``CoquiModel.say``."""
        return None, self._stream(clause, speaker)

    def _stream(self, clause: Clause, speaker: str) -> Iterator[FloatArray]:
        latent, embedding = self._latents[speaker]
        config = self._config
        for piece in self._model.inference_stream(
            clause.spoken, self._codes.get(clause.language, "en"), latent, embedding,
            stream_chunk_size=_XTTS_TOKENS, temperature=config.temperature, top_k=config.top_k, top_p=config.top_p,
            length_penalty=config.length_penalty, repetition_penalty=float(config.repetition_penalty),
        ):  # fmt: skip
            yield piece.reshape(-1).float().cpu().numpy()

    def _listen(self, recording: Path) -> tuple[torch.Tensor, torch.Tensor]:
        sound = decode(recording.read_bytes(), max_seconds=_LONGEST_REFERENCE_S)
        audio = torch.from_numpy(sound)[None]
        config = self._config
        latent = self._model.get_gpt_cond_latents(
            audio, INPUT_RATE, length=config.gpt_cond_len, chunk_length=config.gpt_cond_chunk_len
        )
        return latent, self._model.get_speaker_embedding(audio, INPUT_RATE)


def iso(language: str) -> str:
    """``zh-cn`` is ``zh``, ``en-us`` is ``en``."""
    return language.lower().replace("_", "-").partition("-")[0]


def _single_language(config: Any, folder: Path) -> str:
    """As the configuration says, else as Coqui names its folders (``tts_models--de--thorsten--vits``)."""
    named = getattr(config, "phoneme_language", None)
    parts = folder.name.split("--")
    return str(named or (parts[1] if len(parts) == 4 else "en"))


def _checkpoint(folder: Path) -> str:
    found = [path for name in ("model_file.pth", "model.pth", "best_model.pth") if (path := folder / name).is_file()]
    if not found:
        raise FileNotFoundError(f"neither model_file.pth, model.pth nor best_model.pth in {folder}")
    return str(found[0])
