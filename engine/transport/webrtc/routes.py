"""HTTP of WebRTC: offers in (JSON or WHIP), answers out, hanging up, ICE servers."""

from __future__ import annotations

import asyncio
import time
from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager
from weakref import WeakKeyDictionary

from aiohttp import hdrs, web
from aiortc.exceptions import InvalidAccessError, InvalidStateError, OperationError

from engine.concurrency.worker import Worker
from engine.errors import EngineError, InvalidField, NotFound
from engine.protocol.http import PeerAnswer, PeerOffer
from engine.rendering.shared_pictures import SharedPictures
from engine.sessions import Session
from engine.transport.api.bodies import read_body
from engine.transport.api.middleware import read_text
from engine.transport.commands import session_avatar
from engine.transport.rate_limit import RateLimit
from engine.transport.webrtc.ice import ice_servers
from engine.transport.webrtc.offers import Offer, read_offer
from engine.transport.webrtc.peer import Peer, PeerParts

OFFERS, OFFERS_WINDOW_S = 5, 5.0
"""How many offers a session may make in how many seconds; a reload of the page makes one."""

NEGOTIATIONS = 4
"""Offers of all sessions worked on at once: each costs a certificate and some sockets."""

SDP = "application/sdp"

_BAD_OFFER = (
    ValueError, LookupError, TypeError, AttributeError, AssertionError,
    OperationError, InvalidAccessError, InvalidStateError,
)  # fmt: skip
"""What aiortc raises on offers that parse but make no sense."""


class WebRtcApi:
    """Handlers for peers.

    Args:
        authorize: gives the session of a request that carries its token, or raises.
    """

    def __init__(self, authorize: Callable[[web.Request], Session]) -> None:
        self._authorize = authorize
        self._shared: PeerParts | None = None
        self._peers: dict[str, Peer] = {}
        self._offers: WeakKeyDictionary[Session, RateLimit] = WeakKeyDictionary()
        self._negotiating = asyncio.Semaphore(NEGOTIATIONS)

    @asynccontextmanager
    async def running(self) -> AsyncIterator[None]:
        """Peers can be made while the context lasts; leaving it closes those there still are."""
        sound = Worker("audio-encoder", threads=1, backlog=1024)
        self._shared = PeerParts(sound, SharedPictures())
        try:
            yield
        finally:
            self._shared = None
            await asyncio.gather(*(peer.close(reason=b"shutdown") for peer in list(self._peers.values())))
            sound.close()

    def routes(self) -> list[web.RouteDef]:
        """All routes of this API."""
        base = "/v1/sessions/{session_id}"
        return [
            web.post(f"{base}/webrtc", self.offer),
            web.delete(f"{base}/webrtc/{{peer_id}}", self.hang_up),
            web.get(f"{base}/ice", self.ice),
        ]

    async def offer(self, request: web.Request) -> web.Response:
        """``POST /v1/sessions/{id}/webrtc``: JSON gives 200 with an answer, SDP gives 201 in the WHIP manner."""
        session = self._authorize(request)
        limit = self._offers.setdefault(session, RateLimit(OFFERS, OFFERS_WINDOW_S, "offers"))
        limit.check(asyncio.get_running_loop().time())
        whip = request.content_type == SDP
        avatar_id = shown_px = None
        if whip:
            sdp = await read_text(request)
        else:
            body = await read_body(request, PeerOffer)
            sdp, avatar_id, shown_px = body.sdp, body.avatar_id, body.shown_px
        offer = read_offer(sdp)
        avatar = await session_avatar(session, avatar_id or None, shown_px)
        async with self._negotiating:
            peer = Peer(session, self._peer_parts, avatar, on_closed=self._forget)
            answer = await self._negotiate(peer, offer)
        location = f"/v1/sessions/{session.id}/webrtc/{peer.id}"
        headers = {hdrs.LOCATION: location, hdrs.CACHE_CONTROL: "no-store"}
        if whip:
            return web.Response(status=201, text=answer, content_type=SDP, headers=headers)
        described = PeerAnswer(sdp=answer, peer=peer.id, location=location)
        return web.json_response(described.model_dump(), headers=headers)

    async def hang_up(self, request: web.Request) -> web.Response:
        """``DELETE`` on the ``Location`` of an offer: 204 when the peer is gone."""
        session = self._authorize(request)
        peer = self._peers.get(request.match_info["peer_id"])
        if peer is None or peer.session is not session:
            raise NotFound("this session has no such peer")
        await peer.close(reason=b"hung up")
        return web.Response(status=204)

    async def ice(self, request: web.Request) -> web.Response:
        """``GET /v1/sessions/{id}/ice``: ``iceServers`` for the page's ``RTCPeerConnection``."""
        session = self._authorize(request)
        servers = ice_servers(session.parts.settings, session.id, time.time())
        return web.json_response({"ice_servers": servers}, headers={hdrs.CACHE_CONTROL: "no-store"})

    # --- shared

    async def _negotiate(self, peer: Peer, offer: Offer) -> str:
        """The answer; the new peer then replaces the session's other connection."""
        self._peers[peer.id] = peer
        try:
            answer = await peer.answer(offer)
        except _BAD_OFFER as error:
            await peer.close(reason=b"bad offer")
            raise InvalidField(f"field 'sdp' cannot be answered ({type(error).__name__})") from None
        except BaseException:
            await peer.close(reason=b"offer failed")
            raise
        previous = peer.session.take_connection(peer)
        if previous is not None:
            await previous.close(1008, b"replaced by another connection")
        return answer

    def _forget(self, peer: Peer) -> None:
        self._peers.pop(peer.id, None)

    @property
    def _peer_parts(self) -> PeerParts:
        if self._shared is None:
            raise EngineError("WebRTC is not running")
        return self._shared
