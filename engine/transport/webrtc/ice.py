"""Where peers meet: ICE servers with short-lived TURN credentials, our UDP ports and addresses.

Pure but for ``prepare``, which changes how one connection of aioice binds its sockets: the
library has no setting for a range of ports, and leaves out loopback even when there is
nothing else.
"""

from __future__ import annotations

import asyncio
import base64
import errno
import hashlib
import hmac
import ipaddress
import random
from functools import partial
from typing import Any

import aioice
from aioice.candidate import Candidate, candidate_foundation, candidate_priority
from aioice.ice import StunProtocol, server_reflexive_candidate
from aioice.stun import TransactionError
from aiortc import RTCPeerConnection
from aiortc.rtcconfiguration import RTCIceServer

from engine.settings import Settings
from engine.transport.webrtc.aiortc_hooks import Gather, add_sockets, gather_with, ice_connections

SERVER_TIMEOUT_S = 3
"""Our own STUN and TURN servers must answer within this; the answer to the offer waits for it."""

PORTS_TRIED = 64


def turn_credentials(secret: str, user: str, expires_at: int) -> tuple[str, str]:
    """coturn's shared-secret scheme (``use-auth-secret``): username and password until ``expires_at`` (Unix s)."""
    username = f"{expires_at}:{user}"
    digest = hmac.new(secret.encode(), username.encode(), hashlib.sha1).digest()
    return username, base64.b64encode(digest).decode()


def ice_servers(settings: Settings, user: str, now: float) -> list[dict[str, Any]]:
    """The ``iceServers`` of an ``RTCPeerConnection``, for a page or for us. ``now`` is Unix seconds."""
    servers: list[dict[str, Any]] = []
    for url in settings.webrtc.ice_servers:
        server: dict[str, Any] = {"urls": [url]}
        if url.startswith("turn") and settings.webrtc.turn_secret is not None:
            secret, expires_at = settings.webrtc.turn_secret.get_secret_value(), int(now) + settings.webrtc.turn_ttl_s
            server["username"], server["credential"] = turn_credentials(secret, user, expires_at)
        servers.append(server)
    return servers


def own_servers(settings: Settings, now: float) -> list[RTCIceServer]:
    """The same for aiortc, which takes one STUN and one TURN server at most."""
    return [RTCIceServer(**server) for server in ice_servers(settings, "engine", now)]


def port_range(setting: str | None) -> range | None:
    """The setting ``"40000-40100"`` as a range with both ends in it; None is any port."""
    if setting is None:
        return None
    first, last = setting.split("-")
    return range(int(first), int(last) + 1)


def prepare(connection: RTCPeerConnection, ports: range | None) -> None:
    """Make every transport of ``connection`` gather on ``ports`` (None: any).

    To be called between the remote and the local description. Changes the connection's own
    objects only, so other users of the library in this process are not touched.
    """
    for ice in ice_connections(connection):
        gather_with(ice, partial(_gathering, ice, ports))


def _gathering(ice: aioice.Connection, ports: range | None, relayed: Gather) -> Gather:
    return partial(_gather, ice, relayed, ports)


async def _gather(
    ice: aioice.Connection,
    relayed: Gather,
    ports: range | None,
    component: int,
    addresses: list[str],
) -> list[Candidate]:
    """Stands in for ``aioice.Connection.get_component_candidates``; relays are left to it."""
    bound = [await _bind(ice, address, ports) for address in addresses or ["127.0.0.1"]]
    protocols = [protocol for protocol in bound if protocol is not None]
    for protocol in protocols:
        host, port = protocol.transport.get_extra_info("sockname")[:2]
        protocol.local_candidate = Candidate(
            foundation=candidate_foundation("host", "udp", host), component=component, transport="udp",
            priority=candidate_priority(component, "host"), host=host, port=port, type="host",
        )  # fmt: skip
    add_sockets(ice, protocols)
    reflexive = await asyncio.gather(*(_reflexive(ice, protocol) for protocol in protocols))
    # Without addresses it only asks the TURN server, if there is one.
    return (
        [p.local_candidate for p in protocols]
        + [c for c in reflexive if c is not None]
        + await relayed(component=component, addresses=[], timeout=SERVER_TIMEOUT_S)
    )


async def _reflexive(ice: aioice.Connection, protocol: StunProtocol) -> Candidate | None:
    """Our address as the STUN server sees it (IPv4), or None."""
    if not ice.stun_server or ipaddress.ip_address(protocol.local_candidate.host).version != 4:
        return None
    try:
        async with asyncio.timeout(SERVER_TIMEOUT_S):
            candidate, _ = await server_reflexive_candidate(protocol, ice.stun_server)
    except (TimeoutError, OSError, TransactionError):
        return None
    return candidate


async def _bind(ice: aioice.Connection, address: str, ports: range | None) -> StunProtocol | None:
    """A UDP socket on ``address``, on a free port of ``ports``; None when there is none."""
    loop = asyncio.get_running_loop()
    tried = [0] if ports is None else random.sample(ports, min(len(ports), PORTS_TRIED))
    for port in tried:
        try:
            _, protocol = await loop.create_datagram_endpoint(lambda: StunProtocol(ice), local_addr=(address, port))
        except OSError as error:
            if error.errno != errno.EADDRINUSE:
                return None
            continue
        return protocol
    return None


def without_mdns(offer: str) -> str:
    """The offer without ``.local`` candidates.

    Resolving them holds the answer up for seconds where multicast is filtered; the browser's
    own checks tell us its address just as well.
    """
    lines = offer.splitlines()
    kept = [line for line in lines if not (line.startswith("a=candidate:") and ".local " in line)]
    if len(kept) < len(lines):
        # With none left, "no more candidates" would be taken for "unreachable".
        kept = [line for line in kept if line != "a=end-of-candidates"]
    return "\r\n".join(kept) + "\r\n"


def advertise(answer: str, public_address: str | None) -> str:
    """The answer with our host candidates at ``public_address``, for a machine behind one-to-one NAT."""
    if public_address is None:
        return answer
    version = ipaddress.ip_address(public_address).version
    lines = []
    for line in answer.splitlines():
        words = line.split()
        if line.startswith("a=candidate:") and words[7] == "host" and ipaddress.ip_address(words[4]).version == version:
            words[4] = public_address
            line = " ".join(words)
            if line in lines:
                continue
        lines.append(line)
    return "\r\n".join(lines) + "\r\n"
