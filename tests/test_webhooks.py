"""Signed deliveries to a web tier that fails, hangs or is gone."""

from __future__ import annotations

import asyncio
import hashlib
import hmac
import json
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager

from aiohttp import web

from engine.telemetry import Metrics
from engine.webhooks import CAPACITY, MAX_BYTES, Webhook
from tests.serving import serving

SECRET = "s" * 32
LIMIT_S = 30.0
"""Longer than anything here takes on a busy machine."""


class Receiver:
    """A web tier that answers 500 ``failures`` times, then takes what it gets; or never answers, if it ``hangs``."""

    def __init__(self, failures: int = 0, hangs: bool = False) -> None:
        self.failures, self.hangs = failures, hangs
        self.tried: list[bytes] = []
        self.got: list[tuple[str, bytes]] = []
        self.came = asyncio.Event()
        self.asked = asyncio.Event()
        self.released = asyncio.Event()

    async def take(self, request: web.Request) -> web.Response:
        body = await request.read()
        self.tried.append(body)
        self.asked.set()
        if self.hangs:
            await self.released.wait()
        if len(self.tried) <= self.failures:
            return web.Response(status=500)
        self.got.append((request.headers["X-Tutor-Signature"], body))
        self.came.set()
        return web.Response(status=204)

    @asynccontextmanager
    async def running(self) -> AsyncIterator[str]:
        app = web.Application()
        app.router.add_post("/hook", self.take)
        async with serving(app) as base:
            yield f"{base}/hook"


def dropped(metrics: Metrics) -> float:
    return metrics.registry.get_sample_value("tutor_queue_dropped_total", {"queue": "hook"}) or 0.0


async def test_a_failing_receiver_gets_the_same_delivery_again_signed_anew_and_delays_nobody() -> None:
    receiver, metrics = Receiver(failures=2), Metrics()
    async with receiver.running() as url:
        webhook = Webhook("hook", url, SECRET, metrics, first_pause_s=0.02)
        async with webhook.running():
            webhook.post({"id": "a"})
            assert not receiver.tried, "nothing is sent while somebody waits"
            async with asyncio.timeout(LIMIT_S):
                await receiver.came.wait()
    assert receiver.tried == [b'{"id":"a"}'] * 3 and dropped(metrics) == 0
    ((signed, body),) = receiver.got
    at, digest = (part.split("=")[1] for part in signed.split(","))
    assert hmac.new(SECRET.encode(), f"{at}.".encode() + body, hashlib.sha256).hexdigest() == digest


async def test_what_a_receiver_never_takes_is_given_up_and_counted_and_the_next_one_comes() -> None:
    receiver, metrics = Receiver(failures=3), Metrics()
    async with receiver.running() as url:
        webhook = Webhook("hook", url, SECRET, metrics, attempts=3, first_pause_s=0.01)
        async with webhook.running():
            webhook.post({"id": "lost"})
            webhook.post({"id": "next"})
            async with asyncio.timeout(LIMIT_S):
                await receiver.came.wait()
    assert [body for _, body in receiver.got] == [b'{"id":"next"}'] and dropped(metrics) == 1


async def test_what_waits_for_a_dead_receiver_is_bounded_in_number_and_bytes() -> None:
    metrics = Metrics()
    webhook = Webhook("hook", "http://127.0.0.1:1/", SECRET, metrics)
    for number in range(CAPACITY + 5):
        webhook.post({"n": number})
    assert dropped(metrics) == 5
    for number in range(20):
        webhook.post({"n": number, "text": "x" * (MAX_BYTES // 10)})
    assert dropped(metrics) == 5 + CAPACITY + 20 - 9


async def test_later_news_of_the_same_thing_takes_the_place_of_what_waits() -> None:
    receiver, metrics = Receiver(), Metrics()
    async with receiver.running() as url:
        webhook = Webhook("hook", url, SECRET, metrics)
        for revision in range(50):
            webhook.post({"revision": revision}, replaces="lesson")
        webhook.post({"other": 1}, replaces="another")
        async with webhook.running():
            pass
    assert [json.loads(body) for _, body in receiver.got] == [{"revision": 49}, {"other": 1}]
    assert dropped(metrics) == 0


async def test_at_the_end_what_waits_is_delivered_and_a_pause_is_cut_short() -> None:
    receiver = Receiver(failures=1)
    async with receiver.running() as url:
        webhook = Webhook("hook", url, SECRET, Metrics(), first_pause_s=3600)
        async with asyncio.timeout(LIMIT_S), webhook.running():
            webhook.post({"id": "first"})
            await receiver.asked.wait()
            webhook.post({"id": "second"})
    assert [body for _, body in receiver.got] == [b'{"id":"first"}', b'{"id":"second"}']


async def test_a_receiver_that_hangs_does_not_keep_the_engine_from_ending() -> None:
    receiver, metrics = Receiver(hangs=True), Metrics()
    async with receiver.running() as url:
        webhook = Webhook("hook", url, SECRET, metrics)
        async with asyncio.timeout(LIMIT_S), webhook.running():
            webhook.post({"id": "first"})
            webhook.post({"id": "second"})
            await receiver.asked.wait()
        receiver.released.set()
    assert dropped(metrics) == 2
