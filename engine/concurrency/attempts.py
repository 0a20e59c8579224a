"""Asking a neighbour that may fail: a circuit breaker, and one retry while nothing has been delivered.

Shared by the language model and the speech server. One event loop; owns no task.
"""

from __future__ import annotations

import asyncio
import time
from collections.abc import AsyncGenerator, Callable
from contextlib import aclosing
from dataclasses import dataclass
from typing import TypeVar

import structlog

from engine.concurrency.breaker import CircuitBreaker
from engine.errors import EngineError

T = TypeVar("T")

_log = structlog.get_logger(__name__)


class AttemptFailed(EngineError):
    """One attempt failed. Base of a neighbour's own error, which adds the wire code as a second base.

    Args:
        message: for the student.
        again: a second attempt may succeed.
        refused: the neighbour works but does not take this request, so the breaker does not count it.
        retry_after_s: what the neighbour asked to be waited for.
    """

    def __init__(
        self, message: str, *, again: bool = True, refused: bool = False, retry_after_s: float | None = None
    ) -> None:
        super().__init__(message, retry_after_s=retry_after_s)
        self.again = again
        self.refused = refused


@dataclass(frozen=True, slots=True)
class Neighbour:
    """Who is asked, and how patiently."""

    name: str
    """As the student is told, for example ``the language model``."""

    error: type[EngineError]
    """Raised while the breaker is open."""

    retry_pause_s: float
    longest_retry_after_s: float
    """The longest ``Retry-After`` that is waited for; a longer one fails at once."""


async def attempts(
    neighbour: Neighbour, breaker: CircuitBreaker, attempt: Callable[[], AsyncGenerator[T, None]]
) -> AsyncGenerator[T, None]:
    """What the first successful one of two attempts yields. Closing it closes the attempt.

    Args:
        neighbour: who is asked.
        breaker: the neighbour's; it is told how the call went.
        attempt: starts one attempt, which raises ``AttemptFailed`` or yields at least one item.

    Raises:
        AttemptFailed: both attempts failed, or one failed for good or after its first item.
        EngineError: ``neighbour.error``, while the breaker is open.
    """
    now = time.monotonic()
    if not breaker.allow(now):
        wait_s = max(1.0, round(breaker.retry_after_s(now), 1))
        raise neighbour.error(f"{neighbour.name} is down", retry_after_s=wait_s)
    judged = False
    try:
        async with aclosing(_twice(neighbour, attempt)) as items:
            async for item in items:
                if not judged:
                    breaker.succeeded()
                    judged = True
                yield item
    except AttemptFailed as error:
        judged = True
        if error.refused:
            breaker.abandoned()
        else:
            breaker.failed(time.monotonic())
        raise
    finally:
        if not judged:
            breaker.abandoned()


async def _twice(neighbour: Neighbour, attempt: Callable[[], AsyncGenerator[T, None]]) -> AsyncGenerator[T, None]:
    """The second attempt is made only if the first has yielded nothing."""
    for last in (False, True):
        began = False
        try:
            async with aclosing(attempt()) as items:
                async for item in items:
                    began = True
                    yield item
            return
        except AttemptFailed as error:
            if began or last or not error.again:
                raise
            pause_s = neighbour.retry_pause_s if error.retry_after_s is None else error.retry_after_s
            if pause_s > neighbour.longest_retry_after_s:
                raise
            _log.info("retry", neighbour=neighbour.name, error=error.message, pause_s=pause_s)
            await asyncio.sleep(pause_s)


def retry_after_s(header: str | None) -> float | None:
    """The seconds of a ``Retry-After`` header; None for a date, anything else, or no header."""
    return float(header) if header and header.replace(".", "", 1).isdecimal() and header.isascii() else None
