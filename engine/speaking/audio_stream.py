"""Decodes audio that arrives in pieces of any size: raw PCM, WAV or MP3.

In: bytes from a speech server, which is not trusted. Out: mono float32 and its sample rate. Blocking: call it in a
worker thread. It is cheap: a second of MP3 takes a millisecond.
"""

from __future__ import annotations

import struct

import av
import numpy as np
from av.audio.codeccontext import AudioCodecContext

from engine.items import FloatArray

MIN_RATE, MAX_RATE = 8_000, 96_000
"""Sample rates accepted, Hz."""

_MAX_SILENT_BYTES = 65_536
"""How many bytes may come without any audio (headers and tags) before the stream is given up."""

_MAX_DAMAGED_PACKETS = 8


class BadAudio(ValueError):
    """The bytes are not audio, or not in a supported format."""


class AudioStream:
    """The audio of one response. The format is recognized by the first bytes; without a known header it is raw PCM.

    Args:
        pcm_rate: sample rate of raw PCM (16-bit little-endian mono), Hz.
    """

    def __init__(self, pcm_rate: int) -> None:
        self.rate: int | None = None
        """Sample rate, Hz; None until the first samples have been decoded."""
        self._pcm_rate = pcm_rate
        self._decode: _Pcm | _Wav | _Mp3 | None = None
        self._start = b""

    def push(self, data: bytes) -> FloatArray:
        """Decodes the next bytes.

        Returns:
            The samples that are complete by now, (n,) float32 mono in [-1, 1].

        Raises:
            BadAudio: the bytes are damaged or in an unsupported format.
        """
        if self._decode is None:
            self._start += data
            if len(self._start) < 12:
                return np.zeros(0, np.float32)
            data, self._start = self._start, b""
            self._decode = self._decoder(data)
        pcm = self._decode.push(data)
        if self.rate is None and self._decode.rate is not None:
            if not MIN_RATE <= self._decode.rate <= MAX_RATE:
                raise BadAudio(f"a sample rate of {self._decode.rate} Hz ({MIN_RATE} to {MAX_RATE} are accepted)")
            self.rate = self._decode.rate
        if not np.isfinite(pcm).all():
            raise BadAudio("samples that are not finite numbers")
        return np.clip(pcm, -1.0, 1.0)

    def _decoder(self, start: bytes) -> _Pcm | _Wav | _Mp3:
        if start[:4] == b"RIFF" and start[8:12] == b"WAVE":
            return _Wav()
        if start[:3] == b"ID3" or (start[0] == 0xFF and start[1] & 0xE6 == 0xE2):
            return _Mp3()
        if start.lstrip()[:1] in (b"<", b"{") and all(32 <= byte < 127 or byte in b"\r\n\t" for byte in start[:12]):
            raise BadAudio("text instead of audio")
        return _Pcm(self._pcm_rate, 1, "<i2", 1 / 32768)


class _Pcm:
    def __init__(self, rate: int, channels: int, dtype: str, scale: float) -> None:
        self.rate: int | None = rate
        self._channels = channels
        self._dtype = np.dtype(dtype)
        self._scale = np.float32(scale)
        self._rest = b""

    def push(self, data: bytes) -> FloatArray:
        data = self._rest + data
        size = self._dtype.itemsize * self._channels
        whole = len(data) // size * size
        self._rest = data[whole:]
        samples = np.frombuffer(data[:whole], self._dtype).astype(np.float32).reshape(-1, self._channels)
        mono: FloatArray = samples.mean(axis=1, dtype=np.float32) * self._scale
        return mono


class _Wav:
    """Ignores the sizes in the header, which a streaming server cannot know: the data ends with the response."""

    def __init__(self) -> None:
        self.rate: int | None = None
        self._header = b""
        self._pcm: _Pcm | None = None

    def push(self, data: bytes) -> FloatArray:
        if self._pcm is not None:
            return self._pcm.push(data)
        self._header += data
        at, layout = 12, b""
        while len(self._header) >= at + 8:
            name, size = struct.unpack_from("<4sI", self._header, at)
            if name == b"data":
                self._pcm = _wav_samples(layout)
                self.rate = self._pcm.rate
                rest, self._header = self._header[at + 8 :], b""
                return self._pcm.push(rest)
            if name == b"fmt ":
                layout = self._header[at + 8 : at + 8 + size]
            at += 8 + size + size % 2
            if at > _MAX_SILENT_BYTES:
                raise BadAudio("a WAV header without audio")
        return np.zeros(0, np.float32)


def _wav_samples(layout: bytes) -> _Pcm:
    if len(layout) < 16:
        raise BadAudio("WAV without a valid format chunk")
    kind, channels, rate, _, _, bits = struct.unpack_from("<HHIIHH", layout)
    if kind == 0xFFFE and len(layout) >= 26:
        (kind,) = struct.unpack_from("<H", layout, 24)
    forms = {(1, 16): ("<i2", 1 / 32768), (1, 32): ("<i4", 1 / 2**31), (3, 32): ("<f4", 1.0)}
    if (kind, bits) not in forms or not 1 <= channels <= 8:
        raise BadAudio(f"WAV with the unsupported format {kind}, {bits} bits, {channels} channels")
    return _Pcm(rate, channels, *forms[kind, bits])


class _Mp3:
    def __init__(self) -> None:
        self.rate: int | None = None
        codec = av.CodecContext.create("mp3float", "r")
        assert isinstance(codec, AudioCodecContext)
        self._codec = codec
        self._tag: bytes | None = b""
        """The first bytes until there are enough to recognize an ID3 tag, then None."""
        self._skip = 0
        self._damaged, self._silent_bytes = 0, 0

    def push(self, data: bytes) -> FloatArray:
        data = self._past_tag(data)
        pieces: list[FloatArray] = []
        for packet in self._codec.parse(data) if data else ():
            try:
                for frame in self._codec.decode(packet):
                    self.rate = frame.sample_rate
                    pieces.append(frame.to_ndarray().mean(axis=0, dtype=np.float32))
            except av.error.InvalidDataError as error:
                self._damaged += 1
                if self._damaged > _MAX_DAMAGED_PACKETS:
                    raise BadAudio("damaged MP3") from error
        self._silent_bytes = 0 if pieces else self._silent_bytes + len(data)
        if self._silent_bytes > _MAX_SILENT_BYTES:
            raise BadAudio("MP3 without audio")
        return np.concatenate(pieces) if pieces else np.zeros(0, np.float32)

    def _past_tag(self, data: bytes) -> bytes:
        if self._tag is not None:
            self._tag += data
            if len(self._tag) < 10:
                return b""
            data, self._tag = self._tag, None
            if data[:3] == b"ID3":
                # The size is four bytes of seven bits, without the ten bytes of the header itself.
                self._skip = 10 + sum((byte & 0x7F) << (21 - 7 * i) for i, byte in enumerate(data[6:10]))
        dropped = min(self._skip, len(data))
        self._skip -= dropped
        return data[dropped:]
