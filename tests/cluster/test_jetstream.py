"""The directory: what engines rely on, within a process and on a real NATS server."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator
from pathlib import Path

import pytest

from engine.cluster.directory import Directory, DirectoryDown, Superseded
from engine.cluster.jetstream import open_jetstream
from engine.errors import SettingsError
from engine.settings import ClusterSettings
from tests.cluster.local_directory import LocalDirectory
from tests.cluster.nats_server import NatsServers

KEY = "k" * 32


@pytest.fixture
async def nats(tmp_path: Path) -> AsyncIterator[NatsServers]:
    async with NatsServers(tmp_path).running() as servers:
        yield servers


async def writes_are_fenced(directory: Directory) -> None:
    assert await directory.load("s") is None
    first = await directory.create("s", b"one")
    with pytest.raises(Superseded):
        await directory.create("s", b"two")
    second = await directory.save("s", b"two", first)
    with pytest.raises(Superseded):
        await directory.save("s", b"stale", first)
    stored = await directory.load("s")
    assert stored is not None and (stored.value, stored.revision) == (b"two", second)
    await directory.forget("s")
    await directory.forget("s")
    assert await directory.load("s") is None
    with pytest.raises(Superseded):
        await directory.save("s", b"after its end", second)


async def messages_arrive(directory: Directory) -> None:
    heard: list[bytes] = []
    await directory.subscribe("node.*", heard.append)
    async with asyncio.timeout(30):
        while not heard:
            await directory.publish("node.a", b"here")
            await directory.publish("node.a.lost", b"not asked for")
            await asyncio.sleep(0.02)
    assert set(heard) == {b"here"}


async def test_a_directory_within_a_process() -> None:
    directory = LocalDirectory()
    await writes_are_fenced(directory)
    await messages_arrive(directory)
    called: list[int] = []
    directory.on_reconnect(lambda: called.append(1))
    directory.reachable = False
    with pytest.raises(DirectoryDown):
        await directory.load("s")
    directory.heal()
    assert called and await directory.load("s") is None


async def test_a_directory_on_nats_outlives_its_server(nats: NatsServers) -> None:
    settings = ClusterSettings(servers=nats.urls, key=KEY)
    async with open_jetstream(settings, keep_s=600) as directory, open_jetstream(settings, keep_s=600) as other:
        await writes_are_fenced(directory)
        await messages_arrive(directory)
        again = asyncio.Event()
        directory.on_reconnect(again.set)
        revision = await directory.create("t", b"kept")
        await nats.stop(0)
        async with asyncio.timeout(30):
            while directory.reachable:  # noqa: ASYNC110
                await asyncio.sleep(0.02)
        with pytest.raises(DirectoryDown):
            await directory.load("t")
        await directory.publish("node.a", b"lost without an error")
        await nats.start(0)
        async with asyncio.timeout(60):
            await again.wait()
            while not other.reachable:  # noqa: ASYNC110
                await asyncio.sleep(0.02)
        assert await other.save("t", b"newer", revision) > revision
        with pytest.raises(Superseded):
            await directory.save("t", b"stale", revision)


async def test_wrong_credentials_are_refused_at_start(tmp_path: Path) -> None:
    with_user = 'authorization { user: "engine", password: "right" }\n'
    async with NatsServers(tmp_path, options=with_user).running() as nats:
        right = ClusterSettings(servers=nats.urls, key=KEY, user="engine", password="right")
        async with open_jetstream(right, keep_s=600) as directory:
            assert directory.reachable
        with pytest.raises(SettingsError, match="refuses"):
            async with open_jetstream(right.model_copy(update={"user": "nobody"}), keep_s=600):
                pass
