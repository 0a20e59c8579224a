"""Which slot of the embedded model reads which dialogue. Pure.

A slot keeps the tokens it read last, so a dialogue that stays in its slot is read once. llama.cpp itself would take
the idle slot whose tokens have most in common with the prompt. Dialogues with one tutor begin alike, so it would give
a new student the slot of one who is thinking, and read that one's dialogue anew.
"""

from __future__ import annotations

import itertools
from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any

REUSED_TOKENS = 16
"""Shortest run of tokens that is moved to another place of the prompt in place of being read again. A judgement: about
one short message."""


class SlotTable:
    """Gives each dialogue a slot of its own while there are enough.

    Args:
        count: slots of the server.
    """

    def __init__(self, count: int) -> None:
        self._dialogues: list[str | None] = [None] * count
        self._busy = [0] * count
        self._used = [0] * count
        self._clock = itertools.count(1)

    @contextmanager
    def using(self, dialogue: str) -> Iterator[dict[str, Any]]:
        """The fields of a request that make ``dialogue`` be read in its slot; the slot is in use while this lasts.

        Without a slot of its own the dialogue gets one that no dialogue has, or else the one that was used longest
        ago; slots in use are taken last. Where the dialogue was read before, what was cut out of it since does not
        make the rest be read again. Another student's words are never used again, only an equal beginning is.
        """
        known = dialogue in self._dialogues
        if known:
            slot = self._dialogues.index(dialogue)
        else:
            slot = min(range(len(self._busy)), key=lambda n: (self._busy[n] > 0, self._used[n]))
            self._dialogues[slot] = dialogue
        self._used[slot] = next(self._clock)
        self._busy[slot] += 1
        try:
            yield {"id_slot": slot, "n_cache_reuse": REUSED_TOKENS if known else 0}
        finally:
            self._busy[slot] -= 1
