"""Is somebody speaking? Silero gives a probability for every 32 ms, the gate makes events of them.

In: windows of 512 samples of one microphone, in order. Out: P(speech), then starts and ends of
speech with the times they were *heard*. The model runs in one worker thread that all sessions
share (``SileroVad.close`` ends it); ``VadGate`` is pure and runs where it is called.
"""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path
from typing import Literal

import numpy as np
import onnxruntime as ort

from engine.concurrency.worker import Worker
from engine.items import VAD_FRAME, VAD_FRAME_MS, FloatArray
from engine.models.onnx import open_session
from engine.settings import GateOptions

CONTEXT_SAMPLES = 64
"""End of the window before, which Silero hears again."""

STATE_SIZE = 128

DEAD_PEAK = 1e-4
DEAD_WINDOWS = 16
"""Below this (-80 dBFS) for half a second, a microphone is muted: not worth running a model."""


class LevelFollower:
    """Brings quiet microphones up to where the model hears well. Never turns down.

    The gain follows the loudest sound of late: it drops at once when something louder comes (so
    nothing clips) and rises slowly.
    """

    TARGET_PEAK = 0.3
    QUIETEST_PEAK = 0.02
    """Limits the gain to 15 (24 dB), so that a room's hiss stays a hiss."""

    RELEASE_PER_WINDOW = 0.9968
    """Halves the remembered peak in about 7 s."""

    def __init__(self) -> None:
        self._peak = self.QUIETEST_PEAK

    def gain(self, window_peak: float) -> float:
        """Gain for a window with this absolute peak; call once for each, in order."""
        self._peak = max(window_peak, self._peak * self.RELEASE_PER_WINDOW, self.QUIETEST_PEAK)
        return max(1.0, self.TARGET_PEAK / self._peak)


class SileroVad:
    """Silero v6, one onnxruntime session for everybody.

    Raises:
        onnxruntime errors when ``model`` is not the file the catalog calls ``silero-vad``.
    """

    def __init__(self, model: Path, threads: int = 1) -> None:
        self._session = open_session(model)
        self._worker = Worker("vad", threads, backlog=1024)
        judge = SileroStream(self._session, self._worker)
        judge.judge(np.full((1, VAD_FRAME), 0.01, np.float32))  # the first run allocates

    def stream(self) -> SileroStream:
        return SileroStream(self._session, self._worker)

    def close(self) -> None:
        self._worker.close()


class SileroStream:
    """The model's memory of one microphone: LSTM state, 64 samples of context, the level."""

    def __init__(self, session: ort.InferenceSession, worker: Worker) -> None:
        self._session = session
        self._worker = worker
        self._hidden = np.zeros((1, 1, STATE_SIZE), np.float32)
        self._cell = np.zeros((1, 1, STATE_SIZE), np.float32)
        self._context = np.zeros(CONTEXT_SAMPLES, np.float32)
        self._level = LevelFollower()
        self._dead_windows = 0

    async def probabilities(self, windows: FloatArray) -> FloatArray:
        dead = float(np.abs(windows).max(initial=0.0)) < DEAD_PEAK
        self._dead_windows = self._dead_windows + len(windows) if dead else 0
        if self._dead_windows > DEAD_WINDOWS:
            return np.zeros(len(windows), np.float32)
        return await self._worker.run(self.judge, windows)

    def judge(self, windows: FloatArray) -> FloatArray:
        """The same, in the calling thread."""
        peaks = np.abs(windows).max(axis=1)
        gains = np.array([self._level.gain(float(peak)) for peak in peaks], np.float32)
        heard = np.empty((len(windows), CONTEXT_SAMPLES + VAD_FRAME), np.float32)
        np.multiply(windows, gains[:, None], out=heard[:, CONTEXT_SAMPLES:])
        heard[0, :CONTEXT_SAMPLES] = self._context * gains[0]
        heard[1:, :CONTEXT_SAMPLES] = windows[:-1, -CONTEXT_SAMPLES:] * gains[1:, None]
        self._context = windows[-1, -CONTEXT_SAMPLES:].copy()
        probabilities, self._hidden, self._cell = self._session.run(
            None, {"input": heard, "h": self._hidden, "c": self._cell}
        )
        return np.asarray(probabilities, np.float32)


@dataclass(frozen=True, slots=True)
class GateEvent:
    """``start`` or ``stop`` of speech, and when it was heard, ms of the stream."""

    kind: Literal["start", "stop"]
    ms: float


class VadGate:
    """Hysteresis from probabilities to starts and stops. Pure: told each window and its end time.

    Silero rises about 20 ms into a word and stays up some 40 ms after its end (measured on
    synthesized speech); the times given are corrected for that.
    """

    ONSET_LAG_MS = 20
    RELEASE_LAG_MS = 40

    def __init__(self, options: GateOptions | None = None) -> None:
        self._options = options or GateOptions()
        self.speaking = False
        """Between a ``start`` and its ``stop``."""

        self.voice_end_ms = 0.0
        """Estimated acoustic end of the latest speech."""

        self._start_ms = 0.0
        self._candidate_ms = 0.0
        self._silent = False

    @property
    def sounding(self) -> bool:
        """The latest window is speech."""
        return self.speaking and not self._silent

    @property
    def stirring(self) -> bool:
        """Something is heard that may become speech with the next window."""
        return self._candidate_ms > 0

    def reset(self) -> None:
        """Forget speech in progress: the next of it is a new ``start``."""
        self.speaking, self._silent, self._candidate_ms = False, False, 0.0

    def feed(self, probability: float, end_ms: float) -> GateEvent | None:
        """The next window, which ends at ``end_ms``."""
        if self.speaking:
            return self._in_speech(probability, end_ms)
        return self._in_silence(probability, end_ms)

    def _in_silence(self, probability: float, end_ms: float) -> GateEvent | None:
        if probability >= self._options.start:
            if self._candidate_ms == 0:
                self._start_ms = max(0.0, end_ms - VAD_FRAME_MS - self.ONSET_LAG_MS)
            self._candidate_ms += VAD_FRAME_MS
        elif probability < self._options.stop:
            self._candidate_ms = 0.0
        if self._candidate_ms == 0 or self._candidate_ms < self._options.min_speech_ms:
            return None
        self.speaking, self._silent = True, False
        self._candidate_ms = 0.0
        self.voice_end_ms = end_ms
        return GateEvent("start", self._start_ms)

    def _in_speech(self, probability: float, end_ms: float) -> GateEvent | None:
        threshold = self._options.start if self._silent else self._options.stop
        if probability >= threshold:
            self._silent = False
            self.voice_end_ms = end_ms
            return None
        if not self._silent:
            self._silent = True
            self.voice_end_ms = max(self._start_ms, self.voice_end_ms - self.RELEASE_LAG_MS)
        if end_ms - self.voice_end_ms < self._options.hangover_ms:
            return None
        self.speaking = False
        return GateEvent("stop", self.voice_end_ms)
