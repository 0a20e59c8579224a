"""Coqui TTS models behind one small interface: VITS models, and XTTS with its streaming inference.

In: a clause's text. Out: raw audio in pieces. Blocking and not thread safe: one worker thread calls it. Imported only
where the extra ``coqui`` is installed. Checkpoints are read with ``weights_only``, so a model file cannot run code.
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
from engine.speaking.languages import iso
from engine.speaking.letters import clause_timeline, letter_durations
from engine.speaking.pieces import PiecePlan
from engine.speaking.timeline import ClauseTiming

_MARGIN = 16
"""Latent columns of context that a VITS vocoder gets on either side; with Coqui's usual layers it sees 13."""

_XTTS_TOKENS = 10
"""Audio tokens (43 ms each) per piece of XTTS."""

_MAX_REFERENCE_S = 30.0


class CoquiModel(Protocol):
    """A loaded Coqui model."""

    rate: int
    """Sample rate of its audio, Hz."""
    timed: bool
    """Whether it gives phoneme times."""
    speakers: Sequence[str]
    """The speakers' names; a single empty name if the model has only one voice."""
    languages: Sequence[str]
    """ISO 639-1 codes."""

    def say(self, clause: Clause, speaker: str) -> tuple[ClauseTiming | None, Iterator[FloatArray]]:
        """Synthesizes ``clause`` with the voice ``speaker``.

        Returns:
            The clause's timing if the model gives any, and its audio, computed piece by piece while it is iterated:
            (n,) float32 mono in [-1, 1] at ``rate``.
        """


def load_model(folder: Path, device: str) -> CoquiModel:
    """Loads a model from a folder with ``config.json`` and a checkpoint.

    Args:
        folder: the model's folder.
        device: a torch device, ``cpu`` or ``cuda``.

    Raises:
        ModelMissing: a file is missing or damaged, or the model is neither VITS nor XTTS.
    """
    try:
        config = load_config(folder / "config.json")
        if config.model == "xtts":
            return XttsVoice(config, folder, device)
        if config.model == "vits":
            return VitsVoice(config, folder, device)
    except (OSError, RuntimeError, ValueError, KeyError, TypeError, ImportError) as error:
        raise ModelMissing(f"Coqui model {folder.name} in {folder} cannot be loaded: {error}") from error
    raise ModelMissing(f"Coqui model {folder.name}: type {config.model!r} is not supported (only vits and xtts)")


class VitsVoice:
    """A VITS model (Kim et al. 2021, arXiv:2106.06103) whose latent is decoded to audio in pieces.

    It gives phoneme times if it was trained on phonemes.
    """

    def __init__(self, config: Any, folder: Path, device: str) -> None:
        self._model = Vits.init_from_config(config)
        self._model.load_checkpoint(config, _checkpoint(folder), eval=True)
        self._model.to(device)
        # Inference stops at the latent, from which `_pieces` makes the audio.
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
        segments = assemble(codes, durations)
        timeline = clause_timeline(clause, segments, column_ms, latent.shape[2], self._letters_of)
        if not self.timed:
            timeline = ClauseTiming(timeline.words)
        plan = PiecePlan([segment.end for segment in segments], latent.shape[2], self.rate / self._hop)
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
                audio = self._vocoder(latent[:, :, left:right], g=condition)
            pcm: FloatArray = audio.reshape(-1).float().cpu().numpy()
            yield pcm[(start - left) * self._hop : (end - left) * self._hop]

    def _characters(self, ids: Sequence[int]) -> list[str | None]:
        """The character of each id; None for the blank between two characters."""
        characters = self._model.tokenizer.characters
        return [None if i == characters.blank_id else characters.id_to_char(i) for i in ids]

    def _letters_of(self, word: str) -> list[str]:
        ids = self._model.tokenizer.text_to_ids(word, language=next(iter(self._language_names.values()), None))
        return [letter for letter in self._characters(ids) if letter is not None]


class _Stop(nn.Module):
    """Replaces the vocoder during inference: returns the latent and keeps the speaker conditioning."""

    condition: torch.Tensor | None = None

    def forward(self, latent: torch.Tensor, g: torch.Tensor | None = None) -> torch.Tensor:
        self.condition = g
        return latent


class XttsVoice:
    """XTTS (Casanova et al. 2024, arXiv:2406.04904): speaks many languages in the voice of a reference recording.

    Audio comes while tokens are generated. Its speakers are those of ``speakers_xtts.pth`` and one for each WAV file in
    the folder ``speakers``.
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
            self._latents[recording.stem] = self._encode_speaker(recording)
        if not self._latents:
            raise ValueError(f"no speaker: no speakers_xtts.pth, and no WAV file in {folder / 'speakers'}")
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

    def _encode_speaker(self, recording: Path) -> tuple[torch.Tensor, torch.Tensor]:
        audio = torch.from_numpy(decode(recording.read_bytes(), max_seconds=_MAX_REFERENCE_S))[None]
        config = self._config
        latent = self._model.get_gpt_cond_latents(
            audio, INPUT_RATE, length=config.gpt_cond_len, chunk_length=config.gpt_cond_chunk_len
        )
        return latent, self._model.get_speaker_embedding(audio, INPUT_RATE)


def _single_language(config: Any, folder: Path) -> str:
    """The configured language, else the one in a folder name of Coqui's form (``tts_models--de--thorsten--vits``)."""
    named = getattr(config, "phoneme_language", None)
    parts = folder.name.split("--")
    return str(named or (parts[1] if len(parts) == 4 else "en"))


def _checkpoint(folder: Path) -> str:
    found = [path for name in ("model_file.pth", "model.pth", "best_model.pth") if (path := folder / name).is_file()]
    if not found:
        raise FileNotFoundError(f"no model_file.pth, model.pth or best_model.pth in {folder}")
    return str(found[0])
