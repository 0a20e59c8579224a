"""Which Whisper states each picture is painted from. Pure functions over arrays.

Picture i at 25 pictures a second takes the steps [2i - 4, 2i + 6) of 20 ms: from 80 ms before it
begins to 80 ms after it ends, as MuseTalk was trained. Steps before and after the audio are zero.
"""

from __future__ import annotations

import torch
from torch import Tensor

STEPS_PER_FRAME = 2
BEFORE_STEPS, AFTER_STEPS = 4, 6
PICTURE_STEPS = BEFORE_STEPS + AFTER_STEPS
LOOK_AHEAD_FRAMES = (AFTER_STEPS - STEPS_PER_FRAME) // STEPS_PER_FRAME
"""Frames of audio needed beyond the picture that is painted (2: 80 ms)."""


def picture_features(states: Tensor, first_step: int, frames: range) -> Tensor:
    """The Whisper states of some pictures.

    Args:
        states: (steps, layers, width) from ``first_step`` on; the audio ends with the last.
        first_step: number of the first of ``states``; 0 is the start of the audio.
        frames: numbers of the pictures, ascending by 1.

    Returns:
        (len(frames), 10 * layers, width): time major, layer minor.
    """
    if not len(frames):
        return states.new_zeros((0, PICTURE_STEPS * states.shape[1], states.shape[2]))
    low = STEPS_PER_FRAME * frames[0] - BEFORE_STEPS - first_step
    high = STEPS_PER_FRAME * frames[-1] + AFTER_STEPS - first_step
    before, after = max(0, -low), max(0, high - states.shape[0])
    padded = torch.nn.functional.pad(states, (0, 0, 0, 0, before, after))[low + before : high + before]
    spans = padded.unfold(0, PICTURE_STEPS, STEPS_PER_FRAME)  # (frames, layers, width, 10)
    return spans.permute(0, 3, 1, 2).flatten(1, 2).contiguous()


def positions(tokens: int, width: int) -> Tensor:
    """(tokens, width) float32: sinusoidal position encoding of the UNet's tokens (Vaswani et al. 2017, 3.5)."""
    place = torch.arange(tokens, dtype=torch.float32)[:, None]
    rate = torch.exp(torch.arange(0, width, 2, dtype=torch.float32) * (-torch.log(torch.tensor(10000.0)) / width))
    encoding = torch.zeros(tokens, width)
    encoding[:, 0::2] = torch.sin(place * rate)
    encoding[:, 1::2] = torch.cos(place * rate)[:, : width // 2]
    return encoding
