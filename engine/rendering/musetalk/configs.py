"""The shapes of the networks, MuseTalk 1.5's own, and building a UNet without weights.

In: a configuration. Out: a ``diffusers`` module; on the ``meta`` device it has names and
sizes only. Pure; nothing to stop. The values are those of the published ``musetalk.json``, of ``sd-vae-ft-mse`` and of
``openai/whisper-tiny``.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import torch
from torch import nn

FACE_EDGE = 256
"""Edge in pixels of the face the networks see and paint."""

LATENT_EDGE = 32
LATENT_CHANNELS = 4
INPUT_CHANNELS = 2 * LATENT_CHANNELS
"""Of the UNet: latents of the masked face, then of the whole face."""

UNET_V15: dict[str, Any] = {
    "in_channels": INPUT_CHANNELS,
    "out_channels": LATENT_CHANNELS,
    "block_out_channels": (320, 640, 1280, 1280),
    "layers_per_block": 2,
    "attention_head_dim": 8,
    "cross_attention_dim": 384,
    "down_block_types": ("CrossAttnDownBlock2D", "CrossAttnDownBlock2D", "CrossAttnDownBlock2D", "DownBlock2D"),
    "up_block_types": ("UpBlock2D", "CrossAttnUpBlock2D", "CrossAttnUpBlock2D", "CrossAttnUpBlock2D"),
    "act_fn": "silu",
    "norm_eps": 1e-5,
    "norm_num_groups": 32,
    "flip_sin_to_cos": True,
    "freq_shift": 0,
    "sample_size": 64,
    "center_input_sample": False,
    "downsample_padding": 1,
    "mid_block_scale_factor": 1,
}
"""Of MuseTalk 1.5: 849.95 million parameters."""

SD_VAE: dict[str, Any] = {
    "in_channels": 3,
    "out_channels": 3,
    "block_out_channels": (128, 256, 512, 512),
    "down_block_types": ("DownEncoderBlock2D",) * 4,
    "up_block_types": ("UpDecoderBlock2D",) * 4,
    "layers_per_block": 2,
    "latent_channels": LATENT_CHANNELS,
    "norm_num_groups": 32,
    "act_fn": "silu",
    "sample_size": 256,
    "scaling_factor": 0.18215,
}
"""Of ``sd-vae-ft-mse``."""

WHISPER_TINY: dict[str, Any] = {
    "d_model": 384,
    "encoder_layers": 4,
    "encoder_attention_heads": 6,
    "encoder_ffn_dim": 1536,
    "decoder_layers": 4,
    "decoder_attention_heads": 6,
    "decoder_ffn_dim": 1536,
    "num_mel_bins": 80,
    "max_source_positions": 1500,
}


def build_unet(config: Mapping[str, Any] = UNET_V15, device: str = "cpu") -> nn.Module:
    """A UNet of this configuration with random weights, or without any on the device ``meta``."""
    from diffusers.models.unets.unet_2d_condition import UNet2DConditionModel

    known = {key: value for key, value in config.items() if not key.startswith("_")}
    with torch.device(device):
        unet: nn.Module = UNet2DConditionModel(**known)
    return unet
