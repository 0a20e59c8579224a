"""WebRTC: spoilt offers as JSON and as SDP, and real peers with spoilt messages on their data channels."""

from __future__ import annotations

import asyncio
import contextlib
from typing import Any

from aiortc import RTCPeerConnection, RTCSessionDescription

from tests.fuzz.chance import Chance
from tests.fuzz.entries.socket_messages import GOOD, HUGE
from tests.fuzz.stage import Fault, Stage

ODD_LINES = (
    "a=candidate:1 1 udp 1 127.0.0.1 1 typ host", "a=candidate:1 1 udp 99999999999 256.1.1.1 99999 typ x",
    "a=candidate:1 1 tcp 1 ::1 9 typ host tcptype active", "a=candidate:x",
    "a=candidate:1 1 udp 1 127.0.0.1 22 typ relay raddr 0.0.0.0 rport 0", "a=fingerprint:sha-256 " + "00:" * 31 + "00",
    "a=fingerprint:md5 00", "a=setup:passive", "a=setup:holdconn", "a=mid:" + "9" * 500, "a=rtpmap:96 H264/90000",
    "a=rtpmap:999 x/0", "a=rtpmap:x", "a=fmtp:96 " + "a=b;" * 500, "a=fmtp:1 x", "a=extmap:1 urn:x", "a=extmap:99999 x",
    "a=ssrc:4294967296 cname:x", "a=ssrc-group:FID 1 2 3", "a=group:BUNDLE 0 1 2 3 4 5", "a=sctp-port:99999999",
    "a=max-message-size:0", "a=max-message-size:" + "9" * 40, "a=msid:- -", "a=ice-ufrag:", "a=ice-pwd:",
    "a=ice-options:trickle", "a=ice-lite", "m=audio 0 UDP/TLS/RTP/SAVPF 111", "m=video 9 RTP/AVP 96",
    "m=application 9 UDP/DTLS/SCTP 5000", "m=x", "c=IN IP4 evil", "t=0", "s=", "o=", "b=AS:-1", "a=rtcp-fb:* nack",
    "a=recvonly", "a=inactive", "a=sendonly", "a=rtcp-mux", "a=bundle-only", "v=1", "", "a=", "\0",
)  # fmt: skip
OFFERS_A_SESSION = 5
"""So many a session may make in five seconds."""

CONNECT_S = 60.0


def connection() -> RTCPeerConnection:
    """What a page opens, with its channel ``events``."""
    made = RTCPeerConnection()
    made.addTransceiver("audio", direction="sendrecv")
    made.addTransceiver("video", direction="recvonly")
    return made


class Peers:
    """Each case is an offer, or a peer."""

    name = "peers"
    side_by_side = 1

    def __init__(self) -> None:
        self._good: list[str] = []
        self._session: dict[str, Any] | None = None
        self._made = 0

    async def case(self, stage: Stage, chance: Chance, sent: list[str]) -> None:
        if not self._good:
            peer = connection()
            peer.createDataChannel("events")
            await peer.setLocalDescription(await peer.createOffer())
            self._good = peer.localDescription.sdp.split("\r\n")
            await peer.close()
        if chance.happens(0.06):
            await self._talk(stage, chance, sent)
        else:
            await self._offer(stage, chance, sent)

    async def close(self, stage: Stage) -> None:
        if self._session is not None:
            await stage.end(self._session)
            self._session = None

    async def _offer(self, stage: Stage, chance: Chance, sent: list[str]) -> None:
        if self._session is None or self._made >= OFFERS_A_SESSION:
            await self.close(stage)
            self._session, self._made = await stage.create(), 0
        self._made += 1
        sdp = "\r\n".join(chance.lines(self._good, ODD_LINES))
        if chance.happens(0.1):
            sdp = sdp.replace(chance.one("111", "9", "0", "UDP", "SAVPF"), chance.one("", "-1", "99999999999", "x"))
        sent.append(repr(sdp))
        whip = chance.happens(0.5)
        body = {"sdp": sdp, "type": "offer", "avatar_id": "avatar_tutor_1"}
        written = sdp if whip else chance.written(chance.spoilt(body) if chance.happens(0.3) else body)
        headers = {
            "Authorization": f"Bearer {self._session['engine_token']}",
            "Content-Type": "application/sdp" if whip else "application/json",
        }
        url = f"{stage.base}/v1/sessions/{self._session['session_id']}/webrtc"
        data = written.encode("utf-8", "replace")
        async with stage.http.post(url, data=data, headers=headers) as reply:
            if reply.status >= 500:
                raise Fault(f"an offer was answered {reply.status}: {await reply.text()}")
            where = reply.headers.get("Location")
        if where is not None and chance.happens(0.6):
            async with stage.http.delete(stage.base + where, headers=headers) as reply:
                if reply.status not in (204, 404):
                    raise Fault(f"hanging up was answered {reply.status}: {await reply.text()}")

    async def _talk(self, stage: Stage, chance: Chance, sent: list[str]) -> None:
        """A good peer that sends rubbish over its channels."""
        peer = connection()
        labels = [*(["events"] if chance.happens(0.9) else []), *chance.one([], ["x"], ["events"], ["a" * 5000])]
        channels = [peer.createDataChannel(label, ordered=chance.happens(0.8)) for label in labels or ["x"]]
        opened = asyncio.Event()
        channels[0].on("open", opened.set)
        try:
            async with stage.session() as session:
                await peer.setLocalDescription(await peer.createOffer())
                headers = {"Authorization": f"Bearer {session['engine_token']}", "Content-Type": "application/sdp"}
                url = f"{stage.base}/v1/sessions/{session['session_id']}/webrtc"
                async with stage.http.post(url, data=peer.localDescription.sdp, headers=headers) as reply:
                    if reply.status != 201:
                        raise Fault(f"a good offer was answered {reply.status}: {await reply.text()}")
                    await peer.setRemoteDescription(RTCSessionDescription(await reply.text(), "answer"))
                async with asyncio.timeout(CONNECT_S):
                    await opened.wait()
                with contextlib.suppress(Exception):  # the engine may hang up in the middle
                    await self._send(channels, chance, sent)
                await asyncio.sleep(chance.one(0, 0.1, 0.5))
        finally:
            await peer.close()

    async def _send(self, channels: list[Any], chance: Chance, sent: list[str]) -> None:
        for _ in range(chance.randint(5, 80)):
            text = chance.written(chance.spoilt(chance.choice(GOOD)))
            text = chance.choice(HUGE)[: chance.one(60_000, 70_000, 300_000)] if chance.happens(0.02) else text
            text = text.encode("utf-8", "replace").decode()
            sent.append(text[:300])
            chance.choice(channels).send(chance.randbytes(500) if chance.happens(0.1) else text)
            await asyncio.sleep(chance.one(0, 0, 0.005, 0.02))
