"""Whisper's encoder, layer by layer, on as much audio as there is instead of 30 s.

In: mono 16 kHz audio on the encoder's device. Out: all its hidden states. The library's own
forward pass refuses anything but 30 s. Here the layers run over the audio alone, and for the rest of the 30 s
attend to the keys and values of silence, computed once. This gives the states of the
padded input at a fraction of the cost. Read-only after construction; any thread.
"""

from __future__ import annotations

from typing import Any

import torch
import torch.nn.functional as F
from torch import Tensor

HOP, FFT_SIZE = 160, 400
"""Samples of 16 kHz audio between two mel columns, and in each; Whisper's."""

MEL_PER_STEP = 2
STEP_SAMPLES = HOP * MEL_PER_STEP
"""Samples of 16 kHz audio per encoder step (20 ms)."""

SILENT_MEL = -0.75
"""Log-mel value of silence after ordinary speech: values are clamped to 8 below the loudest, log10, then scaled."""


class WhisperStates:
    """Hidden states of a Whisper encoder.

    Args:
        encoder: a ``transformers`` ``WhisperEncoder`` in eval mode on its device.
        bands: number of mel bands it was trained on.
    """

    def __init__(self, encoder: Any, bands: int) -> None:
        from transformers.audio_utils import mel_filter_bank

        self._encoder = encoder
        weight: Tensor = encoder.conv1.weight
        self.device, self._dtype = weight.device, weight.dtype
        self.width = int(weight.shape[0])
        """Length of one state."""
        self.layers = len(encoder.layers) + 1
        """States per step: the input of every layer, and the normalised output of the last."""
        self._positions = int(encoder.embed_positions.weight.shape[0])
        filters = mel_filter_bank(1 + FFT_SIZE // 2, bands, 0.0, 8000.0, 16_000, norm="slaney", mel_scale="slaney")
        self._filters = torch.from_numpy(filters.T).to(self.device, torch.float32)
        self._hann = torch.hann_window(FFT_SIZE, device=self.device)
        self._silence: list[tuple[Tensor, Tensor]] = []
        with torch.inference_mode():
            quiet = torch.full((bands, self._positions * MEL_PER_STEP), SILENT_MEL, device=self.device)
            self._silence = self._keys_of(self.encode(quiet))

    def log_mel(self, pcm: Tensor, loudest: float | None = None) -> tuple[Tensor, float]:
        """(n,) float32 16 kHz to (bands, n // 160) log-mel features, scaled as for Whisper.

        For audio that comes in pieces, ``loudest`` is the highest log10 value so far; the second
        result is that value including this piece.
        """
        if pcm.shape[0] <= FFT_SIZE:
            pcm = F.pad(pcm, (0, FFT_SIZE + HOP - pcm.shape[0]))
        spectrum = torch.stft(pcm, FFT_SIZE, HOP, window=self._hann, return_complex=True)
        power = spectrum[:, :-1].abs() ** 2
        mel = (self._filters @ power).clamp(min=1e-10).log10()
        highest = max(float(mel.max()), -10.0 if loudest is None else loudest)
        return (mel.clamp(min=highest - 8.0) + 4.0) / 4.0, highest

    def encode(self, mel: Tensor, first_step: int = 0) -> Tensor:
        """(bands, 2 * steps) log-mel features to (steps, layers, width); at most 30 s, as if silence followed.

        ``first_step``: where this piece begins in the whole audio. States encode their position, so a piece
        keeps the one it has in the whole; beyond 30 s positions start again from 0.
        """
        encoder = self._encoder
        x = F.gelu(encoder.conv1(mel[None].to(self._dtype)))
        x = F.gelu(encoder.conv2(x)).transpose(1, 2)
        steps = x.shape[1]
        at = min(first_step % self._positions, self._positions - steps)
        x = x + encoder.embed_positions.weight[at : at + steps]
        kept = [x]
        for index, layer in enumerate(encoder.layers):
            x = self._layer(layer, x, index, at + steps)
            kept.append(x)
        kept[-1] = encoder.layer_norm(x)
        return torch.stack(kept, dim=2)[0]

    def _layer(self, layer: Any, x: Tensor, index: int, end: int) -> Tensor:
        attention = layer.self_attn
        normed = layer.self_attn_layer_norm(x)
        heads = attention.num_heads
        query = _split(attention.q_proj(normed), heads)
        key, value = _split(attention.k_proj(normed), heads), _split(attention.v_proj(normed), heads)
        if self._silence:
            quiet_key, quiet_value = self._silence[index]
            key = torch.cat((key, quiet_key[:, :, end:]), dim=2)
            value = torch.cat((value, quiet_value[:, :, end:]), dim=2)
        mixed = F.scaled_dot_product_attention(query, key, value)
        x = x + attention.out_proj(mixed.transpose(1, 2).flatten(2))
        wide = layer.activation_fn(layer.fc1(layer.final_layer_norm(x)))
        rested: Tensor = x + layer.fc2(wide)
        return rested

    def _keys_of(self, states: Tensor) -> list[tuple[Tensor, Tensor]]:
        """Keys and values of every layer, for states (steps, layers, width)."""
        found = []
        for index, layer in enumerate(self._encoder.layers):
            attention = layer.self_attn
            normed = layer.self_attn_layer_norm(states[None, :, index])
            heads = attention.num_heads
            found.append((_split(attention.k_proj(normed), heads), _split(attention.v_proj(normed), heads)))
        return found


def _split(x: Tensor, heads: int) -> Tensor:
    """(1, steps, width) to (1, heads, steps, width / heads)."""
    return x.view(*x.shape[:2], heads, -1).transpose(1, 2)
