"""Offers: read, judged and refused with the reason before aiortc builds anything from them.

Pure. An offer is hostile until shown otherwise: its size and its number of tracks are bounded
first, since aiortc opens sockets and threads for each.
"""

from __future__ import annotations

from dataclasses import dataclass

from aiortc import RTCPeerConnection, RTCRtpSender
from aiortc.sdp import SessionDescription

from engine.errors import BadRequest, InvalidField, TooLarge
from engine.transport.webrtc.rtp_encoders import VideoCodecName

OFFER_CHARS = 64_000
MAX_LINES = 2_000
MIME_TYPES: dict[VideoCodecName, str] = {"h264": "video/H264", "vp8": "video/VP8"}


@dataclass(frozen=True, slots=True)
class Offer:
    """An offer with one audio track, at most one video track and at most one data section."""

    sdp: str
    codecs: frozenset[VideoCodecName]
    """Video codecs the client takes; empty when it wants no pictures."""

    def video_codec(self, preferred: VideoCodecName) -> VideoCodecName | None:
        """The preferred codec if the client has it, else the one it has."""
        return preferred if preferred in self.codecs else next(iter(self.codecs), None)


def read_offer(sdp: str) -> Offer:
    """Check an offer.

    Raises:
        TooLarge: longer than any honest offer.
        BadRequest: not SDP.
        InvalidField: SDP, but without a microphone, or with more than there is use for.
    """
    if len(sdp) > OFFER_CHARS or sdp.count("\n") > MAX_LINES:
        raise TooLarge(f"field 'sdp' is longer than {OFFER_CHARS} characters or {MAX_LINES} lines")
    if not sdp.startswith("v=0"):
        raise BadRequest("field 'sdp' is not SDP")
    try:
        description = SessionDescription.parse(sdp)
    # The parser meets bad text with whatever its expressions raise.
    except (ValueError, LookupError, AttributeError, AssertionError, TypeError, StopIteration):
        raise BadRequest("field 'sdp' is not SDP") from None
    kinds = [media.kind for media in description.media]
    for kind in ("audio", "video", "application"):
        if kinds.count(kind) > 1:
            raise InvalidField(f"field 'sdp' has {kinds.count(kind)} {kind} sections; the limit is 1")
    if set(kinds) - {"audio", "video", "application"}:
        raise InvalidField("field 'sdp' has a section that is neither audio, video nor application")
    audio = next((media for media in description.media if media.kind == "audio"), None)
    if audio is None:
        raise InvalidField("field 'sdp' offers no audio; a send-receive audio track is needed")
    if not any(codec.mimeType.lower() == "audio/opus" for codec in audio.rtp.codecs):
        raise InvalidField("field 'sdp' offers audio without Opus")
    _check_transport(description)
    return Offer(sdp, _video_codecs(description))


def prefer(connection: RTCPeerConnection, codec: VideoCodecName | None) -> None:
    """Answer with ``codec`` (and retransmission) alone, and Opus alone."""
    for transceiver in connection.getTransceivers():
        wanted = MIME_TYPES[codec] if transceiver.kind == "video" and codec is not None else "audio/opus"
        capabilities = RTCRtpSender.getCapabilities(transceiver.kind)
        names = (wanted.lower(), "video/rtx")
        transceiver.setCodecPreferences([c for c in capabilities.codecs if c.mimeType.lower() in names])


def _video_codecs(description: SessionDescription) -> frozenset[VideoCodecName]:
    video = next((media for media in description.media if media.kind == "video"), None)
    if video is None or video.port == 0 or video.direction not in ("recvonly", "sendrecv"):
        return frozenset()
    names = {name for name, mime in MIME_TYPES.items() if any(_is(c.mimeType, mime) for c in video.rtp.codecs)}
    if not names:
        raise InvalidField("field 'sdp' offers video without H.264 or VP8")
    return frozenset(names)


def _is(mime_type: str, wanted: str) -> bool:
    return mime_type.lower() == wanted.lower()


def _check_transport(description: SessionDescription) -> None:
    for media in description.media:
        if not media.dtls or not media.dtls.fingerprints:
            raise InvalidField("field 'sdp' has no DTLS fingerprint")
        if not media.ice or not media.ice.usernameFragment or not media.ice.password:
            raise InvalidField("field 'sdp' has no ICE credentials")
