"""One unbroken stream of 32 ms windows out of chunks that come as they like. Pure.

In: chunks with their position in the student's stream. Out: windows of 512 samples. What was lost
becomes silence, what comes twice is cut, and while nothing comes at all (a client that mutes by
sending nothing) ``fill`` lets time go on: then the stream's time includes that silence.
"""

from __future__ import annotations

from collections import deque
from dataclasses import dataclass

import numpy as np

from engine.items import INPUT_RATE, AudioChunk, FloatArray
from engine.recognition.vad import WINDOW_MS, WINDOW_SAMPLES

LONGEST_GAP = 3 * INPUT_RATE
"""A larger hole is shortened to this: no turn waits longer, and no client can make us hear an hour."""


@dataclass(frozen=True, slots=True)
class Window:
    """32 ms of the student's stream."""

    pcm: FloatArray
    """(512,) float32."""

    end_ms: float


class Timeline:
    """Joins chunks to windows."""

    def __init__(self) -> None:
        self._partial = np.zeros(0, np.float32)
        self._expected: int | None = None
        self._filled = 0
        self._windows = 0

    @property
    def received_ms(self) -> float:
        """The stream's time, the window being collected included."""
        return self._windows * WINDOW_MS + len(self._partial) * 1000 / INPUT_RATE

    def add(self, chunk: AudioChunk) -> list[Window]:
        """Windows that are complete now.

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

    def fill(self, seconds: float) -> list[Window]:
        """Silence for a time in which nothing came."""
        samples = max(0, min(int(seconds * INPUT_RATE), LONGEST_GAP))
        self._filled += samples
        return self._take(np.zeros(samples, np.float32))

    def _take(self, pcm: FloatArray) -> list[Window]:
        sound = np.concatenate((self._partial, pcm)) if len(self._partial) else pcm
        whole = len(sound) // WINDOW_SAMPLES
        self._partial = sound[whole * WINDOW_SAMPLES :].copy()
        windows = []
        for pcm_512 in sound[: whole * WINDOW_SAMPLES].reshape(whole, WINDOW_SAMPLES):
            self._windows += 1
            windows.append(Window(pcm_512, self._windows * WINDOW_MS))
        return windows


class Past:
    """The latest seconds, for pre-roll and turn model."""

    def __init__(self, seconds: float) -> None:
        self._windows: deque[Window] = deque(maxlen=max(1, int(seconds * 1000 / WINDOW_MS)))

    def add(self, window: Window) -> None:
        """The window is heard."""
        self._windows.append(window)

    def since(self, ms: float) -> FloatArray:
        """(n,) float32: whole windows from the one that holds ``ms`` on, as far as they are kept."""
        kept = [window.pcm for window in self._windows if window.end_ms > ms]
        return np.concatenate(kept) if kept else np.zeros(0, np.float32)
