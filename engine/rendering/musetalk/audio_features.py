"""Whisper's features of one reply's audio: frames in, the same frames with their features out.

In: ``AnimatedFrame``s of 40 ms at 24 kHz, as they are made. Out: those whose features are complete. Two frames
wait for the 80 ms that follow them, unless their clause ends. Each call encodes the new audio and at most
``CONTEXT_FRAMES`` before it. Runs in a worker thread, one call at a time.
"""

from __future__ import annotations

import contextlib
from collections.abc import Sequence
from dataclasses import replace

import numpy as np
import torch

from engine.audio.resampling import Resampler
from engine.items import INPUT_RATE, OUTPUT_RATE, AnimatedFrame, FloatArray
from engine.rendering.musetalk.picture_features import LOOK_AHEAD_FRAMES, STEPS_PER_FRAME, picture_features
from engine.rendering.musetalk.whisper_states import STEP_SAMPLES, WhisperStates

CONTEXT_FRAMES = 50
"""Audio before the new frames that is encoded with them (2 s)."""

BLOCK_FRAMES = 500
"""Largest number of new frames encoded at once; with the context that is 22 of Whisper's 30 s."""

FRAME_SAMPLES_16K = STEPS_PER_FRAME * STEP_SAMPLES


class WhisperFeatures:
    """Implements ``contracts.AudioFeatures``.

    Args:
        whisper: the encoder; its device does the work.
        context_frames: frames of earlier audio encoded with the new ones.
    """

    def __init__(self, whisper: WhisperStates, context_frames: int = CONTEXT_FRAMES) -> None:
        self._whisper = whisper
        self._context = context_frames
        self._resampler = Resampler(OUTPUT_RATE, INPUT_RATE)
        self._audio: FloatArray = np.zeros(0, np.float32)
        self._first = 0  # frame at which self._audio begins
        self._waiting: list[AnimatedFrame] = []
        self._taken = 0  # frames taken in
        self._given = 0
        self._loudest: float | None = None
        cuda = whisper.device.type == "cuda"
        self._stream = torch.cuda.Stream(whisper.device) if cuda else None  # type: ignore[no-untyped-call]

    def feed(self, frames: Sequence[AnimatedFrame], last: bool) -> list[AnimatedFrame]:
        """Take ``frames``; give those whose ``features`` are complete, all of them with ``last`` (a clause ends).

        ``features`` are (10 * layers, width) float32.
        """
        done: list[AnimatedFrame] = []
        for at in range(0, len(frames), BLOCK_FRAMES):
            block = frames[at : at + BLOCK_FRAMES]
            self._take(block)
            final = last and at + BLOCK_FRAMES >= len(frames)
            done += self._give(self._taken if final else self._taken - LOOK_AHEAD_FRAMES)
        if last and not frames:
            done += self._give(self._taken)
        return done

    def _take(self, frames: Sequence[AnimatedFrame]) -> None:
        if not frames:
            return
        fresh = self._resampler.push(np.concatenate([frame.pcm for frame in frames]))
        self._audio = np.concatenate((self._audio, fresh))
        self._waiting += frames
        self._taken += len(frames)

    def _give(self, until: int) -> list[AnimatedFrame]:
        if until <= self._given:
            return []
        features = self._features(range(self._given, until))
        count = until - self._given
        ready, self._waiting = self._waiting[:count], self._waiting[count:]
        self._given = until
        keep = max(self._first, until - self._context)
        self._audio = self._audio[(keep - self._first) * FRAME_SAMPLES_16K :]
        self._first = keep
        return [replace(frame, features=each) for frame, each in zip(ready, features, strict=True)]

    def _features(self, frames: range) -> FloatArray:
        """(len(frames), tokens, width) float32."""
        length = (self._taken - self._first) * FRAME_SAMPLES_16K
        # The resampler lags by some samples: zeros stand in for them until they come.
        audio = np.zeros(length, np.float32)
        audio[: len(self._audio)] = self._audio[:length]
        whisper = self._whisper
        stream = torch.cuda.stream(self._stream) if self._stream is not None else contextlib.nullcontext()
        with torch.inference_mode(), stream:
            mel, self._loudest = whisper.log_mel(torch.from_numpy(audio).to(whisper.device), self._loudest)
            states = whisper.encode(mel, self._first * STEPS_PER_FRAME)[: length // STEP_SAMPLES]
            found: FloatArray = picture_features(states, self._first * STEPS_PER_FRAME, frames).float().cpu().numpy()
        return found
