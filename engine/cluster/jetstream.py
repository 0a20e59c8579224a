"""The directory on NATS JetStream: a key-value bucket, replicated, and plain messages.

Writes are fenced by revision, so what was read may be old without harm. While no server can be reached every call fails
at once; nothing is buffered, because a late write would only be refused.
"""

from __future__ import annotations

import asyncio
import contextlib
import ssl
from collections.abc import AsyncIterator, Awaitable, Callable
from typing import TypeVar

import nats
import nats.errors
import nats.js.errors
import structlog
from nats.aio.client import Client
from nats.aio.msg import Msg
from nats.js.api import KeyValueConfig, StorageType
from nats.js.client import JetStreamContext
from nats.js.kv import KeyValue

from engine.cluster.directory import DirectoryDown, Stored, Superseded
from engine.errors import SettingsError
from engine.settings import ClusterSettings

log = structlog.get_logger(__name__)
T = TypeVar("T")

BUCKET = "tutor-memory"
PREFIX = "tutor."
"""Begins the subjects of messages."""

REPLICAS = 3
"""Of every entry, where there are so many servers: one may fail without loss."""

CALL_S = 2.0
"""Longest wait for an answer."""

CONNECT_S = 2
START_ATTEMPTS = 3
"""For each server, at start."""

LEADER_S = 30.0
"""How long servers that were started with this process may take to find each other and elect a leader."""

RECONNECT_EVERY_S = 0.25
PING_S = 2
"""A server that leaves two pings unanswered is given up: behind a dead network no connection breaks by itself."""

DOWN_RETRY_S = 2


class JetStreamDirectory:
    """See ``Directory``. Made by ``open_jetstream``."""

    def __init__(self) -> None:
        self.client: Client = Client()
        self._entries: KeyValue | None = None
        self._jetstream: JetStreamContext | None = None
        self._reconnected: list[Callable[[], None]] = []

    @property
    def reachable(self) -> bool:
        """See ``Directory``."""
        return self.client.is_connected

    async def create(self, key: str, value: bytes) -> int:
        """See ``Directory``."""
        return await self._ask(lambda: self._bucket.create(key, value))

    async def save(self, key: str, value: bytes, revision: int) -> int:
        """See ``Directory``."""
        return await self._ask(lambda: self._bucket.update(key, value, last=revision))

    async def load(self, key: str) -> Stored | None:
        """See ``Directory``."""
        try:
            entry = await self._ask(lambda: self._bucket.get(key))
        except nats.js.errors.KeyNotFoundError:
            return None
        return Stored(entry.value or b"", entry.revision or 0)

    async def forget(self, key: str) -> None:
        """See ``Directory``. A purge of its subject leaves no marker, unlike a deletion."""
        jetstream = self._jetstream
        assert jetstream is not None
        await self._ask(lambda: jetstream.purge_stream(f"KV_{BUCKET}", subject=f"$KV.{BUCKET}.{key}"))

    async def publish(self, topic: str, message: bytes) -> None:
        """See ``Directory``."""
        if self.reachable:
            with contextlib.suppress(nats.errors.Error, OSError):
                await self.client.publish(PREFIX + topic, message)

    async def subscribe(self, topic: str, take: Callable[[bytes], None]) -> None:
        """See ``Directory``."""

        async def receive(message: Msg) -> None:
            take(message.data)

        await self.client.subscribe(PREFIX + topic, cb=receive)

    def on_reconnect(self, call: Callable[[], None]) -> None:
        """See ``Directory``."""
        self._reconnected.append(call)

    async def connect(self, cluster: ClusterSettings) -> None:
        """Connect. Once that has succeeded, a lost connection is made again however long it takes.

        Raises:
            SettingsError: no server can be reached, or the first that answers refuses the credentials.
        """
        password = cluster.password
        try:
            await self.client.connect(
                servers=cluster.servers,
                name=cluster.node or "talking-tutor",
                user=cluster.user,
                password=None if password is None else password.get_secret_value(),
                tls=None if cluster.ca_file is None else ssl.create_default_context(cafile=cluster.ca_file),
                connect_timeout=CONNECT_S,
                # A client that may reconnect tries for ever, at start too.
                allow_reconnect=False,
                max_reconnect_attempts=START_ATTEMPTS,
                ping_interval=PING_S,
                max_outstanding_pings=2,
                error_cb=_on_error,
                reconnected_cb=self._on_reconnected,
                disconnected_cb=_on_disconnected,
            )
        except (nats.errors.Error, OSError, ValueError, TimeoutError) as error:
            raise SettingsError(
                "cluster.servers: no NATS server could be used: none answers, or one refuses cluster.user"
            ) from error
        self.client.options.update(
            allow_reconnect=True, max_reconnect_attempts=-1, reconnect_time_wait=RECONNECT_EVERY_S
        )

    async def prepare(self, keep_s: float) -> None:
        """Make the bucket unless it is there. Entries that nobody writes are gone after ``keep_s``.

        Raises:
            SettingsError: the server has no JetStream, or the account may not use it.
        """
        self._jetstream = self.client.jetstream(timeout=CALL_S)
        loop = asyncio.get_running_loop()
        ends = loop.time() + LEADER_S
        while self._entries is None:
            try:
                self._entries = await self._make(keep_s)
            except (nats.errors.Error, OSError, TimeoutError) as error:
                if loop.time() > ends:
                    raise SettingsError(
                        f"cluster.servers: JetStream cannot be used ({type(error).__name__}): docs/cluster.md has what "
                        "it needs"
                    ) from error
                await asyncio.sleep(RECONNECT_EVERY_S)

    async def _make(self, keep_s: float) -> KeyValue:
        assert self._jetstream is not None
        with contextlib.suppress(nats.js.errors.BucketNotFoundError):
            return await self._jetstream.key_value(BUCKET)
        servers = len({*self.client.servers, *self.client.discovered_servers})
        replicas = REPLICAS if servers >= REPLICAS else 1
        return await self._jetstream.create_key_value(
            KeyValueConfig(bucket=BUCKET, replicas=replicas, storage=StorageType.FILE, ttl=keep_s, history=1)
        )

    async def close(self) -> None:
        """Hang up."""
        await self.client.close()

    @property
    def _bucket(self) -> KeyValue:
        assert self._entries is not None
        return self._entries

    async def _ask(self, call: Callable[[], Awaitable[T]]) -> T:
        if not self.reachable:
            raise DirectoryDown("the cluster's directory cannot be reached", retry_after_s=DOWN_RETRY_S)
        try:
            async with asyncio.timeout(CALL_S):
                return await call()
        except nats.js.errors.KeyNotFoundError:
            raise
        except nats.js.errors.KeyWrongLastSequenceError:
            raise Superseded("another engine has this session by now") from None
        except (nats.errors.Error, OSError, TimeoutError) as error:
            log.warning("directory_call_failed", kind=type(error).__name__)
            raise DirectoryDown("the cluster's directory does not answer", retry_after_s=DOWN_RETRY_S) from None

    async def _on_reconnected(self) -> None:
        log.info("directory_reconnected")
        for call in self._reconnected:
            call()


@contextlib.asynccontextmanager
async def open_jetstream(settings: ClusterSettings, keep_s: float) -> AsyncIterator[JetStreamDirectory]:
    """A directory on the NATS servers of ``settings``; entries that nobody writes are gone after ``keep_s``.

    Raises:
        SettingsError: no server can be used.
    """
    directory = JetStreamDirectory()
    try:
        await directory.connect(settings)
        await directory.prepare(keep_s)
        yield directory
    finally:
        await directory.close()


async def _on_error(error: Exception) -> None:
    log.warning("directory_error", kind=type(error).__name__)


async def _on_disconnected() -> None:
    log.warning("directory_disconnected")
