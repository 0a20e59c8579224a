"""How long work waited for a worker and how long it took, told to whoever measures it.

Workers are made in many places and know nothing of metrics; this is the one place both ends meet.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator
from contextlib import contextmanager

Observer = Callable[[str, float, float], None]
"""Gets the name of the queue, the seconds that a piece of work waited in it, and the seconds it then took. Called from
any thread."""

_observers: list[Observer] = []


@contextmanager
def observing(observer: Observer) -> Iterator[None]:
    """Tell ``observer`` of every piece of work in this process while the context lasts."""
    _observers.append(observer)
    try:
        yield
    finally:
        _observers.remove(observer)


def note(queue: str, waited_s: float, took_s: float) -> None:
    """A piece of work waited ``waited_s`` in ``queue`` and took ``took_s``."""
    for observer in tuple(_observers):
        observer(queue, waited_s, took_s)
