"""Every use of what is private in aiortc and aioice, and the public hook that would replace it.

Each function changes only the objects it is given, never the libraries themselves. A new release is checked by running
``tests/transport/webrtc``.
"""

from __future__ import annotations

from collections.abc import Awaitable, Callable, Iterable, Sequence
from typing import Protocol, cast

import aioice
from aioice.candidate import Candidate
from aioice.ice import StunProtocol
from aiortc import RTCPeerConnection
from aiortc.jitterbuffer import JitterFrame
from aiortc.rtcrtpreceiver import RTCRtpReceiver
from aiortc.rtcrtpsender import RTCRtpSender
from aiortc.rtcsctptransport import RTCSctpTransport
from aiortc.rtp import AnyRtcpPacket, RtpPacket

Gather = Callable[..., Awaitable[list[Candidate]]]

_JITTER_BUFFER = "_RTCRtpReceiver__jitter_buffer"


class JitterBuffer(Protocol):
    """What a receiver asks of its jitter buffer."""

    def add(self, packet: RtpPacket) -> tuple[bool, JitterFrame | None]:
        """Take a packet; gives whether a keyframe is needed, and a frame to decode if one is complete."""


def replace_jitter_buffer(receiver: RTCRtpReceiver, buffer: JitterBuffer) -> None:
    """Let ``buffer`` take the packets of ``receiver``. Before the connection is up.

    Upstream: a constructor argument, or an event with each RTP packet (as W3C's encoded transform has).

    Raises:
        RuntimeError: this aiortc keeps its jitter buffer elsewhere.
    """
    if not hasattr(receiver, _JITTER_BUFFER):
        raise RuntimeError("this aiortc keeps its jitter buffer elsewhere")
    setattr(receiver, _JITTER_BUFFER, buffer)


def payload_of(packet: RtpPacket) -> bytes:
    """The depacketized payload. Upstream: a public name for it."""
    return cast(bytes, packet._data)  # type: ignore[attr-defined]


def on_feedback(sender: RTCRtpSender, tell: Callable[[AnyRtcpPacket], None]) -> None:
    """Call ``tell`` with every RTCP packet that comes back to ``sender``, before aiortc acts on it.

    Upstream: an event for RTCP feedback on the sender.
    """
    handle = sender._handle_rtcp_packet

    async def tell_and_handle(packet: AnyRtcpPacket) -> None:
        tell(packet)
        await handle(packet)

    sender._handle_rtcp_packet = tell_and_handle  # type: ignore[method-assign]


def before_report(sender: RTCRtpSender, correct: Callable[[AnyRtcpPacket], None]) -> None:
    """Let ``correct`` change every RTCP packet that ``sender`` sends.

    Upstream: taking the pair of RTP and NTP time from the track instead of the moment of sending.
    """
    send = sender._send_rtcp

    async def correct_and_send(packets: Sequence[AnyRtcpPacket]) -> None:
        for packet in packets:
            correct(packet)
        await send(list(packets))

    sender._send_rtcp = correct_and_send  # type: ignore[method-assign]


def ssrc_of(sender: RTCRtpSender) -> int:
    """The stream's SSRC. Upstream: ``RTCRtpSender.getParameters`` with encodings, as W3C has it."""
    return sender._ssrc


def share_one_transport(connection: RTCPeerConnection) -> None:
    """Tell ``connection`` that its tracks share a transport, as they do with the policy ``MAX_BUNDLE``.

    To be called before the remote description is set. aiortc does not mark the track it was given first, and stops
    that track's transport, which is everyone's, when another section comes first in the offer.
    Upstream: not to stop a transport that is in use.
    """
    for transceiver in connection.getTransceivers():
        transceiver._bundled = True


async def stop_transports(connection: RTCPeerConnection) -> None:
    """Close the sockets of a connection whose ``close`` failed. Upstream: a ``close`` that always does so."""
    for dtls in list(vars(connection).get("_RTCPeerConnection__dtlsTransports", ())):
        await dtls.stop()
        await dtls.transport.stop()


def ice_connections(connection: RTCPeerConnection) -> set[aioice.Connection]:
    """The connections of aioice under a peer connection. Upstream: ``RTCIceGatherer`` with a public one."""
    users: list[RTCRtpReceiver | RTCSctpTransport] = [t.receiver for t in connection.getTransceivers()]
    if connection.sctp is not None:
        users.append(connection.sctp)
    return {user.transport.transport.iceGatherer._connection for user in users}


def gather_with(ice: aioice.Connection, make: Callable[[Gather], Gather]) -> None:
    """Replace how ``ice`` gathers candidates; ``make`` gets aioice's own way and gives the new one.

    Upstream: settings for the range of UDP ports and for using loopback addresses.
    """
    ice.get_component_candidates = make(ice.get_component_candidates)  # type: ignore[method-assign,assignment]


def add_sockets(ice: aioice.Connection, sockets: Iterable[StunProtocol]) -> None:
    """Let ``ice`` check and close these sockets too. Upstream: as ``gather_with``."""
    ice._protocols += list(sockets)
