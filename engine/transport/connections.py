"""How many connections there may be, in all and from one address, and which one gives way to a new one.

A connection that is waiting for a request, or for the rest of one's head, costs its owner nothing and gives way, the
oldest first; one with a request under way or an open WebSocket never does. On the event loop.
"""

from __future__ import annotations

import asyncio
import ipaddress
import resource
from collections.abc import Container
from typing import Protocol

import structlog

log = structlog.get_logger(__name__)

WANTED_FILES = 65_536
"""Open files the process asks for: each connection is one, each WebRTC peer a few."""

RESERVED_FILES = 512
"""Left for models, knowledge bases, peers and pipes."""

MAX_CONNECTIONS = 8192
PER_ADDRESS = 256
"""From one client address: a classroom behind one router has about a hundred."""

LOG_EVERY_S = 10.0


def raise_file_limit() -> int:
    """Raise the process's limit of open files as far as it may go, up to ``WANTED_FILES``; gives the limit."""
    soft, hard = resource.getrlimit(resource.RLIMIT_NOFILE)
    wanted = WANTED_FILES if hard == resource.RLIM_INFINITY else min(WANTED_FILES, hard)
    if soft == resource.RLIM_INFINITY or soft >= wanted:
        return soft if soft != resource.RLIM_INFINITY else WANTED_FILES
    resource.setrlimit(resource.RLIMIT_NOFILE, (wanted, hard))
    return wanted


class ClientConnection(Protocol):
    """One client's connection."""

    @property
    def idle(self) -> bool:
        """No request of it is under way."""

    def cut(self) -> None:
        """Close it at once."""


class RareWarning:
    """Logs something that strangers can cause at will: at most once in ``LOG_EVERY_S`` seconds, with a count.

    Args:
        event: name of the log event.
    """

    def __init__(self, event: str) -> None:
        self._event = event
        self._count = 0
        self._logged_at: float | None = None

    def __call__(self, now: float, **where: object) -> None:
        """It happened, at ``now`` on the event loop's clock."""
        self._count += 1
        if self._logged_at is None or now - self._logged_at >= LOG_EVERY_S:
            log.warning(self._event, times=self._count, **where)
            self._logged_at, self._count = now, 0


class Connections:
    """The connections there are.

    Args:
        limit: in all.
        per_address: from one address; IPv6 clients are counted by their /64 network.
        exempt: addresses without a limit of their own, such as a proxy's.
    """

    def __init__(self, limit: int, per_address: int, exempt: Container[str] = ()) -> None:
        self._limit = limit
        self._per_address = per_address
        self._exempt = exempt
        self._by_address: dict[str, dict[ClientConnection, None]] = {}
        self._count = 0
        self._warn = RareWarning("connections_refused_or_cut")

    def __len__(self) -> int:
        return self._count

    def admit(self, connection: ClientConnection, address: str) -> bool:
        """Whether ``connection`` may stay; when there are too many, an idle one is cut for it."""
        network = _network(address)
        own = self._by_address.setdefault(network, {})
        full = len(own) >= self._per_address and address not in self._exempt
        if full or self._count >= self._limit:
            self._warn(asyncio.get_running_loop().time(), address=network, open=self._count)
            crowd = own if full else max(self._by_address.values(), key=len)
            oldest = next((each for each in crowd if each.idle), None)
            if oldest is None:
                if not own:
                    del self._by_address[network]
                return False
            self._drop(oldest, crowd)
            oldest.cut()
        own[connection] = None
        self._by_address[network] = own
        self._count += 1
        return True

    def forget(self, connection: ClientConnection, address: str) -> None:
        """It is closed. Ignored for one that is not there."""
        network = _network(address)
        own = self._by_address.get(network, {})
        if connection in own:
            self._drop(connection, own)
        if not own:
            self._by_address.pop(network, None)

    def _drop(self, connection: ClientConnection, crowd: dict[ClientConnection, None]) -> None:
        del crowd[connection]
        self._count -= 1


def _network(address: str) -> str:
    if ":" not in address:
        return address
    try:
        return str(ipaddress.ip_network((address.partition("%")[0], 64), strict=False))
    except ValueError:
        return address


def connection_limit(open_files: int) -> int:
    """Connections that leave enough of ``open_files`` for all else."""
    return max(64, min(MAX_CONNECTIONS, open_files - RESERVED_FILES))
