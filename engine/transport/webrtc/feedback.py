"""What a receiver reports about what we send: losses, its estimate of the bandwidth, keyframes it needs.

aiortc acts on these for its own encoders only.
"""

from __future__ import annotations

import asyncio

from aiortc.rtcrtpsender import RTCRtpSender
from aiortc.rtp import (
    RTCP_PSFB_APP,
    RTCP_PSFB_FIR,
    RTCP_PSFB_PLI,
    AnyRtcpPacket,
    RtcpPsfbPacket,
    RtcpRrPacket,
    RtcpSrPacket,
    unpack_remb_fci,
)

from engine.transport.webrtc.aiortc_hooks import on_feedback, ssrc_of
from engine.transport.webrtc.broadcast import Broadcast
from engine.transport.webrtc.congestion import Congestion


def watch_feedback(sender: RTCRtpSender, broadcast: Broadcast, congestion: Congestion) -> None:
    """Pass on feedback to ``sender``: losses and bandwidth to ``congestion``, keyframe requests to ``broadcast``."""
    if sender.kind == "video":
        on_feedback(sender, lambda packet: _tell(packet, sender, broadcast, congestion))


def _tell(packet: AnyRtcpPacket, sender: RTCRtpSender, broadcast: Broadcast, congestion: Congestion) -> None:
    now = asyncio.get_running_loop().time()
    if isinstance(packet, RtcpRrPacket | RtcpSrPacket):
        for report in packet.reports:
            if report.ssrc == ssrc_of(sender):
                congestion.lost(report.fraction_lost / 256, now)
    elif isinstance(packet, RtcpPsfbPacket) and packet.fmt in (RTCP_PSFB_PLI, RTCP_PSFB_FIR):
        broadcast.request_keyframe()
    elif isinstance(packet, RtcpPsfbPacket) and packet.fmt == RTCP_PSFB_APP:
        try:
            bits_per_s, _ = unpack_remb_fci(packet.fci)
        except ValueError:
            return
        congestion.estimated(bits_per_s, now)
