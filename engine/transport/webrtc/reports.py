"""Sender reports that carry the media clock's time instead of the moment a packet happened to leave.

A receiver synchronises audio and video by these reports (RFC 3550, section 6.4.1). aiortc pairs the last packet's RTP
time with the wall clock when it was sent, so any delay of an encoder or a thread, which differs between audio and
video, would become skew. RTP time is the tick number here, so the exact pair is known.
"""

from __future__ import annotations

from aiortc import RTCPeerConnection
from aiortc.rtcrtpsender import RTCRtpSender
from aiortc.rtp import AnyRtcpPacket, RtcpSenderInfo, RtcpSrPacket

from engine.transport.webrtc.aiortc_hooks import before_report
from engine.transport.webrtc.broadcast import Broadcast, PacketTrack

_HALF, _WHOLE = 1 << 31, 1 << 32


def report_media_time(sender: RTCRtpSender, track: PacketTrack, clock_rate: int, broadcast: Broadcast) -> None:
    """Correct the reports of ``sender``, which reads ``track`` with ``clock_rate`` units a second."""
    exact = _Pairs(track, clock_rate, broadcast)

    def correct(packet: AnyRtcpPacket) -> None:
        if isinstance(packet, RtcpSrPacket) and packet.sender_info.packet_count:
            exact.correct(packet.sender_info)

    before_report(sender, correct)


class _Pairs:
    """Which time of the track an RTP timestamp is: learnt whenever the sender has nothing in hand."""

    def __init__(self, track: PacketTrack, clock_rate: int, broadcast: Broadcast) -> None:
        self._track = track
        self._clock_rate = clock_rate
        self._broadcast = broadcast
        self._known: tuple[int, int] | None = None
        """An RTP timestamp and its pts."""

    def correct(self, info: RtcpSenderInfo) -> None:
        """Give ``info`` the wall clock that belongs to its RTP timestamp."""
        if self._track.waiting and self._track.newest_pts is not None:
            self._known = (info.rtp_timestamp, self._track.newest_pts)
        if self._known is None:
            return
        timestamp, pts = self._known
        since = (info.rtp_timestamp - timestamp + _HALF) % _WHOLE - _HALF
        info.ntp_timestamp = self._broadcast.ntp_of((pts + since) / self._clock_rate)


async def bytes_carried(connection: RTCPeerConnection) -> tuple[int, int]:
    """Bytes of packets received and sent by a connection so far."""
    report = await connection.getStats()
    transports = [stats for stats in report.values() if stats.type == "transport"]
    return sum(each.bytesReceived for each in transports), sum(each.bytesSent for each in transports)
