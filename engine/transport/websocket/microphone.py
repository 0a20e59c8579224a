"""Live microphone bytes of one client -> 16 kHz chunks for the listener.

PCM is checked and resampled on the event loop (microseconds); Opus in WebM or Ogg pieces is
decoded by a ``StreamDecoder`` with a thread of its own, ended by ``close``.
"""

from __future__ import annotations

from collections.abc import Callable

from engine.audio.live import StreamDecoder
from engine.audio.pcm import pcm16_to_float
from engine.audio.resampling import Resampler
from engine.errors import InvalidField
from engine.items import INPUT_RATE, AudioChunk, FloatArray


class PcmMicrophone:
    """Turns what a client sends into chunks with positions in its stream.

    Make it on the event loop; ``hear`` is called there.

    Args:
        form: ``pcm_s16le`` (mono) or ``opus`` (WebM or Ogg pieces as MediaRecorder makes them).
        sample_rate: of PCM, 8000..48000; Opus tells its own.
        hear: gets each chunk, in order.
    """

    def __init__(self, form: str, sample_rate: int, hear: Callable[[AudioChunk], None]) -> None:
        self._hear = hear
        self._position = 0
        self._odd = b""
        self._resampler = None if sample_rate == INPUT_RATE else Resampler(sample_rate, INPUT_RATE)
        self._decoder: StreamDecoder | None = None
        if form == "opus":
            self._decoder = StreamDecoder(self._take)
            self._decoder.start()

    def push(self, data: bytes) -> None:
        """What the client sent, in order. Never waits.

        Raises:
            InvalidField: empty data.
            UnreadableMedia: not Opus in WebM or Ogg.
        """
        if not data:
            raise InvalidField("field 'data' is empty")
        if self._decoder is not None:
            self._decoder.push(data)
            return
        # A frame may be cut in the middle of a sample; its other half comes with the next.
        data = self._odd + data
        whole = len(data) // 2 * 2
        self._odd = data[whole:]
        samples = pcm16_to_float(data[:whole])
        self._take(samples if self._resampler is None else self._resampler.push(samples))

    def close(self) -> None:
        """End the decoder's thread. Idempotent."""
        if self._decoder is not None:
            self._decoder.close()

    def _take(self, pcm: FloatArray) -> None:
        if len(pcm):
            self._hear(AudioChunk(pcm, self._position))
            self._position += len(pcm)
