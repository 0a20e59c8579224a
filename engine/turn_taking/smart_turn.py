"""Has the student finished, judged by how it sounds? The Smart Turn v3 model (Pipecat, BSD-2).

In: audio of the user turn so far, 16 kHz. Out: P(finished). The model, a Whisper-tiny encoder with a
classifier on top, takes log-mel features of the last 8 s. Features and model run in one worker thread that all
sessions share; ``SmartTurn.close`` ends it.
"""

from __future__ import annotations

from pathlib import Path

import numpy as np
from faster_whisper.feature_extractor import FeatureExtractor

from engine.concurrency.worker import Worker
from engine.items import INPUT_RATE, FloatArray
from engine.models.onnx import open_session

AUDIO_SAMPLES = 8 * INPUT_RATE
"""What the model takes: the last 8 s."""

_WHISPER_FEATURES = FeatureExtractor()


class SmartTurn:
    """``contracts.EndOfTurn`` with the file the catalog calls ``smart-turn``."""

    def __init__(self, model: Path, threads: int = 1) -> None:
        self._session = open_session(model)
        self._worker = Worker("smart-turn", threads)
        self.judge(np.zeros(INPUT_RATE, np.float32))  # the first run allocates

    async def probability(self, pcm: FloatArray) -> float:
        """P(finished), 0..1.

        Args:
            pcm: (n,) float32 16 kHz, the user turn so far with its trailing silence. About 30 ms of work.
        """
        return await self._worker.run(self.judge, pcm)

    def judge(self, pcm: FloatArray) -> float:
        """The same, in the calling thread."""
        features = log_mel(pcm)[np.newaxis]
        (output,) = self._session.run(None, {"input_features": features})
        return float(np.asarray(output).reshape(-1)[0])

    def close(self) -> None:
        self._worker.close()


def log_mel(pcm: FloatArray) -> FloatArray:
    """(80, 800) float32: Whisper's log-mel features of the last 8 s, a value every 10 ms, zero-padded at the start.

    The padded audio is brought to zero mean and unit variance first, as in the model's training
    (``do_normalize`` of its feature extractor).
    """
    audio = np.zeros(AUDIO_SAMPLES, np.float32)
    tail = pcm[-AUDIO_SAMPLES:]
    if len(tail):
        audio[-len(tail) :] = tail
    audio = (audio - audio.mean()) / np.sqrt(audio.var() + 1e-7)
    features: FloatArray = _WHISPER_FEATURES(audio, padding=0)
    return features
