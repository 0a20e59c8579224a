"""An event loop whose time jumps to the next timer when nothing else is to do.

A conversation of thirty seconds runs in milliseconds, the same way each time. Only for code without
threads: the loop cannot know that a worker is still busy.
"""

from __future__ import annotations

import asyncio
import selectors
from collections.abc import Coroutine
from typing import Any, TypeVar

T = TypeVar("T")


class Deadlock(AssertionError):
    """Every task waits for something that nothing will bring."""


class VirtualTimeLoop(asyncio.SelectorEventLoop):
    """``time()`` starts at 1000 s, so that code which forgets to ask for it is found out."""

    def __init__(self) -> None:
        self._virtual = 1000.0
        super().__init__(_JumpingSelector(self))

    def time(self) -> float:
        return self._virtual

    def advance(self, seconds: float) -> None:
        self._virtual += seconds


class _JumpingSelector(selectors.SelectSelector):
    def __init__(self, loop: VirtualTimeLoop) -> None:
        super().__init__()
        self._loop = loop

    def select(self, timeout: float | None = None) -> list[tuple[selectors.SelectorKey, int]]:
        ready = super().select(0)
        if ready or timeout == 0:
            return ready
        if timeout is None:
            waiting = [task.get_name() for task in asyncio.all_tasks(self._loop)]
            raise Deadlock(f"nothing left to happen, still waiting: {waiting}")
        self._loop.advance(timeout)
        return []


def run_virtual(main: Coroutine[Any, Any, T], *, longest_s: float = 3600) -> T:
    """Run ``main`` in virtual time. Fails on tasks it leaves behind, and past ``longest_s``."""

    async def guarded() -> T:
        async with asyncio.timeout(longest_s):
            result = await main
        for _ in range(10):
            await asyncio.sleep(0)
        left = asyncio.all_tasks() - {asyncio.current_task()}
        assert not left, f"leaked tasks: {sorted(task.get_name() for task in left)}"
        return result

    with asyncio.Runner(loop_factory=VirtualTimeLoop) as runner:
        return runner.run(guarded())
