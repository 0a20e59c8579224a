"""Placement: which engine gets a session. Pure, given the dice.

Of two engines drawn at random the freer one is taken: nearly as even as asking for the freest of all, and many doors
that know the same figures do not all choose the same engine (M. Mitzenmacher, "The power of two choices in randomized
load balancing", IEEE TPDS 12(10), 2001).
"""

from __future__ import annotations

import random
from collections.abc import Collection, Sequence

from engine.cluster.nodes import NodeReport


def choose(
    ready: Sequence[tuple[NodeReport, int]], dice: random.Random, exclude: Collection[str] = ()
) -> NodeReport | None:
    """The engine to try next; None when there is none.

    Args:
        ready: engines with the places they have left, each more than 0.
        dice: where chance comes from.
        exclude: names of engines that were tried already.
    """
    left = [(report, free) for report, free in ready if report.node not in exclude]
    if not left:
        return None
    drawn = dice.sample(left, min(2, len(left)))
    return max(drawn, key=lambda each: each[1])[0]
