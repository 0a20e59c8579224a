"""Audio containers from clients: recognised by their first bytes, opened safely, decoded frame by frame.

Clients are not trusted. The container is chosen from the first bytes and named to libav, so playlists (HLS, DASH,
concat), which open further files or addresses, are never probed. ``FrameConverter`` counts audio before it is
resampled, so a small file that unfolds to hours can be stopped in time. Synchronous; nothing here owns a thread.
"""

from __future__ import annotations

from collections.abc import Iterator

import av
import numpy as np
from av.audio.frame import AudioFrame
from av.audio.resampler import AudioResampler
from av.audio.stream import AudioStream
from av.container import InputContainer
from av.stream import Discard

from engine.audio.resampling import MAX_RATE, MIN_RATE
from engine.items import INPUT_RATE, FloatArray

CODECS = (
    "opus,libopus,vorbis,libvorbis,flac,mp3,mp3float,mp2,aac,alac,"
    "pcm_u8,pcm_s16le,pcm_s24le,pcm_s32le,pcm_f32le,pcm_f64le,pcm_alaw,pcm_mulaw"
)
"""libav's names of the decoders a recording may use."""

MAX_CHANNELS = 16
MAX_DAMAGED_PACKETS = 64
"""Undecodable packets after which a recording counts as unreadable. A judgement."""


def sniff(data: bytes) -> str | None:
    """libav's name of the container that begins with ``data``, or None if it is not known.

    16 bytes are enough, but for ID3 tags: what follows the last of them decides, and is taken for MP3 if it is missing.
    """
    start = _after_id3(data)
    if start and start >= len(data):
        return "mp3"
    head = bytes(data[start : start + 16])
    if head[:4] in (b"RIFF", b"RF64") and head[8:12] == b"WAVE":
        return "wav"
    if head[:4] == b"\x1a\x45\xdf\xa3":
        return "matroska"
    if head[4:8] == b"ftyp":
        return "mp4"
    for magic, name in ((b"OggS", "ogg"), (b"fLaC", "flac")):
        if head.startswith(magic):
            return name
    if len(head) > 1 and head[0] == 0xFF and head[1] & 0xF6 == 0xF0:
        return "aac"
    if len(head) > 1 and head[0] == 0xFF and head[1] & 0xE0 == 0xE0 and head[1] & 0x06:
        return "mp3"
    return "mp3" if start else None


def _after_id3(data: bytes) -> int:
    """Where the ID3v2 tags at the head end (https://id3.org/id3v2.4.0-structure, section 3); 0 if there is none."""
    position = 0
    while data[position : position + 3] == b"ID3" and len(data) >= position + 10:
        flags, *size = data[position + 5 : position + 10]
        length = sum((byte & 0x7F) << shift for byte, shift in zip(size, (21, 14, 7, 0), strict=True))
        position += 10 + length + (10 if flags & 0x10 else 0)
    return position


def container_options(container_format: str) -> dict[str, str]:
    """Options for ``av.open`` under which libav opens nothing but the bytes it was given."""
    known_as = {"matroska": "matroska,webm", "mp4": "mov,mp4,m4a,3gp,3g2,mj2"}.get(container_format, container_format)
    return {"protocol_whitelist": "none", "format_whitelist": known_as, "codec_whitelist": CODECS}


def audio_stream(container: InputContainer) -> AudioStream | None:
    """The first audio stream, or None; no other stream is decoded."""
    chosen = next(iter(container.streams.audio), None)
    for stream in container.streams:
        if stream is not chosen:
            stream.discard = Discard.all
    return chosen


def frames_of(container: InputContainer, stream: AudioStream) -> Iterator[AudioFrame]:
    """Decoded frames up to the end, or to where the file is cut off. Damaged packets are skipped.

    Raises:
        av.error.FFmpegError: more than ``MAX_DAMAGED_PACKETS`` are damaged.
    """
    damaged = 0
    packets = container.demux(stream)
    while True:
        try:
            packet = next(packets)
        except (StopIteration, av.error.EOFError):
            return
        try:
            yield from packet.decode()
        except av.error.EOFError:
            return
        except av.error.InvalidDataError:
            damaged += 1
            if damaged > MAX_DAMAGED_PACKETS:
                raise


class FrameConverter:
    """libav frames of any rate, layout and format to 16 kHz mono; counts the seconds it was given.

    A stream may change its format on the way (chained Ogg); a new filter then takes over.
    """

    def __init__(self) -> None:
        self.seconds = 0.0
        """Of audio measured so far."""

        self._key: tuple[str, str, int] | None = None
        self._resampler: AudioResampler | None = None

    def measure(self, frame: AudioFrame) -> None:
        """Add a frame's length to ``seconds``. Call it, and check ``seconds``, before ``convert``.

        Raises:
            ValueError: a sample rate or number of channels out of range.
        """
        if not MIN_RATE <= frame.sample_rate <= MAX_RATE or len(frame.layout.channels) > MAX_CHANNELS:
            raise ValueError(f"{frame.sample_rate} Hz, {len(frame.layout.channels)} channels")
        self.seconds += frame.samples / frame.sample_rate

    def convert(self, frame: AudioFrame) -> list[FloatArray]:
        """Samples of this frame and some of the frames before, each (n,) float32 mono 16 kHz in [-1, 1]."""
        key = (frame.format.name, frame.layout.name, frame.sample_rate)
        pieces: list[FloatArray] = []
        if key != self._key:
            pieces += self.flush()
            self._key, self._resampler = key, AudioResampler("fltp", frame.layout, INPUT_RATE)
        assert self._resampler is not None
        # Audio is taken as contiguous: gaps in a browser's timestamps are not silence.
        frame.pts = None
        return pieces + [_clean(out) for out in self._resampler.resample(frame)]

    def flush(self) -> list[FloatArray]:
        """What the filter still holds; the next frame may have any format."""
        if self._resampler is None:
            return []
        pieces = [_clean(out) for out in self._resampler.resample(None)]
        self._key, self._resampler = None, None
        return pieces


def _clean(frame: AudioFrame) -> FloatArray:
    """(n,) float32: the mean of all channels (libav's own mix may clip). NaN, which float files can hold, becomes 0."""
    pcm: FloatArray = np.nan_to_num(frame.to_ndarray(), nan=0.0, posinf=1.0, neginf=-1.0).mean(axis=0)
    return np.clip(pcm, -1.0, 1.0)
