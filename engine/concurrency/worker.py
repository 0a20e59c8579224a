"""Threads that compute, so that the event loop only decides.

A ``Worker`` is a named pool with a bounded number of jobs waiting or running. A job whose
awaiter was cancelled before it began never runs. One that has begun runs to its end, since model
calls cannot be interrupted, and its result is dropped.
"""

from __future__ import annotations

import asyncio
import contextlib
import threading
import time
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor, wait
from pathlib import Path
from typing import ParamSpec, TypeVar

from engine.concurrency import waits

P = ParamSpec("P")
R = TypeVar("R")


class Worker:
    """Runs functions in threads.

    Args:
        name: of the threads, for logs and debuggers.
        threads: how many.
        backlog: limit of jobs that are queued or running; see ``run``.
    """

    def __init__(self, name: str, threads: int = 1, backlog: int = 64) -> None:
        self.name = name
        self._threads = threads
        self._pool = ThreadPoolExecutor(
            threads, thread_name_prefix=name, initializer=_tell_the_system, initargs=(name,)
        )
        self._slots = asyncio.Semaphore(backlog)
        self.waiting = 0
        """Calls of ``run`` that have not returned yet."""

    async def run(self, function: Callable[P, R], *args: P.args, **kwargs: P.kwargs) -> R:
        """Call ``function`` in a thread; gives its result or raises its exception.

        Waits first while ``backlog`` jobs are queued or running.
        """
        self.waiting += 1
        asked = time.perf_counter()

        def timed() -> R:
            began = time.perf_counter()
            try:
                return function(*args, **kwargs)
            finally:
                waits.note(self.name, began - asked, time.perf_counter() - began)

        try:
            async with self._slots:
                return await asyncio.get_running_loop().run_in_executor(self._pool, timed)
        finally:
            self.waiting -= 1

    def start(self) -> None:
        """Start all threads now; otherwise each starts with the first call that finds none idle. Blocks briefly."""
        everyone = threading.Barrier(self._threads)
        wait([self._pool.submit(everyone.wait) for _ in range(self._threads)])

    def close(self) -> None:
        """Wait for running jobs, drop queued ones and end the threads. Idempotent; blocks."""
        self._pool.shutdown(wait=True, cancel_futures=True)


def _tell_the_system(name: str) -> None:
    """Name the calling thread for ``top -H`` and ``perf`` too, which Python does not before 3.14. Only on Linux."""
    with contextlib.suppress(OSError):
        # The kernel keeps 15 bytes of it.
        Path(f"/proc/self/task/{threading.get_native_id()}/comm").write_text(name[:15])
