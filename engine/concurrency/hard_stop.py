"""Ends the process when it does not end by itself: a thread inside native code cannot be interrupted.

Loading a model, making an avatar or decoding a long recording may take longer than whoever stops the engine is willing
to wait. Files are written whole or not at all, so ending in the middle of it loses nothing that was stored.
"""

from __future__ import annotations

import math
import os
import threading
import time
from collections.abc import Callable

import structlog

log = structlog.get_logger(__name__)


def _end_process() -> None:
    os._exit(0)


class HardStop:
    """A timer in a thread of its own.

    Args:
        end: called when the time is over; does not return.
    """

    def __init__(self, end: Callable[[], None] = _end_process) -> None:
        self._end = end
        self._cancelled = threading.Event()
        self._due = math.inf

    def within(self, seconds: float) -> None:
        """End the process in so many seconds at the latest. A later call may bring that forward, never put it off."""
        due = time.monotonic() + seconds
        if due < self._due:
            self.cancel()
            self._due = due
            threading.Thread(target=self._wait, args=(seconds, self._cancelled), name="hard-stop", daemon=True).start()

    def cancel(self) -> None:
        """Let the process live on."""
        self._cancelled.set()
        self._cancelled, self._due = threading.Event(), math.inf

    def _wait(self, seconds: float, cancelled: threading.Event) -> None:
        if not cancelled.wait(seconds):
            busy = sorted(thread.name for thread in threading.enumerate() if not thread.daemon)
            log.warning("ended_with_work_under_way", threads=busy)
            self._end()
