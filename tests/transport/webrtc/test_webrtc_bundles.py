"""Offers in every order and bundle policy: answered with one transport that connects, or refused with a reason."""

from __future__ import annotations

import itertools
from pathlib import Path

import pytest
from aiortc import RTCBundlePolicy, RTCConfiguration, RTCPeerConnection, RTCSessionDescription
from aiortc.mediastreams import AudioStreamTrack
from av import VideoFrame

from engine.errors import BadRequest, InvalidField
from engine.transport.webrtc.offers import read_offer
from tests.transport.webrtc.webrtc_stage import Browser, Stage

HERE = Path(__file__).parent
OFFERS = sorted((HERE / "browser_offers").glob("*.sdp"))
"""What Chromium 156 and Firefox 153 offer, by bundle policy."""

ORDERS = list(itertools.permutations(("audio", "video", "application")))


def read(path: Path) -> str:
    return path.read_bytes().decode()


def in_order(sdp: str, kinds: tuple[str, ...]) -> str:
    """The sections of ``sdp`` in another order, the bundle group with them."""
    session, *sections = sdp.split("\r\nm=")
    by_kind = {section.split(" ", 1)[0]: section.removesuffix("\r\n") for section in sections}
    mids = [next(x[6:] for x in by_kind[k].splitlines() if x.startswith("a=mid:")) for k in kinds]
    lines = [f"a=group:BUNDLE {' '.join(mids)}" if x.startswith("a=group") else x for x in session.splitlines()]
    return "\r\nm=".join(["\r\n".join(lines), *(by_kind[k] for k in kinds)]) + "\r\n"


def test_the_kept_offers_are_those_of_both_browsers() -> None:
    assert len(OFFERS) == 12


@pytest.mark.parametrize("path", OFFERS, ids=lambda p: p.stem)
async def test_what_browsers_offer_is_answered_with_voice_face_and_candidates(path: Path, stage: Stage) -> None:
    offer = read_offer(read(path))
    # Firefox offers H.264 once it has downloaded a plug-in for it.
    assert offer.codecs >= {"vp8"}
    status, answer, _ = await stage.post(read(path))
    assert status == 201, answer
    _, *sections = answer.split("\r\nm=")
    assert len(sections) == 3
    assert all("a=candidate:" in section for section in sections)
    assert any(s.startswith("video") and "a=sendonly" in s for s in sections)
    assert any(s.startswith("audio") and "a=sendrecv" in s for s in sections)


@pytest.mark.parametrize("kinds", ORDERS, ids="-".join)
@pytest.mark.parametrize("policy", list(RTCBundlePolicy), ids=lambda p: p.value)
async def test_every_order_and_policy_connects_with_voice_face_and_events(
    kinds: tuple[str, ...], policy: RTCBundlePolicy, stage: Stage
) -> None:
    pc = RTCPeerConnection(RTCConfiguration(iceServers=[], bundlePolicy=policy))
    for kind in kinds:
        if kind == "application":
            browser = Browser(pc, pc.createDataChannel("events"))
        elif kind == "audio":
            pc.addTrack(AudioStreamTrack())
        else:
            pc.addTransceiver("video", direction="recvonly")
    # The client's aiortc would stop the transport that all share: see aiortc_hooks.share_one_transport.
    assert pc.sctp is not None
    pc.sctp._bundled = policy is RTCBundlePolicy.MAX_BUNDLE
    try:
        await pc.setLocalDescription(await pc.createOffer())
        status, answer, _ = await stage.post(in_order(pc.localDescription.sdp, kinds))
        assert status == 201, answer
        # aiortc knows its own sections in its own order only.
        own = tuple(x.split(" ", 1)[0][2:] for x in pc.localDescription.sdp.splitlines() if x.startswith("m="))
        await pc.setRemoteDescription(RTCSessionDescription(in_order(answer, own), "answer"))
        await browser.wait(lambda: browser.channel.readyState == "open")
        video = next(t for t in pc.getTransceivers() if t.kind == "video")
        frame = await video.receiver.track.recv()
        assert isinstance(frame, VideoFrame) and frame.width == 128
    finally:
        await pc.close()


def test_a_bundle_only_section_without_a_transport_has_that_of_the_tagged_one() -> None:
    path = HERE / "browser_offers" / "firefox-max-bundle-audio-first.sdp"
    session, audio, *others = read(path).split("\r\nm=")
    bare = [
        "\r\n".join(x for x in s.splitlines() if not x.startswith(("a=ice-", "a=setup", "a=rtcp-mux"))) for s in others
    ]
    offer = read_offer("\r\nm=".join([session, audio, *bare]) + "\r\n")
    assert offer.codecs
    sections = offer.sdp.split("\r\nm=")[1:]
    assert len({next(x for x in s.splitlines() if x.startswith("a=ice-ufrag")) for s in sections}) == 1
    assert len({tuple(x for x in s.splitlines() if x.startswith("a=candidate")) for s in sections}) == 1


def test_port_0_without_bundle_only_is_a_refusal_of_the_face() -> None:
    path = HERE / "browser_offers" / "firefox-max-bundle-audio-first.sdp"
    assert read_offer(read(path).replace("a=bundle-only\r\n", "")).codecs == frozenset()


@pytest.mark.parametrize("group", ["", "a=group:BUNDLE 0\r\n", "a=group:BUNDLE 7 0 1 2\r\n"])
def test_sections_that_are_not_bundled_are_refused(group: str) -> None:
    sdp = read(HERE / "browser_offers" / "chromium-balanced-audio-first.sdp")
    with pytest.raises(InvalidField, match="bundle"):
        read_offer(sdp.replace("a=group:BUNDLE 0 1 2\r\n", group))


def test_two_sections_with_one_mid_are_refused() -> None:
    sdp = read(HERE / "browser_offers" / "chromium-balanced-audio-first.sdp")
    with pytest.raises(InvalidField, match="same a=mid"):
        read_offer(sdp.replace("a=mid:1", "a=mid:0").replace("BUNDLE 0 1 2", "BUNDLE 0 2"))


@pytest.mark.parametrize("line", ["a=fmtp:77 x=1", "a=rtcp-fb:77 nack", "a=fmtp:x y", "a=rtpmap:x y"])
async def test_lines_about_payloads_that_do_not_exist_are_the_senders_fault(line: str, stage: Stage) -> None:
    sdp = read(HERE / "browser_offers" / "chromium-balanced-audio-first.sdp")
    status, answer, _ = await stage.post(sdp.replace("a=mid:0\r\n", f"a=mid:0\r\n{line}\r\n"))
    assert status in (201, 400, 422), answer
    if line.startswith("a=fmtp:77"):
        with pytest.raises(BadRequest):
            read_offer(sdp.replace("a=mid:0\r\n", f"a=mid:0\r\n{line}\r\n"))
