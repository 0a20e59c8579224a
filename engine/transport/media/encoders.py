"""Video and audio encoders over libav: raw frames in, encoded samples out at once.

Synchronous; each object is used by one thread at a time. It holds back only what
the codec itself needs: nothing for video and Opus, two frames of 1024 samples for AAC.
Dropping the last reference frees the codec.
"""

from __future__ import annotations

import functools
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

# Constant quality with a capped bit rate: a still face takes few bits. No reordering, so no picture waits for another.
X264 = {"preset": "ultrafast", "tune": "zerolatency", "crf": "22"}
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
        rate = form.audio_bitrate
        if form.audio_codec == "opus":
            self._codec = _open_audio("libopus", "flt", rate, {"application": "voip", "frame_duration": "20"})
            # RFC 7845: the pre-skip, in 48 kHz samples whatever the input's rate.
            skip = int.from_bytes(self._head[10:12], "little")
            self.track = Track(AUDIO_TRACK, "audio", 48_000, boxes.opus(1, skip), "opus", skip=skip)
        else:
            self._codec = _open_audio("aac", "fltp", rate, {"aac_coder": "fast"})
            entry = boxes.mp4a(OUTPUT_RATE, 1, rate, self._head)
            self.track = Track(AUDIO_TRACK, "audio", OUTPUT_RATE, entry, "mp4a.40.2", skip=self._codec.frame_size)
        self._size = self._codec.frame_size
        self._duration = self._size * self.track.timescale // OUTPUT_RATE
        self._rest = np.zeros(0, np.float32)
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
            frame = AudioFrame.from_ndarray(pcm[None], format=self._codec.format.name, layout="mono")
            frame.sample_rate, frame.pts, frame.time_base = OUTPUT_RATE, self._next, Fraction(1, OUTPUT_RATE)
            self._next += len(pcm)
        samples = []
        for packet in self._codec.encode(frame):
            duration = min(self._duration, self._left)
            self._left -= duration
            if duration > 0:
                samples.append(Sample(bytes(packet), duration))
        return samples


def _open_video(name: str, form: MediaFormat) -> VideoCodecContext:
    codec = cast(VideoCodecContext, VideoCodecContext.create(name, "w"))
    codec.width, codec.height, codec.pix_fmt = form.width, form.height, "yuv420p"
    codec.time_base, codec.framerate = Fraction(1, FPS), Fraction(FPS)
    codec.gop_size, codec.max_b_frames = form.gop_frames, 0
    # SMPTE 170M (BT.601), limited range: what the renderers make.
    codec.color_primaries, codec.color_trc, codec.colorspace, codec.color_range = 6, 6, 6, 1
    codec.thread_count = 1
    codec.flags |= Flags.global_header
    rate = {"maxrate": str(form.video_bitrate), "bufsize": str(form.video_bitrate)}
    codec.options = (NVENC if name == "h264_nvenc" else X264) | rate
    codec.open()
    return codec


def _open_audio(name: str, sample_format: str, bitrate: int, options: dict[str, str]) -> AudioCodecContext:
    codec = cast(AudioCodecContext, AudioCodecContext.create(name, "w"))
    codec.sample_rate, codec.layout, codec.format = OUTPUT_RATE, "mono", sample_format
    codec.bit_rate, codec.time_base = bitrate, Fraction(1, OUTPUT_RATE)
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
