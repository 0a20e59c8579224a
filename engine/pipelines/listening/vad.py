"""Is somebody speaking? A probability for every 32 ms."""

from __future__ import annotations

from typing import Protocol

from engine.pipelines.items import FloatArray

WINDOW_SAMPLES = 512


class SpeechStream(Protocol):
    """One microphone's voice detection; keeps its state from window to window."""

    async def probabilities(self, windows: FloatArray) -> FloatArray:
        """``windows``: (n, 512) float32 16 kHz, consecutive. Gives (n,) P(speech), 0..1."""


class SpeechDetector(Protocol):
    """Voice activity detection for all sessions."""

    def stream(self) -> SpeechStream:
        """Begin with fresh state."""

    def close(self) -> None: ...
