"""The Silero voice detector: P(speech) of each 32 ms of a microphone.

In: frames of 512 samples of one microphone, in order. Out: probabilities. The model (Silero v6, ONNX) runs in
worker threads that all sessions share; ``SileroVad.close`` ends them. Each stream keeps its own state.
"""

from __future__ import annotations

from pathlib import Path

import numpy as np
import onnxruntime as ort

from engine.concurrency.worker import Worker
from engine.items import VAD_FRAME, FloatArray
from engine.models.onnx import open_session
from engine.recognition.level import LevelFollower

CONTEXT_SAMPLES = 64
"""End of the frame before, which the model is given again."""

STATE_SIZE = 128

MUTED_PEAK = 1e-4
MUTED_FRAMES = 16
"""A microphone below this peak (-80 dBFS) for half a second is muted: not worth running the model. A judgement."""


class SileroVad:
    """Silero v6, one onnxruntime session shared by all microphones.

    Args:
        model: the file that the catalog calls ``silero-vad``.
        threads: frames of so many microphones are judged at once.

    Raises:
        onnxruntime.capi.onnxruntime_pybind11_state.InvalidProtobuf: ``model`` is not an ONNX file.
        onnxruntime.capi.onnxruntime_pybind11_state.NoSuchFile: there is none.
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
        self._muted_frames = 0

    async def probabilities(self, frames: FloatArray) -> FloatArray:
        muted = float(np.abs(frames).max(initial=0.0)) < MUTED_PEAK
        self._muted_frames = self._muted_frames + len(frames) if muted else 0
        if self._muted_frames > MUTED_FRAMES:
            return np.zeros(len(frames), np.float32)
        return await self._worker.run(self.judge, frames)

    def judge(self, frames: FloatArray) -> FloatArray:
        """As ``probabilities``, in the calling thread and without the check for a muted microphone."""
        peaks = np.abs(frames).max(axis=1)
        gains = np.array([self._level.gain(float(peak)) for peak in peaks], np.float32)
        inputs = np.empty((len(frames), CONTEXT_SAMPLES + VAD_FRAME), np.float32)
        np.multiply(frames, gains[:, None], out=inputs[:, CONTEXT_SAMPLES:])
        inputs[0, :CONTEXT_SAMPLES] = self._context * gains[0]
        inputs[1:, :CONTEXT_SAMPLES] = frames[:-1, -CONTEXT_SAMPLES:] * gains[1:, None]
        self._context = frames[-1, -CONTEXT_SAMPLES:].copy()
        probabilities, self._hidden, self._cell = self._session.run(
            None, {"input": inputs, "h": self._hidden, "c": self._cell}
        )
        return np.asarray(probabilities, np.float32)
