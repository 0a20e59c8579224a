"""One turn's sound as MuseTalk hears it: frames in, the same frames with their features out.

In: ``AnimatedFrame``s of 40 ms at 24 kHz, as they are made. Out: those whose features are
complete; two wait for the 80 ms that follow them, unless their clause ends. Each call encodes what
is new and at most ``CONTEXT_FRAMES`` before it. Runs in a worker thread, one call at a time.
"""

from __future__ import annotations

import contextlib
from collections.abc import Sequence
from dataclasses import replace

import numpy as np
import torch

from engine.audio.decoding import Resampler
from engine.items import INPUT_RATE, OUTPUT_RATE, AnimatedFrame, FloatArray
from engine.rendering.musetalk.whisper_states import STEP_SAMPLES, WhisperStates
from engine.rendering.musetalk.windows import LOOK_AHEAD_FRAMES, STEPS_PER_FRAME, windows

CONTEXT_FRAMES = 50
"""Sound before the new that is encoded with it (2 s)."""

BLOCK_FRAMES = 500
"""Most new frames encoded at once; with the context that is 22 of Whisper's 30 s."""

FRAME_SAMPLES_16K = STEPS_PER_FRAME * STEP_SAMPLES


class TurnEars:
    """Implements ``contracts.FrameFeatures``."""

    def __init__(self, whisper: WhisperStates, context_frames: int = CONTEXT_FRAMES) -> None:
        self._whisper = whisper
        self._context = context_frames
        self._resampler = Resampler(OUTPUT_RATE, INPUT_RATE)
        self._sound: FloatArray = np.zeros(0, np.float32)
        self._first = 0  # frame at which self._sound begins
        self._waiting: list[AnimatedFrame] = []
        self._heard = 0  # frames taken in
        self._given = 0
        self._loudest: float | None = None
        cuda = whisper.device.type == "cuda"
        self._stream = torch.cuda.Stream(whisper.device) if cuda else None  # type: ignore[no-untyped-call]

    def feed(self, frames: Sequence[AnimatedFrame], last: bool) -> list[AnimatedFrame]:
        """Frames whose features are complete; all of them when ``last``: their clause ends here."""
        done: list[AnimatedFrame] = []
        for at in range(0, len(frames), BLOCK_FRAMES):
            block = frames[at : at + BLOCK_FRAMES]
            self._take(block)
            final = last and at + BLOCK_FRAMES >= len(frames)
            done += self._give(self._heard if final else self._heard - LOOK_AHEAD_FRAMES)
        if last and not frames:
            done += self._give(self._heard)
        return done

    def _take(self, frames: Sequence[AnimatedFrame]) -> None:
        if not frames:
            return
        heard = self._resampler.push(np.concatenate([frame.pcm for frame in frames]))
        self._sound = np.concatenate((self._sound, heard))
        self._waiting += frames
        self._heard += len(frames)

    def _give(self, until: int) -> list[AnimatedFrame]:
        if until <= self._given:
            return []
        features = self._features(range(self._given, until))
        count = until - self._given
        ready, self._waiting = self._waiting[:count], self._waiting[count:]
        self._given = until
        keep = max(self._first, until - self._context)
        self._sound = self._sound[(keep - self._first) * FRAME_SAMPLES_16K :]
        self._first = keep
        return [replace(frame, features=each) for frame, each in zip(ready, features, strict=True)]

    def _features(self, frames: range) -> FloatArray:
        """(len(frames), tokens, width) float32."""
        length = (self._heard - self._first) * FRAME_SAMPLES_16K
        # The resampler is some samples behind: silence stands for them until they come.
        sound = np.zeros(length, np.float32)
        sound[: len(self._sound)] = self._sound[:length]
        whisper = self._whisper
        stream = torch.cuda.stream(self._stream) if self._stream is not None else contextlib.nullcontext()
        with torch.inference_mode(), stream:
            mel, self._loudest = whisper.log_mel(torch.from_numpy(sound).to(whisper.device), self._loudest)
            states = whisper.encode(mel, self._first * STEPS_PER_FRAME)[: length // STEP_SAMPLES]
            found: FloatArray = windows(states, self._first * STEPS_PER_FRAME, frames).float().cpu().numpy()
        return found
