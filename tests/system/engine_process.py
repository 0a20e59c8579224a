"""The engine as a process of its own."""

from __future__ import annotations

import asyncio
import contextlib
import json
import sys
import time
from collections.abc import AsyncIterator
from pathlib import Path
from typing import Any

import psutil

ROOT = Path(__file__).parents[2]
LIMIT_S = 240


class Process:
    """``run_engine.py`` and its log."""

    def __init__(self, process: asyncio.subprocess.Process) -> None:
        self._process = process
        self.children: list[psutil.Process] = []

    async def logged(self, event: str) -> dict[str, Any]:
        """Wait for a line of the log."""
        assert self._process.stderr is not None
        async with asyncio.timeout(LIMIT_S):
            while line := await self._process.stderr.readline():
                if line.startswith(b"{") and (entry := json.loads(line))["event"] == event:
                    self.children = psutil.Process(self._process.pid).children(recursive=True)
                    return dict(entry)
        raise AssertionError(f"the engine ended before it logged {event!r}")

    def signal(self, number: int) -> None:
        self._process.send_signal(number)

    async def ended(self) -> tuple[int, str]:
        """Exit status, and the rest of the log."""
        assert self._process.stderr is not None
        async with asyncio.timeout(LIMIT_S):
            rest = await self._process.stderr.read()
            return await self._process.wait(), rest.decode()


@contextlib.asynccontextmanager
async def run_engine(*arguments: str) -> AsyncIterator[Process]:
    process = await asyncio.create_subprocess_exec(
        sys.executable,
        "run_engine.py",
        "--log-format",
        "json",
        *arguments,
        cwd=ROOT,
        stderr=asyncio.subprocess.PIPE,
        stdout=asyncio.subprocess.DEVNULL,
    )
    try:
        yield Process(process)
    finally:
        if process.returncode is None:
            process.kill()
            await process.communicate()


def all_gone(children: list[psutil.Process]) -> bool:
    """Whether every child has ended; they may take a moment after a kill."""
    deadline = time.monotonic() + LIMIT_S
    while [child for child in children if child.is_running() and child.status() != "zombie"]:
        if time.monotonic() > deadline:
            return False
        time.sleep(0.02)
    return True
