"""Video and audio encoders over libav: raw frames in, encoded samples out at once.

Synchronous; each object is used by one thread at a time. It holds back only what
the codec itself needs: nothing for video and Opus, two frames of 1024 samples for AAC.
Dropping the last reference frees the codec.
"""

from __future__ import annotations

import functools
from collections import deque
from dataclasses import dataclass, replace
from fractions import Fraction
from typing import Literal, cast

import av
import numpy as np
from av.audio.codeccontext import AudioCodecContext
from av.audio.frame import AudioFrame
from av.codec.context import Flags
from av.video.codeccontext import VideoCodecContext
from av.video.frame import PictureType, VideoFrame

from engine.items import FPS, OUTPUT_RATE, FloatArray, Picture
from engine.transport.media import boxes
from engine.transport.media.boxes import Sample, Track

VIDEO_TRACK, AUDIO_TRACK = 1, 2
VIDEO_TIMESCALE = OUTPUT_RATE
"""The audio's clock, so that a picture can be as long as any number of samples."""

PICTURE_DURATION = VIDEO_TIMESCALE // FPS

PRIMING_FRAMES = 4
"""Frames an audio encoder is given again when its bit rate changes: more than any of them looks back."""

# Constant quality with a capped bit rate: a still face takes few bits. No reordering, so no picture waits for another.
X264 = {"preset": "ultrafast", "tune": "zerolatency", "crf": "22"}
THIN_X264 = {"preset": "ultrafast", "tune": "zerolatency", "x264-params": "subme=2:no-deblock=0"}
"""Finer motion and smooth block edges: at 100 kbit/s 2 dB better for 0.6 ms a picture (512x512, a speaking face)."""

THIN_GOP_S = 10
FRAGMENTS_PER_S = 5
SMALLEST_BURST = 32_000
"""Bits a picture may have at least, so that a still can be recognised: 4 kB."""

THIN_QMIN = 20
"""The quantizer no thin picture goes below: about that of ``crf`` 22, so that a still face takes few bits."""

NVENC = {"preset": "p3", "tune": "ull", "zerolatency": "1", "delay": "0", "rc": "vbr", "cq": "24", "forced-idr": "1"}


@dataclass(frozen=True, slots=True)
class MediaFormat:
    """How a reply is encoded."""

    width: int = 512
    height: int = 512
    video_bitrate: int = 800_000
    """Bits per second; no second may have more."""

    audio_bitrate: int = 64_000
    audio_codec: Literal["aac", "opus"] = "aac"
    """AAC plays everywhere. Opus lags by 6.5 ms instead of AAC's 85 ms, where the player supports it."""

    gop_frames: int = 2 * FPS
    """Longest distance between two keyframes."""

    video: bool = True
    """False makes audio only."""

    every: int = 1
    """One picture in this many frames is encoded."""

    thin: bool = False
    """For a line that takes little more than ``video_bitrate``: small keyframes, few of them, no burst of bits."""

    @property
    def size(self) -> tuple[int, int]:
        """Width and height in pixels."""
        return self.width, self.height

    def fitting(self, picture: Picture | None) -> MediaFormat:
        """This format in the size of ``picture``: avatars differ in size."""
        return self if picture is None else replace(self, width=picture.width, height=picture.height)


@functools.cache
def h264_encoder() -> str:
    """``h264_nvenc`` if it can be opened on this machine, otherwise ``libx264``. Tried once per process."""
    try:
        _open_video("h264_nvenc", MediaFormat())
    except (av.FFmpegError, ValueError):
        return "libx264"
    return "h264_nvenc"


class VideoEncoder:
    """H.264 without reordering or look-ahead: every picture gives its sample at once.

    Args:
        form: size, bit rate and distance of keyframes.

    Raises:
        ValueError: the codec refuses the size or the bit rate.
    """

    def __init__(self, form: MediaFormat) -> None:
        self.form = form
        self._codec = _open_video(h264_encoder(), form)
        self._next = 0
        self._last: VideoFrame | None = None
        sps, pps = _parameter_sets(bytes(self._codec.extradata or b""))
        self.track = Track(
            VIDEO_TRACK, "video", VIDEO_TIMESCALE, boxes.avc1(form.width, form.height, sps, pps),
            f"avc1.{sps[1:4].hex().upper()}", form.width, form.height,
        )  # fmt: skip

    def encode(self, picture: Picture | None, *, keyframe: bool = False) -> Sample:
        """Encode one picture; None repeats the one before (black if there is none).

        Raises:
            ValueError: the picture's size is not the format's.
        """
        frame = self._frame(picture)
        frame.pict_type = PictureType.I if keyframe else PictureType.NONE
        frame.pts = self._next
        self._next += 1
        packets = self._codec.encode(frame)
        if len(packets) != 1:
            raise RuntimeError(f"{self._codec.name} gave {len(packets)} packets for one picture")
        return Sample(_length_prefixed(bytes(packets[0])), PICTURE_DURATION, packets[0].is_keyframe)

    def suits(self, form: MediaFormat) -> bool:
        """Whether pictures of ``form`` can go on with this encoder."""
        rates = ("video_bitrate", "every", "thin")
        return all(getattr(form, name) == getattr(self.form, name) for name in rates)

    def _frame(self, picture: Picture | None) -> VideoFrame:
        width, height = self.form.width, self.form.height
        if picture is not None:
            if (picture.width, picture.height) != (width, height):
                raise ValueError(f"picture is {picture.width}x{picture.height}, the stream is {width}x{height}")
            # Shares the picture's memory: pictures are immutable, and the codec has read it on return.
            self._last = VideoFrame.from_numpy_buffer(np.ascontiguousarray(picture.yuv), format="yuv420p")
        elif self._last is None:
            black = np.full((height * 3 // 2, width), 128, np.uint8)
            black[:height] = 16
            self._last = VideoFrame.from_ndarray(black, format="yuv420p")
        return self._last


class AudioEncoder:
    """Encodes continuous audio.

    The first packets contain the encoder's priming, which the track's ``skip`` hides.
    AAC lags two frames of 1024 samples behind its input. Opus frames are 20 ms, two per
    picture, so audio and video are cut at the same time.

    Args:
        form: codec and bit rate.
    """

    def __init__(self, form: MediaFormat) -> None:
        self._form = form
        self._codec = _open_audio(form)
        if form.audio_codec == "opus":
            # RFC 7845: the pre-skip, in 48 kHz samples whatever the input's rate.
            skip = int.from_bytes(self._head[10:12], "little")
            self.track = Track(AUDIO_TRACK, "audio", 48_000, boxes.opus(1, skip), "opus", skip=skip)
        else:
            entry = boxes.mp4a(OUTPUT_RATE, 1, form.audio_bitrate, self._head)
            self.track = Track(AUDIO_TRACK, "audio", OUTPUT_RATE, entry, "mp4a.40.2", skip=self._codec.frame_size)
        self._size = self._codec.frame_size
        self._duration = self._size * self.track.timescale // OUTPUT_RATE
        self._rest = np.zeros(0, np.float32)
        self._recent: deque[FloatArray] = deque(maxlen=PRIMING_FRAMES)
        self._next = 0
        self._left = self.track.skip
        """Track time that may still be given out: priming, plus what was put in, minus what was given out."""

    @property
    def _head(self) -> bytes:
        return bytes(self._codec.extradata or b"")

    def encode(self, pcm: FloatArray) -> list[Sample]:
        """Add (n,) float32 mono 24 kHz; gives the samples that are complete."""
        self._left += len(pcm) * self.track.timescale // OUTPUT_RATE
        return self._feed(pcm)

    def change_bitrate(self, bitrate: int) -> None:
        """Go on with ``bitrate`` bits per second, without a gap.

        The codec is opened anew, and given what the old one heard last; the packets of that exist already.
        """
        if bitrate == self._form.audio_bitrate:
            return
        self._form = replace(self._form, audio_bitrate=bitrate)
        self._codec = _open_audio(self._form)
        for number, pcm in enumerate(self._recent):
            self._codec.encode(self._audio_frame(pcm, self._next - (len(self._recent) - number) * self._size))

    def finish(self) -> list[Sample]:
        """The rest, cut where the audio ends. Nothing may be added after this."""
        padding = np.zeros(-len(self._rest) % self._size, np.float32)
        return self._feed(padding) + self._packets(None)

    def _feed(self, pcm: FloatArray) -> list[Sample]:
        audio = np.concatenate((self._rest, pcm))
        whole = len(audio) // self._size * self._size
        self._rest = audio[whole:]
        return [sample for frame in audio[:whole].reshape(-1, self._size) for sample in self._packets(frame)]

    def _packets(self, pcm: FloatArray | None) -> list[Sample]:
        frame = None
        if pcm is not None:
            frame = self._audio_frame(pcm, self._next)
            self._recent.append(pcm)
            self._next += len(pcm)
        samples = []
        for packet in self._codec.encode(frame):
            duration = min(self._duration, self._left)
            self._left -= duration
            if duration > 0:
                samples.append(Sample(bytes(packet), duration))
        return samples

    def _audio_frame(self, pcm: FloatArray, at: int) -> AudioFrame:
        frame = AudioFrame.from_ndarray(pcm[None], format=self._codec.format.name, layout="mono")
        frame.sample_rate, frame.pts, frame.time_base = OUTPUT_RATE, at, Fraction(1, OUTPUT_RATE)
        return frame


def _open_video(name: str, form: MediaFormat) -> VideoCodecContext:
    codec = cast(VideoCodecContext, VideoCodecContext.create(name, "w"))
    codec.width, codec.height, codec.pix_fmt = form.width, form.height, "yuv420p"
    codec.time_base, codec.framerate = Fraction(1, FPS), Fraction(FPS)
    codec.gop_size, codec.max_b_frames = form.gop_frames, 0
    options = dict(NVENC if name == "h264_nvenc" else X264)
    rate = burst = form.video_bitrate
    if form.thin:
        # Pictures that are due, and one that is repeated at the head of most fragments without any.
        codec.framerate = Fraction(FPS, form.every) + FRAGMENTS_PER_S * (1 - Fraction(1, form.every))
        codec.bit_rate, codec.qmin = rate, THIN_QMIN
        codec.gop_size = int(THIN_GOP_S * codec.framerate)
        burst = max(rate // 2, SMALLEST_BURST)
        options = NVENC | {"rc": "cbr"} if name == "h264_nvenc" else dict(THIN_X264)
    # SMPTE 170M (BT.601), limited range: what the renderers make.
    codec.color_primaries, codec.color_trc, codec.colorspace, codec.color_range = 6, 6, 6, 1
    codec.thread_count = 1
    codec.flags |= Flags.global_header
    codec.options = options | {"maxrate": str(rate), "bufsize": str(burst)}
    codec.open()
    return codec


def _open_audio(form: MediaFormat) -> AudioCodecContext:
    if form.audio_codec == "opus":
        name, sample_format, options = "libopus", "flt", {"application": "voip", "frame_duration": "20"}
    else:
        name, sample_format, options = "aac", "fltp", {"aac_coder": "fast"}
    codec = cast(AudioCodecContext, AudioCodecContext.create(name, "w"))
    codec.sample_rate, codec.layout, codec.format = OUTPUT_RATE, "mono", sample_format
    codec.bit_rate, codec.time_base = form.audio_bitrate, Fraction(1, OUTPUT_RATE)
    codec.flags |= Flags.global_header
    codec.options = options
    codec.open()
    return codec


def _nal_units(stream: bytes) -> list[bytes]:
    """NAL units of an Annex B stream, start codes removed."""
    units = []
    start = stream.find(b"\0\0\1")
    while start >= 0:
        following = stream.find(b"\0\0\1", start + 3)
        end = len(stream) if following < 0 else following
        # Zeros before a start code belong to it: a NAL unit never ends with a zero byte.
        units.append(stream[start + 3 : end].rstrip(b"\0"))
        start = following
    return units


def _length_prefixed(stream: bytes) -> bytes:
    """Annex B to the length-prefixed form of MP4, without SEI and parameter sets, which are in the header."""
    units = [unit for unit in _nal_units(stream) if unit[0] & 31 not in (6, 7, 8, 9)]
    return b"".join(len(unit).to_bytes(4, "big") + unit for unit in units)


def _parameter_sets(extradata: bytes) -> tuple[bytes, bytes]:
    by_type = {unit[0] & 31: unit for unit in _nal_units(extradata)}
    if 7 not in by_type or 8 not in by_type:
        raise ValueError("the H.264 encoder gave no parameter sets")
    return by_type[7], by_type[8]
