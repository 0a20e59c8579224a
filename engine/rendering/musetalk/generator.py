"""Paints mouths: latents of a face and features of its sound in, a face that says it out.

One step of the UNet at timestep 0 (there is no diffusion), then the decoder of the VAE, for a
whole batch at once. Eager; ``graphs.py`` captures it. Read-only once built, so any thread may
call it; nothing to stop.
"""

from __future__ import annotations

from typing import Any

import torch
from torch import Tensor, nn

from engine.rendering.musetalk.configs import FACE_EDGE, INPUT_CHANNELS, LATENT_EDGE
from engine.rendering.musetalk.windows import WINDOW_STEPS, positions


class Generator(nn.Module):
    """The networks of a picture.

    Args:
        unet: a ``UNet2DConditionModel``.
        decoder: an ``AutoencoderKL`` or an ``AutoencoderTiny``.
        layers: Whisper states kept of each step.
        dtype: half precision on a GPU.
    """

    positions: Tensor

    def __init__(self, unet: Any, decoder: Any, layers: int, device: torch.device, dtype: torch.dtype) -> None:
        super().__init__()
        # Convolutions of half-precision tensor cores read channels last.
        layout = torch.channels_last if device.type == "cuda" else torch.contiguous_format
        self.unet = unet.to(device=device, dtype=dtype, memory_format=layout)
        self.decoder = decoder.to(device=device, dtype=dtype, memory_format=layout)
        self.width = int(unet.config.cross_attention_dim)
        self.tokens = WINDOW_STEPS * layers
        self.device, self.dtype, self._layout = device, dtype, layout
        self.register_buffer("positions", positions(self.tokens, self.width).to(device, dtype), persistent=False)
        self.register_buffer("_timestep", torch.zeros((), dtype=torch.long, device=device), persistent=False)
        self.eval().requires_grad_(False)

    def forward(self, latents: Tensor, features: Tensor) -> Tensor:
        """(B, 8, 32, 32) and (B, tokens, width) to faces (B, 3, 256, 256) uint8 RGB."""
        latents = latents.to(self.dtype).contiguous(memory_format=self._layout)
        heard = features.to(self.dtype) + self.positions
        painted = self.unet(latents, self._timestep, encoder_hidden_states=heard, return_dict=False)[0]
        faces = self.decoder.decode(painted / self.decoder.config.scaling_factor, return_dict=False)[0]
        scaled: Tensor = (faces.float() * 127.5 + 127.5).round().clamp(0, 255).to(torch.uint8)
        return scaled

    def inputs(self, batch: int) -> tuple[Tensor, Tensor]:
        """Zeros of the right shape for ``batch`` pictures, to warm up with."""
        latents = torch.zeros((batch, INPUT_CHANNELS, LATENT_EDGE, LATENT_EDGE), device=self.device, dtype=self.dtype)
        return latents, torch.zeros((batch, self.tokens, self.width), device=self.device, dtype=self.dtype)


def face_latents(vae: Any, faces: Tensor) -> Tensor:
    """What the UNet is given of faces (B, 3, 256, 256) float32 RGB 0..1: (B, 8, 32, 32), masked then whole.

    The lower half is blacked out before it is normalised. The mode of the encoder's distribution
    is taken, not a sample, so that an avatar is the same each time it is made.
    """
    masked = faces.clone()
    masked[:, :, FACE_EDGE // 2 :] = 0
    weight = next(vae.parameters())
    both = torch.cat((masked, faces)).to(weight) * 2 - 1
    with torch.inference_mode():
        coded = vae.encode(both).latent_dist.mode() * vae.config.scaling_factor
    return torch.cat(coded.float().chunk(2), dim=1)
