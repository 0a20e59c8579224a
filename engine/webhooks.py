"""Tells a web tier what happened: signed POSTs, tried again while the receiver fails, in nobody's way.

The signature is that of many webhooks: ``X-Tutor-Signature: t=SECONDS,v1=HEX``, where HEX is the HMAC-SHA256 of
``SECONDS.BODY`` under a shared secret. The receiver compares it in constant time and refuses an old time. Every attempt
is signed anew; ``id`` in the body stays the same, so that what arrives twice can be recognised.
"""

from __future__ import annotations

import asyncio
import contextlib
import hashlib
import hmac
import json
import time
from collections.abc import AsyncIterator, Callable, Mapping
from dataclasses import dataclass
from typing import Protocol

import aiohttp
import structlog
from pydantic import SecretStr

from engine.concurrency.channel import Channel, ChannelClosed
from engine.telemetry import Metrics

log = structlog.get_logger(__name__)

CAPACITY = 256
MAX_BYTES = 32_000_000
"""Deliveries that wait, and their bodies; the oldest is dropped, and counted in ``tutor_queue_dropped_total``."""

ATTEMPTS = 6
FIRST_PAUSE_S, MAX_PAUSE_S = 1.0, 30.0
"""Pauses double: 1, 2, 4, 8 and 16 s, about half a minute in all."""

TIMEOUT_S = 5.0
LAST_CHANCE_S = 1.0
"""When the engine ends, what still waits gets this long. Three webhooks, one after the other, must fit into
``app.GRACE_S``."""


def signature(secret: str, timestamp: int, body: bytes) -> str:
    """The header's value for ``body`` sent at ``timestamp`` (Unix seconds)."""
    digest = hmac.new(secret.encode(), f"{timestamp}.".encode() + body, hashlib.sha256).hexdigest()
    return f"t={timestamp},v1={digest}"


class WebhookSettings(Protocol):
    """A group of settings with a webhook."""

    @property
    def webhook_url(self) -> str | None: ...

    @property
    def webhook_secret(self) -> SecretStr | None: ...


@dataclass(frozen=True, slots=True)
class _Delivery:
    body: bytes
    replaces: str | None


class Webhook:
    """Makes deliveries, one after the other.

    Args:
        name: in the log and as the label ``queue`` of ``tutor_queue_dropped_total``.
        url: of the receiver; any 2xx answer accepts a delivery.
        secret: of the signature.
        metrics: count what is dropped.
        attempts: of each delivery.
        first_pause_s: before the second attempt, seconds.
    """

    def __init__(
        self,
        name: str,
        url: str,
        secret: str,
        metrics: Metrics,
        *,
        attempts: int = ATTEMPTS,
        first_pause_s: float = FIRST_PAUSE_S,
    ) -> None:
        self._name = name
        self._url = url
        self._secret = secret
        self._metrics = metrics
        self._attempts = attempts
        self._first_pause_s = first_pause_s
        self._waiting: Channel[_Delivery] = Channel(name, CAPACITY, "drop_oldest")
        self._bytes = 0
        """Of all that waits."""
        self._ending = asyncio.Event()

    def post(self, body: Mapping[str, object], *, replaces: str | None = None) -> None:
        """Deliver ``body``, a JSON object, soon. Never waits.

        Args:
            body: with an ``id`` of its own.
            replaces: a waiting delivery posted with the same text here need not be made any more.
        """
        data = json.dumps(body, ensure_ascii=False, separators=(",", ":")).encode()
        if replaces is not None:
            self._discard(lambda waiting: waiting.replaces == replaces)
        with contextlib.suppress(ChannelClosed):  # the engine is ending
            self._make_room(len(data))
            self._waiting.put_nowait(_Delivery(data, replaces))
            self._bytes += len(data)

    @contextlib.asynccontextmanager
    async def running(self) -> AsyncIterator[None]:
        """Deliver while the context lasts; at its end what still waits is tried once more, for ``LAST_CHANCE_S``."""
        task = asyncio.create_task(self._deliver(), name=self._name)
        try:
            yield
        finally:
            self._waiting.close()
            self._ending.set()
            await asyncio.wait([task], timeout=LAST_CHANCE_S)
            if not task.done():
                self._lost(1 + len(self._waiting.drain()), 0)
            task.cancel()
            with contextlib.suppress(asyncio.CancelledError):
                await task

    def _make_room(self, size: int) -> None:
        """Drop the oldest deliveries until there is room for one of ``size`` bytes."""
        too_many = max(0, len(self._waiting) + 1 - CAPACITY)
        excess = self._bytes + size - MAX_BYTES

        def oldest(waiting: _Delivery) -> bool:
            nonlocal too_many, excess
            drop = too_many > 0 or excess > 0
            if drop:
                too_many, excess = too_many - 1, excess - len(waiting.body)
            return drop

        if dropped := self._discard(oldest):
            self._metrics.queue_dropped.labels(self._name).inc(dropped)

    def _discard(self, unwanted: Callable[[_Delivery], bool]) -> int:
        def counted(waiting: _Delivery) -> bool:
            if unwanted(waiting):
                self._bytes -= len(waiting.body)
                return True
            return False

        return self._waiting.discard(counted)

    async def _deliver(self) -> None:
        timeout = aiohttp.ClientTimeout(total=TIMEOUT_S)
        async with aiohttp.ClientSession(timeout=timeout) as session:
            async for delivery in self._waiting:
                self._bytes -= len(delivery.body)
                await self._try(session, delivery.body)

    async def _try(self, session: aiohttp.ClientSession, body: bytes) -> None:
        pause_s = self._first_pause_s
        for attempt in range(1, self._attempts + 1):
            last = attempt == self._attempts or self._ending.is_set()
            status = await self._send(session, body)
            if status // 100 == 2:
                return
            if last:
                break
            log.info("webhook_retry", webhook=self._name, status=status, pause_s=pause_s)
            with contextlib.suppress(TimeoutError):
                async with asyncio.timeout(pause_s):
                    await self._ending.wait()
            pause_s = min(2 * pause_s, MAX_PAUSE_S)
        self._lost(1, status)

    def _lost(self, count: int, status: int) -> None:
        log.warning("webhook_lost", webhook=self._name, deliveries=count, status=status)
        self._metrics.queue_dropped.labels(self._name).inc(count)

    async def _send(self, session: aiohttp.ClientSession, body: bytes) -> int:
        """The status of the answer; 0 when there was none."""
        signed = signature(self._secret, int(time.time()), body)
        headers = {"Content-Type": "application/json", "X-Tutor-Signature": signed}
        try:
            async with session.post(self._url, data=body, headers=headers, allow_redirects=False) as response:
                return response.status
        except (aiohttp.ClientError, TimeoutError, OSError):
            return 0


def webhook_of(name: str, settings: WebhookSettings, metrics: Metrics, *, attempts: int = ATTEMPTS) -> Webhook | None:
    """The webhook that ``settings`` name, if they name one; see ``Webhook``."""
    if settings.webhook_url is None or settings.webhook_secret is None:
        return None
    secret = settings.webhook_secret.get_secret_value()
    return Webhook(name, settings.webhook_url, secret, metrics, attempts=attempts)
