"""Whether work on hostile input takes time in proportion to its size: processor time, whatever else is running."""

from __future__ import annotations

import gc
import time
from collections.abc import Callable

ATTEMPTS = 5
"""A cache that other processes have emptied makes a measurement long: it is repeated before growth is believed."""


def seconds(work: Callable[[], object]) -> float:
    """Processor time of this thread. No garbage is collected meanwhile: a full collection takes as long as the whole
    test process is large, and only long inputs begin one."""
    gc.disable()
    try:
        began = time.thread_time()
        work()
        return time.thread_time() - began
    finally:
        gc.enable()


def assert_linear(work: Callable[[int], object], size: int, slack_s: float = 0.02) -> None:
    """Fails when four times ``size`` takes much longer than four times as long; quadratic work takes sixteen times.

    Args:
        work: does it for an input of a size.
        size: the smaller of the two.
        slack_s: a measurement below this says nothing about growth.
    """
    work(size)  # what is made on first use
    for _ in range(ATTEMPTS):
        small, large = seconds(lambda: work(size)), seconds(lambda: work(4 * size))
        if large < slack_s or large < 4 * 2.2 * max(small, slack_s / 8):
            return
    raise AssertionError(f"size {size}: {small:.3f} s, size {4 * size}: {large:.3f} s")
