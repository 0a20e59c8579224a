"""A child process that gets on only a little at a time."""

from __future__ import annotations

import asyncio
import time
from typing import Any

import psutil

SLICE_S = 0.02


async def first_of(answer: asyncio.Task[Any], child: psutil.Process) -> None:
    """Wait for ``answer``, which ``child`` begins, and leave the child stopped where it is.

    A small model left running may write its whole answer before a busy test reads the first words of it.
    """

    def run_a_little() -> None:
        child.resume()
        time.sleep(SLICE_S)
        child.suspend()

    while not answer.done():
        await asyncio.to_thread(run_a_little)
        await asyncio.sleep(SLICE_S)
    await answer
