"""Sound in and out of containers: whole recordings, rates, and plain PCM.

In: bytes from a client, or float32 mono samples. Out: float32 mono in [-1, 1], 16 kHz for
recordings. Everything here is synchronous and computes: call it from a ``Worker``; only
``pcm16_to_float`` and ``float_to_pcm16`` are cheap enough for the event loop. Nothing here
owns a thread, so nothing has to be stopped.

Clients are not trusted: the container is chosen from the first bytes and named to libav, so
playlists (HLS, DASH, concat) that open further files or addresses are never probed; sound is
counted before it is resampled, so a small file that unfolds to hours stops at the limit.
"""

from __future__ import annotations

import contextlib
import io
import time
import wave
from collections.abc import Iterator
from typing import cast

import av
import numpy as np
from av.audio.frame import AudioFrame
from av.audio.resampler import AudioResampler
from av.audio.stream import AudioStream
from av.container import InputContainer
from av.filter import Graph
from av.stream import Discard

from engine.errors import TooLarge, UnreadableMedia
from engine.items import INPUT_RATE, FloatArray

CODECS = (
    "opus,libopus,vorbis,libvorbis,flac,mp3,mp3float,mp2,aac,alac,"
    "pcm_u8,pcm_s16le,pcm_s24le,pcm_s32le,pcm_f32le,pcm_f64le,pcm_alaw,pcm_mulaw"
)
"""Decoders a recording may use."""

LOWEST_RATE, HIGHEST_RATE, MOST_CHANNELS = 4_000, 384_000, 16
DAMAGED_PACKETS = 64
"""Undecodable packets a recording may have before it counts as unreadable."""


def decode(
    data: bytes,
    max_bytes: int = 32_000_000,
    max_seconds: float = 120.0,
    max_decode_s: float = 10.0,
    field: str = "data",
) -> FloatArray:
    """The sound of a whole recording (wav, webm, ogg, mp3, m4a, aac, flac).

    A recording cut off in the middle gives what there is of it.

    Args:
        data: the file.
        max_bytes: largest file.
        max_seconds: longest sound in it, whatever its header claims.
        max_decode_s: longest time to spend on it, by the wall clock.
        field: what error messages call it.

    Returns:
        (n,) float32 mono, 16 kHz, in [-1, 1], n > 0.

    Raises:
        TooLarge: more than ``max_bytes`` or ``max_seconds``, or slower than ``max_decode_s``.
        UnreadableMedia: not one of these containers, damaged, or without sound.
    """
    if len(data) > max_bytes:
        raise TooLarge(f"{field}: {len(data)} bytes of audio, at most {max_bytes} are taken")
    if not data:
        raise UnreadableMedia(f"{field}: the recording is empty (0 bytes)")
    container_format = sniff(data)
    if container_format is None:
        raise UnreadableMedia(f"{field}: not a recording in wav, webm, ogg, mp3, m4a, aac or flac")
    source = _Deadline(data, time.monotonic() + max_decode_s)
    try:
        options = container_options(container_format)
        with av.open(source, "r", format=container_format, metadata_errors="replace", options=options) as container:
            pcm = _all_sound(container, source, max_seconds, field)
    except _OutOfTime:
        raise TooLarge(f"{field}: decoding took longer than the limit of {max_decode_s:g} s") from None
    except (av.error.FFmpegError, ValueError) as error:
        raise UnreadableMedia(f"{field}: damaged or not really {container_format} audio") from error
    if not len(pcm):
        raise UnreadableMedia(f"{field}: the recording holds no sound")
    return pcm


def sniff(data: bytes) -> str | None:
    """libav's name of the container these first bytes (16 are enough) begin, or None."""
    head = bytes(data[:16])
    if head[:4] in (b"RIFF", b"RF64") and head[8:12] == b"WAVE":
        return "wav"
    if head[:4] == b"\x1a\x45\xdf\xa3":
        return "matroska"
    if head[4:8] == b"ftyp":
        return "mp4"
    for magic, name in ((b"OggS", "ogg"), (b"fLaC", "flac"), (b"ID3", "mp3")):
        if head.startswith(magic):
            return name
    if len(head) > 1 and head[0] == 0xFF and head[1] & 0xF6 == 0xF0:
        return "aac"
    if len(head) > 1 and head[0] == 0xFF and head[1] & 0xE0 == 0xE0 and head[1] & 0x06:
        return "mp3"
    return None


def container_options(container_format: str) -> dict[str, str]:
    """Options for ``av.open`` under which libav opens nothing but the bytes it was given."""
    known_as = {"matroska": "matroska,webm", "mp4": "mov,mp4,m4a,3gp,3g2,mj2"}.get(container_format, container_format)
    return {"protocol_whitelist": "none", "format_whitelist": known_as, "codec_whitelist": CODECS}


class Resampler:
    """Changes the rate of mono sound that comes in pieces; keeps the filter's state between them.

    Not thread safe. What comes out lags what went in by the filter's length (< 2 ms) until ``flush``.
    """

    def __init__(self, from_rate: int, to_rate: int = INPUT_RATE) -> None:
        for rate in (from_rate, to_rate):
            if not LOWEST_RATE <= rate <= HIGHEST_RATE:
                raise ValueError(f"sample rate {rate} is outside {LOWEST_RATE}..{HIGHEST_RATE}")
        self.from_rate, self.to_rate = from_rate, to_rate
        self._graph = self._make_graph()

    def push(self, pcm: FloatArray) -> FloatArray:
        """(n,) float32 at ``from_rate`` in, (m,) float32 at ``to_rate`` out; m may be 0."""
        if self.from_rate == self.to_rate or not len(pcm):
            return pcm.astype(np.float32, copy=False)
        frame = AudioFrame.from_ndarray(np.ascontiguousarray(pcm[None], np.float32), "flt", "mono")
        frame.sample_rate = self.from_rate
        self._graph.push(frame)
        return self._pull()

    def flush(self) -> FloatArray:
        """What the filter still holds. The resampler begins anew after this."""
        if self.from_rate == self.to_rate:
            return np.zeros(0, np.float32)
        try:
            self._graph.push(None)
            return self._pull()
        finally:
            self._graph = self._make_graph()

    def _make_graph(self) -> Graph:
        """As PyAV's own resampler makes it, but for its threads: one for each core, until the collector comes by."""
        graph = Graph()
        graph.threads = 1
        source = graph.add("abuffer", sample_rate=str(self.from_rate), sample_fmt="flt", channel_layout="mono")
        wanted = graph.add("aformat", sample_rates=str(self.to_rate), sample_fmts="flt", channel_layouts="mono")
        graph.link_nodes(source, wanted, graph.add("abuffersink")).configure()
        return graph

    def _pull(self) -> FloatArray:
        frames: list[AudioFrame] = []
        with contextlib.suppress(BlockingIOError, EOFError):
            while True:
                frames.append(cast(AudioFrame, self._graph.pull()))
        return _join(frames)


def resample(pcm: FloatArray, from_rate: int, to_rate: int = INPUT_RATE) -> FloatArray:
    """(n,) float32 mono at one rate to (round(n * to_rate / from_rate),) at another."""
    if from_rate == to_rate or not len(pcm):
        return pcm.astype(np.float32, copy=False)
    resampler = Resampler(from_rate, to_rate)
    out = np.concatenate([resampler.push(pcm), resampler.flush()])
    length = round(len(pcm) * to_rate / from_rate)
    return out[:length] if len(out) >= length else np.pad(out, (0, length - len(out)))


def pcm16_to_float(data: bytes) -> FloatArray:
    """Little-endian signed 16-bit samples to float32 in [-1, 1). An odd last byte is dropped."""
    return np.frombuffer(data, "<i2", count=len(data) // 2).astype(np.float32) / 32768.0


def float_to_pcm16(pcm: FloatArray) -> bytes:
    """float32 samples to little-endian signed 16-bit; beyond [-1, 1] is clipped."""
    return bytes(np.rint(np.clip(pcm, -1.0, 1.0) * 32767.0).astype("<i2"))


def to_wav(pcm: FloatArray, rate: int) -> bytes:
    """A mono 16-bit WAV file."""
    out = io.BytesIO()
    with wave.open(out, "wb") as file:
        file.setnchannels(1)
        file.setsampwidth(2)
        file.setframerate(rate)
        file.writeframes(float_to_pcm16(pcm))
    return out.getvalue()


class FrameConverter:
    """libav frames of any rate, layout and format to 16 kHz mono; counts what it was given.

    A stream may change its format on the way (chained Ogg): a new filter takes over.
    """

    def __init__(self) -> None:
        self.seconds = 0.0
        """Of sound given so far."""

        self._key: tuple[str, str, int] | None = None
        self._resampler: AudioResampler | None = None

    def measure(self, frame: AudioFrame) -> None:
        """Count a frame's length. Do this, and look at ``seconds``, before ``convert``.

        Raises:
            ValueError: a rate or a number of channels that no microphone has.
        """
        if not LOWEST_RATE <= frame.sample_rate <= HIGHEST_RATE or len(frame.layout.channels) > MOST_CHANNELS:
            raise ValueError(f"{frame.sample_rate} Hz, {len(frame.layout.channels)} channels")
        self.seconds += frame.samples / frame.sample_rate

    def convert(self, frame: AudioFrame) -> list[FloatArray]:
        """Its samples (and some of the frames before), 16 kHz mono float32 in [-1, 1]."""
        key = (frame.format.name, frame.layout.name, frame.sample_rate)
        pieces: list[FloatArray] = []
        if key != self._key:
            pieces += self.flush()
            self._key, self._resampler = key, AudioResampler("fltp", frame.layout, INPUT_RATE)
        assert self._resampler is not None
        # Sound is contiguous by definition here: gaps in a browser's clock are not silence to keep.
        frame.pts = None
        return pieces + [_clean(out) for out in self._resampler.resample(frame)]

    def flush(self) -> list[FloatArray]:
        """What the filter still holds."""
        if self._resampler is None:
            return []
        pieces = [_clean(out) for out in self._resampler.resample(None)]
        self._key, self._resampler = None, None
        return pieces


def audio_stream(container: InputContainer) -> AudioStream | None:
    """The first stream of sound; all others are left undecoded."""
    chosen = next(iter(container.streams.audio), None)
    for stream in container.streams:
        if stream is not chosen:
            stream.discard = Discard.all
    return chosen


def frames_of(container: InputContainer, stream: AudioStream) -> Iterator[AudioFrame]:
    """Decoded frames, past damaged packets, up to the end or to where the file is cut off.

    Raises:
        av.error.FFmpegError: too many damaged packets.
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
            if damaged > DAMAGED_PACKETS:
                raise


def _all_sound(container: InputContainer, source: _Deadline, max_seconds: float, field: str) -> FloatArray:
    stream = audio_stream(container)
    if stream is None:
        raise UnreadableMedia(f"{field}: the file has no sound in it")
    converter = FrameConverter()
    pieces: list[FloatArray] = []
    for frame in frames_of(container, stream):
        source.check()
        converter.measure(frame)
        if converter.seconds > max_seconds:
            raise TooLarge(f"{field}: longer than the limit of {max_seconds:g} s")
        pieces += converter.convert(frame)
    pieces += converter.flush()
    return np.concatenate(pieces) if pieces else np.zeros(0, np.float32)


def _clean(frame: AudioFrame) -> FloatArray:
    """The mean of all channels (libav's own mix may clip). NaN, of which a float file may be full, is silence."""
    pcm: FloatArray = np.nan_to_num(frame.to_ndarray(), nan=0.0, posinf=1.0, neginf=-1.0).mean(axis=0)
    return np.clip(pcm, -1.0, 1.0)


def _join(frames: list[AudioFrame]) -> FloatArray:
    return np.concatenate([f.to_ndarray()[0] for f in frames]) if frames else np.zeros(0, np.float32)


class _OutOfTime(Exception):
    """The deadline passed while libav was reading."""


class _Deadline(io.BytesIO):
    """A file in memory that can not be read any more after a deadline, so no demuxer can loop on it."""

    def __init__(self, data: bytes, deadline: float) -> None:
        super().__init__(data)
        self._deadline = deadline

    def check(self) -> None:
        if time.monotonic() > self._deadline:
            raise _OutOfTime

    def read(self, size: int | None = -1, /) -> bytes:
        self.check()
        return super().read(size)
