"""Offers: read, judged and refused with the reason before aiortc builds anything from them.

Pure. An offer is hostile until shown otherwise: its size and its number of tracks are bounded
first, since aiortc opens sockets and threads for each.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

from aiortc import RTCPeerConnection, RTCRtpSender
from aiortc.sdp import SessionDescription

from engine.errors import BadRequest, InvalidField, TooLarge
from engine.transport.webrtc.rtp_encoders import VideoCodecName

OFFER_CHARS = 64_000
MAX_LINES = 2_000
_TRANSPORT_LINES = (
    "a=ice-ufrag:", "a=ice-pwd:", "a=ice-options:", "a=fingerprint:", "a=setup:", "a=candidate:", "a=end-of-candidates",
)  # fmt: skip
MIME_TYPES: dict[VideoCodecName, str] = {"h264": "video/H264", "vp8": "video/VP8"}


@dataclass(frozen=True, slots=True)
class Offer:
    """An offer with one audio track, at most one video track and at most one data section."""

    sdp: str
    codecs: frozenset[VideoCodecName]
    """Video codecs the client accepts; empty if it wants no pictures."""

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
    description = _parse(sdp)
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
    _check_bundle(description)
    sdp = one_transport(sdp, description)
    _check_transport(_parse(sdp))
    return Offer(sdp, _video_codecs(description, _bundle_only(sdp)))


def one_transport(sdp: str, description: SessionDescription) -> str:
    """The offer with the transport of its tagged section, the first of the group, in every bundled section.

    That is the transport all sections use once we have agreed to bundle (RFC 8843, section 7.3). Sections that are
    ``bundle-only`` may name none, and aiortc takes the candidates of the last section.
    """
    bundle = _bundle(description)
    if not bundle:
        return sdp
    session, sections = _sections(sdp)
    mids = [media.rtp.muxId for media in description.media]
    tagged = sections[mids.index(bundle[0])]
    transport = [line for line in tagged if line.startswith(_TRANSPORT_LINES)]
    lines = list(session)
    for mid, section in zip(mids, sections, strict=True):
        if mid in bundle and section is not tagged:
            section = [line for line in section if not line.startswith(_TRANSPORT_LINES)] + transport
            if "a=rtcp-mux" in tagged and "a=rtcp-mux" not in section:
                section.append("a=rtcp-mux")
        lines += section
    return "\r\n".join(lines) + "\r\n"


def prefer(connection: RTCPeerConnection, codec: VideoCodecName | None) -> None:
    """Answer with ``codec`` (and retransmission) alone, and Opus alone."""
    for transceiver in connection.getTransceivers():
        wanted = MIME_TYPES[codec] if transceiver.kind == "video" and codec is not None else "audio/opus"
        capabilities = RTCRtpSender.getCapabilities(transceiver.kind)
        names = (wanted.lower(), "video/rtx")
        transceiver.setCodecPreferences([c for c in capabilities.codecs if c.mimeType.lower() in names])


def _parse(sdp: str) -> SessionDescription:
    try:
        return SessionDescription.parse(sdp)
    # The parser meets bad text with whatever its expressions raise.
    except (ValueError, LookupError, AttributeError, AssertionError, TypeError, StopIteration):
        raise BadRequest("field 'sdp' is not SDP") from None


def _sections(sdp: str) -> tuple[list[str], list[list[str]]]:
    """The lines of the session, and those of each media section."""
    session: list[str] = []
    sections: list[list[str]] = []
    for line in filter(None, sdp.splitlines()):
        if line.startswith("m="):
            sections.append([])
        (sections[-1] if sections else session).append(line)
    return session, sections


def _bundle_only(sdp: str) -> list[bool]:
    return ["a=bundle-only" in section for section in _sections(sdp)[1]]


def _bundle(description: SessionDescription) -> list[str]:
    """The ``mid`` of each bundled section; the first is tagged."""
    return next(([str(item) for item in group.items] for group in description.group if group.semantic == "BUNDLE"), [])


def _check_bundle(description: SessionDescription) -> None:
    """All that is offered must share one transport: the answer has one."""
    mids = [media.rtp.muxId for media in description.media]
    bundle = _bundle(description)
    if len(set(mids)) < len(mids):
        raise InvalidField("field 'sdp' has two sections with the same a=mid")
    if not set(bundle) <= set(mids):
        raise InvalidField("field 'sdp' bundles a section that it does not have: see a=group:BUNDLE and a=mid")
    offered = [media.rtp.muxId for media in description.media if media.port != 0]
    if len(mids) > 1 and not (bundle and set(offered) <= set(bundle)):
        raise InvalidField("field 'sdp' does not bundle its sections; a=group:BUNDLE with each a=mid is needed")


def _video_codecs(description: SessionDescription, bundle_only: Sequence[bool]) -> frozenset[VideoCodecName]:
    """Empty when no video is wanted. Port 0 refuses a section, unless it is ``bundle-only`` (RFC 8843, section 6)."""
    found = ((m, only) for m, only in zip(description.media, bundle_only, strict=True) if m.kind == "video")
    video, only_bundled = next(found, (None, False))
    if video is None or (video.port == 0 and not only_bundled) or video.direction not in ("recvonly", "sendrecv"):
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
