"""Whole recordings from clients: bytes of a file in, 16 kHz mono float32 out.

Synchronous and computing: call it from a ``Worker``. Nothing here owns a thread. See ``containers`` for what keeps
hostile files harmless; here the size, the length and the time spent are limited.
"""

from __future__ import annotations

import io
import time

import av
import numpy as np
from av.container import InputContainer

from engine.audio.containers import FrameConverter, audio_stream, container_options, frames_of, sniff
from engine.errors import TooLarge, UnreadableMedia
from engine.items import FloatArray


def decode(
    data: bytes,
    max_bytes: int = 16_000_000,
    max_seconds: float = 120.0,
    max_decode_s: float = 10.0,
    field: str = "data",
) -> FloatArray:
    """Decode a whole recording (wav, webm, ogg, mp3, m4a, aac, flac).

    A file that is cut off gives the audio up to there.

    Args:
        data: the file.
        max_bytes: size limit of the file.
        max_seconds: most audio in it, whatever its header claims.
        max_decode_s: most time to spend on it, by the wall clock.
        field: the field that error messages name.

    Returns:
        (n,) float32 mono, 16 kHz, in [-1, 1], n > 0.

    Raises:
        TooLarge: more than ``max_bytes`` or ``max_seconds``, or slower than ``max_decode_s``.
        UnreadableMedia: not one of these containers, damaged, or without audio.
    """
    if len(data) > max_bytes:
        raise TooLarge(f"{field}: {len(data)} bytes of audio, at most {max_bytes} are allowed")
    if not data:
        raise UnreadableMedia(f"{field}: the recording is empty (0 bytes)")
    container_format = sniff(data)
    if container_format is None:
        raise UnreadableMedia(f"{field}: not a wav, webm, ogg, mp3, m4a, aac or flac recording")
    source = _Deadline(data, time.monotonic() + max_decode_s)
    try:
        options = container_options(container_format)
        with av.open(source, "r", format=container_format, metadata_errors="replace", options=options) as container:
            pcm = _all_audio(container, source, max_seconds, field)
    except _OutOfTime:
        raise TooLarge(f"{field}: decoding took more than {max_decode_s:g} s") from None
    except (av.error.FFmpegError, ValueError) as error:
        raise UnreadableMedia(f"{field}: the {container_format} file is damaged") from error
    if not len(pcm):
        raise UnreadableMedia(f"{field}: the recording contains no audio")
    return pcm


def _all_audio(container: InputContainer, source: _Deadline, max_seconds: float, field: str) -> FloatArray:
    stream = audio_stream(container)
    if stream is None:
        raise UnreadableMedia(f"{field}: the file has no audio stream")
    converter = FrameConverter()
    pieces: list[FloatArray] = []
    for frame in frames_of(container, stream):
        source.check()
        converter.measure(frame)
        if converter.seconds > max_seconds:
            raise TooLarge(f"{field}: the recording is longer than {max_seconds:g} s")
        pieces += converter.convert(frame)
    pieces += converter.flush()
    return np.concatenate(pieces) if pieces else np.zeros(0, np.float32)


class _OutOfTime(Exception):
    """The deadline passed while libav was reading."""


class _Deadline(io.BytesIO):
    """A file in memory that refuses to be read after a deadline, so that no demuxer can loop on it."""

    def __init__(self, data: bytes, deadline: float) -> None:
        super().__init__(data)
        self._deadline = deadline

    def check(self) -> None:
        if time.monotonic() > self._deadline:
            raise _OutOfTime

    def read(self, size: int | None = -1, /) -> bytes:
        self.check()
        return super().read(size)
