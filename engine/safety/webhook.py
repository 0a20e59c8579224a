"""Tells the web tier of an incident: a signed POST, tried again while the receiver fails, never in a reply's way.

The signature is that of many webhooks: ``X-Tutor-Signature: t=SECONDS,v1=HEX``, where HEX is the HMAC-SHA256 of
``SECONDS.BODY`` under ``safety.webhook_secret``. The receiver compares it in constant time and refuses an old time.
"""

from __future__ import annotations

import asyncio
import contextlib
import hashlib
import hmac
import json
import time
from collections.abc import AsyncIterator, Mapping

import aiohttp
import structlog

from engine.concurrency.channel import Channel, ChannelClosed
from engine.telemetry import Metrics

log = structlog.get_logger(__name__)

CAPACITY = 256
"""Incidents that wait; the oldest is dropped, and counted in ``tutor_queue_dropped_total{queue="safety-webhook"}``."""

ATTEMPTS = 6
FIRST_PAUSE_S, LONGEST_PAUSE_S = 1.0, 30.0
"""Pauses double: 1, 2, 4, 8 and 16 s, about half a minute in all."""

TIMEOUT_S = 5.0
LAST_CHANCE_S = 2.0
"""At the end, what still waits gets so long."""


def signature(secret: str, timestamp: int, body: bytes) -> str:
    """The header's value for ``body`` sent at ``timestamp`` (Unix seconds)."""
    digest = hmac.new(secret.encode(), f"{timestamp}.".encode() + body, hashlib.sha256).hexdigest()
    return f"t={timestamp},v1={digest}"


class Webhook:
    """Delivers incidents one after the other.

    Args:
        url: of the receiver; any 2xx answer accepts the incident.
        secret: of the signature.
        metrics: count what is dropped.
        first_pause_s: before the second attempt, seconds.
    """

    def __init__(self, url: str, secret: str, metrics: Metrics, first_pause_s: float = FIRST_PAUSE_S) -> None:
        self._url = url
        self._secret = secret
        self._metrics = metrics
        self._first_pause_s = first_pause_s
        self._waiting: Channel[bytes] = Channel("safety-webhook", CAPACITY, "drop_oldest")

    def post(self, incident: Mapping[str, object]) -> None:
        """Deliver ``incident``, a JSON object, soon. Never waits."""
        body = json.dumps(incident, ensure_ascii=False, separators=(",", ":")).encode()
        with contextlib.suppress(ChannelClosed):  # the engine is ending
            if len(self._waiting) == CAPACITY:
                self._metrics.queue_dropped.labels("safety-webhook").inc()
            self._waiting.put_nowait(body)

    @contextlib.asynccontextmanager
    async def running(self) -> AsyncIterator[None]:
        """Deliver while the context lasts; at its end what still waits gets ``LAST_CHANCE_S``."""
        task = asyncio.create_task(self._deliver(), name="safety-webhook")
        try:
            yield
        finally:
            self._waiting.close()
            await asyncio.wait([task], timeout=LAST_CHANCE_S)
            task.cancel()
            with contextlib.suppress(asyncio.CancelledError):
                await task

    async def _deliver(self) -> None:
        timeout = aiohttp.ClientTimeout(total=TIMEOUT_S)
        async with aiohttp.ClientSession(timeout=timeout) as session:
            async for body in self._waiting:
                await self._try(session, body)

    async def _try(self, session: aiohttp.ClientSession, body: bytes) -> None:
        pause_s = self._first_pause_s
        for attempt in range(1, ATTEMPTS + 1):
            status = await self._send(session, body)
            if status // 100 == 2:
                return
            if attempt == ATTEMPTS:
                break
            log.info("safety_webhook_retry", status=status, pause_s=pause_s)
            await asyncio.sleep(pause_s)
            pause_s = min(2 * pause_s, LONGEST_PAUSE_S)
        log.warning("safety_webhook_lost", status=status, attempts=ATTEMPTS)
        self._metrics.queue_dropped.labels("safety-webhook").inc()

    async def _send(self, session: aiohttp.ClientSession, body: bytes) -> int:
        """The status of the answer; 0 when there was none."""
        signed = signature(self._secret, int(time.time()), body)
        headers = {"Content-Type": "application/json", "X-Tutor-Signature": signed}
        try:
            async with session.post(self._url, data=body, headers=headers, allow_redirects=False) as response:
                return response.status
        except (aiohttp.ClientError, TimeoutError, OSError):
            return 0
