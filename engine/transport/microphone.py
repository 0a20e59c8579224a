"""Live microphone bytes of one client -> 16 kHz chunks for the listener.

PCM is checked and resampled on the event loop (microseconds); Opus in WebM or Ogg pieces is
decoded by a ``StreamDecoder`` with a thread of its own, ended by ``close``.
"""

from __future__ import annotations

from typing import Any

import numpy as np

from engine.errors import InvalidField
from engine.pipelines.audio import Resampler
from engine.pipelines.items import INPUT_RATE, AudioChunk, FloatArray


class Microphone:
    """Turns what a client sends into chunks with positions in its stream.

    Args:
        form: ``pcm_s16le`` (mono) or ``opus`` (WebM or Ogg pieces as MediaRecorder makes them).
        sample_rate: of PCM, 8000..48000; Opus tells its own.
    """

    def __init__(self, form: str, sample_rate: int = INPUT_RATE) -> None:
        self._position = 0
        self._odd = b""
        self._decoder: Any = None
        self._resampler = None if sample_rate == INPUT_RATE else Resampler(sample_rate, INPUT_RATE)

    async def push(self, data: bytes) -> list[AudioChunk]:
        """Chunks that are complete now.

        Raises:
            InvalidField: empty data.
            UnreadableMedia: not Opus in WebM or Ogg.
        """
        if not data:
            raise InvalidField("field 'data' is empty")
        if self._decoder is not None:
            pcm = await self._decoder.push(data)
        else:
            pcm = self._from_pcm16(data)
        if not len(pcm):
            return []
        chunk = AudioChunk(pcm, self._position)
        self._position += len(pcm)
        return [chunk]

    def push_float(self, pcm: FloatArray) -> AudioChunk:
        """A chunk from (n,) float32 that is 16 kHz already (WebRTC)."""
        chunk = AudioChunk(pcm, self._position)
        self._position += len(pcm)
        return chunk

    def close(self) -> None:
        """End the decoder's thread. Idempotent."""
        if self._decoder is not None:
            self._decoder.close()

    def _from_pcm16(self, data: bytes) -> FloatArray:
        # A frame may be cut in the middle of a sample; its other half comes with the next.
        data = self._odd + data
        self._odd = data[len(data) // 2 * 2 :]
        samples: FloatArray = np.frombuffer(data, "<i2", len(data) // 2).astype(np.float32) * np.float32(1 / 32768)
        return samples if self._resampler is None else self._resampler.push(samples)
