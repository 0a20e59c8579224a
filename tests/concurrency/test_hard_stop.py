"""A process that does not end by itself is ended."""

from __future__ import annotations

import threading
import time

import pytest

from engine.concurrency.hard_stop import HardStop


@pytest.fixture
def ended() -> threading.Event:
    return threading.Event()


def test_the_process_ends_when_the_time_is_over(ended: threading.Event) -> None:
    began = time.monotonic()
    HardStop(ended.set).within(0.05)
    assert ended.wait(60) and time.monotonic() - began >= 0.05


def test_a_later_call_brings_the_end_forward_and_never_puts_it_off(ended: threading.Event) -> None:
    stop = HardStop(ended.set)
    stop.within(60)
    stop.within(0.05)
    stop.within(60)
    assert ended.wait(60)


def test_cancelled_it_does_nothing(ended: threading.Event) -> None:
    stop = HardStop(ended.set)
    stop.within(0.3)
    stop.cancel()
    assert not ended.wait(0.5)
