"""Networks with random weights, in the same files and under the same names as the official ones.

They paint noise, but run all the real code. Speed does not depend on the weights, so a full-size set
measures a GPU (``bench/musetalk.py``), and a tiny one tests the code on a CPU in milliseconds.
"""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any, Literal

import torch

from engine.rendering.musetalk.configs import SD_VAE, UNET_V15, WHISPER_TINY, build_unet

TINY_UNET: dict[str, Any] = {
    **UNET_V15,
    "block_out_channels": (4, 4, 8, 8),
    "layers_per_block": 1,
    "attention_head_dim": 2,
    "cross_attention_dim": 16,
    "norm_num_groups": 2,
    "down_block_types": ("DownBlock2D", "DownBlock2D", "CrossAttnDownBlock2D", "DownBlock2D"),
    "up_block_types": ("UpBlock2D", "CrossAttnUpBlock2D", "UpBlock2D", "UpBlock2D"),
}
TINY_VAE: dict[str, Any] = {
    **SD_VAE,
    "block_out_channels": (2, 4, 4, 4),
    "layers_per_block": 1,
    "norm_num_groups": 2,
}
TINY_WHISPER: dict[str, Any] = {
    **WHISPER_TINY,
    "d_model": 16,
    "encoder_attention_heads": 2,
    "encoder_ffn_dim": 32,
    "decoder_layers": 1,
    "decoder_attention_heads": 2,
    "decoder_ffn_dim": 32,
    "vocab_size": 64,
    "pad_token_id": 0,
    "bos_token_id": 1,
    "eos_token_id": 2,
    "decoder_start_token_id": 1,
}
TINY_TAESD: dict[str, Any] = {
    "encoder_block_out_channels": (4,) * 4,
    "decoder_block_out_channels": (4,) * 4,
    "num_encoder_blocks": (1, 1, 1, 1),
    "num_decoder_blocks": (1, 1, 1, 1),
}

Size = Literal["tiny", "full"]


def write_random(models_dir: Path, size: Size = "tiny", seed: int = 1) -> Path:
    """Write all networks to ``<models_dir>/musetalk``; gives that folder."""
    from diffusers.models.autoencoders.autoencoder_kl import AutoencoderKL
    from diffusers.models.autoencoders.autoencoder_tiny import AutoencoderTiny
    from transformers.models.whisper.configuration_whisper import WhisperConfig
    from transformers.models.whisper.modeling_whisper import WhisperModel

    torch.manual_seed(seed)
    tiny = size == "tiny"
    folder = models_dir / "musetalk"
    (folder / "musetalkV15").mkdir(parents=True)
    config = TINY_UNET if tiny else UNET_V15
    torch.save(build_unet(config).state_dict(), folder / "musetalkV15" / "unet.pth")
    (folder / "musetalkV15" / "musetalk.json").write_text(json.dumps({"_class_name": "UNet2DConditionModel", **config}))
    AutoencoderKL(**(TINY_VAE if tiny else SD_VAE)).save_pretrained(folder / "sd-vae")
    AutoencoderTiny(**(TINY_TAESD if tiny else {})).save_pretrained(folder / "taesd")
    WhisperModel(WhisperConfig(**(TINY_WHISPER if tiny else WHISPER_TINY))).save_pretrained(folder / "whisper")
    return folder
