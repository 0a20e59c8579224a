"""An unbroken stream of 32 ms frames from chunks of any size and position. Pure.

In: chunks with their position in the student's stream. Out: frames of 512 samples. Lost audio becomes
silence and repeated audio is cut. While nothing comes (a client that mutes by sending nothing), ``fill`` adds
silence, which then counts in the stream's time.
"""

from __future__ import annotations

from collections import deque
from dataclasses import dataclass

import numpy as np

from engine.items import INPUT_RATE, VAD_FRAME, VAD_FRAME_MS, AudioChunk, FloatArray

LONGEST_GAP = 3 * INPUT_RATE
"""Samples. Larger gaps are shortened to this: endpointing never waits longer, and no client can add an hour."""


@dataclass(frozen=True, slots=True)
class MicrophoneFrame:
    """32 ms of the student's stream."""

    pcm: FloatArray
    """(512,) float32."""

    end_ms: float


class FrameAssembler:
    """Joins chunks to frames."""

    def __init__(self) -> None:
        self._partial = np.zeros(0, np.float32)
        self._expected: int | None = None
        self._filled = 0
        self._frames = 0

    @property
    def received_ms(self) -> float:
        """The stream's time, the frame being collected included."""
        return self._frames * VAD_FRAME_MS + len(self._partial) * 1000 / INPUT_RATE

    def add(self, chunk: AudioChunk) -> list[MicrophoneFrame]:
        """Frames that are complete now.

        A position far behind what came before is taken for a stream that began anew.
        """
        pcm = chunk.pcm
        hole = 0 if self._expected is None else chunk.start_sample - self._expected
        if -LONGEST_GAP < hole < 0:
            pcm = pcm[-hole:]
            self._expected = max(self._expected or 0, chunk.start_sample + len(chunk.pcm))
        else:
            self._expected = chunk.start_sample + len(pcm)
        lost = min(max(0, hole - self._filled), LONGEST_GAP)
        if len(pcm):
            self._filled = 0
        return self._take(np.concatenate((np.zeros(lost, np.float32), pcm)) if lost else pcm)

    def fill(self, seconds: float) -> list[MicrophoneFrame]:
        """Frames of silence for ``seconds`` in which nothing came."""
        samples = max(0, min(int(seconds * INPUT_RATE), LONGEST_GAP))
        self._filled += samples
        return self._take(np.zeros(samples, np.float32))

    def _take(self, pcm: FloatArray) -> list[MicrophoneFrame]:
        sound = np.concatenate((self._partial, pcm)) if len(self._partial) else pcm
        whole = len(sound) // VAD_FRAME
        self._partial = sound[whole * VAD_FRAME :].copy()
        frames = []
        for pcm_512 in sound[: whole * VAD_FRAME].reshape(whole, VAD_FRAME):
            self._frames += 1
            frames.append(MicrophoneFrame(pcm_512, self._frames * VAD_FRAME_MS))
        return frames


class RecentAudio:
    """The latest seconds of audio with P(speech), for pre-roll and turn model."""

    def __init__(self, seconds: float) -> None:
        self._kept: deque[tuple[MicrophoneFrame, float]] = deque(maxlen=max(1, int(seconds * 1000 / VAD_FRAME_MS)))

    def add(self, frame: MicrophoneFrame, probability: float) -> None:
        """Keep a frame and P(speech) of it; the oldest makes room."""
        self._kept.append((frame, probability))

    def since(self, ms: float) -> tuple[FloatArray, FloatArray]:
        """Whole frames from the one that holds ``ms`` on, as far as they are kept.

        Returns:
            (n * 512,) float32 audio and (n,) float32 P(speech).
        """
        kept = [(frame.pcm, probability) for frame, probability in self._kept if frame.end_ms > ms]
        pcm = np.concatenate([pcm for pcm, _ in kept]) if kept else np.zeros(0, np.float32)
        return pcm, np.array([probability for _, probability in kept], np.float32)
