"""This engine in a cluster: it reports its headroom, keeps its sessions' memory, and moves them when it ends."""

from __future__ import annotations

import asyncio
import contextlib
import platform
import random
import re
import secrets
from collections import deque
from collections.abc import AsyncIterator
from pathlib import Path

import structlog

from engine import __version__
from engine.cluster.calls import EngineCallFailed, open_client, post
from engine.cluster.capacity import headroom
from engine.cluster.directory import Directory
from engine.cluster.envelope import Sealer
from engine.cluster.metrics import EngineMetrics
from engine.cluster.nodes import NodeReport, NodeTable, State, read_report
from engine.cluster.placement import choose
from engine.sessions.keeper import SessionKeeper
from engine.sessions.registry import SessionRegistry
from engine.sessions.session import Session
from engine.settings import Settings
from engine.telemetry import Metrics

log = structlog.get_logger(__name__)

BEAT_S = 1.0
"""Between two reports of an engine."""

LAG_BEATS = 3
"""The loop counts as late by the least of its last so many delays: a single one may be a garbage collection."""

HEAR_S = 1.5 * BEAT_S
"""An engine that ends listens for so long before it moves its sessions, so that every other one has reported."""

MOVE_TRIES = 3


class Membership:
    """One engine's place in the cluster.

    Args:
        settings: ``cluster`` must name servers.
        directory: where the engines meet.
        metrics: the engine's.
        port: the engine's own.
    """

    def __init__(self, settings: Settings, directory: Directory, metrics: Metrics, port: int) -> None:
        cluster = settings.cluster
        assert cluster.key is not None, "the settings have seen to it"
        self.node = cluster.node or re.sub(r"[^A-Za-z0-9_-]", "-", f"{platform.node()}-{port}")[-64:]
        self.boot = secrets.token_hex(8)
        host = settings.host if settings.host not in ("0.0.0.0", "::") else "127.0.0.1"
        self.url = (cluster.node_url or settings.public_url or f"http://{host}:{port}").rstrip("/")
        self.public_url = (settings.public_url or self.url).rstrip("/")
        self._settings = settings
        self._directory = directory
        self._metrics = EngineMetrics(metrics.registry)
        sealer = Sealer(cluster.key.get_secret_value())
        self.keeper = SessionKeeper(directory, sealer, self.node, self.boot, lambda: self.url, self._metrics)
        self._registry: SessionRegistry | None = None
        self._others = NodeTable(lambda: 0.0)
        self._lags: deque[float] = deque([0.0], maxlen=LAG_BEATS)

    @contextlib.asynccontextmanager
    async def running(self, registry: SessionRegistry) -> AsyncIterator[None]:
        """Report while the context lasts."""
        self._registry = registry
        registry.move = self._move
        await self._directory.subscribe(f"lost.{self.node}", lambda message: self.keeper.check(message.decode()))
        beats = asyncio.create_task(self._beat(), name="cluster-reports")
        log.info("cluster_joined", node=self.node, boot=self.boot, url=self.url)
        try:
            yield
        finally:
            beats.cancel()
            await asyncio.wait([beats])

    def websocket_url(self, session_id: str) -> str:
        """Where clients of a session of this engine connect."""
        return f"ws{self.public_url.removeprefix('http')}/ws/ws/{session_id}"

    def report(self) -> NodeReport:
        """How this engine is now."""
        registry = self._registry
        if registry is None:
            return NodeReport(self.node, self.boot, self.url, "starting", 0, 0, __version__)
        state: State = "draining" if registry.draining else "ready"
        free = headroom(registry.load(min(self._lags), _free_memory()))
        self._metrics.free.set(free)
        return NodeReport(self.node, self.boot, self.url, state, free, len(registry), __version__)

    async def tell(self) -> None:
        """Publish a report now."""
        await self._directory.publish(f"node.{self.node}", self.report().to_json())

    async def _beat(self) -> None:
        loop = asyncio.get_running_loop()
        while True:
            await self.tell()
            due = loop.time() + BEAT_S
            await asyncio.sleep(BEAT_S)
            self._lags.append(loop.time() - due)

    # --- leaving

    async def listen_for_others(self) -> None:
        """Hear of the other engines, which take this one's sessions when it ends."""
        self._others = NodeTable(asyncio.get_running_loop().time)

        def hear(message: bytes) -> None:
            report = read_report(message)
            if report is not None and report.node != self.node:
                self._others.take(report)

        await self._directory.subscribe("node.*", hear)
        await asyncio.sleep(HEAR_S)

    async def _move(self, session: Session, epoch: int) -> str | None:
        """Have another engine adopt ``session``; gives its address there."""
        tried: set[str] = set()
        async with open_client(self._settings) as client:
            for _ in range(MOVE_TRIES):
                target = choose(self._others.ready(), random.Random(), tried)
                if target is None:
                    break
                tried.add(target.node)
                try:
                    adopted = await post(client, f"{target.url}/v1/sessions/{session.id}/adopt", {"epoch": epoch})
                except EngineCallFailed as error:
                    self._others.refused(target.node)
                    log.warning("move_refused", session=session.id, node=target.node, status=error.answered)
                    continue
                self._others.placed(target.node)
                return str(adopted["engine_url"])
        log.warning("no_engine_takes_it", session=session.id)
        return None


def _free_memory() -> int:
    """Bytes the machine has left (``MemAvailable``); 0 where that is not known."""
    with contextlib.suppress(OSError):
        for line in Path("/proc/meminfo").read_text().splitlines():
            if line.startswith("MemAvailable:"):
                return int(line.split()[1]) * 1024
    return 0
