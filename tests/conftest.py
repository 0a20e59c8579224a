"""Every test fails on a task, thread or socket it leaves behind."""

from __future__ import annotations

import asyncio
import gc
import threading
import time
from collections.abc import AsyncIterator, Iterator

import psutil
import pytest
from hypothesis import HealthCheck, settings

# On a loaded machine one example may take any time.
settings.register_profile("any machine", deadline=None, suppress_health_check=[HealthCheck.too_slow])
settings.load_profile("any machine")

LASTING_THREADS = ("pytest_", "asyncio_", "ThreadPoolExecutor", "AnyIO", "tqdm")
"""Threads of libraries and of the event loop's default executor, which live as long as it does."""


@pytest.fixture(autouse=True)
def no_leaked_threads_or_sockets() -> Iterator[None]:
    """Compares threads and inet sockets before and after; fixtures of wider scope come first."""
    threads_before = set(threading.enumerate())
    sockets_before = _sockets()
    yield
    deadline = time.monotonic() + 3
    while True:
        threads = [
            t
            for t in set(threading.enumerate()) - threads_before
            if t.is_alive() and not t.name.startswith(LASTING_THREADS)
        ]
        sockets = _sockets() - sockets_before
        if (not threads and not sockets) or time.monotonic() > deadline:
            break
        # What only waits for the garbage collector is no leak; collecting after every test costs minutes.
        gc.collect()
        time.sleep(0.02)
    assert not threads, f"leaked threads: {[t.name for t in threads]}"
    assert not sockets, f"leaked sockets: {sockets}"


@pytest.fixture(autouse=True)
async def no_leaked_tasks() -> AsyncIterator[None]:
    """Fails an async test that leaves a task behind in its own loop."""
    before = asyncio.all_tasks()
    yield
    for _ in range(200):
        left = [t for t in asyncio.all_tasks() - before - {asyncio.current_task()} if not t.done()]
        if not left:
            return
        await asyncio.sleep(0.01)
    pytest.fail(f"leaked tasks: {[t.get_name() + ' ' + str(t.get_coro()) for t in left]}")


def _sockets() -> set[tuple[object, ...]]:
    return {
        (c.fd, c.laddr, c.raddr)
        for c in psutil.Process().net_connections(kind="inet")
        if c.status not in ("TIME_WAIT", "CLOSE_WAIT")
    }
