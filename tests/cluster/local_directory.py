"""A directory within one process."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Callable

from engine.cluster.directory import DirectoryDown, Stored, Superseded


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
