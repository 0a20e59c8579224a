"""Paints mouths. In: latents of a face and audio features. Out: the face saying that audio.

One step of the UNet at timestep 0 (there is no diffusion), then the decoder of the VAE, for a
whole batch at once. Eager; ``graphs.py`` captures it. Read-only once built, so any thread may
call it; nothing to stop.
"""

from __future__ import annotations

from typing import Any

import torch
from torch import Tensor, nn

from engine.rendering.musetalk.configs import FACE_EDGE, INPUT_CHANNELS, LATENT_EDGE
from engine.rendering.musetalk.picture_features import PICTURE_STEPS, positions


class Generator(nn.Module):
    """The networks that paint one batch of pictures.

    Args:
        unet: a ``UNet2DConditionModel``.
        decoder: an ``AutoencoderKL`` or an ``AutoencoderTiny``.
        layers: Whisper states per step of 20 ms.
        device: where the networks run.
        dtype: of weights and activations; half precision on a GPU.
    """

    positions: Tensor

    def __init__(self, unet: Any, decoder: Any, layers: int, device: torch.device, dtype: torch.dtype) -> None:
        super().__init__()
        # Tensor cores run half-precision convolutions fastest with channels last.
        layout = torch.channels_last if device.type == "cuda" else torch.contiguous_format
        self.unet = unet.to(device=device, dtype=dtype, memory_format=layout)
        self.decoder = decoder.to(device=device, dtype=dtype, memory_format=layout)
        self.width = int(unet.config.cross_attention_dim)
        self.tokens = PICTURE_STEPS * layers
        self.device, self.dtype, self._layout = device, dtype, layout
        self.register_buffer("positions", positions(self.tokens, self.width).to(device, dtype), persistent=False)
        self.register_buffer("_timestep", torch.zeros((), dtype=torch.long, device=device), persistent=False)
        self.eval().requires_grad_(False)

    def forward(self, latents: Tensor, features: Tensor) -> Tensor:
        """(B, 8, 32, 32) and (B, tokens, width) to faces (B, 3, 256, 256) uint8 RGB."""
        latents = latents.to(self.dtype).contiguous(memory_format=self._layout)
        conditioning = features.to(self.dtype) + self.positions
        painted = self.unet(latents, self._timestep, encoder_hidden_states=conditioning, return_dict=False)[0]
        faces = self.decoder.decode(painted / self.decoder.config.scaling_factor, return_dict=False)[0]
        scaled: Tensor = (faces.float() * 127.5 + 127.5).round().clamp(0, 255).to(torch.uint8)
        return scaled

    def inputs(self, batch: int) -> tuple[Tensor, Tensor]:
        """Zeros shaped like ``forward``'s arguments for ``batch`` pictures, to warm up with."""
        latents = torch.zeros((batch, INPUT_CHANNELS, LATENT_EDGE, LATENT_EDGE), device=self.device, dtype=self.dtype)
        return latents, torch.zeros((batch, self.tokens, self.width), device=self.device, dtype=self.dtype)


def face_latents(vae: Any, faces: Tensor) -> Tensor:
    """Encode faces for the UNet.

    The lower half is blacked out before it is normalised. The mode of the VAE's distribution
    is taken, not a sample, so that an avatar comes out the same each time it is made.

    Args:
        vae: the ``AutoencoderKL``.
        faces: (B, 3, 256, 256) float32 RGB, 0..1.

    Returns:
        (B, 8, 32, 32) float32: latents of the masked face, then of the whole one.
    """
    masked = faces.clone()
    masked[:, :, FACE_EDGE // 2 :] = 0
    weight = next(vae.parameters())
    both = torch.cat((masked, faces)).to(weight) * 2 - 1
    with torch.inference_mode():
        encoded = vae.encode(both).latent_dist.mode() * vae.config.scaling_factor
    return torch.cat(encoded.float().chunk(2), dim=1)
