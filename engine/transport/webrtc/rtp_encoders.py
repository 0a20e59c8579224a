"""Encoders of a peer's audio and video, giving packets that aiortc passes through.

aiortc's own encoders are bypassed: they open x264 with its slow default preset, start anew with
every change of bit rate, and one pool of threads serves DNS and all else too. Synchronous;
each object is used by one worker thread at a time. Dropping the last reference frees the codec.
"""

from __future__ import annotations

from fractions import Fraction
from typing import Any, Literal, cast

import numpy as np
from av.audio.codeccontext import AudioCodecContext
from av.audio.frame import AudioFrame
from av.packet import Packet
from av.video.codeccontext import VideoCodecContext
from av.video.frame import PictureType, VideoFrame

from engine.items import FPS, OUTPUT_RATE, FloatArray, Picture
from engine.transport.media import h264_encoder
from engine.transport.media.encoders import THIN_X264

VIDEO_CLOCK = 90_000
AUDIO_CLOCK = 48_000
VIDEO_TICK = VIDEO_CLOCK // 50
AUDIO_TICK = AUDIO_CLOCK // 50

KEYFRAME_EVERY = 10 * FPS
"""A receiver asks for a keyframe when it needs one; this is for those whose request was lost."""

_RATE_STEP = 0.15
"""A smaller change of bit rate is not worth telling the codec."""

_REOPEN = 0.4
"""A codec is kept down to this part of the rate it was opened with: below a half, lest it flutters."""

_SMALLEST_BURST = 32_000
"""Bits a picture may have at least, so that a still can be recognised: 4 kB."""

SMOOTH_BELOW = 500_000
"""Below so many bits per second the edges of blocks are smoothed, for 0.8 ms a picture: a peer begins with 300 kbit/s,
at which the grid of blocks is seen without. Above, 45 dB look the same either way."""

VideoCodecName = Literal["h264", "vp8"]


class OpusPackets:
    """20 ms of audio to one packet; lags 6.5 ms and holds nothing else back."""

    def __init__(self, bitrate: int) -> None:
        self._codec = self._open(bitrate)
        self._before: FloatArray | None = None
        self._last = b""

    @staticmethod
    def _open(bitrate: int) -> AudioCodecContext:
        codec = AudioCodecContext.create("libopus", "w")
        codec.sample_rate, codec.layout, codec.format = OUTPUT_RATE, "mono", "flt"
        codec.bit_rate, codec.time_base = bitrate, Fraction(1, OUTPUT_RATE)
        # A lost packet can be rebuilt from the next one.
        codec.options = {"application": "voip", "frame_duration": "20", "fec": "1", "packet_loss": "5"}
        codec.open()
        return codec

    def encode(self, pcm: FloatArray, tick: int, bitrate: int | None = None) -> Packet[Any]:
        """(480,) float32 that leave in tick number ``tick``; with another bit rate from now on unless it is None."""
        if bitrate not in (None, self._codec.bit_rate):
            self._codec = self._open(bitrate)
            if self._before is not None:
                # The new codec hears what the old one heard last, so that its first packet has no gap before it.
                self._encode(self._before, tick - 1)
        packet = self._encode(pcm, tick)
        self._before = pcm
        packet.pts, packet.time_base = tick * AUDIO_TICK, Fraction(1, AUDIO_CLOCK)
        self._last = bytes(packet)
        return packet

    def _encode(self, pcm: FloatArray, tick: int) -> Packet[Any]:
        frame = AudioFrame.from_ndarray(np.ascontiguousarray(pcm[None], np.float32), format="flt", layout="mono")
        frame.sample_rate, frame.time_base = OUTPUT_RATE, Fraction(1, OUTPUT_RATE)
        frame.pts = tick * len(pcm)
        return self._codec.encode(frame)[0]

    def repeat(self, tick: int) -> Packet[Any]:
        """The last packet once more. In a long silence all are the same three bytes, and need no encoder."""
        packet: Packet[Any] = Packet(self._last)
        packet.pts, packet.time_base = tick * AUDIO_TICK, Fraction(1, AUDIO_CLOCK)
        return packet


class VideoPackets:
    """Pictures to packets; the bit rate can change at any time.

    A codec keeps the largest burst it was opened with, which decides how large a keyframe may be. It is opened with the
    wanted rate, or the half, quarter, … of it; when another one of these fits better, a new codec begins with a
    keyframe. Otherwise none is needed.

    Args:
        name: what was negotiated.
        width, height: of every picture.
        bitrate: bits per second when there is room.
    """

    def __init__(self, name: VideoCodecName, width: int, height: int, bitrate: int) -> None:
        self.name = name
        self._size = (width, height)
        self._wanted = bitrate
        self._open(bitrate, 1)

    def _open(self, bitrate: int, every: int) -> None:
        opened = self._wanted
        while opened / 2 >= bitrate:
            opened //= 2
        self._opened, self._bitrate = opened, bitrate
        self._every = every
        opening = _open_h264 if self.name == "h264" else _open_vp8
        self._codec = opening(*self._size, opened, every)
        self._codec.bit_rate = bitrate

    def encode(self, picture: Picture, tick: int, *, keyframe: bool, bitrate: int, every: int = 1) -> Packet[Any]:
        """Encode the picture that leaves in tick number ``tick``, at ``bitrate`` bits per second from now on.

        Args:
            every: one picture in so many frames is encoded.
        """
        if every != self._every or not self._opened * _REOPEN < bitrate <= self._opened:
            self._open(bitrate, every)
        elif abs(bitrate - self._bitrate) > _RATE_STEP * self._bitrate:
            self._codec.bit_rate = self._bitrate = bitrate
        frame = VideoFrame.from_numpy_buffer(np.ascontiguousarray(picture.yuv), format="yuv420p")
        frame.pts, frame.time_base = tick * VIDEO_TICK, Fraction(1, VIDEO_CLOCK)
        frame.pict_type = PictureType.I if keyframe else PictureType.NONE
        packet = self._codec.encode(frame)[0]
        packet.pts, packet.time_base = tick * VIDEO_TICK, Fraction(1, VIDEO_CLOCK)
        return packet


def _open_h264(width: int, height: int, bitrate: int, every: int) -> VideoCodecContext:
    name = h264_encoder()
    burst = max(bitrate // 4, _SMALLEST_BURST)
    options = {"maxrate": str(bitrate), "bufsize": str(burst), "forced-idr": "1", "profile": "baseline"}
    if name == "h264_nvenc":
        options |= {"preset": "p3", "tune": "ull", "zerolatency": "1", "delay": "0", "rc": "cbr"}
    else:
        options |= THIN_X264 if bitrate < SMOOTH_BELOW else {"preset": "ultrafast", "tune": "zerolatency"}
    return _open(name, width, height, bitrate, every, options)


def _open_vp8(width: int, height: int, bitrate: int, every: int) -> VideoCodecContext:
    options = {
        "deadline": "realtime", "cpu-used": "8", "lag-in-frames": "0", "static-thresh": "100",
        "minrate": str(bitrate), "maxrate": str(bitrate), "bufsize": str(bitrate),
        "undershoot-pct": "100", "overshoot-pct": "15", "error-resilient": "0",
    }  # fmt: skip
    return _open("libvpx", width, height, bitrate, every, options)


def _open(name: str, width: int, height: int, bitrate: int, every: int, options: dict[str, str]) -> VideoCodecContext:
    codec = cast(VideoCodecContext, VideoCodecContext.create(name, "w"))
    codec.width, codec.height, codec.pix_fmt = width, height, "yuv420p"
    codec.time_base, codec.framerate = Fraction(1, VIDEO_CLOCK), Fraction(FPS, every)
    codec.bit_rate, codec.gop_size, codec.max_b_frames = bitrate, max(2, KEYFRAME_EVERY // every), 0
    codec.color_primaries, codec.color_trc, codec.colorspace, codec.color_range = 6, 6, 6, 1
    codec.qmin, codec.qmax = (4, 56) if name == "libvpx" else (10, 48)
    codec.thread_count = 1
    codec.options = options
    codec.open()
    return codec
