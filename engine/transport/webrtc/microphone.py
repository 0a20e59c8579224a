"""A peer's microphone: RTP packets in, 16 kHz chunks to the listener out.

aiortc decodes in a thread of its own that ends with the connection. Its jitter buffer holds
80 ms back, and after a lost packet 320 ms for good; a recognizer wants neither, so ours hands
every packet on at once, and what was lost is silence of the right length.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import numpy as np
from aiortc.jitterbuffer import JitterFrame
from aiortc.mediastreams import MediaStreamError, MediaStreamTrack
from aiortc.rtcrtpreceiver import RTCRtpReceiver
from av.audio.frame import AudioFrame

from engine.pipelines.audio import Resampler
from engine.pipelines.items import INPUT_RATE, AudioChunk, FloatArray

RTP_RATE = 48_000
LONGEST_GAP_S = 1.0
"""More than this was not lost but not sent (a muted microphone): no silence is made for it."""


class AtOnce:
    """In the place of aiortc's jitter buffer: packets in order, late ones dropped, nothing held."""

    def __init__(self) -> None:
        self._newest: int | None = None

    def add(self, packet: Any) -> tuple[bool, JitterFrame | None]:
        """What aiortc calls for every RTP packet; Opus has one frame in each."""
        if self._newest is not None and not 0 < (packet.sequence_number - self._newest) % 65536 < 32768:
            return False, None
        self._newest = packet.sequence_number
        return False, JitterFrame(packet._data, packet.timestamp)


def listen_at_once(receiver: RTCRtpReceiver) -> None:
    """Give ``receiver`` a buffer that holds nothing back. Before the connection is up."""
    name = "_RTCRtpReceiver__jitter_buffer"
    if not hasattr(receiver, name):
        raise RuntimeError("this aiortc keeps its jitter buffer elsewhere")
    setattr(receiver, name, AtOnce())


class MicrophoneReader:
    """Reads one remote track until it ends.

    Args:
        track: the remote audio track.
        listen: takes the chunks, on the event loop; must not wait.
    """

    def __init__(self, track: MediaStreamTrack, listen: Callable[[AudioChunk], None]) -> None:
        self._track = track
        self._listen = listen
        self._resampler = Resampler(RTP_RATE, INPUT_RATE)
        self._position = 0
        self._expected_pts: int | None = None

    async def run(self) -> None:
        """Until the track ends or the task is cancelled."""
        while True:
            try:
                frame = await self._track.recv()
            except MediaStreamError:
                return
            if isinstance(frame, AudioFrame):
                self._hand_on(frame)

    def _hand_on(self, frame: AudioFrame) -> None:
        pcm = _mono(frame)
        pts = frame.pts or 0
        missing = 0 if self._expected_pts is None else pts - self._expected_pts
        self._expected_pts = pts + len(pcm)
        if 0 < missing <= LONGEST_GAP_S * RTP_RATE:
            pcm = np.concatenate((np.zeros(missing, np.float32), pcm))
        heard = self._resampler.push(pcm)
        if len(heard):
            self._listen(AudioChunk(heard, self._position))
            self._position += len(heard)


def _mono(frame: AudioFrame) -> FloatArray:
    """(n,) float32 of a packed 16-bit frame, channels averaged."""
    samples = frame.to_ndarray().reshape(-1, frame.layout.nb_channels)
    return np.asarray(samples.mean(axis=1, dtype=np.float32) / np.float32(32768), np.float32)
