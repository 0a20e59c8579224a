"""A door as a process."""

from __future__ import annotations

import asyncio
import contextlib
import signal
from collections.abc import AsyncIterator

import structlog

from engine.cluster.calls import open_client
from engine.cluster.directory import Directory
from engine.cluster.jetstream import open_jetstream
from engine.cluster.metrics import DoorMetrics
from engine.cluster.nodes import NodeTable, read_report
from engine.door.api import DoorApi
from engine.door.forwarding import open_forwarder
from engine.settings import Settings
from engine.telemetry import Metrics
from engine.transport.api.application import application
from engine.transport.connections import PER_ADDRESS
from engine.transport.port import calm_accept_errors, open_port
from engine.transport.proxies import trusted_proxies

log = structlog.get_logger(__name__)


@contextlib.asynccontextmanager
async def open_door(settings: Settings, directory: Directory) -> AsyncIterator[int]:
    """A door; gives its port.

    Args:
        settings: the door's.
        directory: where engines meet.
    """
    metrics, nodes = Metrics(), NodeTable(asyncio.get_running_loop().time)

    def hear(message: bytes) -> None:
        if (report := read_report(message)) is not None:
            nodes.take(report)

    await directory.subscribe("node.*", hear)
    async with open_client(settings) as client, open_forwarder() as forwarder, metrics.watch_loop():
        api = DoorApi(settings, client, forwarder, directory, nodes, metrics, DoorMetrics(metrics.registry))
        app = application(settings, api.routes())
        proxies = trusted_proxies(settings)
        async with open_port(app, settings.host, settings.port, per_address=PER_ADDRESS, proxies=proxies) as port:
            log.info("port_opened", host=settings.host, port=port)
            yield port


async def serve(settings: Settings) -> None:
    """Run a door until a signal ends it."""
    stop = asyncio.Event()
    loop = asyncio.get_running_loop()
    calm_accept_errors(loop)
    for number in (signal.SIGTERM, signal.SIGINT):
        loop.add_signal_handler(number, stop.set)
    async with (
        open_jetstream(settings.cluster, settings.sessions.idle_s) as directory,
        open_door(settings, directory) as port,
    ):
        log.info("ready", role="door", port=port)
        await stop.wait()
