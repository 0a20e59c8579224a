"""A peer's microphone: RTP packets in, 16 kHz chunks to the listener out.

aiortc would hold 80 ms back in its jitter buffer, after a lost packet 320 ms for good, and decode in a
thread of its own, which costs the event loop three rounds for 20 ms of sound. Here each packet
is decoded where it arrives (50 µs), and what was lost is silence of the right length.
"""

from __future__ import annotations

import time
from collections.abc import Callable

import numpy as np
from aiortc.jitterbuffer import JitterFrame
from aiortc.rtp import RtpPacket
from av.audio.codeccontext import AudioCodecContext
from av.audio.frame import AudioFrame
from av.error import FFmpegError
from av.packet import Packet

from engine.audio.resampling import Resampler
from engine.items import INPUT_RATE, AudioChunk, FloatArray
from engine.transport.webrtc.aiortc_hooks import payload_of

RTP_RATE = 48_000
LONGEST_GAP_S = 1.0
"""More than this was not lost but not sent (a muted microphone): no silence is made for it."""

MAX_AHEAD_S = 6.0
"""Audio that arrives faster than real time is decoded this far ahead. The listener drops and reports more than 4 s."""

SHORTEST_PACKET_S = 0.0025
"""Opus packets hold 2.5 to 120 ms; rubbish counts as the shortest."""

_SIGN, _WRAP = 1 << 31, 1 << 32


class OpusMicrophone:
    """Takes the place of aiortc's jitter buffer: packets in order, late ones dropped, nothing held.

    Args:
        listen: takes the chunks, on the event loop; must not wait.
    """

    def __init__(self, listen: Callable[[AudioChunk], None]) -> None:
        self._listen = listen
        decoder = AudioCodecContext.create("libopus", "r")
        decoder.sample_rate, decoder.layout, decoder.format = RTP_RATE, "mono", "s16"
        self._decoder = decoder
        self._resampler = Resampler(RTP_RATE, INPUT_RATE)
        self._newest: int | None = None
        self._expected: int | None = None
        self._position = 0
        self._ahead_s = 0.0
        self._came_at = 0.0

    def add(self, packet: RtpPacket) -> tuple[bool, JitterFrame | None]:
        """What aiortc calls for every RTP packet; there is never anything left for it to decode."""
        if self._newest is None or 0 < (packet.sequence_number - self._newest) % 65536 < 32768:
            self._newest = packet.sequence_number
            self._hear(payload_of(packet), packet.timestamp)
        return False, None

    def _hear(self, opus: bytes, timestamp: int) -> None:
        now = time.monotonic()
        self._ahead_s = max(0.0, self._ahead_s - (now - self._came_at))
        self._came_at = now
        if self._ahead_s > MAX_AHEAD_S:
            return
        pcm = self._decode(opus)
        self._ahead_s += max(SHORTEST_PACKET_S, len(pcm) / RTP_RATE)
        if not len(pcm):
            return
        expected = timestamp if self._expected is None else self._expected
        missing = (timestamp - expected + _SIGN) % _WRAP - _SIGN
        self._expected = timestamp + len(pcm)
        if 0 < missing <= LONGEST_GAP_S * RTP_RATE:
            pcm = np.concatenate((np.zeros(missing, np.float32), pcm))
        heard = self._resampler.push(pcm)
        if len(heard):
            self._listen(AudioChunk(heard, self._position))
            self._position += len(heard)

    def _decode(self, opus: bytes) -> FloatArray:
        """(n,) float32 at 48 kHz; empty for a packet that is not Opus, which then counts as lost."""
        try:
            frames = self._decoder.decode(Packet(opus)) if opus else []
        except FFmpegError:
            frames = []
        pieces = [frame.to_ndarray().reshape(-1) for frame in frames if isinstance(frame, AudioFrame)]
        pcm = np.concatenate(pieces) if pieces else np.zeros(0, np.int16)
        return pcm.astype(np.float32) / np.float32(32768)
