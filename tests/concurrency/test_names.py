"""Look-ups of host names do not use the threads that read files."""

from __future__ import annotations

import asyncio
import socket
import threading

import pytest

from engine.concurrency.names import NameResolver


async def test_localhost_is_found() -> None:
    resolver = NameResolver()
    found = await resolver.resolve("localhost", 80, socket.AF_INET)
    assert ("127.0.0.1", 80) in [(each["host"], each["port"]) for each in found]
    await resolver.close()


async def test_a_name_server_that_hangs_leaves_the_default_threads_free(monkeypatch: pytest.MonkeyPatch) -> None:
    answered = threading.Event()

    def hangs(*_: object, **__: object) -> list[object]:
        answered.wait(60)
        return []

    monkeypatch.setattr(socket, "getaddrinfo", hangs)
    resolver = NameResolver()
    lookups = [asyncio.create_task(resolver.resolve(f"host{n}.example", 80)) for n in range(40)]
    await asyncio.sleep(0.05)
    async with asyncio.timeout(20):
        assert await asyncio.to_thread(lambda: "a file") == "a file"
    answered.set()
    assert await asyncio.gather(*lookups) == [[]] * 40
    await resolver.close()
