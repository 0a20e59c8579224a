"""Where engines find each other and leave what their sessions remember, as a Protocol, and one within a process.

``engine/cluster/jetstream.py`` is the one for several machines.
"""

from __future__ import annotations

from collections import defaultdict
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


class LocalDirectory:
    """A directory for engines within one process; ``reachable`` can be switched off."""

    def __init__(self) -> None:
        self.reachable = True
        self._entries: dict[str, Stored] = {}
        self._revision = 0
        self._subscribers: dict[str, list[Callable[[bytes], None]]] = defaultdict(list)
        self._reconnected: list[Callable[[], None]] = []

    def __len__(self) -> int:
        """How many entries there are."""
        return len(self._entries)

    async def create(self, key: str, value: bytes) -> int:
        """See ``Directory``."""
        self._check()
        if key in self._entries:
            raise Superseded("there is such an entry already")
        return self._write(key, value)

    async def save(self, key: str, value: bytes, revision: int) -> int:
        """See ``Directory``."""
        self._check()
        stored = self._entries.get(key)
        if stored is None or stored.revision != revision:
            raise Superseded("the entry has been written by somebody else")
        return self._write(key, value)

    async def load(self, key: str) -> Stored | None:
        """See ``Directory``."""
        self._check()
        return self._entries.get(key)

    async def forget(self, key: str) -> None:
        """See ``Directory``."""
        self._check()
        self._entries.pop(key, None)

    async def publish(self, topic: str, message: bytes) -> None:
        """See ``Directory``."""
        if not self.reachable:
            return
        for pattern, takers in list(self._subscribers.items()):
            if _matches(pattern, topic):
                for take in takers:
                    take(message)

    async def subscribe(self, topic: str, take: Callable[[bytes], None]) -> None:
        """See ``Directory``."""
        self._subscribers[topic].append(take)

    def on_reconnect(self, call: Callable[[], None]) -> None:
        """See ``Directory``."""
        self._reconnected.append(call)

    def heal(self) -> None:
        """Reachable again."""
        self.reachable = True
        for call in self._reconnected:
            call()

    def _check(self) -> None:
        if not self.reachable:
            raise DirectoryDown("the directory cannot be reached", retry_after_s=2)

    def _write(self, key: str, value: bytes) -> int:
        self._revision += 1
        self._entries[key] = Stored(value, self._revision)
        return self._revision


def _matches(pattern: str, topic: str) -> bool:
    asked, given = pattern.split("."), topic.split(".")
    return len(asked) == len(given) and all(a in ("*", g) for a, g in zip(asked, given, strict=True))
