"""Threads that compute, so that the event loop only decides.

A ``Worker`` is a named pool with a bounded number of jobs waiting or running. A job whose
awaiter was cancelled before it began never runs; one that has begun runs to its end (model
calls cannot be broken off) and its result is dropped.
"""

from __future__ import annotations

import asyncio
import threading
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor, wait
from typing import ParamSpec, TypeVar

P = ParamSpec("P")
R = TypeVar("R")


class Worker:
    """Runs functions in ``threads`` threads; at most ``backlog`` jobs wait or run."""

    def __init__(self, name: str, threads: int = 1, backlog: int = 64) -> None:
        self.name = name
        self._threads = threads
        self._pool = ThreadPoolExecutor(threads, thread_name_prefix=name)
        self._slots = asyncio.Semaphore(backlog)
        self.waiting = 0
        """Jobs asked for and not yet finished."""

    async def run(self, function: Callable[P, R], *args: P.args, **kwargs: P.kwargs) -> R:
        """Call ``function`` in a thread and give its result or raise its exception."""
        self.waiting += 1
        try:
            async with self._slots:
                loop = asyncio.get_running_loop()
                return await loop.run_in_executor(self._pool, lambda: function(*args, **kwargs))
        finally:
            self.waiting -= 1

    def start(self) -> None:
        """Begin all threads now; else each begins with the first call that finds no idle one."""
        everyone = threading.Barrier(self._threads)
        wait([self._pool.submit(everyone.wait) for _ in range(self._threads)])

    def close(self) -> None:
        """Wait for what runs, drop what waits, end the threads. Idempotent."""
        self._pool.shutdown(wait=True, cancel_futures=True)
