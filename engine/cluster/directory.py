"""Where engines find each other and leave what their sessions remember, as a Protocol.

``engine/cluster/jetstream.py`` has it on NATS; a machine of its own has none.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from typing import Protocol

from engine.errors import Busy, Conflict


class Superseded(Conflict):
    """Somebody else has written this entry since: another engine has the session now."""


class DirectoryDown(Busy):
    """The directory cannot be reached right now, or did not answer in time. What was asked may have been done."""


@dataclass(frozen=True, slots=True)
class Stored:
    """An entry."""

    value: bytes
    revision: int
    """Changes with every write."""


class Directory(Protocol):
    """Entries with compare-and-swap, and messages to whoever listens."""

    async def create(self, key: str, value: bytes) -> int:
        """Make an entry; gives its revision.

        Raises:
            Superseded: there is one.
            DirectoryDown: see there.
        """

    async def save(self, key: str, value: bytes, revision: int) -> int:
        """Replace the entry of ``revision``; gives the new revision.

        Raises:
            Superseded: it has another revision by now, or is gone.
            DirectoryDown: see there.
        """

    async def load(self, key: str) -> Stored | None:
        """The entry; None when there is none. It may be a moment old.

        Raises:
            DirectoryDown: see there.
        """

    async def forget(self, key: str) -> None:
        """Remove an entry without a trace. One that is not there is fine.

        Raises:
            DirectoryDown: see there.
        """

    async def publish(self, topic: str, message: bytes) -> None:
        """Tell whoever is subscribed right now; lost when the directory is down. Never raises for that."""

    async def subscribe(self, topic: str, take: Callable[[bytes], None]) -> None:
        """Call ``take`` with every message of ``topic`` (``*`` stands for one part of it between dots)."""

    def on_reconnect(self, call: Callable[[], None]) -> None:
        """Call this whenever the directory can be reached again."""

    @property
    def reachable(self) -> bool:
        """Whether the directory can be reached right now, as far as is known."""
