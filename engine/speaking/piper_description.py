"""The JSON file beside a Piper voice's network, checked before anything is computed with it.

Format: what Piper's training writes, https://github.com/OHF-Voice/piper1-gpl.
"""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

from piper.config import PhonemeType, PiperConfig
from pydantic import BaseModel, Field, ValidationError

from engine.errors import ModelMissing
from engine.models.catalog import voice_config
from engine.speaking.languages import iso

_MAX_BYTES = 4_000_000
"""A judgement; descriptions have some 10 kB."""

Scale = Annotated[float, Field(ge=0, le=10, allow_inf_nan=False)]


class _Audio(BaseModel):
    sample_rate: int = Field(ge=8000, le=48_000)


class _Espeak(BaseModel):
    voice: str = Field(min_length=1)


class _Inference(BaseModel):
    noise_scale: Scale = 0.667
    length_scale: Scale = 1.0
    noise_w: Scale = 0.8


class _Language(BaseModel):
    family: str = ""


class _Description(BaseModel):
    """What ``PiperConfig`` holds, and the language."""

    audio: _Audio
    espeak: _Espeak
    inference: _Inference = Field(default_factory=_Inference)
    language: _Language = Field(default_factory=_Language)
    num_symbols: int = Field(ge=1)
    num_speakers: int = Field(ge=1)
    phoneme_id_map: dict[str, list[Annotated[int, Field(ge=0)]]]
    phoneme_type: PhonemeType = PhonemeType.ESPEAK
    speaker_id_map: dict[str, int] = Field(default_factory=dict)
    piper_version: str | None = None
    hop_length: int = Field(256, ge=1, le=8192)
    vowel_clusters: set[tuple[str, ...]] | None = None
    default_speaker_id: int = Field(0, ge=0)

    def config(self) -> PiperConfig:
        return PiperConfig(
            num_symbols=self.num_symbols,
            num_speakers=self.num_speakers,
            sample_rate=self.audio.sample_rate,
            espeak_voice=self.espeak.voice,
            phoneme_id_map=self.phoneme_id_map,
            phoneme_type=self.phoneme_type,
            speaker_id_map=self.speaker_id_map,
            piper_version=self.piper_version,
            length_scale=self.inference.length_scale,
            noise_scale=self.inference.noise_scale,
            noise_w_scale=self.inference.noise_w,
            hop_length=self.hop_length,
            vowel_clusters=self.vowel_clusters or None,
            default_speaker_id=self.default_speaker_id,
        )


def read_description(model: Path) -> tuple[PiperConfig, str]:
    """The description of the voice ``model`` (an ``.onnx`` file), and its language as an ISO 639-1 code.

    Raises:
        ModelMissing: the file is missing, or not a voice's description; the message names the first wrong field.
    """
    path = voice_config(model)
    try:
        if path.stat().st_size > _MAX_BYTES:
            raise _refused(model, path, f"it is larger than {_MAX_BYTES} bytes")
        found = _Description.model_validate_json(path.read_bytes())
    except OSError as error:
        raise _refused(model, path, error.strerror or str(error)) from error
    except ValidationError as error:
        first = error.errors()[0]
        where = ".".join(str(part)[:60] for part in first["loc"]) or "the file"
        raise _refused(model, path, f"{where}: {first['msg']}") from None
    return found.config(), iso(found.language.family or found.espeak.voice)


def _refused(model: Path, path: Path, reason: str) -> ModelMissing:
    return ModelMissing(f"Piper voice {model.name}: its configuration {path} cannot be used: {reason}")
