"""How many replies the embedded model writes at once: as many as it can write faster than they are spoken.

Every reply more makes each token of all the others take longer. Beyond some number, which depends on the machine and on
what else it does, speech would run out in the middle of a sentence. So a reply that has not begun waits until those
that have are ahead. One event loop; ``TokenPace`` is pure.
"""

from __future__ import annotations

import asyncio
import heapq
import itertools
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager

SLOW_S, FAST_S = 0.15, 0.1
"""Between two tokens of one reply: above the first, fewer replies are written at once; below the second, more. Speech
takes 0.25 s a token, and questions have to be read in between. Judgements."""

FEWEST = 2
SMOOTHING = 0.1
SETTLING_TOKENS = 8
"""Tokens after a change of the number before the next one: its effect has to be seen first."""


class TokenPace:
    """How many replies to write at once, from the time between tokens.

    Args:
        most: the slots of the server.
    """

    def __init__(self, most: int) -> None:
        self.limit = most
        self._most = most
        self._token_s = FAST_S
        self._since = 0

    def wrote(self, token_s: float, running: int) -> None:
        """A token of one of ``running`` replies came ``token_s`` seconds after the one before it."""
        self._token_s += SMOOTHING * (token_s - self._token_s)
        self._since += 1
        if self._since < SETTLING_TOKENS:
            return
        if self._token_s > SLOW_S and self.limit > FEWEST:
            self.limit, self._since = min(self.limit, running) - 1, 0
            self.limit = max(min(FEWEST, self._most), self.limit)
        elif self._token_s < FAST_S and self.limit <= running < self._most:
            self.limit, self._since = self.limit + 1, 0


class StepGate:
    """Lets steps of replies begin: those that go on before those that have not begun, else in the order they came.

    Args:
        most: steps at once that the server has slots for.
    """

    def __init__(self, most: int) -> None:
        self.pace = TokenPace(most)
        self._running = 0
        self._order = itertools.count()
        self._waiting: list[tuple[bool, int, asyncio.Future[None]]] = []

    @asynccontextmanager
    async def writing(self, *, first: bool) -> AsyncIterator[None]:
        """A step is written while this lasts; waits until it may begin.

        Args:
            first: it is the first one of its reply: nothing of it is being spoken.
        """
        turn: asyncio.Future[None] = asyncio.get_running_loop().create_future()
        heapq.heappush(self._waiting, (first, next(self._order), turn))
        self._let_in()
        try:
            await turn
            yield
        finally:
            if turn.done() and not turn.cancelled():
                self._running -= 1
            turn.cancel()
            self._let_in()

    def wrote(self, token_s: float) -> None:
        """A token came ``token_s`` seconds after the one before it in the same step."""
        self.pace.wrote(token_s, self._running)
        self._let_in()

    def _let_in(self) -> None:
        while self._waiting and (self._running < self.pace.limit or self._waiting[0][2].done()):
            turn = heapq.heappop(self._waiting)[2]
            if not turn.done():
                self._running += 1
                turn.set_result(None)
