"""What a receiver reports about what we send: losses, its estimate of the path, wanted keyframes.

aiortc acts on these for its own coders only, so the sender's handler is wrapped, on that sender.
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

from engine.transport.webrtc.broadcast import Broadcast
from engine.transport.webrtc.congestion import Congestion


def watch_feedback(sender: RTCRtpSender, broadcast: Broadcast, congestion: Congestion) -> None:
    """Tell ``broadcast`` and ``congestion`` what comes back to ``sender``."""
    handle = sender._handle_rtcp_packet

    async def handle_and_tell(packet: AnyRtcpPacket) -> None:
        if sender.kind == "video":
            _tell(packet, sender, broadcast, congestion)
        await handle(packet)

    sender._handle_rtcp_packet = handle_and_tell  # type: ignore[method-assign]


def _tell(packet: AnyRtcpPacket, sender: RTCRtpSender, broadcast: Broadcast, congestion: Congestion) -> None:
    now = asyncio.get_running_loop().time()
    if isinstance(packet, RtcpRrPacket | RtcpSrPacket):
        for report in packet.reports:
            if report.ssrc == sender._ssrc:
                congestion.lost(report.fraction_lost / 256, now)
    elif isinstance(packet, RtcpPsfbPacket) and packet.fmt in (RTCP_PSFB_PLI, RTCP_PSFB_FIR):
        broadcast.request_keyframe()
    elif isinstance(packet, RtcpPsfbPacket) and packet.fmt == RTCP_PSFB_APP:
        try:
            bits_per_s, _ = unpack_remb_fci(packet.fci)
        except ValueError:
            return
        congestion.estimated(bits_per_s, now)
