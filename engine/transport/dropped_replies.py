"""The rule for what may still reach a client once a reply was interrupted."""

from __future__ import annotations


class DroppedReplies:
    """The numbers of replies of which nothing may leave any more: one that was dropped, and all before it.

    Replies are numbered from 1. 0 stands for what belongs to no reply, and is never dropped.
    """

    def __init__(self) -> None:
        self.through = 0
        """The highest number that was dropped; 0 if none was."""

    def drop(self, number: int) -> None:
        """Drop reply ``number`` and all before it."""
        self.through = max(self.through, number)

    def __contains__(self, number: int) -> bool:
        return 0 < number <= self.through
