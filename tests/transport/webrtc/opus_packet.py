"""An RTP packet as a microphone gets it."""

from __future__ import annotations

from aiortc.rtp import RtpPacket


class OpusPacket(RtpPacket):
    """A packet whose payload aiortc has already taken out of the RTP format."""

    def __init__(self, number: int, timestamp: int, opus: bytes) -> None:
        super().__init__(sequence_number=number, timestamp=timestamp)
        self._data = opus
