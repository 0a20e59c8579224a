"""Offers and ICE: what is refused and why, credentials, ports, addresses."""

from __future__ import annotations

import base64
import hashlib
import hmac

import pytest
from aiortc import RTCConfiguration, RTCPeerConnection
from aiortc.mediastreams import AudioStreamTrack
from hypothesis import given, settings
from hypothesis import strategies as st
from pydantic import ValidationError

from engine.errors import BadRequest, EngineError, InvalidField, TooLarge
from engine.settings import Settings
from engine.transport.webrtc import ice
from engine.transport.webrtc.offers import read_offer


async def make_offer(audio: int = 1, video: int = 1) -> str:
    pc = RTCPeerConnection(RTCConfiguration(iceServers=[]))
    for _ in range(audio):
        pc.addTrack(AudioStreamTrack())
    for _ in range(video):
        pc.addTransceiver("video", direction="recvonly")
    pc.createDataChannel("events")
    await pc.setLocalDescription(await pc.createOffer())
    sdp: str = pc.localDescription.sdp
    await pc.close()
    return sdp


async def test_an_honest_offer_is_read() -> None:
    offer = read_offer(await make_offer())
    assert offer.codecs == {"h264", "vp8"}
    assert offer.video_codec("vp8") == "vp8"
    assert read_offer(await make_offer(video=0)).video_codec("h264") is None


async def test_what_is_wrong_is_named() -> None:
    with pytest.raises(InvalidField, match="offers no audio"):
        read_offer(await make_offer(audio=0))
    with pytest.raises(InvalidField, match="2 audio sections"):
        read_offer(await make_offer(audio=2))
    honest = await make_offer()
    with pytest.raises(InvalidField, match="without Opus"):
        read_offer(honest.replace("opus/48000", "speex/48000"))
    with pytest.raises(InvalidField, match=r"without H\.264 or VP8"):
        read_offer(honest.replace("H264/90000", "AV1/90000").replace("VP8/90000", "VP9/90000"))
    with pytest.raises(InvalidField, match="fingerprint"):
        read_offer("\r\n".join(line for line in honest.splitlines() if "fingerprint" not in line) + "\r\n")
    with pytest.raises(InvalidField, match="ICE credentials"):
        read_offer("\r\n".join(line for line in honest.splitlines() if "ice-" not in line) + "\r\n")
    with pytest.raises(TooLarge):
        read_offer("v=0\r\n" + "a=x\r\n" * 100_000)


@pytest.mark.parametrize("text", ["", "hello", "{}", "v=0", "m=audio", "v=0\r\nm=audio x y z\r\n", "\0" * 100])
def test_rubbish_is_refused(text: str) -> None:
    with pytest.raises((BadRequest, InvalidField)):
        read_offer(text)


SAMPLE = "\r\n".join(
    [
        "v=0", "o=- 1 2 IN IP4 0.0.0.0", "s=-", "t=0 0", "a=group:BUNDLE 0", "m=audio 9 UDP/TLS/RTP/SAVPF 111",
        "c=IN IP4 0.0.0.0", "a=mid:0", "a=rtpmap:111 opus/48000/2", "a=ice-ufrag:abcd",
        "a=ice-pwd:0123456789012345678901", "a=fingerprint:sha-256 AA:BB", "a=setup:actpass",
        "a=candidate:1 1 udp 1 192.0.2.1 9 typ host", "a=ssrc:1 cname:x", "",
    ]
)  # fmt: skip


@settings(max_examples=2 * settings().max_examples)
@given(st.integers(0, len(SAMPLE)), st.integers(0, 40), st.text(max_size=20))
def test_mangled_offers_never_break_anything(at: int, cut: int, put: str) -> None:
    try:
        read_offer(SAMPLE[:at] + put + SAMPLE[at + cut :])
    except EngineError as error:
        assert 400 <= error.status < 500


def test_turn_credentials_are_what_coturn_expects() -> None:
    username, password = ice.turn_credentials("north", "student-7", 1_700_000_000)
    assert username == "1700000000:student-7"
    assert password == base64.b64encode(hmac.digest(b"north", username.encode(), hashlib.sha1)).decode()


def test_ice_servers_carry_passwords_for_turn_only() -> None:
    servers = "stun:stun.example.org,turn:turn.example.org:3478?transport=udp"
    chosen = Settings(webrtc={"ice_servers": servers, "turn_secret": "s"})
    stun, turn = ice.ice_servers(chosen, "abc", now=1000.0)
    assert stun == {"urls": ["stun:stun.example.org"]}
    assert turn["username"] == "4600:abc"
    assert [server.urls for server in ice.own_servers(chosen, 0.0)] == [stun["urls"], turn["urls"]]


@pytest.mark.parametrize(
    "bad",
    [
        {"ice_servers": "http://x"},
        {"ports": "5"},
        {"ports": "9000-8000"},
        {"ports": "80-90"},
        {"public_address": "example.org"},
        {"codec": "av1"},
    ],
)
def test_wrong_settings_are_refused(bad: dict[str, str]) -> None:
    with pytest.raises(ValidationError):
        Settings(webrtc=bad)


def test_mdns_candidates_are_left_out() -> None:
    offer = (
        "v=0\r\na=candidate:1 1 udp 2 11111111-2222.local 5000 typ host\r\n"
        "a=candidate:2 1 udp 2 192.0.2.7 5000 typ host\r\na=end-of-candidates\r\na=mid:0\r\n"
    )
    assert ice.without_mdns(offer) == "v=0\r\na=candidate:2 1 udp 2 192.0.2.7 5000 typ host\r\na=mid:0\r\n"
    assert ice.without_mdns("v=0\r\na=end-of-candidates\r\n") == "v=0\r\na=end-of-candidates\r\n"


def test_public_address_takes_the_place_of_ours() -> None:
    answer = (
        "v=0\r\na=candidate:1 1 udp 2 10.0.0.5 5000 typ host\r\na=candidate:2 1 udp 1 fd00::2 5000 typ host\r\n"
        "a=candidate:3 1 udp 1 203.0.113.9 6000 typ srflx raddr 10.0.0.5 rport 5000\r\n"
    )
    assert "a=candidate:1 1 udp 2 198.51.100.4 5000 typ host" in ice.advertise(answer, "198.51.100.4")
    assert "fd00::2" in ice.advertise(answer, "198.51.100.4")
    assert "203.0.113.9" in ice.advertise(answer, "198.51.100.4")
    assert ice.advertise(answer, None) == answer
