"""Loads the official weights from ``<models folder>/musetalk``, and says what is missing.

Looks for ``musetalkV15/unet.pth`` with ``musetalk.json``, ``sd-vae/``, ``whisper/`` and, if chosen,
``taesd/``. Pickles are read by torch's restricted reader, which makes tensors and nothing else.
Blocks for seconds; called before the port is opened, or by a command.
"""

from __future__ import annotations

import json
import pickle
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Literal

import torch

from engine.errors import ModelMissing, SettingsError
from engine.rendering.musetalk.configs import INPUT_CHANNELS, LATENT_CHANNELS, build_unet
from engine.rendering.musetalk.generator import Generator
from engine.rendering.musetalk.whisper_states import WhisperStates

FOLDER = "musetalk"
REMEDY = (
    "Put the official weights there: TMElyralab/MuseTalk's musetalkV15/unet.pth and musetalkV15/musetalk.json, "
    "stabilityai/sd-vae-ft-mse as sd-vae/, openai/whisper-tiny as whisper/ (see docs/musetalk.md)"
)
Decoder = Literal["vae", "taesd"]


def check_extra() -> None:
    """Import the optional libraries and silence them.

    Raises:
        ModelMissing: one is not installed; the message has the command that installs it.
    """
    try:
        import diffusers.utils.logging
        import transformers.utils.logging

        diffusers.utils.logging.set_verbosity_error()
        transformers.utils.logging.set_verbosity_error()
        transformers.utils.logging.disable_progress_bar()
    except ImportError as error:
        raise ModelMissing(
            f"renderer musetalk needs the package {error.name}: make musetalk "
            "(or: pip install -r requirements/lock-musetalk.txt)"
        ) from None


def choose_device(device: str) -> torch.device:
    """The torch device for the setting ``auto``, ``cpu`` or ``cuda``.

    Raises:
        SettingsError: there is no CUDA device and the setting is not ``cpu``.
    """
    if device == "cpu":
        return torch.device("cpu")
    if not torch.cuda.is_available():
        raise SettingsError(
            "renderer musetalk needs a CUDA GPU and there is none here. Use ENGINE_RENDERER=puppet, or set "
            "ENGINE_DEVICE=cpu to run it on the CPU nevertheless (seconds per picture with the official weights)"
        )
    return torch.device("cuda")


@dataclass(frozen=True, slots=True)
class Networks:
    """MuseTalk's networks, on their device."""

    generator: Generator
    whisper: WhisperStates


def load_networks(models_dir: Path | None, device: torch.device, decoder: Decoder = "vae") -> Networks:
    """Load UNet, decoder and Whisper's encoder: bf16 (Whisper fp16) on a GPU, fp32 on a CPU.

    Raises:
        ModelMissing: a library or a file is missing or does not fit; the message names it and the remedy.
    """
    check_extra()
    folder = weights_folder(models_dir)
    dtype = torch.bfloat16 if device.type == "cuda" else torch.float32
    whisper = load_whisper(folder, device, torch.float16 if device.type == "cuda" else torch.float32)
    unet = _load_unet(folder)
    if unet.config.cross_attention_dim != whisper.width:
        raise ModelMissing(
            f"{folder}: the UNet takes states of {unet.config.cross_attention_dim}, whisper/ gives {whisper.width}"
        )
    painter = load_vae(folder) if decoder == "vae" else _load_taesd(folder)
    return Networks(Generator(unet, painter, whisper.layers, device, dtype), whisper)


def weights_folder(models_dir: Path | None) -> Path:
    """``<models_dir>/musetalk``.

    Raises:
        ModelMissing: no models folder is set, or it has no folder ``musetalk``.
    """
    if models_dir is None:
        raise ModelMissing(f"renderer musetalk needs ENGINE_MODELS_DIR, the folder that contains {FOLDER}/. {REMEDY}")
    folder = models_dir.expanduser() / FOLDER
    if not folder.is_dir():
        raise ModelMissing(f"renderer musetalk: there is no folder {folder}. {REMEDY}")
    return folder


def load_vae(folder: Path) -> Any:
    """The ``AutoencoderKL`` in ``sd-vae/``; old key names are translated by the library."""
    from diffusers.models.autoencoders.autoencoder_kl import AutoencoderKL

    _require(folder, "sd-vae/config.json")
    return _pretrained(AutoencoderKL, folder / "sd-vae", low_cpu_mem_usage=False).eval().requires_grad_(False)


def _load_taesd(folder: Path) -> Any:
    from diffusers.models.autoencoders.autoencoder_tiny import AutoencoderTiny

    _require(folder, "taesd/config.json")
    return _pretrained(AutoencoderTiny, folder / "taesd", low_cpu_mem_usage=False).eval().requires_grad_(False)


def load_whisper(folder: Path, device: torch.device, dtype: torch.dtype) -> WhisperStates:
    """Whisper's encoder in ``whisper/``."""
    from transformers.models.whisper.modeling_whisper import WhisperModel

    _require(folder, "whisper/config.json")
    model = _pretrained(WhisperModel, folder / "whisper")
    encoder = model.get_encoder().to(device=device, dtype=dtype).eval().requires_grad_(False)
    return WhisperStates(encoder, int(model.config.num_mel_bins))


def _load_unet(folder: Path) -> Any:
    path = _require(folder, "musetalkV15/unet.pth")
    config_path = next(
        (place for place in (path.with_name("musetalk.json"), folder / "musetalk.json") if place.is_file()), None
    )
    if config_path is None:
        raise ModelMissing(f"renderer musetalk: {path.with_name('musetalk.json')} is missing. {REMEDY}")
    try:
        unet = build_unet(json.loads(config_path.read_text()), "meta")
    except (ValueError, TypeError, OSError) as error:
        raise ModelMissing(f"renderer musetalk: {config_path} is not a UNet's configuration: {error}") from None
    config: Any = unet.config
    if (config.in_channels, config.out_channels) != (INPUT_CHANNELS, LATENT_CHANNELS):
        raise ModelMissing(
            f"renderer musetalk: {config_path} has {config.in_channels} channels in and {config.out_channels} out, "
            f"not {INPUT_CHANNELS} and {LATENT_CHANNELS}"
        )
    try:
        state = torch.load(path, map_location="cpu", weights_only=True, mmap=True)
        unet.load_state_dict(state, strict=True, assign=True)
    except (OSError, RuntimeError, pickle.UnpicklingError, AttributeError, TypeError, EOFError) as error:
        raise ModelMissing(
            f"renderer musetalk: {path} is damaged or does not fit {config_path.name}: {str(error)[:300]}"
        ) from None
    return unet.eval()


def _pretrained(kind: Any, folder: Path, **options: Any) -> Any:
    try:
        return kind.from_pretrained(str(folder), local_files_only=True, **options)
    except (OSError, ValueError, RuntimeError, KeyError, TypeError) as error:
        raise ModelMissing(f"renderer musetalk: {folder} cannot be loaded: {str(error)[:300]}") from None


def _require(folder: Path, name: str) -> Path:
    path = folder / name
    if not path.is_file():
        raise ModelMissing(f"renderer musetalk: {path} is missing. {REMEDY}")
    return path
